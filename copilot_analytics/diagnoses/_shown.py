"""What several rules need in order to show their evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.analyzers._hopeless import LOST
from copilot_analytics.analyzers._plan import saved_at
from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer
from copilot_analytics.events import ENDED
from copilot_analytics.findings import WayBack
from copilot_analytics.wording import begun, place

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.columns import Table
    from copilot_analytics.run import Run

LEARN_FIRST = "Find out first why nothing is learned: no checkpoint does better than guessing."
"""What to do about a run whose best weights are worth nothing."""
CHECK_LENGTH = (
    "Check the length of the schedule against the length of training (epochs or steps, "
    "accumulation, number of GPUs)."
)
"""What to do about a learning rate that is gone long before the end."""

_MOST_WAYS = 5


def where(run: Run, step: int | None) -> str:
    """Name a place in the run, by its epoch if the log counts steps per epoch.

    Examples
    --------
    >>> from copilot_analytics.run import Run
    >>> where(Run(), 1200)
    'step 1,200'
    """
    return place(step, run.epoch_of(step))


def way_back(run: Run, good: int | None) -> str:
    """Name the newest checkpoint of a step that was still good, by its file if the log names it.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> from copilot_analytics.run import Run
    >>> saved = [Record("checkpoint", facts={"step": s, "path": f"{s}.pth"}) for s in (10, 20)]
    >>> way_back(Run.from_records(saved), 15), way_back(Run.from_records(saved), 5)
    ('10.pth (step 10)', 'a checkpoint of step 5 or earlier')
    """
    if good is None:
        return "a checkpoint from before it"
    named = ways_back(run, good)
    return named[0].said if named else f"a checkpoint of {where(run, good)} or earlier"


def ways_back(run: Run, good: int | None) -> tuple[WayBack, ...]:
    """Return the newest checkpoints of steps that were still good, the newest first.

    Only those that the log names by their files.
    """
    found: list[WayBack] = []
    for saved in reversed(run.checkpoints if good is not None else ()):
        step, path = saved_at(run, saved), saved.facts.get("path")
        if step is not None and good is not None and step <= good and path:
            found.append(WayBack(str(path), f"{path} ({where(run, step)})"))
        if len(found) == _MOST_WAYS:
            break
    return tuple(found)


def stop_and(results: Results, then: str) -> str:
    """Say to stop and what to do then; of a run that is over only the latter."""
    if results.of(LifecycleAnalyzer).status in ENDED:
        return begun(then)
    return f"Stop and {then}"


def spoiled(results: Results, since: int) -> bool:
    """Tell whether evaluations since a step are those of weights that a lost loss has spoiled."""
    health = results.of(DivergenceAnalyzer)
    return health.state in LOST and (health.since_step is None or health.since_step <= since)


def line_at(table: Table, step: int | None) -> tuple[int, ...]:
    """Return the line of the newest row that reaches a step; empty if there is none.

    Examples
    --------
    >>> from copilot_analytics.columns import Table
    >>> from copilot_analytics.records import Record
    >>> table = Table()
    >>> table.append(Record("train", line=7), 100)
    >>> line_at(table, 90), line_at(table, 110)
    ((7,), ())
    """
    if step is None or not len(table):
        return ()
    first = int(np.searchsorted(table.segment, table.segment[-1]))
    row = first + int(np.searchsorted(table.step[first:], step))
    return lines(int(table.line[row])) if row < len(table) else ()


def last_line(table: Table) -> tuple[int, ...]:
    """Return the line of the newest row."""
    return lines(int(table.line[-1])) if len(table) else ()


def lines(*numbers: int | None) -> tuple[int, ...]:
    """Return those that are lines of the log.

    Examples
    --------
    >>> lines(3, 0, None)
    (3,)
    """
    return tuple(number for number in numbers if number)
