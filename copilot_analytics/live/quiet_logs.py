"""A silent log: whether it is one of the past, and the tick that tells of its silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from copilot_analytics.live.processes import ProcessState
    from copilot_analytics.run import Run

_OVER_S, _OVER_WITHOUT_STAMPS_S = 900.0, 3600.0
_MOST_AHEAD_S = 86400.0


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
    at = None if last is None else last + min(facts.get("silence_s") or 0.0, _MOST_AHEAD_S)
    return Record("tick", time=at, facts=facts)
