"""Durations of training intervals in a bounded number of sums, apart from what interrupts them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.stats.changes import lasting_change
from copilot_analytics.stats.rates import usable_intervals, without_pauses

if TYPE_CHECKING:
    from copilot_analytics.records import Floats


MOST_MEASURED = 200
"""Newest intervals, evaluations and checkpoints that measurements rest on."""


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


class Clock:
    """Intervals of the present process.

    Examples
    --------
    >>> clock = Clock()
    >>> clock.take(np.array([9.0, 2, 2, 2, 2]), np.full(5, 10.0))
    >>> clock.intervals()[0], clock.usual_s(np.empty(0), np.empty(0))
    (array([2., 2., 2., 2.]), 0.34)
    """

    def __init__(self) -> None:
        self.now = Intervals()
        self._recent_s: Floats = np.empty(0)
        self._recent_steps: Floats = np.empty(0)

    @property
    def n(self) -> int:
        """How many there are."""
        return len(self.now)

    @property
    def tells(self) -> bool:
        """Whether there are enough intervals, and time passed in them."""
        return self.n >= _FEWEST and bool((self.intervals()[0] > 0).any())

    def restart(self) -> None:
        """Begin with another process."""
        self.now = Intervals()
        self._recent_s = self._recent_steps = np.empty(0)

    def take(self, time_s: Floats, steps: Floats) -> None:
        """Add intervals; those that no clock could have measured are left out."""
        good = np.isfinite(time_s) & (time_s >= 0) & (time_s < _ABSURD_S) & (steps > 0)
        time_s, steps = time_s[good], steps[good]
        if len(time_s):
            self.now.take(time_s, steps)
            self._recent_s = np.append(self._recent_s, time_s)[-MOST_MEASURED:]
            self._recent_steps = np.append(self._recent_steps, steps)[-MOST_MEASURED:]

    def usual_s(self, time_s: Floats, steps: Floats) -> float:
        """Return the usual seconds per step, the newest intervals counted in.

        Time over steps and not a median: with stamps of whole seconds an interval of 0.3 s lasts
        0 or 1 s, and only the sum is right.
        """
        good = np.isfinite(time_s) & (time_s >= 0) & (time_s < _ABSURD_S) & (steps > 0)
        recent_s = np.append(self._recent_s, time_s[good])[-MOST_MEASURED:]
        recent_steps = np.append(self._recent_steps, steps[good])[-MOST_MEASURED:]
        each_s, each_steps = usable_intervals(recent_s, recent_steps)
        if not len(each_s):
            return math.nan
        each_s = without_pauses(each_s, each_steps)
        since = lasting_change(each_s, each_steps)
        return float(each_s[since:].sum() / each_steps[since:].sum())

    def intervals(self) -> tuple[Floats, Floats]:
        """Return durations and steps without the first, which holds what was done for once."""
        skip = 1 if len(self.now) > _ENOUGH_ALONE else 0
        return self.now.time_s[skip:], self.now.steps[skip:]


_FEWEST = 2
_ENOUGH_ALONE = 4
_ABSURD_S = 30 * 86400.0


def _summed(values: Floats) -> float:
    return float(values.sum())
