"""A log that was cut: its writer may write the same run anew, with more columns or in one piece.

Lightning's CSVLogger writes ``metrics.csv`` anew when a metric is logged for the first time, and
whoever calls `pandas.DataFrame.to_csv` at each epoch does so every time. That is no other run, and
nothing in it is news but what comes after the rows that were there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.live.log_session import LogSession
from copilot_analytics.live.opening import MOST_TRIES, PRESUMED_AFTER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from copilot_analytics.columns import Table
    from copilot_analytics.events import Event
    from copilot_analytics.live.pieces import Began
    from copilot_analytics.run import Run

_PATIENCE_S, _PATIENCE_NETWORK_S = 1.0, 10.0  # so long its writer may take
_MOST_BYTES = 64 << 20
_MOST_OPENING = 4 << 20  # beyond that a format is settled
_PRESUMED_EVERY_S = 30.0
_REST = 50.0  # times as long as it takes to ask all formats, which grows with the log


class Rewriting:
    r"""Holds back what a log says after it was cut, until it is clear whose it is.

    The run is the one before if the log holds all its rows again, with the same numbers wherever
    a row names a metric both times. Another training with the same seed begins with the same rows
    too, but takes its time to come as far.

    Parameters
    ----------
    piece
        Where the log begins anew.
    log
        What was read of it until it was cut.
    log_format
        Name of the format; None tells it by the content.
    now
        Seconds that never run backwards.
    network
        Whether the log lies on a network file system, which shows new bytes late.

    Attributes
    ----------
    content : bytearray
        What was held back.
    is_same : bool or None
        Whether it is the same run; None while that is open.

    Examples
    --------
    >>> from copilot_analytics.live.pieces import Began
    >>> log = LogSession("metrics.csv")
    >>> rows = b"0,4,2.25\n0,9,2.125\n"
    >>> _ = log.feed(b"epoch,step,train_loss\n" + rows)
    >>> anew = Rewriting(Began("metrics.csv", "truncated"), log, None, 0.0)
    >>> anew.feed(b"epoch,step,train_loss,val_acc\n0,4,2.25,\n", 0.1)
    >>> anew.feed(b"0,9,2.125,\n0,11,,0.5\n", 0.2)
    >>> anew.is_same
    True
    """

    def __init__(
        self,
        piece: Began,
        log: LogSession,
        log_format: str | None,
        now: float,
        *,
        network: bool = False,
    ) -> None:
        self.piece = piece
        self.content = bytearray()
        self.is_same: bool | None = None
        self.until = now + (_PATIENCE_NETWORK_S if network else _PATIENCE_S)
        self._before = log.run
        self._light = LogSession(log.path, log_format=log_format, light=True)

    def feed(self, content: bytes, now: float) -> None:
        """Take the next bytes."""
        self.content += content
        self._light.feed(content)
        self._light.take(self._light.reader.presume())
        self.is_same = _is_same(self._before, self._light.run)
        self.look(now)

    def look(self, now: float) -> None:
        """Take it for another run if it does not come as far in time."""
        late = now >= self.until or len(self.content) > _MOST_BYTES
        if self.is_same is None and late:
            self.is_same = False

    @property
    def repeats(self) -> bool:
        """Whether all rows so far, at least one, are those of the run before."""
        rows = len(self._light.run.train_log) + len(self._light.run.eval_log)
        return self.is_same is not False and rows > 0


class Rereading:
    """The session of a log, begun again where its writer wrote the same run anew.

    Then it says what it would have said had the log been like that from the start: only what is
    new in that is news.

    Parameters
    ----------
    session
        Makes a session of the log.
    go_to
        Takes the log for one that goes on, or holds another run, from a place on.
    log_format
        Name of the format; None tells it by the content.
    clock
        Seconds that never run backwards.

    Attributes
    ----------
    log : LogSession
        What was read, and what it means.
    """

    def __init__(
        self,
        session: Callable[..., LogSession],
        go_to: Callable[[Began], list[Event]],
        log_format: str | None,
        clock: Callable[[], float],
    ) -> None:
        self.log = session()
        self._session, self._go_to = session, go_to
        self._log_format, self._clock = log_format, clock
        self._rewriting: Rewriting | None = None
        # What was read before the format was settled; None if it came from several files.
        self._opening: bytearray | None = bytearray()
        self._presumed_at = self._presumed_next = clock()
        self._presumed_lines = self._tries = 0
        # Another run, or none, and the names of those there were, where the file begins.
        self._run: Run | None = None
        self._first_rows = self.log.first_rows.copy()

    @property
    def is_open(self) -> bool:
        """Whether something is held back."""
        return self._rewriting is not None

    @property
    def wait_s(self) -> float:
        """So long the next look may wait."""
        if self._rewriting is None:
            return float("inf")
        return max(self._rewriting.until - self._clock(), 0.01)

    def feed(self, content: bytes) -> list[Event]:
        """Take the next bytes; return the events that they cause."""
        if self._rewriting is None:
            return self._feed(content)
        self._rewriting.feed(content, self._clock())
        return self.decide()

    def presume(self, rested_s: float) -> list[Event]:
        """Go by the likeliest format if it shows two rows of a training; return their events.

        Parameters
        ----------
        rested_s
            Seconds since the log grew last.
        """
        log, now = self.log, self._clock()
        if log.known or self.is_open or log.lines == self._presumed_lines:
            return []
        if rested_s < PRESUMED_AFTER_S and now - self._presumed_at < _PRESUMED_EVERY_S:
            return []
        if self._tries >= MOST_TRIES and now < self._presumed_next:
            return []
        self._tries += 1
        events = log.take(log.reader.presume())
        self._presumed_at, self._presumed_lines = now, log.lines
        self._presumed_next = now + _REST * (self._clock() - now)
        return events

    def _feed(self, content: bytes) -> list[Event]:
        if self.log.reader.is_settled or self._opening is None:
            self._opening = None
            return self.log.feed(content)
        self._opening += content
        events = self.log.feed(content)
        if self.log.reader.misread:
            return self._read_anew(bytes(self._opening))
        if len(self._opening) > _MOST_OPENING:
            self._opening = None
        return events

    def begin(self, piece: Began, *, may_repeat: bool, network: bool) -> list[Event]:
        """Go to the place where another file begins, or the same one anew.

        Parameters
        ----------
        piece
            The place.
        may_repeat
            Whether the file may hold the run again that it held before.
        network
            Whether it lies on a network file system.
        """
        events: list[Event] = []
        if self._rewriting is not None and not self._rewriting.repeats:
            self._rewriting.is_same = False
            events = self.decide()
        self._rewriting = None
        # Of a run that began in another file this one holds a part.
        if not may_repeat or not self.log.run_key or self.log.run is self._run:
            return events + self._begin(piece)
        self._rewriting = Rewriting(
            piece, self.log, self._log_format, self._clock(), network=network
        )
        return events

    def decide(self) -> list[Event]:
        """Take what was held back, once it is clear whose it is; return the events."""
        cut = self._rewriting
        if cut is None:
            return []
        cut.look(self._clock())
        if cut.is_same is None:
            return []
        self._rewriting = None
        if not cut.is_same:
            events = self._begin(cut.piece)
            return events + self._feed(bytes(cut.content))
        return self._read_anew(bytes(cut.content))

    def _read_anew(self, content: bytes) -> list[Event]:
        """Begin the session again with what the log holds; return what that tells in addition."""
        before = self.log
        before.release()
        self.log = self._session(first_rows=self._first_rows.copy())
        self._opening = bytearray()
        self._feed(content)
        self.log.catch_up()  # what was kept of the run came before the log was cut
        self.log.superseded[:0] = before.superseded
        told = {before.relative(event) for event in before.run_events}
        return [event for event in self.log.run_events if self.log.relative(event) not in told]

    def _begin(self, piece: Began) -> list[Event]:
        events = self._go_to(piece)
        if self.log.lines:
            self._opening = None
        if not piece.offset:
            self._run = self.log.run if self.log.run_key else None
            self._first_rows = self.log.first_rows.copy()
        return events


def _is_same(before: Run, now: Run) -> bool | None:
    """Tell whether a run holds all rows of an earlier one; None if it may yet come to do so."""
    complete, compared = True, 0
    for one, other in ((before.train_log, now.train_log), (before.eval_log, now.eval_log)):
        rows = min(len(one), len(other))
        complete &= rows == len(one)
        agreed = _agreed(one, other, rows)
        if agreed is None:
            return False
        compared += agreed
    return True if complete and compared else None


def _agreed(one: Table, other: Table, rows: int) -> int | None:
    """Return how many numbers of the first rows agree; None if something contradicts."""
    places = (one.step, other.step), (one.epoch, other.epoch), (one.time, other.time)
    if not all(np.array_equal(a[:rows], b[:rows], equal_nan=True) for a, b in places):
        return None
    agreed = 0
    for name in set(one.metric_names) & set(other.metric_names):
        both = one.was_logged(name)[:rows] & other.was_logged(name)[:rows]
        values, again = one.column(name)[:rows][both], other.column(name)[:rows][both]
        if not np.array_equal(values, again, equal_nan=True):
            return None
        agreed += int(np.isfinite(values).sum())
    return agreed
