"""A silent log: whether it is one of the past, and the tick that tells of its silence."""

from __future__ import annotations

import math
import stat
from typing import TYPE_CHECKING, Any

from copilot_analytics.analyzers._end import reached_end, reaches_end
from copilot_analytics.analyzers.lifecycle import patience_s
from copilot_analytics.errors import LogError
from copilot_analytics.live.liveness import SETTLE_S, failure_stands
from copilot_analytics.live.processes import process_of
from copilot_analytics.records import Record, records_of
from copilot_analytics.wording import tells_year

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from copilot_analytics.live.log_session import LogSession
    from copilot_analytics.live.processes import ProcessState
    from copilot_analytics.run import Run

_OVER_S, _OVER_WITHOUT_STAMPS_S = 900.0, 3600.0
_DAY_S = 86400.0
_MAY_WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


def is_of_the_past(run: Run, silence_s: float, process: ProcessState) -> bool:
    """Tell whether a log that was found is one of the past: nobody writes it, nor has for long.

    Parameters
    ----------
    run
        The run; one without time stamps may be quiet for longer.
    silence_s
        Seconds since the log grew.
    process
        What is known of its process.

    Examples
    --------
    >>> from copilot_analytics.live.processes import ProcessState
    >>> from copilot_analytics.run import Run
    >>> run = Run.from_records([Record("train", step=1, time=100.0)])
    >>> [is_of_the_past(run, silence_s, ProcessState()) for silence_s in (600.0, 1200.0)]
    [False, True]
    """
    over_s = _OVER_S if run.last_time is not None else _OVER_WITHOUT_STAMPS_S
    return silence_s > over_s and process.state != "alive"


def has_said_all(
    log: LogSession,
    silence_s: float,
    process: ProcessState,
    gaps: Mapping[str, Sequence[float]],
    limit_s: float = math.inf,
) -> bool:
    r"""Tell whether nothing more is waited for from a log that no process is known to write.

    Of one that ends with a failure `failure_stands` decides.

    So it is after a silence longer than is usual; where training has come to its planned end,
    already once a process that has just ended would have written its last lines. The last frame of
    a bar, which tells the last evaluation, has no next one that shows it to be the last.

    Parameters
    ----------
    log
        The log.
    silence_s
        Seconds since the log grew.
    process
        What is known of its process.
    gaps
        Earlier gaps by phase.
    limit_s
        How long a silence is usual.

    Examples
    --------
    >>> from copilot_analytics.live.processes import ProcessState
    >>> from copilot_analytics.live.log_session import LogSession
    >>> log = LogSession("train.log")
    >>> lines = [b"Epoch %d/30 loss %.2f\n" % (n, 1.0 / n) for n in range(1, 31)]
    >>> for part in (lines[:29], lines[29:]):
    ...     _ = log.feed(b"".join(part))
    ...     print(has_said_all(log, 20.0, ProcessState(), {}))
    False
    True
    """
    if log.reader.failed and failure_stands(silence_s, gaps, process, limit_s):
        return True
    if process.state in {"alive", "stopped"}:
        return False
    if process.state == "unknown" and silence_s > limit_s:
        return True
    if silence_s < SETTLE_S or not log.run_key:
        return False
    waiting = records_of(log.reader.settle())
    return reached_end(log.run) != "no" or any(reaches_end(log.run, one) for one in waiting)


def silence_of(log: Path, run: Run, now: float) -> float | None:
    """Return for how long a log that was read to its end is silent; None if it is over for good.

    A copied log has a young file and old time stamps. Time stamps are naive, so that they may be
    off by a time zone; only those more than a day old count against the file's own age, and those
    that tell no year or no day do not. A log that no process holds open is over, too, if nobody may
    write to it, or if it has been silent for longer than its pauses and the evaluations of its kind
    last.

    Parameters
    ----------
    log
        The file that was read last.
    run
        The run.
    now
        Seconds since 1970.

    Raises
    ------
    LogError
        If the log is gone.
    """
    try:
        status = log.stat()
    except OSError as error:
        msg = f"{log} vanished while it was read: {error.strerror}; name it again"
        raise LogError(msg) from error
    if run.last_time is not None and tells_year(run.last_time) and now - run.last_time > _DAY_S:
        return None
    age = now - status.st_mtime
    quiet = _OVER_WITHOUT_STAMPS_S if run.last_time is None else max(_OVER_S, patience_s(run))
    rests = age > quiet or not status.st_mode & _MAY_WRITE
    return None if rests and process_of(log).state != "alive" else max(0.0, age)


def tick_after(run: Run, facts: Mapping[str, Any]) -> Record:
    """Return the tick that tells of a silence after the last line of a run, by the log's clock.

    Parameters
    ----------
    run
        The run.
    facts
        What is told; ``silence_s`` is how long ago that line came, at most a day of which counts.

    Examples
    --------
    >>> from copilot_analytics.run import Run
    >>> run = Run.from_records([Record("train", step=1, time=100.0)])
    >>> tick_after(run, {"silence_s": 60.0}).time
    160.0
    """
    last = run.last_time
    at = None if last is None else last + min(facts.get("silence_s") or 0.0, _DAY_S)
    return Record("tick", time=at, facts=facts)
