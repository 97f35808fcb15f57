"""How long something lasted, by the clock of the log."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from copilot_analytics.alerts.message import Tiding
    from copilot_analytics.alerts.policy import Context
    from copilot_analytics.analysis import Analysis
    from copilot_analytics.columns import Table
    from copilot_analytics.events import Event
    from copilot_analytics.run import Run


def between(first: Event, last: Event, otherwise_s: float, context: Context) -> float:
    """Return the seconds between two events by the log's clock, else by the supervisor's.

    Parameters
    ----------
    first, last
        The events, their lines counted from the first row of the run.
    otherwise_s
        What the clock of the supervisor says.
    context
        Its analysis knows where the log's clock was set back.
    """
    if first.time is None or last.time is None:
        return otherwise_s
    lasted_s = last.time - first.time
    if context.analysis is not None:
        run = context.analysis().run
        above = _first_line(run) - 1
        lasted_s += run.clock.set_back_s(last.line + above)
        lasted_s -= run.clock.set_back_s(first.line + above)
    return lasted_s if lasted_s >= 0.0 else otherwise_s


def silence_s(tiding: Tiding, analysis: Analysis | None) -> float | None:
    """Return for how long a log was silent before it went on; None without time stamps.

    That is longer than what it lasted since it was told: a silence is judged once it is unusual.
    A run that goes on may have logged several rows before that is judged, and a resume may have
    begun before its crash was: so the silence lies between the rows before and behind that line.
    """
    ended = tiding.event.time
    if analysis is None or tiding.about is None or ended is None:
        return None
    run = analysis.run
    above = _first_line(run) - 1
    line = tiding.about.line + above
    ended += run.clock.set_back_s(tiding.event.line + above)
    rows = [(log.line, run.clock.steadied(log.time, log.line)) for log in _logs(run)]
    before = max(float(time[lines <= line].max(initial=-math.inf)) for lines, time in rows)
    after = min(float(time[lines > line].min(initial=ended)) for lines, time in rows)
    found_s = after - before
    return max(found_s, tiding.lasted_s or 0.0) if math.isfinite(found_s) else None


def _logs(run: Run) -> tuple[Table, Table]:
    return run.train_log, run.eval_log


def _first_line(run: Run) -> int:
    """Return the line of the first row, from which the lines of events are counted."""
    return min((int(log.line[0]) for log in _logs(run) if len(log)), default=1)
