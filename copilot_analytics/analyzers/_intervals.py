"""Durations of training intervals in a bounded number of sums, apart from what interrupts them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.stats.rates import usable_intervals, without_pauses

if TYPE_CHECKING:
    from copilot_analytics.records import Floats


class Intervals:
    """Durations and steps of consecutive intervals; neighbours are merged when there are many.

    Parameters
    ----------
    most
        Intervals above which neighbours are merged.

    Examples
    --------
    >>> kept = Intervals(4)
    >>> kept.take(np.array([2.0, 2.0, 4.0, 2.0, 2.0]), np.array([1.0, 1.0, 2.0, 1.0, 1.0]))
    >>> kept.time_s, kept.steps
    (array([4., 6., 2.]), array([2., 3., 1.]))
    """

    def __init__(self, most: int = 512) -> None:
        self.most = most
        self.time_s: Floats = np.empty(0)
        self.steps: Floats = np.empty(0)
        self._size = 1
        self._open = 0

    def __len__(self) -> int:
        """Return the number of intervals kept."""
        return len(self.time_s)

    def take(self, time_s: Floats, steps: Floats) -> None:
        """Add intervals in order, one by one in effect."""
        start = 0
        while start < len(time_s):
            room = self._size - self._open
            if self._open:
                piece = slice(start, start + room)
                self.time_s[-1] += _summed(time_s[piece])
                self.steps[-1] += _summed(steps[piece])
                taken = len(time_s[piece])
            else:
                whole = (self.most - len(self)) * self._size
                piece = slice(start, start + whole)
                taken = len(time_s[piece])
                edges = np.arange(0, taken, self._size)
                self.time_s = np.append(self.time_s, np.add.reduceat(time_s[piece], edges))
                self.steps = np.append(self.steps, np.add.reduceat(steps[piece], edges))
            self._open = (self._open + taken) % self._size
            start += taken
            if len(self) >= self.most and not self._open:
                self._merge()

    def _merge(self) -> None:
        time_s, steps = usable_intervals(self.time_s, self.steps)
        time_s = without_pauses(time_s, steps)
        pairs = np.arange(0, len(time_s), 2)
        if len(pairs):
            self.time_s = np.add.reduceat(time_s, pairs)
            self.steps = np.add.reduceat(steps, pairs)
        else:
            self.time_s = self.steps = np.empty(0)
        self._size *= 2


def _summed(values: Floats) -> float:
    return float(values.sum())
