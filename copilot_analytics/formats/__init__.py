"""The log formats, one file each; each names its format ``FORMAT``."""
