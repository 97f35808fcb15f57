"""What several rules need in order to show their evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.wording import place

if TYPE_CHECKING:
    from copilot_analytics.columns import Table
    from copilot_analytics.run import Run


def where(run: Run, step: int | None) -> str:
    """Name a place in the run, by its epoch if the log counts steps per epoch.

    Examples
    --------
    >>> from copilot_analytics.run import Run
    >>> where(Run(), 1200)
    'step 1,200'
    """
    return place(step, run.epoch_of(step))


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
