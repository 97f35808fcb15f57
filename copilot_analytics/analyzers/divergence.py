"""Losses that are not finite, explode, spike or creep upwards."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from copilot_analytics.analyzers._base import Analyzer, Options, Results
from copilot_analytics.analyzers._course import Course, Recent, recent, total_loss
from copilot_analytics.analyzers._losses import need_not_fall
from copilot_analytics.analyzers._slow_rise import SlowRise, slow_rise
from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.findings import NotJudged
from copilot_analytics.stats.spikes import (
    FEWEST,
    Baseline,
    exploded,
    find_spikes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from copilot_analytics.columns import Table
    from copilot_analytics.events import Event
    from copilot_analytics.records import Floats, Ints, Record
    from copilot_analytics.run import Run


@dataclass(frozen=True, slots=True)
class Spike:
    """A spike of the training loss.

    Parameters
    ----------
    step, line
        Its highest point.
    peak, baseline
        The loss there, and its level before.
    recovered
        Whether the loss came back; None while that is open.
    """

    step: int
    line: int
    peak: float
    baseline: float
    recovered: bool | None


@dataclass(frozen=True, slots=True)
class Divergence:
    """Health of the training loss.

    Parameters
    ----------
    state
        ``nan`` (not finite now), ``exploded``, ``rising`` (slow divergence), ``masked`` (exact
        zeros that look like a filtered NaN) or ``healthy``.
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
    before
        Level before an explosion; None otherwise.
    components
        Loss components that are not finite, or stuck at exactly zero, with the step since when.
    """

    state: Literal["healthy", "nan", "exploded", "rising", "masked"] = "healthy"
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
    before: float | None = None
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
        self._not_finite = 0
        self._recovered = False
        self._bad_since: tuple[int, int, int | None] | None = None
        self._finite_run = 0
        self._zeros = 0
        self._zeros_since: tuple[int, int] | None = None
        self._grad_nans = 0
        self._exploded: _Exploded | None = None
        self._excused: _Exploded | None = None
        self._risen: SlowRise | None = None
        self._spikes: list[Spike] = []
        self._open: list[_OpenSpike] = []
        self._parts: dict[str, tuple[str, int]] = {}
        self._part_zeros: dict[str, tuple[int, int, bool]] = {}
        self._bound = math.inf
        self._spike_bound = math.inf
        self._first_level = math.nan
        self._course = Course(60)
        self._excuse: tuple[NotJudged, ...] = ()

    def look(self, run: Run, results: Results, record: Record) -> Iterable[Event]:
        """Look at the run as it stands after `record`."""
        log = run.train_log
        column = total_loss(log)
        if column is None:
            why = "the log has no training loss"
            gap = (NotJudged("divergence", why),) if len(run.eval_log) or len(log) else ()
            self._now = Divergence(not_judged=gap)
            self._rows = len(log)
            return ()
        fresh = len(log) > self._rows
        if fresh:
            if int(log.segment[-1]) != self._segment:
                self._begin_segment(run)
            self._follow(run, column)
            self._follow_parts(run, column)
            self._find_jumps(run, results, column)
        if fresh or record.kind == "eval":
            self._judge_slow_rise(run, results)
        self._rows = len(log)
        self._now = self._state(run, column)
        return ()

    def result(self) -> Divergence:
        """Return the answer as of the last look."""
        return self._now

    def watch(self) -> Mapping[str, float]:
        """Return the level above which the loss may be exploding."""
        if not math.isfinite(self._bound):
            return {}
        return {self._now.column: self._bound}

    def _begin_segment(self, run: Run) -> None:
        """Take a resume as a new chance: what went wrong before was rolled back."""
        log = run.train_log
        self._segment = int(log.segment[-1])
        self._segment_row = int(np.argmax(log.segment == self._segment))
        again_from = int(log.step[self._segment_row])
        if self._bad_since is not None:
            self._recovered = True
        self._bad_since, self._finite_run = None, 0
        self._zeros, self._zeros_since, self._grad_nans = 0, None, 0
        self._exploded, self._excused, self._risen = None, None, None
        self._open = []
        self._spikes = [spike for spike in self._spikes if spike.step < again_from]
        self._bound = self._spike_bound = math.inf

    def _follow(self, run: Run, column: str) -> None:
        """Note non-finite losses and exact zeros among the new rows."""
        log = run.train_log
        self._course.take(log, column)
        first = max(self._rows, 0)
        new = recent(log, column, first)
        if not len(new.row):
            return
        bad = ~np.isfinite(new.value)
        self._not_finite += int(bad.sum())
        current = new.row >= self._segment_row
        bad_rows = np.flatnonzero(bad & current)
        if len(bad_rows):
            goes_on = self._bad_since is not None and self._finite_run + bad_rows[0] < _FINITE_AGAIN
            # A stretch ends only after some finite losses in a row.
            starts = bad_rows[1:][np.diff(bad_rows) > _FINITE_AGAIN].tolist()
            if not goes_on:
                starts = [int(bad_rows[0]), *starts]
            if starts:
                self._recovered = self._recovered or self._bad_since is not None or len(starts) > 1
                self._note_bad(run, column, int(new.row[starts[-1]]))
            self._finite_run = len(bad) - 1 - int(bad_rows[-1])
        else:
            self._finite_run += len(bad)
        if self._bad_since is not None and self._finite_run >= _FINITE_AGAIN:
            self._bad_since, self._recovered = None, True
        self._follow_zeros(run, new, column)
        if "grad_norm" in log.metric_names:
            grad = recent(log, "grad_norm", first).value
            good = np.flatnonzero(~np.isnan(grad))
            self._grad_nans = (
                self._grad_nans + len(grad) if not len(good) else len(grad) - 1 - int(good[-1])
            )

    def _note_bad(self, run: Run, column: str, row: int) -> None:
        log = run.train_log
        before = recent(log, column, max(row - 50, 0))
        good = before.step[(before.row < row) & np.isfinite(before.value)]
        last_good = int(good[-1]) if len(good) else None
        self._bad_since = (int(log.step[row]), int(log.line[row]), last_good)

    def _follow_zeros(self, run: Run, new: Recent, column: str) -> None:
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
            start_level = self._course.value[0] if len(self._course) else 0.0
            # A loss that sinks to zero is small before it is printed as zero.
            if usual > 0.02 * abs(float(start_level)):
                self._zeros_since = (int(new.step[start]), int(new.line[start]))
        self._zeros += run_length

    def _follow_parts(self, run: Run, column: str) -> None:
        log = run.train_log
        for name in log.metric_names:
            if name == column or "loss" not in name.lower():
                continue
            value, step = _rows_of(log, name, self._rows)
            if not len(value):
                continue
            if not math.isfinite(value[-1]):
                bad = np.flatnonzero(np.isfinite(value))
                since = int(step[int(bad[-1]) + 1]) if len(bad) else int(step[0])
                self._parts.setdefault(name, ("nan", since))
            elif self._parts.get(name, ("", 0))[0] == "nan":
                del self._parts[name]
            self._follow_part_zeros(name, value, step)

    def _follow_part_zeros(self, name: str, value: Floats, step: Ints) -> None:
        count, since, was_positive = self._part_zeros.get(name, (0, 0, False))
        other = np.flatnonzero(value != 0.0)
        if len(other):
            start = int(other[-1]) + 1
            count, since = len(value) - start, int(step[start]) if start < len(step) else 0
            was_positive = True
            if self._parts.get(name, ("", 0))[0] == "zero":
                del self._parts[name]
        else:
            since = since if count else int(step[0])
            count += len(value)
        self._part_zeros[name] = (count, since, was_positive)
        if count >= _ZERO_PART and was_positive:
            self._parts.setdefault(name, ("zero", since))

    def _find_jumps(self, run: Run, results: Results, column: str) -> None:
        """Find spikes and explosions among the new rows, and follow those that are open."""
        log = run.train_log
        if log.segment[self._rows] != log.segment[-1]:
            first = self._segment_row
        else:
            first = max(self._rows - _WINDOW - _MARGIN, self._segment_row)
        tail = recent(log, column, first)
        fresh = tail.row >= self._rows
        new = tail.value[fresh]
        if not len(new):
            return
        if not math.isfinite(self._first_level) and len(self._course):
            self._first_level = float(self._course.value[0])
        self._close_spikes(run, tail)
        large = bool(np.any(~(new <= self._spike_bound)))
        if large or len(new) > _WINDOW:
            self._collect_spikes(run, results, tail)
        if self._exploded is not None:
            self._follow_explosion(tail)
        elif self._excused is not None:
            self._review_excused(run, results, tail)
        elif len(new) > _WINDOW or bool(np.any(~(tail.value[-_MARGIN:] <= self._bound))):
            self._find_explosion(run, results, tail)
        self._renew_bounds(tail)

    def _renew_bounds(self, tail: Recent) -> None:
        value = tail.value[np.isfinite(tail.value)]
        if len(value) < _SHORTEST:
            self._bound = self._spike_bound = math.inf
            return
        if self._exploded is not None or self._excused is not None:
            return
        base = Baseline.of(value, _WINDOW, _SPIKE_Z)
        self._spike_bound = base.bound
        wide = base.median + _EXPLOSION_Z * base.sigma
        self._bound = max(wide, 2.0 * float(np.mean(value[-_WINDOW:])))
        if base.n < FEWEST:
            self._spike_bound = math.inf
            low = float(value.min())
            self._bound = _SHORT_GROWTH * low if low > 0 else math.inf

    def _exempt(self, run: Run, results: Results, step: int, times: float = 1.0) -> bool:
        """Tell whether losses may jump at a step: the start, a warm-up, a change of the rate.

        `times` is how many times its level before the loss stands at: no drop of the rate
        explains many times.
        """
        rate = results.of(LearningRateAnalyzer)
        planned = run.planned_steps
        length = planned or run.last_step
        first = int(run.train_log.step[0])
        if step - first < _EARLY * length:
            return True
        if rate.warming_up:
            return True
        near = _NEAR * length
        small = times < _BEYOND_EXCUSE
        if small and any(abs(step - drop.step) <= near for drop in rate.drops):
            return True
        resumed = int(run.train_log.step[self._segment_row]) if self._segment else None
        return resumed is not None and 0 <= step - resumed <= near

    def _collect_spikes(self, run: Run, results: Results, tail: Recent) -> None:
        places = find_spikes(tail.value, _WINDOW, _SPIKE_Z)
        places = places[tail.row[places] >= self._rows]
        if not len(places):
            return
        groups = np.split(places, np.flatnonzero(np.diff(places) > 3) + 1)
        for group in groups[-_MOST_SPIKES:]:
            top = int(group[np.argmax(tail.value[group])])
            base = Baseline.of(tail.value[: int(group[0])], _WINDOW, _SPIKE_Z)
            row, peak = int(tail.row[top]), float(tail.value[top])
            if self._exempt(run, results, int(tail.step[top]), _times(peak, base.median)):
                continue
            if self._open and row - self._open[-1].row <= 3:
                old = self._open[-1]
                if peak > old.spike.peak:
                    risen = replace(
                        old.spike, step=int(tail.step[top]), line=int(tail.line[top]), peak=peak
                    )
                    self._replace_spike(old.spike, risen)
                    self._open[-1] = replace(old, spike=risen, row=row)
                continue
            spike = Spike(int(tail.step[top]), int(tail.line[top]), peak, base.median, None)
            self._spikes.append(spike)
            del self._spikes[:-_MOST_SPIKES]
            self._open.append(_OpenSpike(spike, row, base.median + 3.0 * base.sigma))
        self._close_spikes(run, tail)

    def _close_spikes(self, run: Run, tail: Recent) -> None:
        still = []
        for item in self._open:
            after = tail.value[tail.row > item.row]
            patience = max(_LEAST_PATIENCE, int(0.01 * len(run.train_log)))
            back: bool | None = None
            if len(after) >= 3:
                middle = np.median(np.lib.stride_tricks.sliding_window_view(after, 3), axis=1)
                if bool(np.any(middle <= item.level)):
                    back = True
            if back is None and len(run.train_log) - item.row > patience:
                back = False
            if back is None:
                still.append(item)
            else:
                self._replace_spike(item.spike, replace(item.spike, recovered=back))
        self._open = still[-_MOST_SPIKES:]

    def _replace_spike(self, old: Spike, new: Spike) -> None:
        self._spikes = [new if spike is old or spike == old else spike for spike in self._spikes]

    def _find_explosion(self, run: Run, results: Results, tail: Recent) -> None:
        # What lies below zero may still explode, by many times its noise.
        if need_not_fall(run.train_log.metric_names, _POSITIVE) is not None:
            return
        at = exploded(tail.value, _WINDOW, _RUN, 2.0, _EXPLOSION_Z)
        certain = at is None
        if at is None:
            at = _grown(tail.value)
            if at is None:
                return
        before = tail.value[:at][np.isfinite(tail.value[:at])][-_WINDOW:]
        after = tail.value[at:]
        usual, level = float(np.median(before)), float(np.median(after[-_RUN:]))
        # Where the loss never fell, it may have to rise first: then twice is not much.
        made_progress = usual < 0.9 * self._first_level or float(before.min()) <= 0
        factor = 2.0 if made_progress else _RISE_FROM_START
        if usual > 0 and level < factor * usual:
            return
        good = tail.step[:at]
        last_good = int(good[-1]) if len(good) else None
        base = Baseline.of(before, _WINDOW, 3.0)
        found = _Exploded(
            int(tail.step[at]),
            int(tail.line[at]),
            int(tail.row[at]),
            last_good,
            base.bound,
            max(factor * usual, self._bound if math.isfinite(self._bound) else 0.0),
            usual,
        )
        if certain or not self._exempt(run, results, found.step, _times(level, usual)):
            self._exploded = found
        else:
            self._excused = found

    def _review_excused(self, run: Run, results: Results, tail: Recent) -> None:
        """Look again at a jump that had an excuse, once the excuse has run out."""
        gone = self._excused
        newest = tail.value[-_RUN:]
        if gone is None or len(newest) < _RUN:
            return
        back = bool(np.all(newest <= gone.back))
        if not back and self._exempt(run, results, int(tail.step[-1])):
            return
        self._excused = None
        # A loss may settle somewhat higher after a warm-up; many times higher it is lost.
        limit = max(gone.threshold, _BEYOND_EXCUSE * gone.usual)
        if not back and float(np.min(newest)) > limit:
            self._exploded = gone

    def _follow_explosion(self, tail: Recent) -> None:
        gone = self._exploded
        if gone is None:
            return
        newest = tail.value[tail.row > gone.row][-_RUN:]
        if len(newest) == _RUN and bool(np.all(newest <= gone.back)):
            self._exploded = None

    def _judge_slow_rise(self, run: Run, results: Results) -> None:
        value = self._course.value
        excuse = need_not_fall(run.train_log.metric_names, value)
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

    def _state(self, run: Run, column: str) -> Divergence:
        spikes = tuple(self._spikes)
        parts = tuple((name, what, step) for name, (what, step) in sorted(self._parts.items()))
        general = Divergence(
            column=column,
            not_finite=self._not_finite,
            recovered_nan=self._recovered and self._bad_since is None,
            spikes=spikes,
            components=parts,
            not_judged=self._excuse,
        )
        if self._bad_since is not None:
            step, line, good = self._bad_since
            newest = recent(run.train_log, column, len(run.train_log) - 50).value
            level = float(newest[~np.isfinite(newest)][-1])
            return replace(
                general,
                state="nan",
                since_step=step,
                since_line=line,
                last_good_step=good,
                level=level,
            )
        if self._zeros >= _ZEROS and self._zeros_since is not None:
            step, line = self._zeros_since
            return replace(
                general,
                state="masked",
                since_step=step,
                since_line=line,
                last_good_step=_step_before(run, step),
                level=0.0,
            )
        if self._grad_nans >= _ZEROS:
            rows = recent(run.train_log, "grad_norm", len(run.train_log) - self._grad_nans)
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
        if self._exploded is not None:
            gone = self._exploded
            newest = recent(run.train_log, column, len(run.train_log) - 50).value[-_RUN:]
            return replace(
                general,
                state="exploded",
                since_step=gone.step,
                since_line=gone.line,
                last_good_step=gone.last_good,
                level=float(np.median(newest)),
                threshold=gone.threshold,
                before=gone.usual if math.isfinite(gone.usual) else None,
            )
        risen = self._risen
        if risen is None:
            return general
        # Evaluations use averaged weights or other data, so they notice late what is lost.
        lost = not risen.despite_evals or risen.now > _BEYOND_EXCUSE * max(risen.best, 0.0)
        return replace(
            general,
            state="rising" if lost else "healthy",
            climbs=True,
            despite_evals=risen.despite_evals,
            since_step=risen.step,
            since_line=risen.line,
            last_good_step=risen.step,
            level=risen.now,
            threshold=risen.best,
        )


ANALYZER = DivergenceAnalyzer

_FINITE_AGAIN = 3
_ZEROS = 5
_ZERO_PART = 50
_WINDOW = 100
_MARGIN = 12
_SHORTEST = 3
_SPIKE_Z = 6.0
_EXPLOSION_Z = 10.0
_RUN = 5
_SHORT_GROWTH = 100.0
_RISE_FROM_START = 30.0
_EARLY = 0.02
_NEAR = 0.01
_BEYOND_EXCUSE = 10.0
_LEAST_PATIENCE = 10
_MOST_SPIKES = 50
_POSITIVE = np.ones(1)


@dataclass(frozen=True, slots=True)
class _OpenSpike:
    spike: Spike
    row: int
    level: float


@dataclass(frozen=True, slots=True)
class _Exploded:
    step: int
    line: int
    row: int
    last_good: int | None
    back: float
    threshold: float
    usual: float


def _times(value: float, level: float) -> float:
    """Return how many times a level a value is; 1 where that means nothing."""
    return value / level if level > 0 else 1.0


def _rows_of(log: Table, name: str, first: int) -> tuple[Floats, Ints]:
    logged = log.was_logged(name)[first:]
    value, step = log.column(name)[first:], log.step[first:]
    return (value, step) if logged.all() else (value[logged], step[logged])


def _step_before(run: Run, step: int) -> int | None:
    steps = run.train_log.step
    earlier = steps[steps < step]
    return int(earlier[-1]) if len(earlier) else None


def _grown(value: Floats) -> int | None:
    """Find growth beyond a hundred times the least loss in a history too short for a baseline."""
    points = np.where(np.isposinf(value), 1e300, value)
    if not 3 < len(points) <= FEWEST + _RUN or np.isnan(points).any() or points.min() <= 0:
        return None
    least = np.minimum.accumulate(points)
    over = points[1:] > _SHORT_GROWTH * least[:-1]
    if len(over) < 3 or not bool(over[-3:].all()):
        return None
    below = np.flatnonzero(~over)
    return int(below[-1]) + 2 if len(below) else 1
