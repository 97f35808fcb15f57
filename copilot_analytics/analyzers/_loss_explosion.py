"""Whether the training loss exploded: a lasting jump far up, or to where the run began."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from copilot_analytics.analyzers._loss_tail import BEYOND_EXCUSE, MARGIN, WINDOW, times
from copilot_analytics.analyzers._losses import names_of_losses, need_not_fall
from copilot_analytics.stats.finite import median
from copilot_analytics.stats.noise import difference_noise
from copilot_analytics.stats.spikes import FEWEST, Baseline, exploded

if TYPE_CHECKING:
    from copilot_analytics.analyzers._course import Recent
    from copilot_analytics.analyzers._loss_tail import LossTail
    from copilot_analytics.records import Floats


class Explosion(NamedTuple):
    """A jump of the loss that lasts.

    `usual` is the level before it, `peak` the highest loss when it was found, `threshold` what the
    loss exceeded, and `back` the level below which the loss has come back.
    """

    step: int
    line: int
    row: int
    last_good: int | None
    back: float
    threshold: float
    usual: float
    peak: float


class LossExplosion:
    """Finds explosions, and follows one until the loss is back.

    Attributes
    ----------
    now
        The explosion that lasts; None while there is none.
    bound
        Loss above which a new value may begin a jump above all before.
    first_level
        Averaged loss where the run begins; NaN before there is one.
    """

    def __init__(self) -> None:
        self.now: Explosion | None = None
        self.bound = math.inf
        self.first_level = math.nan
        self._excused: Explosion | None = None
        self._start = math.inf

    @property
    def watched(self) -> float:
        """Loss above which a new value may begin one of either kind."""
        return min(self.bound, self._start)

    @property
    def pending(self) -> bool:
        """Whether there is one, or a jump whose excuse has not run out."""
        return self.now is not None or self._excused is not None

    def begin_segment(self) -> None:
        """Forget what a resume rolled back."""
        self.now, self._excused = None, None
        self.bound = self._start = math.inf

    def renew_bound(self, value: Floats, base: Baseline) -> None:
        """Take the newest rows, all finite, and their baseline."""
        newest = value[-2 * RUN :]
        if base.n >= FEWEST and (newest[-1] < self._start or bool(np.all(newest >= self._start))):
            self._start = _level_of_the_start(value, self.first_level)
        above = newest > self.bound
        if above[-1] and not above.all():
            return  # a jump after few rows would raise the bound above itself before it is judged
        if base.n < FEWEST:
            low = float(value.min())
            self.bound = _SHORT_GROWTH * low if low > 0 else math.inf
            return
        wide = base.median + _Z * base.sigma
        self.bound = max(wide, 2.0 * float(np.mean(value[-WINDOW:])))

    def look(self, tail: LossTail) -> None:
        """Look for an explosion among the new rows, or whether the one there is is over."""
        rows = tail.rows
        if self.now is not None:
            newest = rows.value[rows.row > self.now.row][-RUN:]
            if len(newest) == RUN and bool(np.all(newest <= self.now.back)):
                self.now = None
        elif self._excused is not None:
            self._review_excused(tail, self._excused)
        else:
            many = np.count_nonzero(rows.row >= tail.first_new) > WINDOW
            if many or bool(np.any(~(rows.value[-MARGIN:] <= self.bound))):
                self._find(tail)
            if not self.pending and bool(np.any(rows.value[-MARGIN:] >= self._start)):
                self._find_all_lost(tail)

    def _find(self, tail: LossTail) -> None:
        # What lies below zero may still explode, by many times its noise.
        if need_not_fall(names_of_losses(tail.run), _POSITIVE) is not None:
            return
        rows = tail.rows
        at = exploded(rows.value, WINDOW, RUN, 2.0, _Z)
        certain = at is None
        if at is None:
            at = _grown(rows.value)
            if at is None:
                return
        before = rows.value[:at][np.isfinite(rows.value[:at])][-WINDOW:]
        after = rows.value[at:]
        usual, level = float(np.median(before)), float(np.median(after[-RUN:]))
        # Where the loss never fell, it may have to rise first: then twice is not much.
        made_progress = usual < 0.9 * self.first_level or float(before.min()) <= 0
        factor = 2.0 if made_progress else _RISE_FROM_START
        if usual > 0 and level < factor * usual:
            return
        threshold = max(factor * usual, self.bound if math.isfinite(self.bound) else 0.0)
        found = _explosion_at(rows, at, before, threshold, usual)
        if certain or not tail.excuses(found.step, times(level, usual)):
            self.now = found
        else:
            self._excused = found

    def _find_all_lost(self, tail: LossTail) -> None:
        """Look whether the newest losses lie where the run began, all at once.

        A run that learned little in its short time loses all of it without twice its mean.
        """
        rows = tail.rows
        known = np.flatnonzero(~np.isnan(rows.value))
        below = np.flatnonzero(rows.value[known] < self._start)
        newest = known[int(below[-1]) + 1 :] if len(below) else known[:0]
        if len(newest) < RUN or need_not_fall(names_of_losses(tail.run), _POSITIVE):
            return
        at = int(newest[0])
        before = rows.value[:at][np.isfinite(rows.value[:at])][-FEWEST:]
        usual = float(np.median(before)) if len(before) == FEWEST else math.inf
        if not float(before.max(initial=-math.inf)) < (usual + self._start) / 2.0 < math.inf:
            return  # it crept there, which is judged as a slow rise
        # Half of the way up again: of a loss that is back there, most is not lost.
        back = (usual + self.first_level) / 2.0
        found = _explosion_at(rows, at, before, self._start, usual)._replace(back=back)
        if tail.excuses(found.step, _ALL):
            self._excused = found
        else:
            self.now = found

    def _review_excused(self, tail: LossTail, gone: Explosion) -> None:
        """Look again at a jump that had an excuse, once the excuse has run out."""
        rows = tail.rows
        newest = rows.value[-RUN:]
        if len(newest) < RUN:
            return
        back = bool(np.all(newest <= gone.back))
        if not back and tail.excuses(int(rows.step[-1])):
            return
        self._excused = None
        # A loss may settle somewhat higher after a warm-up; many times higher it is lost.
        limit = max(gone.threshold, BEYOND_EXCUSE * gone.usual)
        if not back and float(np.min(newest)) > limit:
            self.now = gone


def _explosion_at(
    rows: Recent, at: int, before: Floats, threshold: float, usual: float
) -> Explosion:
    good = rows.step[:at]
    return Explosion(
        int(rows.step[at]),
        int(rows.line[at]),
        int(rows.row[at]),
        int(good[-1]) if len(good) else None,
        Baseline.of(before, WINDOW, 3.0).bound,
        threshold,
        usual,
        float(np.nanmax(rows.value[at:])),
    )


RUN = 5
"""Values in a row that make an explosion, and end it."""
_Z = 10.0
_SHORT_GROWTH = 100.0
_RISE_FROM_START = 30.0
_POSITIVE = np.ones(1)
_ALL = math.inf
_MOST = 0.75
_FELL = 0.9


def _level_of_the_start(value: Floats, first: float) -> float:
    """Return the level at which three quarters of what was learned are lost; inf if that is little.

    What was learned must be far more than the noise, so that no tail of it reaches so high.
    """
    newest = value[-FEWEST:]
    usual = median(newest)
    start = usual + _MOST * (first - usual)
    noise = max(difference_noise(newest), 0.0)
    learned = usual < _FELL * first and first - usual > _Z * noise and usual > 0.0
    return start if learned and math.isfinite(noise) else math.inf


def _grown(value: Floats) -> int | None:
    """Find growth beyond a hundred times the least loss in a history too short for a baseline."""
    points = np.where(np.isposinf(value), 1e300, value)
    if not 3 < len(points) <= FEWEST + RUN or np.isnan(points).any() or points.min() <= 0:
        return None
    least = np.minimum.accumulate(points)
    over = points[1:] > _SHORT_GROWTH * least[:-1]
    if len(over) < 3 or not bool(over[-3:].all()):
        return None
    below = np.flatnonzero(~over)
    return int(below[-1]) + 2 if len(below) else 1
