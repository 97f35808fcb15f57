"""Named directories in which training is still to begin, while other logs are watched."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from copilot_analytics.errors import CopilotError
from copilot_analytics.live.choosing import shows_training
from copilot_analytics.live.follow_path import followed_path
from copilot_analytics.live.stillborn import stillborn_in
from copilot_analytics.wording import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from copilot_analytics.live.following import Following

_SHARE = 0.1


class AwaitedLogs:
    """Finds out in which of the named directories training has begun, each once.

    It looks no more often than takes a tenth of the time.

    Parameters
    ----------
    paths
        What is waited for.
    follow
        Begins to follow a path.
    followed
        Real paths of the logs that are watched; it is added to.
    note
        Takes what is said.
    wait_s
        For how long; None waits for ever.
    log_format
        Name of the format.
    clock
        Monotonic, in seconds.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        follow: Callable[[Path], Following],
        followed: set[str],
        note: Callable[[str], None],
        wait_s: float | None = None,
        log_format: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._paths, self._follow, self._followed = list(paths), follow, followed
        self._note, self._wait_s, self._log_format = note, wait_s, log_format
        self._clock, self._began_at, self._due = clock, clock(), float("-inf")

    def __call__(self) -> list[Following] | None:
        """Return what is to be followed from now on; None if nothing is waited for any more."""
        now = self._clock()
        if self._paths and now < self._due:
            return []
        found: list[Following] = []
        for path in list(self._paths):
            try:
                if not shows_training(path, self._log_format):
                    found += self._stillborn(path)
                    continue
                name = os.path.realpath(followed_path(path))
                if name not in self._followed:
                    found.append(self._follow(path))
                    self._followed.add(name)
            except (CopilotError, OSError):
                continue  # what is no log may become one: others are watched meanwhile
            self._paths.remove(path)
        self._due = now + (self._clock() - now) / _SHARE
        if self._wait_s is not None and now - self._began_at >= self._wait_s:
            for path in self._paths:
                self._note(f"{path}: no training seen within {duration(self._wait_s)}; given up")
            self._paths.clear()
        return found if found or self._paths else None

    def _stillborn(self, path: Path) -> list[Following]:
        """Follow the log of a start that failed before it trained; another start may follow."""
        died = stillborn_in(path) if path.is_dir() else None
        name = "" if died is None else os.path.realpath(died)
        if died is None or name in self._followed:
            return []
        self._followed.add(name)
        return [self._follow(died)]
