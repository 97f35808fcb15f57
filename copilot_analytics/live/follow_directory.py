"""Follows the directory of an experiment, to which each start of the training adds a log.

MMEngine writes ``work_dir/<YYYYMMDD_HHMMSS>/<YYYYMMDD_HHMMSS>.log`` at each start, also when it
resumes; MMCV writes ``work_dir/<YYYYMMDD_HHMMSS>.log``.
"""

from __future__ import annotations

import os
import re
import time
from bisect import bisect_right
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_STAMP = re.compile(r"\d{8}_\d{6}")
_LOG = re.compile(r"(\d{8}_\d{6})(?:_\S{0,200}rank0)?\.log")
_LIST_S = 10.0


def is_stamped(name: str) -> bool:
    """Tell whether a file is named as trainers name the log of one start.

    Examples
    --------
    >>> is_stamped("20300102_040506.log"), is_stamped("out.txt")
    (True, False)
    """
    return _LOG.fullmatch(name) is not None


class RunDirectory:
    """The logs of one experiment, in the order of their starts.

    A newer log continues the run of the older one. The directory is listed when it has changed,
    and every 10 s.

    Parameters
    ----------
    path
        The directory, which need not exist yet.
    clock
        Seconds that never run backwards.
    begins
        Returns the log with which the run began that a log ends; None: with that log itself.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     runs = RunDirectory(folder)
    ...     before = runs.newest()
    ...     for stamp in ("20300102_030405", "20300102_040506"):
    ...         log = Path(folder, stamp, f"{stamp}.log")
    ...         log.parent.mkdir()
    ...         log.touch()
    ...     after = RunDirectory(folder).newest()
    >>> before, Path(after).name
    (None, '20300102_040506.log')
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        clock: Callable[[], float] = time.monotonic,
        begins: Callable[[str], str] | None = None,
    ) -> None:
        self.path = str(Path(path).absolute())
        self._clock, self._begins = clock, begins
        self._listed_at = float("-inf")
        self._changed_ns = -1
        self._stamps: list[str] = []
        self._waited = False
        self._logs: dict[str, str] = {}

    def newest(self) -> str | None:
        """Return the log of the latest start that has one; None if there is none."""
        self._list()
        return next(filter(None, map(self._log, reversed(self._stamps))), None)

    def logs(self) -> list[str]:
        """Return the logs of all starts that have one, the oldest first."""
        self._list()
        return list(filter(None, map(self._log, self._stamps)))

    def next(self, current: str | None) -> str | None:
        """Return the log of the first start after that of `current`, else `current`.

        Parameters
        ----------
        current
            A log of this directory; None asks for the beginning of the newest run, or for the
            oldest log if there was none when it was first asked for.
        """
        stamp = self._stamp(current) if current else None
        if stamp is None and not self._waited:
            newest = self.newest()
            self._waited = newest is None
            return newest if newest is None or self._begins is None else self._begins(newest)
        self._list()
        stamp = stamp or ""
        later = self._stamps[bisect_right(self._stamps, stamp) :]
        return next(filter(None, map(self._log, later)), current)

    def _stamp(self, log: str) -> str | None:
        match = _LOG.match(Path(log).name)
        return match[1] if match else None

    def _list(self) -> None:
        """Learn which starts there are, if that may have changed."""
        now = self._clock()
        try:
            changed_ns = Path(self.path).stat().st_mtime_ns
            if changed_ns == self._changed_ns and now - self._listed_at < _LIST_S:
                return
            stamps = set()
            with os.scandir(self.path) as entries:
                for entry in entries:
                    if _STAMP.fullmatch(entry.name):
                        stamps.add(entry.name)
                    elif match := _LOG.fullmatch(entry.name):
                        stamps.add(match[1])
                        self._logs.setdefault(match[1], entry.path)
        except OSError:
            return  # the tailer tells that the log is gone
        self._listed_at, self._changed_ns = now, changed_ns
        self._stamps = sorted(stamps)

    def _log(self, stamp: str) -> str | None:
        """Return the log of one start; its directory appears before it."""
        if stamp not in self._logs:
            directory = Path(self.path, stamp)
            logs = [directory / f"{stamp}.log"]
            with suppress(OSError):
                logs += sorted(directory.glob(f"{stamp}_*rank0.log"))
            log = next((str(log) for log in logs if log.is_file()), None)
            if log is None:
                return None
            self._logs[stamp] = log
        return self._logs[stamp]
