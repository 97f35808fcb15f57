"""``copilot replay``: what a live watch would have said of a log, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def replay(
    log: Annotated[
        Path, typer.Argument(metavar="LOG", help="A log, or a directory: then its newest run.")
    ],
    speed: Annotated[
        str, typer.Option(help="So many times as fast as the training was, or max.")
    ] = "max",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    metric: Annotated[str | None, typer.Option(help="Evaluation metric to judge by.")] = None,
    delta: Annotated[
        str | None, typer.Option(help="Smallest gain worth having: 0.5%, 0.5pt, or 0.005.")
    ] = None,
    risk: Annotated[
        str | None,
        typer.Option(help="Share of runs that may lose more than --delta by stopping as advised."),
    ] = None,
    log_format: Annotated[str | None, typer.Option(help="Name of the log's format.")] = None,
    journals: Annotated[
        Path | None,
        typer.Option(
            help="What `copilot live` kept of the run (GPU samples): a journal or their folder; "
            "default: where it keeps them."
        ),
    ] = None,
    no_journals: Annotated[
        bool, typer.Option("--no-journals", help="Judge by the log alone.")
    ] = False,
) -> None:
    """Show what a live watch would have said, and what its advice would have saved and cost."""
    from copilot_analytics.alerts.rules import Remarks
    from copilot_analytics.analyzers._base import Options
    from copilot_analytics.api import parse_delta, parse_risk
    from copilot_analytics.errors import UsageError
    from copilot_analytics.live.replay import Replay
    from copilot_analytics.live.replay_text import PREMISE, as_line, as_text, paced

    factor: float | None = None
    if speed != "max":
        try:
            factor = float(speed)
        except ValueError:
            factor = 0.0
        if not 0 < factor < float("inf"):
            msg = f"--speed {speed!r} is neither a number above 0 nor max"
            raise UsageError(msg)
    amount, unit = parse_delta(delta)
    run = Replay(
        log,
        Options(metric, None, amount, unit, risk=parse_risk(risk)),
        log_format=log_format,
        journals=False if no_journals else journals,
    )
    write = as_line if as_json else as_text
    remarks = Remarks()
    premise = "" if as_json else f"{PREMISE}:"
    for said in paced(iter(run), factor):
        if not as_json and said.event is not None and remarks.hides(said.event):
            continue
        if premise:
            typer.echo(premise)
            premise = ""
        typer.echo(write(said))
    typer.echo(write(run.balance()))


COMMAND = replay
