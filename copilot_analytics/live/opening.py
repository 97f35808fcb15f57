"""Where a log rested before its format was settled: a watch presumes it there.

A replay knows this only from the stamps of the lines, and those once the format is settled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.live.log_session import LogSession
from copilot_analytics.live.recorded import read_on

if TYPE_CHECKING:
    from copilot_analytics.events import Event

PRESUMED_AFTER_S = 3.0
"""A log that said nothing for so long rests: a trainer that starts seldom pauses for as long."""
MOST_TRIES = 30
"""So often a format is presumed in vain before the next try waits for what they cost."""


class Opening:
    """Lets a log that is replayed presume its format where a watch would have.

    Parameters
    ----------
    log
        What is replayed, of which nothing is read yet.
    log_format
        Name of its format, if that is known.
    least
        Bytes that a piece has at least, as in `copilot_analytics.live.recorded.read_on`.
    """

    def __init__(self, log: LogSession, log_format: str | None, least: int) -> None:
        self._log = log
        self._format: str | None = None
        self._rests: frozenset[int] = frozenset()
        self._tries = 0
        if log_format is None:
            self._look_ahead(least)

    def presume(self) -> list[Event]:
        """Presume the format if the log rested after the line that was read last."""
        log = self._log
        if log.known or log.lines not in self._rests or self._tries >= MOST_TRIES:
            return []
        self._tries += 1
        return log.take(log.reader.presume(self._format))

    def _look_ahead(self, least: int) -> None:
        """Read on until the format is settled; of a log without stamps each row rests."""
        ahead = LogSession(self._log.path, light=True, earlier=self._log.earlier)
        for _ in read_on(ahead, least):
            if ahead.known:
                break
        else:
            ahead.end()
        if ahead.reader.detection is None:
            return
        self._format = ahead.reader.detection.format
        tables = (ahead.run.train_log, ahead.run.eval_log)
        line = np.concatenate([table.line for table in tables])
        order = np.argsort(line, kind="stable")
        gaps = np.diff(np.concatenate([table.time for table in tables])[order])
        rests = ~(gaps <= PRESUMED_AFTER_S)
        self._rests = frozenset(line[order][:-1][rests].tolist())
