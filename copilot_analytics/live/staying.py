"""Whether more may come in the log of a run that has ended: a further fold, stage or trial."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_analytics.live.processes import process_of

if TYPE_CHECKING:
    from copilot_analytics.live.processes import Writers

LEAST_S = 10.0
"""So long a run that has finished is watched on in any case."""
_MOST_S = 600.0
_LOOK_S = 5.0
_LAST_BYTES = 1 << 14
_PART = re.compile(
    rb"\b(fold|stage|trial|split)[ _:#=-]{0,3}(\d{1,3}) ?(?:/|of) ?(\d{1,3})\b", re.IGNORECASE
)


class Staying:
    """Tells why a watch stays with a log whose run has ended.

    Parameters
    ----------
    writers
        Who holds which log open, shared by those who follow many; None looks for one log alone.

    Examples
    --------
    >>> staying = Staying(None)
    >>> staying.reason("no/such.log", 100.0, 5.0, has_finished=True)
    'its last lines may still come'
    >>> staying.reason("no/such.log", 120.0, 25.0, has_finished=True)
    ''
    """

    def __init__(self, writers: Writers | None) -> None:
        self._writers = writers
        self._look_at = float("-inf")
        self._seen = ""

    def reason(self, log: str | Path, now: float, ended_s: float, *, has_finished: bool) -> str:
        """Return why more may come; empty if nothing speaks for it.

        Parameters
        ----------
        log
            The log.
        now
            Seconds since 1970.
        ended_s
            For how long the run is over.
        has_finished
            Whether it came to its end: what broke off may be resumed.
        """
        if ended_s < LEAST_S:
            return "its last lines may still come"
        if not 0.0 <= self._look_at - now <= _LOOK_S:
            self._look_at = now + _LOOK_S
            process = process_of(log, writers=self._writers, fresh_s=_LOOK_S)
            held = bool(process.holders) and process.state in {"alive", "stopped"}
            self._seen = f"process {process.pid} still holds the log open" if held else ""
            if not held and has_finished and ended_s < _MOST_S and (part := further_part(log)):
                self._seen = f"that was {part}"
        if self._seen or has_finished or ended_s >= _MOST_S:
            return self._seen
        return "it may be resumed"


def further_part(log: str | Path) -> str:
    """Return the part of a whole that a log tells of last, if others follow: ``fold 1 of 3``.

    Parameters
    ----------
    log
        The log; only its last 16 kB are read.

    Returns
    -------
    str
        Empty if it tells of none, of the last, or cannot be read.

    Examples
    --------
    >>> further_part("no/such.log")
    ''
    """
    try:
        with Path(log).open("rb") as file:
            file.seek(max(file.seek(0, 2) - _LAST_BYTES, 0))
            parts = _PART.findall(file.read())
    except OSError:
        return ""
    if not parts or int(parts[-1][1]) >= int(parts[-1][2]):
        return ""
    what, nth, of = (text.decode().lower() for text in parts[-1])
    return f"{what} {nth} of {of}"
