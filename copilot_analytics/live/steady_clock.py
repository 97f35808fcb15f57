"""Clocks by which a watch can wait, though the machine's may be set back, and the machine sleep."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_LEAP_S = 60.0  # smaller leaps of the wall clock are corrections of it


class SteadyClock:
    """A clock that never runs backwards, and never stands still for long.

    Where the other one is set back, this one goes on at half its pace until both agree, as time
    daemons slow a clock down: whatever waits for a moment would otherwise wait for as long as the
    clock was wrong. Where the other one is set forward it follows at once. Any thread may ask.

    Parameters
    ----------
    wall
        Seconds since 1970, as the machine tells them.

    Examples
    --------
    >>> told = iter([100.0, 110.0, 50.0, 60.0, 90.0, 200.0])
    >>> clock = SteadyClock(lambda: next(told))
    >>> [clock() for _ in range(6)]
    [100.0, 110.0, 110.0, 115.0, 130.0, 200.0]
    """

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._lock = threading.Lock()
        self._now = self._seen = float("-inf")

    def __call__(self) -> float:
        """Return the seconds since 1970."""
        with self._lock:
            wall = self._wall()
            passed_s = max(wall - self._seen, 0.0) if self._seen > float("-inf") else 0.0
            self._seen = wall
            self._now = max(wall, self._now + passed_s / 2.0)
            return self._now


class SleepMeter:
    """How long the machine slept, told by two clocks of which one stands still meanwhile.

    Parameters
    ----------
    awake
        Seconds of a clock that stops while the machine sleeps, as `time.monotonic` does on Linux
        and macOS.

    Examples
    --------
    >>> told = iter([5.0, 15.0, 25.0])
    >>> slept_s = SleepMeter(lambda: next(told))
    >>> [slept_s(1000.0), slept_s(1010.0), slept_s(4620.0)]
    [0.0, 0.0, 3600.0]
    """

    def __init__(self, awake: Callable[[], float]) -> None:
        self._awake = awake
        self._apart_s: float | None = None

    def __call__(self, now: float) -> float:
        """Return the seconds of sleep since it was last asked, 0.0 the first time.

        Parameters
        ----------
        now
            Seconds since 1970.

        Returns
        -------
        float
            Leaps of the wall clock of more than a minute; a smaller one is a correction.
        """
        before, self._apart_s = self._apart_s, now - self._awake()
        leap_s = 0.0 if before is None else self._apart_s - before
        return leap_s if leap_s > _LEAP_S else 0.0
