"""The diagnoses, one file a pathology; each names its rule ``DIAGNOSIS``."""
