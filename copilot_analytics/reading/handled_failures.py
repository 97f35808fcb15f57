"""Tells a failure that a training survived from one that ended it.

A program may print the traceback of an exception that it handles, and train on. Only what comes
next tells: a row that goes on where training stood, within a pause as it had before, shows that it
did; a fall back to a checkpoint, a resume, or the end of the log that it did not.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING

from copilot_analytics.reading.crashes import may_be_handled
from copilot_analytics.records import Block, Item, Record, last_line

if TYPE_CHECKING:
    from collections.abc import Iterable

_LEAST_PAUSE_S, _PATIENCE = 180.0, 5.0  # as much as a silent run is given
_MOST_ROWS = 8
_NEWEST = slice(-_MOST_ROWS, None)  # rows, of which the last is where training stood
_ROW = frozenset({"train", "eval"})
_DECIDES = frozenset({"crash", "end", "resume", "launch"})
_MOST_HELD = 1000


class FailureFilter:
    """Holds a failure back until the next row, and leaves it out if training went on.

    Examples
    --------
    >>> rows = [Record("train", step=step, line=10 * step) for step in (1, 2)]
    >>> failed = Record("crash", facts={"error": "OSError", "message": ""}, line=15)
    >>> handled = FailureFilter()
    >>> [record.kind for record in handled.see([rows[0], failed])], handled.holds
    (['train'], True)
    >>> [record.kind for record in handled.see([rows[1]])], handled.holds
    (['train'], False)
    """

    def __init__(self) -> None:
        self._held: list[Item] = []
        self._rows: deque[Item] = deque(maxlen=_MOST_ROWS)

    @property
    def holds(self) -> bool:
        """Whether a failure is the last that the log says of its training."""
        return bool(self._held)

    def see(self, items: Iterable[Item]) -> list[Item]:
        """Take items in the order of the log; return what can be told."""
        told: list[Item] = []
        for item in items:
            if self._held:
                told += self._see_after(item)
                continue
            kind = "train" if isinstance(item, Block) else item.kind
            if kind == "crash" and may_be_handled(item):
                self._held.append(item)
                continue
            if kind in _ROW:
                self._keep(item)
            told.append(item)
        return told

    def close(self) -> list[Item]:
        """Return what is still held: nothing comes after it."""
        held, self._held = self._held, []
        return held

    def _see_after(self, item: Item) -> list[Item]:
        kind = "train" if isinstance(item, Block) else item.kind
        if kind not in _ROW:
            self._held.append(item)
            decided = kind in _DECIDES and not may_be_handled(item)
            return self.close() if decided or len(self._held) > _MOST_HELD else []
        if last_line(item) <= last_line(self._held[0]):
            return [item]  # a parser held it
        went_on = self._goes_on(item)
        self._keep(item)
        return [*(one for one in self.close() if not (went_on and may_be_handled(one))), item]

    def _keep(self, item: Item) -> None:
        """Keep the newest rows; a whole block would be kept with them for as long as they are."""
        small = isinstance(item, Record) or len(item) <= _MOST_ROWS
        self._rows.extend([item] if small else _rows(item, _NEWEST))

    def _goes_on(self, item: Item) -> bool:
        """Tell whether a row goes on where the one before the failure stood."""
        first = _rows(item, slice(1))[0]
        before = [row for one in self._rows for row in _rows(one, _NEWEST)][_NEWEST]
        if not before:
            return True
        last = before[-1]
        for name in ("step", "epoch"):
            then, now = getattr(last, name), getattr(first, name)
            if then is not None and now is not None:
                if now < then or (now == then and first.kind == last.kind == "train"):
                    return False
                break
        if first.time is None or last.time is None:
            return True
        times = [row.time for row in before if row.time is not None]
        usual_s = max((b - a for a, b in pairwise(times)), default=0.0)
        return first.time - last.time <= max(_LEAST_PAUSE_S, _PATIENCE * usual_s)


def _rows(item: Item, part: slice) -> list[Record]:
    return [item] if isinstance(item, Record) else list(item[part].records())
