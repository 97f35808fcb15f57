"""``copilot find``: which log ``--auto`` would take, and why not the others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def find(
    base_dir: Annotated[Path | None, typer.Option(help="Where to look; default: here.")] = None,
) -> None:
    """Show the logs that --auto finds, and why it takes one of them."""
    import time

    from copilot_analytics.errors import UsageError
    from copilot_analytics.live.finding import find_logs, table

    if base_dir is not None and not base_dir.is_dir():
        msg = f"no such directory: {base_dir}"
        raise UsageError(msg)
    search = find_logs(base_dir)
    typer.echo(table(search, time.time()))
    if search.chosen is None:
        raise typer.Exit(1)


COMMAND = find
