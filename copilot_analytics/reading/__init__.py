"""From bytes to records: lines, detection of the format, numbers, crashes, launches, files."""
