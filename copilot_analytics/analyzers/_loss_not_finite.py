"""Losses that are not finite, and exact zeros that look like a hidden NaN."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from copilot_analytics.analyzers._course import recent

if TYPE_CHECKING:
    from copilot_analytics.analyzers._course import Recent
    from copilot_analytics.run import Run


class Onset(NamedTuple):
    """Where a loss stopped being finite, and the last step before it."""

    row: int
    step: int
    line: int
    last_good: int | None


class NonFiniteLoss:
    """Follows where the loss, or the gradient norm beside it, is no number.

    Attributes
    ----------
    not_finite
        Records with a non-finite loss so far.
    recovered
        Whether the loss was not finite for a while and is finite again.
    now
        Where the loss stopped being finite; None while it is, and for a stretch that is no longer
        than those that it recovered from.
    level
        The newest loss that was not finite: NaN or an infinity.
    """

    def __init__(self) -> None:
        self.not_finite = 0
        self.recovered = False
        self.level = math.nan
        self._stretch: Onset | None = None
        self._last_bad = 0  # row
        self._longest = 0  # rows of a stretch that it recovered from
        self._finite_run = 0
        self._zeros = 0
        self._zeros_since: tuple[int, int] | None = None
        self._grad_nans = 0

    def begin_segment(self) -> None:
        """Take a resume as a recovery."""
        if self._stretch is not None:
            self.recovered = True
        self._stretch, self._longest, self._finite_run = None, 0, 0
        self._zeros, self._zeros_since, self._grad_nans = 0, None, 0

    @property
    def now(self) -> Onset | None:
        """Where the loss stopped being finite, as above.

        Batches that are NaN again and again, and whose update the trainer left out, do no harm.
        """
        if self._stretch is None or not self._longest:
            return self._stretch
        rows = self._last_bad - self._stretch.row + 1
        return self._stretch if rows >= max(2 * self._longest, _IN_A_ROW) else None

    @property
    def zeros_since(self) -> tuple[int, int] | None:
        """Step and line since when the loss is exactly zero, if it was larger just before."""
        return self._zeros_since if self._zeros >= _IN_A_ROW else None

    @property
    def grad_nans(self) -> int:
        """Newest rows whose gradient norm is NaN; 0 for so few that they may be chance."""
        return self._grad_nans if self._grad_nans >= _IN_A_ROW else 0

    def follow(
        self, run: Run, column: str, first_row: int, segment_row: int, first_level: float
    ) -> None:
        """Note non-finite losses and exact zeros among the rows from `first_row` on."""
        log = run.train_log
        if self._stretch is not None and log.superseded[self._stretch.row]:
            self._stretch, self.recovered = None, True  # its step was written again
        new = recent(log, column, first_row)
        if not len(new.row):
            return
        bad = ~np.isfinite(new.value)
        self.not_finite += int(bad.sum())
        current = new.row >= segment_row
        bad_rows = np.flatnonzero(bad & current)
        if len(bad_rows):
            goes_on = self._stretch is not None and self._finite_run + bad_rows[0] < _FINITE_AGAIN
            # A stretch ends only after some finite losses in a row.
            cuts = np.flatnonzero(np.diff(bad_rows) > _FINITE_AGAIN) + 1
            stretches = np.split(bad_rows, cuts)
            if goes_on:
                self._last_bad = int(new.row[stretches[0][-1]])
                stretches = stretches[1:]
            if stretches:
                self.recovered = self.recovered or self._stretch is not None or len(stretches) > 1
                self._recover()
                spans = [int(new.row[one[-1]] - new.row[one[0]]) + 1 for one in stretches[:-1]]
                self._longest = max([self._longest, *spans])
                self._stretch = _onset_at(run, column, int(new.row[stretches[-1][0]]))
                self._last_bad = int(new.row[bad_rows[-1]])
            self.level = float(new.value[bad_rows[-1]])
            self._finite_run = len(bad) - 1 - int(bad_rows[-1])
        else:
            self._finite_run += len(bad)
        if self._stretch is not None and self._finite_run >= _FINITE_AGAIN:
            self._recover()
            self.recovered = True
        self._follow_zeros(run, new, column, first_level)
        if "grad_norm" in log.metric_names:
            grad = recent(log, "grad_norm", first_row).value
            good = np.flatnonzero(~np.isnan(grad))
            self._grad_nans = (
                self._grad_nans + len(grad) if not len(good) else len(grad) - 1 - int(good[-1])
            )

    def _recover(self) -> None:
        if self._stretch is not None:
            self._longest = max(self._longest, self._last_bad - self._stretch.row + 1)
            self._stretch = None

    def _follow_zeros(self, run: Run, new: Recent, column: str, first_level: float) -> None:
        other = np.flatnonzero(new.value != 0.0)
        if not len(other):
            start = 0
        else:
            self._zeros, self._zeros_since = 0, None
            start = int(other[-1]) + 1
        run_length = len(new.value) - start
        if run_length and self._zeros_since is None:
            row = int(new.row[start])
            before = recent(run.train_log, column, max(row - 10, 0))
            level = before.value[before.row < row]
            usual = float(np.median(level[-5:])) if len(level) >= 5 else 0.0
            # A loss that sinks to zero is small before it is printed as zero.
            if usual > 0.02 * abs(first_level):
                self._zeros_since = (int(new.step[start]), int(new.line[start]))
        self._zeros += run_length


def _onset_at(run: Run, column: str, row: int) -> Onset:
    log = run.train_log
    before = recent(log, column, max(row - 50, 0))
    good = before.step[(before.row < row) & np.isfinite(before.value)]
    last_good = int(good[-1]) if len(good) else None
    return Onset(row, int(log.step[row]), int(log.line[row]), last_good)


_FINITE_AGAIN = 3
_IN_A_ROW = 5
