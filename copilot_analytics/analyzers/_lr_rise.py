"""A learning rate that rises after it had stood still: a warm-up begins with the run."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from copilot_analytics.records import Floats, Ints
    from copilot_analytics.run import Run


@dataclass(frozen=True, slots=True)
class LrRise:
    """A rise from a rate that had stood still.

    Parameters
    ----------
    step, line
        First record with a higher rate.
    before, after
        The rate that had stood, and the highest since.
    until
        Step of the highest; the first record of the rise by default.
    """

    step: int
    line: int
    before: float
    after: float
    until: int = -1


@dataclass(slots=True)
class Stands:
    """Follows for how long the rate stands still, and what it rises to from there.

    A warm-up in stairs stands still too, as a rule for an epoch, and few printed digits make a slow
    rise look like stairs. So a stand counts that is longer than an epoch, and a rise from it that
    is a multiple.

    Attributes
    ----------
    rise
        The newest rise; None if there was none.
    rows
        For how many records the newest rate stood that stood for long.

    Examples
    --------
    >>> from copilot_analytics import Record, Run
    >>> rates = [0.001] * 100 + [0.7] * 2
    >>> records = [Record("train", step=s, metrics={"lr": r}, line=s) for s, r in enumerate(rates)]
    >>> stands, run = Stands(), Run.from_records(records)
    >>> stands.follow(run, np.arange(102), np.array(rates), None)
    >>> stands.rise
    LrRise(step=100, line=100, before=0.001, after=0.7, until=100)
    """

    rise: LrRise | None = None
    _rate: float = math.nan
    _since: tuple[int, int] = (0, 0)  # row, step
    _stood: float = math.nan  # the newest rate that stood for long
    _left: tuple[int, int] = (0, 0)  # step, line of the first record after it
    rows: int = 0

    def begin_segment(self) -> None:
        """Forget the rates before a resume, which may begin with another one."""
        self._rate = self._stood = math.nan

    def follow(self, run: Run, row: Ints, rate: Floats, per_epoch: float | None) -> None:
        """Take the rates of some rows, in order.

        Parameters
        ----------
        row
            Rows of the training log.
        rate
            Their rates, finite and not negative.
        per_epoch
            Steps of an epoch; None if unknown.
        """
        log = run.train_log
        before = np.concatenate(([self._rate], rate[:-1]))
        changed = ~(np.abs(rate - before) <= _SAME * np.maximum(rate, before))
        for at in np.flatnonzero(changed).tolist():
            here, now = int(row[at]), float(rate[at])
            if self._rate > 0.0 and self._is_long(run, here, per_epoch):
                self._stood, self._left = self._rate, (int(log.step[here]), int(log.line[here]))
                self.rows = here - self._since[0]
            self._rate, self._since = now, (here, int(log.step[here]))
            if now >= _TIMES * self._stood:
                self._rises_to(now, int(log.step[here]))

    def _is_long(self, run: Run, row: int, per_epoch: float | None) -> bool:
        rows, steps = row - self._since[0], int(run.train_log.step[row]) - self._since[1]
        if rows < _FEWEST:
            return False
        if per_epoch:
            return steps > _EPOCHS * per_epoch
        planned = run.planned_steps
        return steps > _SHARE * planned if planned else rows >= _ROWS

    def _rises_to(self, rate: float, until: int) -> None:
        step, line = self._left
        if self.rise is None or self.rise.step != step:
            self.rise = LrRise(step, line, self._stood, rate, until)
        elif rate > self.rise.after:
            self.rise = replace(self.rise, after=rate, until=until)


def rise_behind(rise: LrRise | None, since: int | None, good: int | None) -> LrRise | None:
    """Return the rise of the rate after which something went wrong; None if there was none.

    Parameters
    ----------
    rise
        The newest rise.
    since, good
        First step at which it had gone wrong, and the last one at which all was well.

    Examples
    --------
    >>> rise = LrRise(1000, 100, 0.001, 0.7)
    >>> rise_behind(rise, 1010, 990) is rise, rise_behind(rise, 3000, 2990)
    (True, None)

    It may rise for long before something breaks.

    >>> rise_behind(LrRise(1000, 100, 0.001, 0.7, until=3500), 3000, 2990) is None
    False
    """
    if rise is None or since is None or rise.step > since:
        return None
    between = good is not None and good < rise.step
    return rise if between or since - max(rise.step, rise.until) <= _LATELY * since else None


def risen(rise: LrRise, where: str) -> str:
    """Say what the rate rose from and to.

    Examples
    --------
    >>> risen(LrRise(1000, 100, 0.001, 0.7), "epoch 3.0")
    'the learning rate rose from 0.001 to 0.7 at epoch 3.0'
    """
    return f"the learning rate rose from {rise.before:.3g} to {rise.after:.3g} at {where}"


_SAME = 1e-4
_FEWEST = 3
_EPOCHS = 1.5
_SHARE = 0.05
_ROWS = 50
_TIMES = 3.0
_LATELY = 0.02
