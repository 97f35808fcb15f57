"""Following a training that still runs: its log, its process and its devices."""
