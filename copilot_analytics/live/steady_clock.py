"""Seconds since 1970 by which a watch can wait, though the clock of the machine may be set back."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


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
