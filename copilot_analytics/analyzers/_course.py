"""The course of one training metric in a bounded number of points, kept up to date cheaply."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from copilot_analytics.schema import losses_among
from copilot_analytics.stats.finite import as_floats

if TYPE_CHECKING:
    from copilot_analytics.columns import Table
    from copilot_analytics.records import Floats, Ints


class Recent(NamedTuple):
    """Raw rows of one metric, in the order of the log."""

    row: Ints
    step: Ints
    value: Floats
    line: Ints


class Course:
    """Averages consecutive rows of one metric in bins of equal count.

    Bins hold 1, 2, 4, ... rows: when there are twice `points` of them, neighbours are merged, so
    taking a row costs amortised constant time. Sums are formed pairwise in an order that depends
    on the rows alone, so it never matters how many rows arrive at once.

    Parameters
    ----------
    points
        Bins after merging; there are between this and twice as many.

    Examples
    --------
    >>> from copilot_analytics.columns import Table
    >>> from copilot_analytics.records import Record
    >>> table = Table()
    >>> course = Course(2)
    >>> for step in range(1, 6):
    ...     table.append(Record("train", metrics={"loss": 6.0 - step}), step)
    ...     course.take(table, "loss")
    >>> course.step, course.value
    (array([1.5, 3.5, 5. ]), array([4.5, 2.5, 1. ]))
    """

    def __init__(self, points: int = 128) -> None:
        self.points = points
        self._forget()

    def _forget(self) -> None:
        self.name = ""
        self.seen = 0
        self._segment = -1
        self._size = 1
        empty = np.empty(0)
        # Per bin: sum of steps, sum of finite values, count of finite values.
        self._bins = np.empty((3, 0))
        self._open = np.empty((3, 0))
        self.step: Floats = empty
        self.value: Floats = empty

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.step)

    @property
    def rows_per_point(self) -> int:
        """Rows averaged in each point but the last, which may hold fewer."""
        return self._size

    def take(self, table: Table, name: str) -> None:
        """Take the rows that came since the last time; a rewind begins anew without the old."""
        rows = len(table)
        if rows and (name != self.name or int(table.segment[-1]) != self._segment):
            self._forget()
            self.name, self._segment = name, int(table.segment[-1])
        if rows == self.seen or name not in table.metric_names:
            self.seen = rows
            return
        new = slice(self.seen, rows)
        self.seen = rows
        keep = table.was_logged(name)[new] & ~table.superseded[new]
        step, value = table.step[new][keep], table.column(name)[new][keep]
        finite = np.isfinite(value)
        raw = np.array([step, as_floats(np.where(finite, value, 0.0)), finite], dtype=np.float64)
        self._add(np.concatenate([self._open, raw], axis=1))

    def _add(self, raw: Floats) -> None:
        while True:
            room = (2 * self.points - self._bins.shape[1]) * self._size
            whole = min(raw.shape[1] // self._size * self._size, room)
            fresh, raw = raw[:, :whole], raw[:, whole:]
            width = self._size
            while width > 1:
                fresh = fresh[:, 0::2] + fresh[:, 1::2]
                width //= 2
            self._bins = np.concatenate([self._bins, fresh], axis=1)
            if self._bins.shape[1] < 2 * self.points:
                break
            self._bins = self._bins[:, 0::2] + self._bins[:, 1::2]
            self._size *= 2
        self._open = raw
        self._show()

    def _show(self) -> None:
        bins, rows = self._bins, np.full(self._bins.shape[1], float(self._size))
        if self._open.shape[1] * 2 >= max(self._size, 2):
            last = self._open.sum(axis=1)[:, np.newaxis]
            bins = np.concatenate([bins, last], axis=1)
            rows = np.append(rows, float(self._open.shape[1]))
        known = bins[2] > 0
        self.step = bins[0][known] / rows[known]
        self.value = bins[1][known] / bins[2][known]


def total_loss(table: Table) -> str | None:
    """Name the training loss to judge by: the total, or else the first loss there is."""
    return next(iter(losses_among(table.metric_names)), None)


def recent(table: Table, name: str, first_row: int) -> Recent:
    """Return the rows from `first_row` on that have the metric and were not written again."""
    start = max(first_row, 0)
    if name not in table.metric_names:
        none = np.empty(0, dtype=np.int64)
        return Recent(none, none, np.empty(0), none)
    keep = table.was_logged(name)[start:] & ~table.superseded[start:]
    row = np.flatnonzero(keep) + start
    return Recent(row, table.step[row], table.column(name)[row], table.line[row])


def epoch_length(table: Table, stated: float | None) -> float | None:
    """Return the steps of an epoch: as stated, or else from steps and epochs of the rows."""
    if stated:
        return float(stated)
    rows = len(table)
    if rows < 2:
        return None
    first, last = 0, rows - 1
    run = float(table.step[last] - table.step[first])
    rise = float(table.epoch[last] - table.epoch[first])
    if not (math.isfinite(rise) and rise > 0 and run > 0):
        return None
    return run / rise
