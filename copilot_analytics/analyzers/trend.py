"""How fast loss and metric improve, with uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.analyzers._base import Analyzer, Options, Results
from copilot_analytics.analyzers._course import Course, epoch_length, recent, total_loss
from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.analyzers._losses import names_of_losses, need_not_fall
from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.analyzers.metric import MainMetric, MetricAnalyzer
from copilot_analytics.findings import NotJudged
from copilot_analytics.stats.finite import median, quantiles
from copilot_analytics.stats.levelling import bend, fall_ahead
from copilot_analytics.stats.noise import difference_noise
from copilot_analytics.stats.staircase import Staircase, staircase
from copilot_analytics.stats.thinning import thin
from copilot_analytics.stats.trend import Velocity, theil_sen, velocity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from copilot_analytics.events import Event
    from copilot_analytics.records import Floats, Record
    from copilot_analytics.run import Run
    from copilot_analytics.schema import Direction


@dataclass(frozen=True, slots=True)
class Trend:
    """Velocities as they stand; positive means improving, whatever the direction.

    Parameters
    ----------
    loss, metric
        Velocity of the training loss and of the main metric in per cent per epoch, None while
        there are too few points.
    loss_window
        Steps over which the velocity of the loss was measured.
    loss_ahead_pct
        Fall of the loss expected until the planned end (without a plan: until the run is twice as
        long), in per cent of the same scale; a curve that levels off has less ahead than behind.
    loss_start, loss_now
        Smoothed training loss in the beginning and now.
    recent_share
        Share of all progress of the training loss that the last twentieth of the plan (or the last
        quarter of the run so far, if the plan is unknown) brought.
    recent_share_error
        How far that share may be off by noise, at two standard errors.
    loss_noise
        Standard deviation of one logged loss around its trend.
    stairs
        The boundaries of epochs at which the loss falls, if it lies flat in between; the velocity
        is then that from epoch to epoch.
    """

    loss: Velocity | None = None
    metric: Velocity | None = None
    loss_window: float | None = None
    loss_ahead_pct: float | None = None
    loss_start: float | None = None
    loss_now: float | None = None
    recent_share: float | None = None
    recent_share_error: float | None = None
    loss_noise: float | None = None
    stairs: Staircase | None = None
    not_judged: tuple[NotJudged, ...] = ()

    @property
    def loss_rises(self) -> bool:
        """Whether the training loss gets worse by more than noise."""
        return self.loss is not None and self.loss.high < 0


class TrendAnalyzer(Analyzer[Trend]):
    """Measures velocity on the smoothed curves.

    Examples
    --------
    >>> from copilot_analytics import Record, Run
    >>> run = Run.from_records(
    ...     Record("train", step=10 * i, epoch=i / 10, metrics={"loss": 0.98**i})
    ...     for i in range(1, 101)
    ... )
    >>> round(TrendAnalyzer.of(run).loss.per_epoch_pct)
    20
    """

    name: ClassVar[str] = "trend"
    needs = (MetricAnalyzer, LearningRateAnalyzer)

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options)
        self._now = Trend()
        self._course = Course(_POINTS)
        self._evals = -1

    def look(self, run: Run, results: Results, record: Record) -> Iterable[Event]:
        """Look at the run as it stands after `record`."""
        log = run.train_log
        column = total_loss(log)
        if column is not None:
            fresh = len(log) != self._course.seen
            self._course.take(log, column)
            if fresh:
                self._follow_loss(run, results, column)
        if len(run.eval_log) != self._evals:
            self._evals = len(run.eval_log)
            self._follow_metric(run, results.of(MetricAnalyzer))
        return ()

    def result(self) -> Trend:
        """Return the answer as of the last look."""
        return self._now

    def _follow_loss(self, run: Run, results: Results, column: str) -> None:
        step, value, log = self._course.step, self._course.value, run.train_log
        if len(value) < _FEWEST:
            return
        excuse = need_not_fall(names_of_losses(run), value)
        if excuse is not None:
            self._now = Trend(metric=self._now.metric, not_judged=(excuse,))
            return
        per_epoch, gaps = epoch_or_stand_in(run)
        start = median(value[:_ENDS])
        now = median(value[-_ENDS:])
        raw = recent(log, column, len(log) - _NOISE_ROWS).value
        noise = difference_noise(raw[np.isfinite(raw)])
        stairs = None if gaps else staircase(step, value, per_epoch)
        ahead = None
        if stairs is None:
            speed, window = self._loss_velocity(run, results, per_epoch)
            if speed is not None and window is not None:
                ahead = _ahead_pct(run, step, speed, per_epoch, window, self._bend(results))
        else:
            speed, window = _epoch_velocity(stairs, value), len(stairs.levels) * per_epoch
            power = _epoch_bend(stairs, float(step[-1] - step[0]), per_epoch)
            ahead = _ahead_pct(run, step, speed, per_epoch, 2.0 * per_epoch, power)
        share, share_error = _recent_share(run, step, value, start)
        self._now = replace(
            self._now,
            loss=speed,
            loss_window=window,
            loss_ahead_pct=ahead,
            loss_start=start,
            loss_now=now,
            recent_share=share,
            recent_share_error=share_error,
            loss_noise=noise if math.isfinite(noise) else None,
            stairs=stairs,
            not_judged=gaps,
        )

    def _loss_velocity(
        self, run: Run, results: Results, per_epoch: float
    ) -> tuple[Velocity | None, float | None]:
        """Return the velocity over the shortest recent window that shows one beyond noise.

        A slow fall drowns in the noise of a short window, so longer ones are asked next; the
        newer half of a longer one must go the same way, and none reaches across a drop of the
        learning rate.
        """
        step, value = self._course.step, self._course.value
        log = run.train_log
        last = float(step[-1])
        span = last - float(step[0])
        rows = last - float(log.step[max(len(log) - _LEAST_ROWS, 0)])
        least = max(rows, last - float(step[-_FEWEST]), 1.0)
        room = self._room(results, least)
        found: Velocity | None = None
        asked, used = 0.0, None
        for share in _WINDOWS:
            window = min(max(share * span, least), room) * 1.000001
            if window <= asked:
                continue
            asked = window
            if found is None:
                newest = step > last - window
                found = _velocity(step, value, newest, "min", window, per_epoch)
                if found is None:
                    continue
            else:
                wider = _wider(step, value, window, per_epoch, found)
                if wider is None:
                    continue
                found = wider
            used = window
            if found.low * found.high > 0:
                break
        return found, used

    def _room(self, results: Results, least: float) -> float:
        """Return the steps since the newest drop of the learning rate that lies so far back."""
        last = float(self._course.step[-1])
        after = [last - drop.step for drop in results.of(LearningRateAnalyzer).drops]
        return next((back for back in reversed(after) if back > least), math.inf)

    def _bend(self, results: Results) -> float:
        """Return how fast the fall of the loss dies away, from two stretches of equal length.

        Both lie after the newest drop of the rate: across one, the pace says nothing of what
        follows. While they hold too few points, a logarithm is as good a guess as any.
        """
        step, value = self._course.step, self._course.value
        first, last = float(step[0]), float(step[-1])
        window = min(_WINDOWS[-1] * (last - first), self._room(results, 0.0))
        middle = last - window / 2.0
        older = (step > last - window) & (step <= middle)
        newer = step > middle
        if min(np.count_nonzero(older), np.count_nonzero(newer)) < _FEWEST // 2:
            return 1.0
        one, two = (theil_sen(step[part], value[part]) for part in (older, newer))
        errors = (one.high - one.low) / _WIDTH_95, (two.high - two.low) / _WIDTH_95
        done = last - first
        at = done - 0.75 * window, done - 0.25 * window
        return bend((-one.slope, -two.slope), errors, at)

    def _follow_metric(self, run: Run, main: MainMetric) -> None:
        if main.name is None or main.n < _FEWEST_EVALS:
            self._now = replace(self._now, metric=None)
            return
        series = judged_series(run, main.name)
        step, value = series.step.astype(np.float64), series.value
        count = min(max(_LEAST_EVALS, math.ceil(_EVAL_WINDOW * len(value))), len(value))
        window = max(float(step[-1] - step[-count]) * 1.000001, 1e-9)
        per_epoch, gaps = epoch_or_stand_in(run)
        newest = np.arange(len(value)) >= len(value) - count
        moved = _velocity(step, value, newest, main.direction, window, per_epoch)
        kept = tuple(gap for gap in self._now.not_judged if gap not in gaps)
        self._now = replace(self._now, metric=moved, not_judged=(*kept, *gaps))


ANALYZER = TrendAnalyzer

_POINTS = 160
_FEWEST = 8
_LEAST_ROWS = 30
_WINDOWS = (0.1, 0.2, 0.35, 0.5)
_ENDS = 5
_THINNED = 40
_STRICT = 0.99
_WIDTH_95 = 3.92  # of an interval, in standard errors
_NOISE_ROWS = 200
_NOISE_POINTS = 40
_FEWEST_EVALS = 4
_LEAST_EVALS = 5
_EVAL_WINDOW = 0.25
_SHARE_OF_PLAN = 0.05
# Who knows no plan expects a run to last about as long again, and three times that at most.
_SHARE_WITHOUT_PLAN = 0.25
_REACH = 3.0


def epoch_or_stand_in(run: Run) -> tuple[float, tuple[NotJudged, ...]]:
    """Return the steps of an epoch, or a hundredth of the plan where epochs are unknown."""
    per_epoch = epoch_length(run.train_log, run.steps_per_epoch)
    if per_epoch is not None:
        return per_epoch, ()
    per_epoch = epoch_length(run.eval_log, None)
    if per_epoch is not None:
        return per_epoch, ()
    length = (run.planned_steps or max(run.last_step, 1)) / 100.0
    why = "the log does not tell how long an epoch is; a hundredth of the run stands for it"
    return max(length, 1e-9), (NotJudged("velocity per epoch", why),)


def share_length(run: Run, done: float) -> float:
    """Return the steps over which the share of progress is taken, for a run that did so many."""
    planned = run.planned_steps
    return _SHARE_OF_PLAN * planned if planned else _SHARE_WITHOUT_PLAN * done


def _velocity(
    step: Floats,
    value: Floats,
    newest: NDArray[np.bool_],
    direction: Direction,
    window: float,
    per_epoch: float,
) -> Velocity | None:
    """Return the velocity of the newest points on the scale of the whole curve."""
    if np.count_nonzero(newest) < _FEWEST_EVALS:
        return None
    found = velocity(step, value, direction=direction, window=window, steps_per_epoch=per_epoch)
    return None if math.isnan(found.per_epoch_pct) else found


def _wider(
    step: Floats, value: Floats, window: float, per_epoch: float, narrower: Velocity
) -> Velocity | None:
    """Return the velocity over a wider window; None if its newer half turned."""
    newest = step > step[-1] - window
    scale = narrower.scale
    level = median(value[newest]) if math.isfinite(narrower.level) else math.nan
    course = thin(step[newest], value[newest], _THINNED)
    whole = theil_sen(course.x, course.y, _STRICT)
    if math.isnan(whole.slope) or scale <= 0:
        return None
    half = theil_sen(course.x[len(course.x) // 2 :], course.y[len(course.y) // 2 :])
    if whole.low * whole.high > 0 and half.slope * whole.slope <= 0:
        return None
    low, slope, high = sorted(
        -100.0 * per_epoch * rate / scale for rate in (whole.low, whole.slope, whole.high)
    )
    return Velocity(slope, low, high, int(newest.sum()), scale, level)


def _ahead_pct(
    run: Run, step: Floats, speed: Velocity, per_epoch: float, window: float, power: float
) -> float:
    """Return the fall to come, from a velocity that was measured over a window."""
    first, now = float(step[0]), float(step[-1])
    done = max(now - first, 1e-9)
    planned = run.planned_steps
    left = done if planned is None else planned - now
    left = min(max(left, 0.1 * done), _REACH * done)
    # The pace was seen in the middle of the window; by now it has died away somewhat.
    faded = (max(done - window / 2.0, 1e-9) / done) ** power / per_epoch
    near = min(left, window / 2.0)
    soon = fall_ahead(speed.per_epoch_pct * faded, done, done + near, power)
    # Far beyond the window that showed it, only what is certain of a pace counts.
    later = fall_ahead(max(speed.low, 0.0) * faded, done, done + left, power)
    return max(soon, later)


def _epoch_velocity(stairs: Staircase, value: Floats) -> Velocity:
    """Return the velocity from epoch to epoch of a loss that goes down in steps."""
    level = float(stairs.levels[-1])
    scale = level if level > 0 else max(float(np.ptp(stairs.levels)), 1e-300)
    fall = 100.0 * float(stairs.levels[-2] - stairs.levels[-1]) / scale
    # Two standard errors of the difference of two levels.
    error = 100.0 * 2.0 * math.sqrt(2.0) * stairs.level_error / scale
    measure = level if level > 0 and float(value.min()) > 0 else math.nan
    return Velocity(fall, fall - error, fall + error, len(stairs.levels), scale, measure)


def _epoch_bend(stairs: Staircase, done: float, per_epoch: float) -> float:
    """Return how fast the steps of a loss shrink."""
    falls = -np.diff(stairs.levels)
    if len(falls) < 2:
        return 1.0
    error = math.sqrt(2.0) * stairs.level_error
    at = done - per_epoch
    rates = float(falls[-2]), float(falls[-1])
    return bend(rates, (error, error), (at - per_epoch, at))


def _recent_share(run: Run, step: Floats, value: Floats, start: float) -> tuple[float, float]:
    """Share of the loss's progress that the newest part of the run brought, and its error."""
    length = share_length(run, float(step[-1] - step[0]))
    last = float(step[-1])
    if float(step[0]) > last - length:
        return 1.0, 0.0
    width = max(length / 4.0, 1e-9)
    now = value[step > last - width]
    now = value[-_ENDS:] if len(now) < _ENDS else now
    at = last - length
    before = value[(step > at - width) & (step <= at)]
    if len(before) < _ENDS:
        place = int(np.searchsorted(step, at, side="right"))
        before = value[max(place - _ENDS, 0) : max(place, 1)]
    level = median(now)
    top = max(start, quantiles(value, (0.98,))[0])
    progress = top - level
    if progress <= 0:
        return 0.0, 0.0
    noise = difference_noise(value[-_NOISE_POINTS:])
    # A median is 1.25 times as uncertain as a mean.
    error = 2.5 * noise * math.sqrt(1.0 / len(now) + 1.0 / len(before)) / progress
    share = float(min(max((median(before) - level) / progress, 0.0), 1.0))
    return share, error if math.isfinite(error) else 0.0
