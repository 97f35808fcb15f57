"""The time stamps of a log: the first, the last, and by how much their clock was set back."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from copilot_analytics.records import Floats, Ints

_LEAP_S = 60.0  # less is a correction of the clock, or lines of two writers
_MOST_S = 26 * 3600.0  # between the time zones furthest apart; more are lines of another time


@dataclass(slots=True)
class _Row:
    """The newest row of a kind, its stamp as it would be had the clock never been set back.

    Where that row made a leap, `undone_at` is the stamp from which on the next one takes it back.
    """

    stamp: float
    line: int
    file: str
    undone_at: float | None = None


@dataclass(slots=True)
class LogClock:
    """What is known of the clock that wrote a log.

    Where stamps fall back, because summer time ended or the machine's clock was set, time went on
    all the same; how long such a line took is not known and counts as nothing. Only rows of one
    kind are compared: evaluations may stand behind all training. A single line that is out of
    order is no leap: the next one is where it would have been. Nor is a line that comes from
    another file, or that was written before the one read last.

    Attributes
    ----------
    first, last : float or None
        The first and the last stamp, seconds since 1970.

    Examples
    --------
    >>> clock = LogClock()
    >>> for line, stamp in enumerate([0.0, 3000.0, 6000.0, 2500.0, 2600.0], 1):
    ...     clock.see(stamp, line)
    >>> clock.last, clock.steady, clock.set_back_s(3), clock.set_back_s(4)
    (2600.0, 6100.0, 0.0, 3500.0)
    """

    first: float | None = None
    last: float | None = None
    _lines: list[int] = field(default_factory=list)
    _totals: list[float] = field(default_factory=list)
    _newest: dict[str, _Row] = field(default_factory=dict)

    @property
    def steady(self) -> float | None:
        """The last stamp as it would be had the clock never been set back; None without any."""
        return (
            None if self.last is None else self.last + (self._totals[-1] if self._totals else 0.0)
        )

    def set_back_s(self, line: int) -> float:
        """Return by how much the clock had been set back when a line was written."""
        known = bisect_right(self._lines, line)
        return self._totals[known - 1] if known else 0.0

    def steadied(self, times: Floats, lines: Ints) -> Floats:
        """Return the stamps of lines as they would be had the clock never been set back."""
        if not self._lines:
            return times
        totals = np.array([0.0, *self._totals])
        set_back: Floats = totals[np.searchsorted(self._lines, lines, side="right")]
        return times + set_back

    def see(self, time: float, line: int, file: str = "", kind: str = "train") -> None:
        """Take the stamp of a line.

        Parameters
        ----------
        time
            Seconds since 1970.
        line, file
            Where it stands.
        kind
            What the line is; only training and evaluations tell of leaps.
        """
        self.first, self.last = time if self.first is None else self.first, time
        if kind not in {"train", "eval"}:
            return
        before, stamp = self._newest.get(kind), time + sum(self._totals[-1:])
        if before is None or before.file != file:
            self._newest[kind] = _Row(stamp, line, file)
            return
        if line <= before.line:
            return
        if before.undone_at is not None and self._lines[-1] == before.line:
            raw = time + sum(self._totals[-2:-1])
            if raw >= before.undone_at:
                self._lines.pop()
                self._totals.pop()
                stamp = raw
        back_s, undone_at = before.stamp - stamp, None
        if _LEAP_S < back_s <= _MOST_S:
            self._totals.append(back_s + sum(self._totals[-1:]))
            self._lines.append(line)
            stamp, undone_at = before.stamp, before.stamp
        self._newest[kind] = _Row(stamp, line, file, undone_at)

    def take(self, times: Floats, lines: Ints, file: str = "") -> None:
        """Take the stamps of many rows of training, as if they came one by one.

        Parameters
        ----------
        times
            Seconds since 1970; NaN where a row has none.
        lines, file
            Where they stand.
        """
        known = times == times  # NaN is unlike itself
        times, lines = times[known], lines[known]
        if not len(times):
            return
        self.see(float(times[0]), int(lines[0]), file)
        row, last = self._newest["train"], float(times[-1])
        newest = np.maximum.accumulate(np.append(row.line, lines[1:]))
        in_order = lines[1:] > newest[:-1]
        times, lines = times[1:][in_order], lines[1:][in_order]
        leaps = np.flatnonzero(np.diff(times) < -_LEAP_S) + 1
        turns = {0, 1, len(times) - 1, *leaps.tolist(), *(leaps + 1).tolist()}
        for at in sorted(turn for turn in turns if 0 <= turn < len(times)):
            if at:
                row = self._newest["train"]
                if row.line != lines[at - 1]:
                    stamp = float(times[at - 1]) + sum(self._totals[-1:])
                    self._newest["train"] = _Row(stamp, int(lines[at - 1]), file)
            self.see(float(times[at]), int(lines[at]), file)
        self.last = last
