"""Plain lines where there is no terminal for a panel, and what both say."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from copilot_analytics.alerts.rules import opens
from copilot_analytics.events import ENDED
from copilot_analytics.live import answers
from copilot_analytics.live.run_names import near
from copilot_analytics.wording import duration, plural, undated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from copilot_analytics.events import Event
    from copilot_analytics.live.watched import Watched

AGAIN = "going on; it was supervised before"
_PLAIN_STATUS_S = 600.0
_UNSEEN_S, _UNSEEN_LOOK_S = 60.0, 5.0


def harmless(text: str) -> str:
    r"""Make text from a log safe for a terminal.

    Examples
    --------
    >>> harmless("a\x1b[31mb")
    'a [31mb'
    """
    return "".join(c if c.isprintable() else " " for c in text)


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a panel can be drawn on a stream, with all that it is drawn with."""
    try:
        if stream is None or not stream.isatty() or os.environ.get("TERM", "dumb") == "dumb":
            return False
        "━╌│╭▁█…±🏁".encode(stream.encoding)
    except (OSError, ValueError):  # a character that it lacks is a ValueError
        return False
    return True


class PlainScreen:
    """Plain lines, one an event; messages are written by the console channel.

    Parameters
    ----------
    stream
        Where events go; None means standard output.
    notes
        Where remarks about the supervision go; None means standard error.

    Examples
    --------
    >>> PlainScreen(notes=sys.stdout).note("going on")
    copilot: going on
    """

    def __init__(self, stream: TextIO | None = None, notes: TextIO | None = None) -> None:
        self._stream, self._notes = stream, notes
        self._next_status = float("inf")
        self._said_at = float("-inf")

    def start(self) -> None:
        """Begin to show."""
        self._next_status = time.monotonic() + _PLAIN_STATUS_S

    def tell(self, watched: Watched, event: Event) -> None:
        """Write an event, unless a message says the same, or it is the end of a mere remark."""
        if opens(event) or event.kind == "resolved":
            return
        self._write(self._stream or sys.stdout, f"{clock(event)}{name_of(watched)}{event.text}")

    def note(self, text: str) -> None:
        """Write a remark."""
        self._write(self._notes or sys.stderr, f"copilot: {near(text)}")

    def take_up(self, watched: Watched, now: float, *, end_is_told: bool) -> None:
        """Write one line on how a run stands, and the verdict if its end was told."""
        self.note(f"{watched.name}: {AGAIN}")
        self._status(watched, now)
        if end_is_told and watched.following.status in ENDED:
            self._write(self._stream or sys.stdout, f"{name_of(watched)}{verdict_of(watched)}")

    def show(self, runs: Sequence[Watched], now: float) -> float:
        """Write now and then how things are."""
        if time.monotonic() >= self._next_status:
            self._next_status = time.monotonic() + _PLAIN_STATUS_S
            for watched in runs[:20]:
                self._status(watched, now)
        unseen = [watched for watched in runs if waits_for(watched)]
        if not unseen:
            return 60.0
        if now - self._said_at >= _UNSEEN_S:
            self._said_at = now
            for watched in unseen[:5]:
                self.note(f"{watched.following.path}: {waits_for(watched)}; Ctrl-C ends the watch")
        return _UNSEEN_LOOK_S

    def stop(self) -> None:
        """Write no more."""
        self._next_status = float("inf")

    def _status(self, watched: Watched, now: float) -> None:
        text = answers.status(watched, now).replace("\n", " · ")
        self._write(self._stream or sys.stdout, text)

    def _write(self, stream: TextIO | None, text: str) -> None:
        if stream is None:  # it was closed before the start
            return
        encoding = getattr(stream, "encoding", None) or "utf-8"
        line = harmless(text).encode(encoding, "replace").decode(encoding)
        try:
            stream.write(line + "\n")
            stream.flush()
        except (OSError, ValueError):
            return  # nobody reads any more; the other channels go on


def clock(event: Event) -> str:
    """Write the time of an event by the clock of its log; empty if it has none.

    A log that counts from its own start says for how long it has run.
    """
    if event.time is None:
        return ""
    if undated(event.time) is not None:
        return f"+{duration(event.time)} "
    from datetime import UTC, datetime

    return datetime.fromtimestamp(event.time, UTC).strftime("%H:%M:%S ")


def waits_for(watched: Watched) -> str:
    """Say what is waited for before a run is known; empty if nothing, or while it is read."""
    following = watched.following
    if watched.given_up or following.log.run_key:
        return ""
    if following.missing:
        return "" if os.path.exists(following.path) else "waiting for the log"  # noqa: PTH110
    if not following.caught_up:
        return ""
    if watched.stillborn.words:
        return watched.stillborn.words
    if following.is_unknown:
        return f"no training seen yet in {plural(following.log.lines, 'line')}"
    return "waiting for the first training line"


def name_of(watched: Watched) -> str:
    """Write the name of a run before its news."""
    name = watched.name or watched.following.log.name
    return f"{name}: " if name else ""


def verdict_of(watched: Watched) -> str:
    """Return the verdict on a run that is over."""
    from copilot_analytics.report.verdict import verdict

    return verdict(watched.analysis)
