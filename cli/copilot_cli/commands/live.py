"""``copilot live``: watches a training that runs, and tells what matters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from copilot_cli.numbers import Gpus, read_amount, read_count


def live(
    logs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[LOG|DIR]...", help="Logs, or directories of runs."),
    ] = None,
    *,
    auto: Annotated[bool, typer.Option("--auto", help="Look for the newest growing log.")] = False,
    every: Annotated[bool, typer.Option("--all", help="With --auto: every growing log.")] = False,
    base_dir: Annotated[
        Path | None, typer.Option(help="Where --auto looks; default: here.")
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(
            parser=read_amount,
            metavar="S",
            help="Wait so many seconds for a log to appear and show training; default: for ever "
            "for a named log, and not at all with --auto.",
        ),
    ] = None,
    from_start: Annotated[
        bool,
        typer.Option(
            "--from-start/--from-end", help="Tell the past as one digest, or only what is new."
        ),
    ] = False,
    token: Annotated[
        str | None,
        typer.Option(help="Telegram bot token; better in TELEGRAM_TOKEN or a file: ps shows it."),
    ] = None,
    chat: Annotated[str | None, typer.Option(help="Telegram chat; or TELEGRAM_CHAT.")] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="File (mode 0600) with the token.")
    ] = None,
    api_base: Annotated[str | None, typer.Option(help="A Bot API server of your own.")] = None,
    slack: Annotated[str | None, typer.Option(help="Slack webhook URL.")] = None,
    discord: Annotated[str | None, typer.Option(help="Discord webhook URL.")] = None,
    webhook: Annotated[str | None, typer.Option(help="Any URL; it gets JSON.")] = None,
    heartbeat: Annotated[
        str | None, typer.Option(help="URL to ping while the watch itself is well.")
    ] = None,
    cooldown: Annotated[
        float,
        typer.Option(
            parser=read_amount, metavar="S", help="Least time between alerts of one kind."
        ),
    ] = 600.0,
    quiet_hours: Annotated[
        str | None,
        typer.Option(
            help="As 23:00-07:00: only what is critical makes a sound; news comes as one digest "
            "afterwards."
        ),
    ] = None,
    min_level: Annotated[
        str | None, typer.Option(help="info, warning or critical; or slack=critical,...")
    ] = None,
    pid: Annotated[
        int | None,
        typer.Option(parser=read_count, metavar="PID", help="Process of the training."),
    ] = None,
    no_gpu: Annotated[bool, typer.Option("--no-gpu", help="Do not read the GPUs.")] = False,
    gpus: Gpus = None,
    price: Annotated[
        float | None,
        typer.Option(parser=read_amount, metavar="P", help="Price of one GPU-hour."),
    ] = None,
    delta: Annotated[
        str | None, typer.Option(help="Smallest gain worth having: 0.5%, 0.5pt, or 0.005.")
    ] = None,
    risk: Annotated[
        str | None,
        typer.Option(help="Share of runs that may lose more than --delta by stopping as advised."),
    ] = None,
    metric: Annotated[str | None, typer.Option(help="Evaluation metric to judge by.")] = None,
    log_format: Annotated[str | None, typer.Option(help="Name of the log's format.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Plain lines instead of a panel.")] = False,
    linger: Annotated[
        float | None,
        typer.Option(
            parser=read_amount,
            metavar="S",
            help="Watch on so long after the end; default: 10, 600 if it broke.",
        ),
    ] = None,
) -> None:
    """Watch a training that runs. Exit code: 0 finished, 3 crashed, 4 diverged, 5 broken off."""
    import os

    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: the cores are the training's
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from copilot_analytics.analyzers._base import Options
    from copilot_analytics.api import parse_delta, parse_risk
    from copilot_analytics.live.starting import LiveOptions, watch

    amount, unit = parse_delta(delta)
    named = {"token": token, "chat": chat, "token_file": token_file, "api_base": api_base}
    named |= {"slack": slack, "discord": discord, "webhook": webhook}
    options = LiveOptions(
        logs=tuple(logs or ()),
        auto=auto,
        every=every,
        base=base_dir,
        wait_s=wait,
        from_start=from_start,
        channels=dict(named),
        heartbeat=heartbeat or os.environ.get("COPILOT_HEARTBEAT_URL") or None,
        cooldown_s=cooldown,
        quiet_hours=quiet_hours,
        min_level=min_level,
        pid=pid,
        gpu=not no_gpu,
        plain=plain,
        linger_s=linger,
        analysis=Options(metric, None, amount, unit, gpus, price, risk=parse_risk(risk)),
        log_format=log_format,
    )
    raise typer.Exit(watch(options))


COMMAND = live
