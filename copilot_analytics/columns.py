"""Growing columns: what a run keeps of its records, cheap to append to and to view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from copilot_analytics.schema import BOOKKEEPING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from copilot_analytics.records import Block, Floats, Ints, Record

_FIRST_CAPACITY = 64
_MOST_ROWS_OF_A_STEP = 8


class Series(NamedTuple):
    """The logged points of one metric, as views of equal length.

    Rows that a later resume wrote again are left out, and so are rows without the metric.
    """

    step: Ints
    value: Floats
    epoch: Floats
    time: Floats
    line: Ints


class _Growing:
    """A one-dimensional array that grows by doubling."""

    __slots__ = ("_room", "length")

    def __init__(self, dtype: type, length: int = 0, fill: float = 0) -> None:
        self._room: NDArray[Any] = np.full(max(length, _FIRST_CAPACITY), fill, dtype=dtype)
        self.length = length

    def reserve(self, more: int) -> None:
        needed = self.length + more
        if needed > len(self._room):
            room = np.empty(max(needed, 2 * len(self._room)), dtype=self._room.dtype)
            room[: self.length] = self._room[: self.length]
            self._room = room

    def append(self, value: float) -> None:
        self.reserve(1)
        self._room[self.length] = value
        self.length += 1

    def extend(self, values: NDArray[Any] | float, count: int) -> None:
        self.reserve(count)
        self._room[self.length : self.length + count] = values
        self.length += count

    def keep(self, rows: NDArray[np.bool_]) -> None:
        self._room = self.view[rows]
        self.length = len(self._room)

    @property
    def view(self) -> NDArray[Any]:
        return self._room[: self.length]

    def __getstate__(self) -> NDArray[Any]:
        return self.view.copy()

    def __setstate__(self, state: NDArray[Any]) -> None:
        self._room, self.length = state, len(state)


class Table:
    """Rows of records of one kind as columns.

    Views that it hands out are of the moment: a later append may move the columns. Which rows a
    resume writes again, and where a stretch begins, is the run's to say.

    Examples
    --------
    >>> from copilot_analytics import Record
    >>> table = Table()
    >>> table.append(Record("train", metrics={"loss": 2.0}), 10)
    >>> table.append(Record("train", metrics={"loss": 1.0}), 20)
    >>> table.supersede_from(15)
    >>> table.append(Record("train", metrics={"loss": 1.5}), 15, segment=1)
    >>> table.series("loss").step
    array([10, 15])
    """

    def __init__(self) -> None:
        self._step = _Growing(np.int64)
        self._epoch = _Growing(np.float64)
        self._time = _Growing(np.float64)
        self._line = _Growing(np.int64)
        self._segment = _Growing(np.int64)
        self._superseded = _Growing(np.bool_)
        self._metrics: dict[str, _Growing] = {}
        self._present: dict[str, _Growing] = {}
        # Ranges of rows that still count, in which steps never fall.
        self._counting: list[tuple[int, int]] = []
        self._rewrites = 0

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._step.length

    @property
    def step(self) -> Ints:
        """Steps of all rows, as they were logged."""
        return self._step.view

    @property
    def epoch(self) -> Floats:
        """Epochs of all rows, NaN where unknown."""
        return self._epoch.view

    @property
    def time(self) -> Floats:
        """Time stamps of all rows in seconds since 1970, NaN where unknown."""
        return self._time.view

    @property
    def line(self) -> Ints:
        """Lines of the log."""
        return self._line.view

    @property
    def segment(self) -> Ints:
        """Stretches between resumes, from 0."""
        return self._segment.view

    @property
    def superseded(self) -> NDArray[np.bool_]:
        """Rows that a later resume wrote again."""
        return self._superseded.view

    @property
    def revision(self) -> tuple[int, int]:
        """What changes whenever rows come or stop to count."""
        return len(self), self._rewrites

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of the metrics, in the order in which they first appeared."""
        return tuple(self._metrics)

    def append(self, record: Record, step: int, segment: int = 0) -> None:
        """Add one row at a step."""
        rows = len(self)
        self._step.append(step)
        self._epoch.append(np.nan if record.epoch is None else record.epoch)
        self._time.append(np.nan if record.time is None else record.time)
        self._line.append(record.line)
        self._segment.append(segment)
        self._superseded.append(value=False)
        for name, value in record.metrics.items():
            self._column(name, rows).append(value)
        self._close_row(record.metrics, rows, 1)

    def extend(self, block: Block, segment: int = 0) -> None:
        """Add the rows of a block whose steps never fall, as if they came one by one."""
        rows, more = len(self), len(block)
        self._step.extend(block.step, more)
        self._epoch.extend(block.epoch, more)
        self._time.extend(block.time, more)
        self._line.extend(block.line, more)
        self._segment.extend(segment, more)
        self._superseded.extend(values=False, count=more)
        for name, column in block.metrics.items():
            self._column(name, rows).extend(column, more)
        self._close_row(block.metrics, rows, more)

    def supersede_from(self, step: int) -> None:
        """Mark the rows at or after a step as written again; each row is marked once at most."""
        steps, superseded = self._step.view, self._superseded.view
        self._rewrites += 1
        while self._counting:
            start, stop = self._counting.pop()
            kept = start + int(np.searchsorted(steps[start:stop], step))
            superseded[kept:stop] = True
            if kept > start:
                self._counting.append((start, kept))
                return

    def series(self, name: str) -> Series:
        """Return the logged points of one metric; empty if it was never logged."""
        column = self._metrics.get(name)
        if column is None:
            empty = np.empty(0)
            whole = np.empty(0, dtype=np.int64)
            return Series(whole, empty, empty, empty, whole)
        present = self._present.get(name)
        whole_series = Series(self.step, column.view, self.epoch, self.time, self.line)
        if present is None and self._counting == [(0, len(self))]:
            return whole_series
        keep = ~self.superseded
        if present is not None:
            keep &= present.view
        step, value, epoch, time, line = whole_series
        return Series(step[keep], value[keep], epoch[keep], time[keep], line[keep])

    def was_logged(self, name: str) -> NDArray[np.bool_]:
        """Tell for every row whether the metric was logged in it."""
        if name not in self._metrics:
            return np.zeros(len(self), dtype=np.bool_)
        present = self._present.get(name)
        return np.ones(len(self), dtype=np.bool_) if present is None else present.view

    def newest_step_has(self, name: str) -> bool:
        """Tell whether one of the last few rows, at the step of the newest one, has the metric."""
        if name not in self._metrics:
            return False
        newest = self._step.view[-_MOST_ROWS_OF_A_STEP:]
        rows = int(np.count_nonzero(newest == newest[-1])) if len(newest) else 0
        present = self._present.get(name)
        return rows > 0 and (present is None or bool(present.view[-rows:].any()))

    def repeats(self, metrics: Iterable[str]) -> bool:
        """Tell whether a row with these metrics gives one again that the newest step has."""
        return any(self.newest_step_has(name) for name in set(metrics) - BOOKKEEPING)

    def newest_step(self) -> dict[str, float]:
        """Return the metrics of the newest step, of which the last few rows that count tell."""
        newest = self._step.view[-_MOST_ROWS_OF_A_STEP:]
        first = len(self) - int(np.count_nonzero(newest == newest[-1])) if len(newest) else 0
        rows = [row for row in range(first, len(self)) if not self.superseded[row]]
        told: dict[str, float] = {}
        for name, column in self._metrics.items():
            present = self._present.get(name)
            known = [row for row in rows if present is None or present.view[row]]
            if known:
                told[name] = float(column.view[known[-1]])
        return told

    def column(self, name: str) -> Floats:
        """Return a metric for every row, NaN where it was not logged; see `was_logged`."""
        return self._metrics[name].view

    def _keep_rows(self, keep: NDArray[np.bool_]) -> None:
        """Leave out rows of a table in which no row was ever written again."""
        parts = (self._step, self._epoch, self._time, self._line, self._segment, self._superseded)
        for part in (*parts, *self._metrics.values(), *self._present.values()):
            part.keep(keep)
        self._counting = [(0, len(self))] if len(self) else []
        self._rewrites += 1

    def _column(self, name: str, rows: int) -> _Growing:
        """Return a column filled up to `rows`, making it if it is new."""
        column = self._metrics.get(name)
        if column is None:
            column = self._metrics[name] = _Growing(np.float64, rows, np.nan)
            if rows:
                self._present[name] = _Growing(np.bool_, rows, fill=False)
        return column

    def _close_row(self, logged: Iterable[str], rows: int, more: int) -> None:
        """Note which columns had no part in the newest rows."""
        if self._counting and self._counting[-1][1] == rows:
            self._counting[-1] = (self._counting[-1][0], rows + more)
        else:
            self._counting.append((rows, rows + more))
        names = set(logged)
        for name, column in self._metrics.items():
            present = self._present.get(name)
            if name in names:
                if present is not None:
                    present.extend(values=True, count=more)
                continue
            column.extend(np.nan, more)
            if present is None:
                present = self._present[name] = _Growing(np.bool_, rows, fill=True)
            present.extend(values=False, count=more)
