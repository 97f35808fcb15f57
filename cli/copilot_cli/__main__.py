"""``python -m copilot_cli``."""

from copilot_cli.main import main

if __name__ == "__main__":
    main()
