"""The commands, one file each; each names its function ``COMMAND``."""
