"""The ways to reach a person, one file each: a module offers its class as ``CHANNEL``."""
