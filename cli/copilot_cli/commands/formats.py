"""``copilot formats``: the log formats that are known, and how a log was read."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from copilot_analytics.reading.explain import Explanation

_MOST_SHOWN = 40
_WIDTH = 110


class Action(StrEnum):
    """What to do with the formats."""

    list = "list"
    explain = "explain"


def formats(
    action: Annotated[
        Action, typer.Argument(help="list the formats, or explain how one FILE is read.")
    ] = Action.list,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The log to explain.", readable=False)
    ] = None,
    log_format: Annotated[
        str | None, typer.Option(help="Read FILE as this format; default: found by its content.")
    ] = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Show every kind of line, not the commonest 40.")
    ] = False,
) -> None:
    """List the log formats that are known, or show what became of each kind of line of FILE."""
    if action is Action.list:
        if file is not None:
            raise typer.BadParameter("list takes no file; write: copilot formats explain FILE")
        _list()
        return
    if file is None:
        raise typer.BadParameter("name the log: copilot formats explain FILE")
    from copilot_analytics.reading.explain import explain

    found = explain(file, log_format)
    for line in _told(found, most=None if everything else _MOST_SHOWN):
        typer.echo(line)
    if found.refusal:
        raise typer.Exit(1)


def _list() -> None:
    from copilot_analytics.reading.detect import known_formats
    from copilot_cli.text import printable

    for log_format in known_formats().values():
        text = log_format.samples[0].text
        example = text.strip().splitlines()[-1] if isinstance(text, str) else "(binary)"
        typer.echo(f"{log_format.name}: {log_format.title}  {log_format.url}")
        typer.echo(f"    {printable(example)[:_WIDTH]}")


def _told(found: Explanation, most: int | None) -> list[str]:
    from copilot_analytics.wording import plural
    from copilot_cli.text import printable

    stats = found.stats
    lines = []
    if found.refusal:
        lines += [printable(found.refusal), ""]
    elif found.detection is not None:
        lines.append(f"format   {found.detection.format}: {found.detection.why}")
        lines.append(
            f"gave     {plural(stats.training, 'training point')} and "
            f"{plural(stats.evaluations, 'evaluation')} "
            f"from {plural(stats.lines, 'line')}" + (", the first 64 MiB only" if found.cut else "")
        )
        lines.append("")
    shown = found.templates[:most]
    if shown:
        lines.append("  COUNT   FIRST AT  BECAME, and an example (numbers vary)")
    for one in shown:
        became = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in one.became.items())
        if one.became and one.read < one.count:
            became += f"  ({one.count - one.read} of them not read)"
        lines.append(f"{one.count:7}  line {one.line:<5} {printable(became) or 'not read'}")
        lines.append(f"{'':20} {printable(one.example)[: _WIDTH - 10]}")
    left = len(found.templates) - len(shown)
    if left:
        lines.append(f"… and {left} rarer kinds of lines; --all shows them")
    return lines


COMMAND = formats
