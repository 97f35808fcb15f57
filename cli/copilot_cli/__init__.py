"""The command ``copilot``: arguments in, text out. What it says is computed in the library."""
