"""Follows a log whose run may be resumed in a new one that is named after it.

``train.log`` goes on in ``train2.log`` or ``train_resume.log``, ``version_0/metrics.csv`` in
``version_1/metrics.csv``: if the content says so, and once the old one is at rest.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_analytics.live.log_families import later_logs, name_beside
from copilot_analytics.live.resumes import judge_next

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_LOOK_S = 5.0  # a look lists folders
# What a log says tells whether it was resumed; to wait until it rests saves the looks at one that
# grows. A process that has ended is given the same time to say its last words.
_REST_S = 15.0
# One that is written to every 20 s does not rest in between: it is given half as long again as
# its last pause, up to a minute.
_OF_PAUSE, _LONGEST_REST_S = 1.5, 60.0


class ResumedLogs:
    """A log and those that go on from it.

    Parameters
    ----------
    path
        The first log of the run, which need not exist yet.
    apart
        Logs that are followed for themselves, by their absolute paths without links; more may be
        added.

    Attributes
    ----------
    clock, wall : callable
        Seconds that never run backwards, and seconds since 1970.
    notices : list of str
        Logs that appeared and are of another run; whoever reads it clears it.
    tells_apart : bool
        Whether these are told; not where the watch goes over to them by itself.

    Examples
    --------
    >>> logs = ResumedLogs("/no/such.log")
    >>> logs.next(None), logs.notices
    ('/no/such.log', [])
    """

    def __init__(self, path: str | Path, apart: Collection[str] = ()) -> None:
        self.path = str(path)
        self.notices: list[str] = []
        self.tells_apart = True
        self._apart = apart
        self.clock: Callable[[], float] = time.monotonic
        self.wall: Callable[[], float] = time.time
        self._resumes: set[str] = set()
        self._current: str | None = None
        self._log = Path()
        self._later: str | None = None
        self._look_at = float("-inf")
        self._seen: tuple[int, int] | None = None  # size and time of the current log
        self._rests_since = 0.0
        self._pause_s = 0.0  # between the last two changes
        self._folders: tuple[int, ...] = ()
        self._open: tuple[str, ...] | None = None
        self._known: set[str] | None = None

    def next(self, current: str | None) -> str | None:
        """Return the log that goes on from `current`; where none does, what is followed now."""
        if current is None:
            return self.path
        now = self.clock()
        if current != self._current:
            self._meet(current, now)
        if self._later is None and now >= self._look_at:
            self._look_at = now + _LOOK_S
            if self._is_at_rest(now) and self._may_be_new():
                self._later = self._judge(current)
        return self._later or (current if current in self._resumes else self.path)

    @property
    def undecided(self) -> tuple[str, ...]:
        """Logs that may go on from the current one and have not trained yet."""
        return self._open or ()

    def name_of(self, log: Path) -> str:
        """Return what to call a log that appeared beside the current one."""
        return name_beside(log, self._log)

    def is_resume(self, log: str) -> bool:
        """Tell whether a log is one that goes on from the first."""
        return os.path.realpath(log) in self._resumes

    def _meet(self, current: str, now: float) -> None:
        """Begin with another log, which may have been at rest for long."""
        self._current, self._later, self._look_at = current, None, now
        self._log = Path(current)  # to make one takes longer than the look
        self._seen, self._open, self._folders = None, None, ()
        self._rests_since, self._pause_s = now, 0.0

    def _is_at_rest(self, now: float) -> bool:
        seen, since_s = (0, 0), 0.0  # where it was rotated, and nothing is in its place
        with suppress(OSError):
            status = self._log.stat()
            seen, since_s = (status.st_size, status.st_mtime_ns), self.wall() - status.st_mtime
        if seen != self._seen:
            if self._seen is not None:
                self._pause_s, since_s = now - self._rests_since, 0.0
            self._seen, self._open = seen, None
            self._rests_since = now - max(since_s, 0.0)
        rest_s = min(max(_REST_S, _OF_PAUSE * self._pause_s), _LONGEST_REST_S)
        return now - self._rests_since >= rest_s

    def _may_be_new(self) -> bool:
        """Tell whether there may be a log, or news in one, since they were judged."""
        folder = self._log.parent
        try:
            changed = tuple(one.stat().st_mtime_ns for one in (folder, folder.parent))
        except OSError:
            return False
        before, self._folders = self._folders, changed
        return changed != before or self._open is None or len(self._open) > 0

    def _judge(self, current: str) -> str | None:
        if Path(self.path).is_symlink():
            return None  # whoever turns it says where the run goes on
        still_open, first_look = [], self._known is None
        known = self._known = set() if self._known is None else self._known
        for later in later_logs(Path(current)):
            path = str(later)
            if path in self._apart or os.path.realpath(path) in self._apart:
                continue
            judgement, why = judge_next(Path(current), later)
            if judgement == "continues":
                known.add(path)
                self._resumes.add(os.path.realpath(path))
                return path
            if judgement == "open":
                still_open.append(path)
                continue
            if path not in known and not first_look and self.tells_apart:
                self.notices.append(
                    f"{name_beside(later, Path(current))} appeared beside it: a run of its own, "
                    f"{why}; "
                    f"`copilot live {path}` watches it"
                )
            known.add(path)
        self._open = tuple(still_open)
        return None
