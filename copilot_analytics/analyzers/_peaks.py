"""The highest levels of a growing number of samples, in a bounded number of equal stretches."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.stats.changes import leak

if TYPE_CHECKING:
    from copilot_analytics.records import Floats

_STRETCHES = 48
_FEWEST = 16
_NEW_PEAK = 0.001
_LEAST_RISE = 0.02
_UNABATED = 0.65
_LARGEST_FALL = 0.25
_SHORTEST_S = 600.0
_FARTHEST = 10.0


@dataclass(frozen=True, slots=True)
class Growth:
    """Whether a level grows, by how much, and when it meets a limit.

    `limit_time` is inf if it does not, or only after ten times as long as it was watched.
    """

    growing: bool = False
    mib_per_s: float = 0.0
    limit_time: float = math.inf


@dataclass
class Peaks:
    """Peaks of at most 95 stretches of samples, over time in seconds or over steps.

    Examples
    --------
    >>> peaks = Peaks()
    >>> for i in range(400):
    ...     peaks.take(10.0 * i, 1000.0 + i)
    >>> peaks.growth(limit_mib=2000.0)
    Growth(growing=True, mib_per_s=0.1, limit_time=10000.0)
    """

    _times: list[float] = field(default_factory=list)
    _levels: list[float] = field(default_factory=list)
    _size: int = 1
    _held: int = 0
    _judged: tuple[int, int, float] | None = None
    _growth: Growth = field(default_factory=Growth)

    def take(self, time: float, level: float) -> None:
        """Add one sample."""
        if self._held == 0:
            self._times.append(time)
            self._levels.append(level)
        self._times[-1] = time
        self._levels[-1] = max(self._levels[-1], level)
        self._close(1)

    def extend(self, times: Floats, levels: Floats) -> None:
        """Add samples, as if they came one by one."""
        start = 0
        while start < len(levels):
            stop = min(start + self._size - self._held, len(levels))
            highest = float(levels[start:stop].max())
            if self._held == 0:
                self._times.append(0.0)
                self._levels.append(highest)
            self._times[-1] = float(times[stop - 1])
            self._levels[-1] = max(self._levels[-1], highest)
            self._close(stop - start)
            start = stop

    def _close(self, samples: int) -> None:
        """Count samples of the open stretch; halve the number of stretches when there are many."""
        self._held = (self._held + samples) % self._size
        if len(self._levels) == 2 * _STRETCHES and self._held == 0:
            pairs = zip(self._levels[0::2], self._levels[1::2], strict=True)
            self._levels = [max(pair) for pair in pairs]
            self._times = self._times[1::2]
            self._size *= 2

    @property
    def settled(self) -> tuple[Floats, Floats]:
        """Ends and levels of the complete stretches but the first ones, which fill caches."""
        complete = len(self._levels) - (1 if self._held else 0)
        first = max(1, complete // 20)
        return np.array(self._times[first:complete]), np.array(self._levels[first:complete])

    @property
    def arriving(self) -> bool:
        """Whether the newest third of the stretches brought a new peak, by more than 0.1 %."""
        if len(self._levels) < _FEWEST:
            return False
        cut = len(self._levels) * 2 // 3
        return max(self._levels[cut:]) > (1.0 + _NEW_PEAK) * max(self._levels[:cut])

    def growth(self, limit_mib: float) -> Growth:
        """Judge the stretches that are complete; the first ones, which fill caches, are left out.

        Parameters
        ----------
        limit_mib
            Where there is no more; NaN if unknown.
        """
        complete = len(self._levels) - (1 if self._held else 0)
        key = (self._size, complete, limit_mib)
        if key != self._judged:
            self._judged, self._growth = key, self._judge(limit_mib)
        return self._growth

    def _judge(self, limit_mib: float) -> Growth:
        times, levels = self.settled
        watched_s = float(times[-1] - times[0]) if len(times) else 0.0
        if len(levels) < _FEWEST or watched_s < _SHORTEST_S:
            return Growth()
        if levels[-1] - levels[0] <= _LEAST_RISE * levels[0]:
            return Growth()
        # What wanders up and down only looks like a leak while it is on its way up.
        fallen = float(np.max(np.maximum.accumulate(levels) - levels))
        if fallen > _LARGEST_FALL * (levels[-1] - levels[0]):
            return Growth()
        # A cache that fills, or a maximum over inputs of many sizes, rises ever more slowly and
        # rarely; a leak goes on as it began.
        third = len(levels) // 3
        late, middle = levels[-1] - levels[-third - 1], levels[-third - 1] - levels[-2 * third - 1]
        if late < _UNABATED * middle or np.mean(np.diff(levels[-third - 1 :]) > 0) < 0.5:
            return Growth()
        found = leak(times - times[0], levels, limit_mib, math.nan)
        if not found.growing:
            return Growth()
        near = found.limit_in <= _FARTHEST * watched_s
        at = float(times[-1]) + found.limit_in if near else math.inf
        return Growth(growing=True, mib_per_s=found.slope, limit_time=at)
