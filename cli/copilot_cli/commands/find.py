"""``copilot find``: which log ``--auto`` would take, and why not the others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def find(
    directory: Annotated[
        Path | None, typer.Argument(help="Where to look; default: here.", show_default=False)
    ] = None,
    base_dir: Annotated[
        Path | None, typer.Option(help="The same, as `copilot live --auto` calls it.")
    ] = None,
) -> None:
    """Show the logs that --auto finds, and why it takes one of them.

    A file of less than 1 kB counts only while it lives, once it has two rows of a training.
    """
    import time

    from copilot_analytics.errors import UsageError
    from copilot_analytics.live.finding import find_logs, table

    if directory is not None and base_dir is not None:
        msg = f"name one directory: {directory}, or --base-dir {base_dir}"
        raise UsageError(msg)
    base = directory if directory is not None else base_dir
    if base is not None and not base.is_dir():
        is_file = base.is_file()
        msg = f"{base} is a file; `copilot formats explain {base}` tells what it holds"
        raise UsageError(msg if is_file else f"no such directory: {base}")
    search = find_logs(base)
    typer.echo(table(search, time.time()))
    if search.chosen is None:
        raise typer.Exit(1)


COMMAND = find
