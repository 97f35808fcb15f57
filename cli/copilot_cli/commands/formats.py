"""``copilot formats``: the log formats that are known."""

from __future__ import annotations

import typer


def formats() -> None:
    """List the log formats that are known, each with a line as its trainer writes it."""
    from copilot_analytics.reading.detect import known_formats
    from copilot_cli.text import printable

    for log_format in known_formats().values():
        text = log_format.samples[0].text
        example = text.strip().splitlines()[-1] if isinstance(text, str) else "(binary)"
        typer.echo(f"{log_format.name}: {log_format.title}  {log_format.url}")
        typer.echo(f"    {printable(example)[:110]}")


COMMAND = formats
