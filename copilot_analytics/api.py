"""What most callers want: a log in, a run out."""

from __future__ import annotations

import math
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_analytics.analyzers._base import DeltaUnit, Options
from copilot_analytics.engine import Session
from copilot_analytics.errors import UsageError
from copilot_analytics.live.quiet_logs import silence_of
from copilot_analytics.live.recorded import Journals, read_to_end, recorded
from copilot_analytics.reading.launches import LaunchFilter
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.reading.run_folders import find_run
from copilot_analytics.reading.sources import read_chunks
from copilot_analytics.run import Run
from copilot_analytics.stats.stopping import risk_bounds, strictness

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copilot_analytics.analysis import Analysis
    from copilot_analytics.records import Item
    from copilot_analytics.schema import Direction

_RISK = re.compile(r"\s*(?P<amount>\d+\.?\d*|\.\d+)\s*(?P<unit>%)?\s*")
_DELTA = re.compile(
    r"\s*(?P<amount>\d*\.?\d+(?:e-?\d+)?)\s*(?P<unit>%|pts?|points?)?\s*", re.IGNORECASE
)


def iter_items(path: str | Path, log_format: str | None = None) -> Iterator[Item]:
    """Yield what a log says, in its order, with a ``launch`` record before each further run.

    That is the log alone; what ``copilot live`` kept beside it, `read_run` and `analyze` add.

    Parameters
    ----------
    path
        A log, or a directory: then the newest run in it.
    log_format
        Name of the format; None tells it by the content.

    Raises
    ------
    LogError
        If it cannot be read or is no training log.
    UnknownFormatError
        If no format has that name.
    """
    log = find_run(path)
    reader, launches = LogReader(str(log), log_format), LaunchFilter()
    for chunk in read_chunks(log):
        for item in reader.feed(chunk):
            yield from launches.see(item)
    for item in reader.close():
        yield from launches.see(item)
    yield from launches.close()


def read_run(path: str | Path, *, log_format: str | None = None, journals: Journals = None) -> Run:
    """Read the last run of a log.

    Parameters
    ----------
    path
        A log, or a directory: then the newest run in it.
    log_format
        Name of the format, as ``copilot formats`` lists them; None tells it by the content.
    journals
        Where samples of the GPUs and judgements of silence are that ``copilot live`` took: a
        folder of journals, of which the run's own is read if it is there, or the journal itself.
        None is the folder in which ``copilot live`` keeps them, False leaves them out.

    Returns
    -------
    Run
        Its `meta.notes` say how many earlier runs the log holds. Its `gpu` has a row a sample,
        none without a journal.

    Raises
    ------
    LogError
        If it cannot be read or is no training log.
    UnknownFormatError
        If no format has that name.
    UsageError
        If the journals that are named are not there.

    Examples
    --------
    >>> from copilot_analytics import read_run
    >>> run = read_run("sample_logs/digits_step")  # doctest: +SKIP
    >>> run.train["loss"].iloc[-1]  # doctest: +SKIP
    """
    log = recorded(path, log_format=log_format, journals=journals, light=True)
    read_to_end(log)
    run, earlier = log.run, len(log.session.earlier_runs)
    if earlier:
        were = "an earlier run was" if earlier == 1 else f"{earlier} earlier runs were"
        note = f"{were} found in the same log and left out"
        run.meta = run.meta.updated({"note": note})
    return run


def analyze(
    log: str | Path | Run,
    *,
    metric: str | None = None,
    direction: Direction | None = None,
    delta: str | float | None = None,
    gpus: int | None = None,
    price_per_gpu_hour: float | None = None,
    risk: str | float | None = None,
    log_format: str | None = None,
    journals: Journals = None,
    now: float | None = None,
) -> Analysis:
    """Say what there is to say about a run.

    Parameters
    ----------
    log
        A log, a directory (then its newest run), or a run that was read before.
    metric
        Evaluation metric to judge by; None takes the log's own choice.
    direction
        Whether that metric is better lower (``"min"``) or higher (``"max"``); None asks the
        log or its name.
    delta
        Smallest gain worth having: ``"0.5%"`` of the best value, ``"0.5pt"`` (percentage points,
        whether the log prints fractions or per cent), or a number in the metric's own units.
    gpus, price_per_gpu_hour
        To say what stopping saves.
    risk
        Share of runs that may lose more than `delta` by following advice to stop, as ``"2%"`` or
        0.02: the more, the earlier the advice.
    log_format
        Name of the log's format; None tells it by the content.
    journals
        Where samples of the GPUs and judgements of silence are, see `read_run`; a run that was
        read before has them already.
    now
        Seconds since 1970, to tell a run that still writes from one that ended; None asks the
        clock. A run that was read before counts as over.

    Raises
    ------
    LogError
        If the log cannot be read or holds no training.
    UsageError
        If an argument makes no sense, the log has no such metric, no format has that name, or
        the journals that are named are not there.

    Examples
    --------
    >>> analyze("sample_logs/digits_step").life.status  # doctest: +SKIP
    'finished'
    """
    from copilot_analytics.analysis import Analysis

    amount, unit = parse_delta(delta)
    options = Options(metric, direction, amount, unit, gpus, price_per_gpu_hour, parse_risk(risk))
    if isinstance(log, Run):
        session = Session(options, path=log.path)
        for item in log.items():
            session.update(item)
        session.close()
    else:
        read = recorded(log, options, log_format=log_format, journals=journals)
        read_to_end(read)
        session = read.session
        at = time.time() if now is None else now
        session.close(silence_s=silence_of(Path(read.path), session.run, at))
    return Analysis.of(session)


def parse_delta(delta: str | float | None) -> tuple[float | None, DeltaUnit]:
    """Read a smallest gain as users write it.

    Examples
    --------
    >>> parse_delta("0.5%"), parse_delta("0.5 pt"), parse_delta(0.01), parse_delta(None)
    ((0.005, 'relative'), (0.5, 'points'), (0.01, 'metric'), (None, 'metric'))
    """
    if delta is None:
        return None, "metric"
    found = _DELTA.fullmatch(str(delta))
    if found is None or not float(found["amount"]) > 0:
        msg = f"{delta!r} is no gain; write 0.5% (of the best), 0.5pt, or a number like 0.005"
        raise UsageError(msg)
    amount = float(found["amount"])
    if found["unit"] is None:
        return amount, "metric"
    return (amount / 100, "relative") if found["unit"] == "%" else (amount, "points")


def parse_risk(risk: str | float | None) -> float | None:
    """Read the share of runs that may lose more than the smallest gain.

    Examples
    --------
    >>> parse_risk("2%"), parse_risk("0.02"), parse_risk(0.1), parse_risk(None)
    (0.02, 0.02, 0.1, None)
    """
    if risk is None:
        return None
    found = _RISK.fullmatch(str(risk))
    share = math.nan if found is None else float(found["amount"]) / (100 if found["unit"] else 1)
    try:
        strictness(share)
    except ValueError:
        lowest, highest = (f"{100 * bound:g}%" for bound in risk_bounds())
        msg = (
            f"{risk!r} is no risk that is known; write the share of runs that may lose more than "
            f"delta, from {lowest} to {highest}, as 2% or 0.02"
        )
        raise UsageError(msg) from None
    return share
