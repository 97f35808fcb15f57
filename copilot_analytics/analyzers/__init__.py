"""The analyzers, one file each; each names its class ``ANALYZER``."""
