"""Losses that are not finite, explode, spike or creep upwards."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from copilot_analytics.analyzers._base import Analyzer, Options, Results
from copilot_analytics.analyzers._course import Course, recent, total_loss
from copilot_analytics.analyzers._loss_explosion import RUN, LossExplosion
from copilot_analytics.analyzers._loss_not_finite import NonFiniteLoss
from copilot_analytics.analyzers._loss_parts import LossParts
from copilot_analytics.analyzers._loss_spikes import SPIKE_Z, LossSpikes, Spike
from copilot_analytics.analyzers._loss_tail import BEYOND_EXCUSE, WINDOW, LossTail
from copilot_analytics.analyzers._losses import names_of_losses, need_not_fall
from copilot_analytics.analyzers._metric_collapse import (
    Collapse,
    collapse,
    got_better_since,
    loss_is_lost_too,
)
from copilot_analytics.analyzers._slow_rise import SlowRise, slow_rise
from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.analyzers.metric import MainMetric, MetricAnalyzer
from copilot_analytics.findings import NotJudged
from copilot_analytics.stats.spikes import Baseline

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from copilot_analytics.events import Event
    from copilot_analytics.records import Floats, Record
    from copilot_analytics.run import Run


@dataclass(frozen=True, slots=True)
class Divergence:
    """Health of the training loss.

    Parameters
    ----------
    state
        ``nan`` (not finite now), ``exploded``, ``rising`` (slow divergence), ``masked`` (exact
        zeros that look like a filtered NaN), ``collapsed`` (the metric lost most of what was
        gained at once, and the training loss too where there is one) or ``healthy``.
    column
        The metric that shows it.
    climbs
        Whether the loss rises from its best level; with the state ``healthy``, evaluations that
        still improve are the excuse for it.
    despite_evals
        Whether the evaluations improve although the loss climbs.
    since_step, since_line
        Where it began; None while all is well.
    last_good_step
        Last step before it, for choosing a checkpoint.
    not_finite
        Records with a non-finite loss so far, of all training records.
    recovered_nan
        Whether the loss was not finite for a while and is finite again.
    spikes
        Spikes so far, the newest last; at most the last 50.
    level, threshold
        What was compared, for the evidence.
    averaged
        Of how many values `level` and `threshold` are means, with ``rising``.
    before
        Level before an explosion or a collapse; None otherwise.
    peak
        Highest loss since an explosion began; None otherwise.
    components
        Loss components that are not finite, or stuck at exactly zero, with the step since when.
    """

    state: Literal["healthy", "nan", "exploded", "rising", "masked", "collapsed"] = "healthy"
    column: str = "loss"
    climbs: bool = False
    despite_evals: bool = False
    since_step: int | None = None
    since_line: int | None = None
    last_good_step: int | None = None
    not_finite: int = 0
    recovered_nan: bool = False
    spikes: tuple[Spike, ...] = ()
    level: float | None = None
    threshold: float | None = None
    averaged: int = 1
    before: float | None = None
    peak: float | None = None
    components: tuple[tuple[str, str, int], ...] = ()
    not_judged: tuple[NotJudged, ...] = ()


class DivergenceAnalyzer(Analyzer[Divergence]):
    """Watches the training losses.

    Examples
    --------
    >>> from copilot_analytics import Record, Run
    >>> run = Run.from_records([Record("train", step=10, metrics={"loss": math.nan}, line=3)])
    >>> found = DivergenceAnalyzer.of(run)
    >>> found.state, found.since_line
    ('nan', 3)
    """

    name: ClassVar[str] = "divergence"
    needs = (LearningRateAnalyzer, MetricAnalyzer)

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options)
        self._now = Divergence()
        self._rows = 0
        self._segment = 0
        self._segment_row = 0
        self._non_finite = NonFiniteLoss()
        self._parts = LossParts()
        self._spikes = LossSpikes()
        self._explosion = LossExplosion()
        self._risen: SlowRise | None = None
        self._collapse: Collapse | None = None
        self._course = Course(60)
        self._excuse: tuple[NotJudged, ...] = ()

    def look(self, run: Run, results: Results, record: Record) -> Iterable[Event]:
        """Look at the run as it stands after `record`."""
        log = run.train_log
        column = total_loss(log)
        if record.kind == "eval":
            self._judge_collapse(run, results, column)
        if column is None:
            why = "the log has no training loss"
            gap = (NotJudged("divergence", why),) if len(run.eval_log) or len(log) else ()
            self._now = self._collapsed(run, results, Divergence(not_judged=gap))
            self._rows = len(log)
            return ()
        fresh = len(log) > self._rows
        if fresh:
            if int(log.segment[-1]) != self._segment:
                self._begin_segment(run)
            self._course.take(log, column)
            start = self._course.value[0] if len(self._course) else 0.0
            self._non_finite.follow(run, column, self._rows, self._segment_row, float(start))
            self._parts.follow(log, column, self._rows)
            self._find_jumps(run, results, column)
        if fresh or record.kind == "eval":
            self._judge_slow_rise(run, results)
        self._rows = len(log)
        self._now = self._state(run, column, results.of(MetricAnalyzer))
        if self._now.state == "healthy":
            self._now = self._collapsed(run, results, self._now)
        return ()

    def result(self) -> Divergence:
        """Return the answer as of the last look."""
        return self._now

    def watch(self) -> Mapping[str, float]:
        """Return the level above which the loss may be exploding."""
        bound = self._explosion.watched
        return {self._now.column: bound} if math.isfinite(bound) else {}

    def _begin_segment(self, run: Run) -> None:
        """Take a resume as a new chance: what went wrong before was rolled back."""
        log = run.train_log
        self._segment = int(log.segment[-1])
        self._segment_row = int(np.argmax(log.segment == self._segment))
        self._non_finite.begin_segment()
        self._explosion.begin_segment()
        self._spikes.begin_segment(int(log.step[self._segment_row]))
        self._risen = None

    def _find_jumps(self, run: Run, results: Results, column: str) -> None:
        """Find spikes and explosions among the new rows, and follow those that are open."""
        tail = LossTail.of(
            run, results, column, first_new=self._rows, segment_row=self._segment_row
        )
        if not np.any(tail.rows.row >= self._rows):
            return
        if not math.isfinite(self._explosion.first_level) and len(self._course):
            self._explosion.first_level = float(self._course.value[0])
        self._spikes.look(tail)
        self._explosion.look(tail)
        self._renew_bounds(tail.rows.value)

    def _renew_bounds(self, value: Floats) -> None:
        value = value[np.isfinite(value)]
        if len(value) < _SHORTEST:
            self._spikes.bound = self._explosion.bound = math.inf
        elif not self._explosion.pending:
            base = Baseline.of(value, WINDOW, SPIKE_Z)
            self._spikes.renew_bound(base)
            self._explosion.renew_bound(value, base)

    def _judge_slow_rise(self, run: Run, results: Results) -> None:
        value = self._course.value
        excuse = need_not_fall(names_of_losses(run), value)
        self._excuse = () if excuse is None else (excuse,)
        found = None
        if excuse is None:
            began = self._risen
            found = slow_rise(
                run, results, self._course, self._segment_row, already=began is not None
            )
            if began is not None and found is not None:
                found = found._replace(step=began.step, line=began.line)
        self._risen = found

    def _judge_collapse(self, run: Run, results: Results, column: str | None) -> None:
        """Find a metric that is lost together with the loss, or where no loss could deny it."""
        found = collapse(run, results.of(MetricAnalyzer))
        if found is not None and not found.sudden:
            found = None
        if found is not None and column is not None and not self._excuse:
            shown = loss_is_lost_too(run, column, found.good_step)
            found = found if shown else None
        self._collapse = found

    def _collapsed(self, run: Run, results: Results, general: Divergence) -> Divergence:
        found, name = self._collapse, results.of(MetricAnalyzer).name
        if found is None or name is None:
            return general
        return replace(
            general,
            state="collapsed",
            column=name,
            since_step=found.since_step,
            since_line=found.since_line,
            last_good_step=found.good_step,
            level=found.now,
            threshold=found.level,
            averaged=found.averaged,
            before=found.best,
        )

    def _state(self, run: Run, column: str, main: MainMetric) -> Divergence:
        broken = self._non_finite
        general = Divergence(
            column=column,
            not_finite=broken.not_finite,
            recovered_nan=broken.recovered and broken.now is None,
            spikes=tuple(self._spikes.found),
            components=self._parts.found,
            not_judged=self._excuse,
        )
        if broken.now is not None:
            return replace(
                general,
                state="nan",
                since_step=broken.now.step,
                since_line=broken.now.line,
                last_good_step=broken.now.last_good,
                level=broken.level,
            )
        if broken.zeros_since is not None:
            step, line = broken.zeros_since
            return replace(
                general,
                state="masked",
                since_step=step,
                since_line=line,
                last_good_step=_step_before(run, step),
                level=0.0,
            )
        if broken.grad_nans:
            rows = recent(run.train_log, "grad_norm", len(run.train_log) - broken.grad_nans)
            step = int(rows.step[0]) if len(rows.step) else run.last_step
            line = int(rows.line[0]) if len(rows.line) else 0
            return replace(
                general,
                state="masked",
                column="grad_norm",
                since_step=step,
                since_line=line,
                last_good_step=_step_before(run, step),
                level=math.nan,
            )
        gone = self._explosion.now
        if gone is not None:
            first = max(gone.row, len(run.train_log) - _MOST_SINCE)
            since = recent(run.train_log, column, first).value
            # Evaluations use averaged weights or other data, so they notice late what is lost.
            near = float(np.median(since)) <= BEYOND_EXCUSE * gone.usual
            if near and got_better_since(run, main, gone.step):
                return replace(
                    general,
                    climbs=True,
                    despite_evals=True,
                    since_step=gone.step,
                    since_line=gone.line,
                    last_good_step=gone.last_good,
                    level=float(np.mean(since)),
                    threshold=gone.usual,
                    averaged=len(since),
                )
            return replace(
                general,
                state="exploded",
                since_step=gone.step,
                since_line=gone.line,
                last_good_step=self._last_good(gone.last_good),
                level=float(np.median(since[-RUN:])),
                threshold=gone.threshold,
                before=gone.usual if math.isfinite(gone.usual) else None,
                peak=max([gone.peak, *since[np.isfinite(since)].tolist()]),
            )
        risen = self._risen
        if risen is None:
            return general
        # Evaluations use averaged weights or other data, so they notice late what is lost.
        lost = not risen.despite_evals or risen.now > BEYOND_EXCUSE * max(risen.best, 0.0)
        return replace(
            general,
            state="rising" if lost else "healthy",
            climbs=True,
            despite_evals=risen.despite_evals,
            since_step=risen.step,
            since_line=risen.line,
            last_good_step=self._last_good(risen.step) if lost else risen.step,
            level=risen.now,
            threshold=risen.best,
            averaged=risen.averaged,
        )

    def _last_good(self, step: int | None) -> int | None:
        """Return the last step before all that went wrong: a jump may end what long went up."""
        risen = None if self._risen is None or self._risen.despite_evals else self._risen.step
        lost = None if self._collapse is None else self._collapse.good_step
        return min((one for one in (step, risen, lost) if one is not None), default=None)


ANALYZER = DivergenceAnalyzer

_SHORTEST = 3
_MOST_SINCE = 50


def _step_before(run: Run, step: int) -> int | None:
    steps = run.train_log.step
    earlier = steps[steps < step]
    return int(earlier[-1]) if len(earlier) else None
