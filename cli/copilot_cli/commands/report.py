"""``copilot report``: the post-mortem of a log, finished or not."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from copilot_cli.numbers import Gpus, read_amount


class OutputFormat(StrEnum):
    """What the command writes."""

    md = "md"
    json = "json"


class Direction(StrEnum):
    """Which way a metric gets better."""

    min = "min"
    max = "max"


def report(
    log: Annotated[
        Path,
        typer.Argument(
            metavar="LOG", help="A log, or a directory: then its newest run.", readable=False
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Directory for the report and its figures.")
    ] = Path("reports"),
    output_format: Annotated[
        OutputFormat,
        typer.Option(
            "--format", help="md writes files; json prints one document and nothing else."
        ),
    ] = OutputFormat.md,
    metric: Annotated[
        str | None,
        typer.Option(help="Evaluation metric to judge by; default: the log's own choice."),
    ] = None,
    direction: Annotated[
        Direction | None, typer.Option(help="Whether that metric is better lower or higher.")
    ] = None,
    delta: Annotated[
        str | None,
        typer.Option(help="Smallest gain worth having: 0.5% of the best value, 0.5pt, or 0.005."),
    ] = None,
    gpus: Gpus = None,
    price: Annotated[
        float | None,
        typer.Option(
            parser=read_amount,
            metavar="P",
            help="Price of one GPU-hour, to say what stopping saves.",
        ),
    ] = None,
    risk: Annotated[
        str | None,
        typer.Option(
            help="Share of runs that may lose more than --delta by advice to stop: 2%, or 0.02."
        ),
    ] = None,
    log_format: Annotated[
        str | None, typer.Option(help="Name of the log's format; default: found by its content.")
    ] = None,
    journals: Annotated[
        Path | None,
        typer.Option(
            help="What `copilot live` kept of the run (GPU samples): a journal or their folder; "
            "default: where it keeps them."
        ),
    ] = None,
    *,
    no_journals: Annotated[
        bool, typer.Option("--no-journals", help="Judge by the log alone.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Say what happened in a training run, how good it will get, and what to do."""
    from copilot_analytics import analyze
    from copilot_cli.text import plain_summary

    analysis = analyze(
        log,
        metric=metric,
        direction=None if direction is None else direction.value,
        delta=delta,
        gpus=gpus,
        price_per_gpu_hour=price,
        risk=risk,
        log_format=log_format,
        journals=False if no_journals else journals,
    )
    if output_format is OutputFormat.json:
        from copilot_analytics.report.document import to_json

        typer.echo(to_json(analysis))
        return
    path = analysis.save(output)
    if not quiet:
        typer.echo(plain_summary(analysis))
        typer.echo(f"\nReport: {path}")


COMMAND = report
