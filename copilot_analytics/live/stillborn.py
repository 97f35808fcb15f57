"""A training that died before its first row: its log holds a failure, and nothing else to judge."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_analytics.alerts.message import digest_of
from copilot_analytics.events import Event
from copilot_analytics.findings import Severity
from copilot_analytics.live.liveness import failure_stands
from copilot_analytics.live.processes import process_of
from copilot_analytics.reading.last_words import failure_of, last_words
from copilot_analytics.reading.run_folders import is_named_like_a_log

if TYPE_CHECKING:
    from copilot_analytics.live.processes import Writers

_LOOK_S = 5.0
_MOST_BYTES = 1 << 20  # of what a start that failed says
_LATELY_S = 86400.0  # an older one is no news
_LOADING = {"start": [30.0]}  # seconds that a start may be silent behind an exception, and more


class Stillborn:
    """Looks whether a log without a training ends with a failure, as long as it does.

    Attributes
    ----------
    event : Event or None
        What is to be told; None while nothing is known, or the process may yet train.

    Examples
    --------
    >>> stillborn = Stillborn()
    >>> stillborn.look("no/such.log", 0.0)
    >>> stillborn.event, stillborn.words
    (None, '')
    """

    def __init__(self) -> None:
        self.event: Event | None = None
        self.run_key = ""
        self._look_at = float("-inf")
        self._asked: tuple[int, int] | None = None

    @property
    def words(self) -> str:
        """What is told, for a line; empty if nothing is."""
        return self.event.text if self.event is not None else ""

    def look(self, log: str | Path, now: float, writers: Writers | None = None) -> None:
        """Look at a log that shows no training; what it has said is asked for once it rests.

        Parameters
        ----------
        log
            The log.
        now
            Seconds since 1970.
        writers
            Who holds which log open, shared by those who follow many.
        """
        if now < self._look_at:
            return
        self._look_at = now + _LOOK_S
        try:
            status = Path(log).stat()
        except OSError:
            return
        signs = status.st_size, status.st_mtime_ns
        rests_s = max(now - status.st_mtime, 0.0)
        if signs == self._asked or status.st_size > _MOST_BYTES or rests_s > _LATELY_S:
            return
        if not failure_stands(rests_s, _LOADING, process_of(log, writers=writers)):
            return
        self._asked, self.event = signs, None
        for crash in last_words(Path(log)):
            text = f"it died before its first step: {failure_of(crash)}"
            self.run_key = digest_of("stillborn", str(Path(log).absolute()), crash.line, text)
            at = (None, None, crash.line)
            self.event = Event("status", "crashed", *at, text, Severity.CRITICAL)


def stillborn_in(folder: Path) -> Path | None:
    """Return the newest log in a directory if that died before its first step; None if it did not.

    Parameters
    ----------
    folder
        A directory in which no training has begun.
    """
    try:
        logs = [one for one in folder.iterdir() if is_named_like_a_log(str(one)) and one.is_file()]
        newest = max(logs, key=lambda one: one.stat().st_mtime, default=None)
    except OSError:
        return None
    if newest is None:
        return None
    stillborn = Stillborn()
    stillborn.look(newest, time.time())
    return newest if stillborn.event is not None else None
