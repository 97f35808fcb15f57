"""The learning rate: warming up, dropped, at its floor, and what the schedule still holds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from copilot_analytics.analyzers._base import Analyzer, Options, Results
from copilot_analytics.analyzers._course import Course, epoch_length, recent
from copilot_analytics.analyzers._lr_rise import LrRise, Stands
from copilot_analytics.analyzers._news import news
from copilot_analytics.analyzers._plan import planned_end
from copilot_analytics.analyzers._stairs import falls_in_stairs
from copilot_analytics.findings import NotJudged
from copilot_analytics.stats.restarts import next_restart
from copilot_analytics.wording import place

if TYPE_CHECKING:
    from collections.abc import Iterable

    from copilot_analytics.events import Event
    from copilot_analytics.records import Floats, Ints, Record
    from copilot_analytics.run import Run
    from copilot_analytics.schedule import Drop, Schedule, Stage


@dataclass(frozen=True, slots=True)
class LrDrop:
    """A drop that happened.

    Parameters
    ----------
    step, epoch, line
        First record with the lower rate.
    before, after
        The rates.
    """

    step: int
    epoch: float | None
    line: int
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class LearningRate:
    """The learning rate as it stands.

    Parameters
    ----------
    now, peak
        Rates; None if the log has none.
    warming_up
        Whether it still rises to its peak; None without a learning rate.
    at_floor
        Whether nothing of the schedule is left to come.
    drops
        Step-wise drops so far (by at least a third at once), restarts are not drops.
    next_drop
        The next scheduled step-wise drop; None if there is none or the schedule is unknown.
    decays_to_end
        Whether the declared or observed schedule lowers the rate smoothly until the end.
    next_restart
        Step at which the rate goes back up to begin a new cycle: as declared, or by the lengths of
        the cycles seen; None if none is known.
    schedule
        The schedule in words, empty if unknown.
    source
        Where the schedule comes from.
    raised
        The newest rise from a rate that had stood still, which is no warm-up; None if there was
        none.
    spent_since
        Step since which the rate is as good as zero beside its peak; None if it is not.
    """

    now: float | None = None
    peak: float | None = None
    warming_up: bool | None = None
    at_floor: bool = False
    drops: tuple[LrDrop, ...] = ()
    next_drop: Drop | None = None
    decays_to_end: bool = False
    schedule: str = ""
    source: Literal["config", "series", "unknown"] = "unknown"
    not_judged: tuple[NotJudged, ...] = ()
    next_restart: int | None = None
    raised: LrRise | None = None
    spent_since: int | None = None

    @property
    def still_decays(self) -> bool:
        """Whether it falls to the end of the plan and has more than a little left to fall."""
        little = bool(self.peak) and self.now is not None and self.now <= _LITTLE * (self.peak or 0)
        return self.decays_to_end and not self.at_floor and not little


class LearningRateAnalyzer(Analyzer[LearningRate]):
    """Follows the learning rate and its schedule.

    Examples
    --------
    >>> from copilot_analytics import Record, Run
    >>> rates = [0.1] * 6 + [0.01] * 2
    >>> run = Run.from_records(
    ...     Record("train", step=step, metrics={"lr": rate}) for step, rate in enumerate(rates)
    ... )
    >>> LearningRateAnalyzer.of(run).drops
    (LrDrop(step=6, epoch=None, line=0, before=0.1, after=0.01),)
    """

    name: ClassVar[str] = "learning_rate"

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options)
        self._now = LearningRate()
        self._rows = 0
        self._drops: list[LrDrop] = []
        self._peak: float | None = None
        self._peak_row = -1
        self._stair = 0.0  # how far the rate fell last, where that was no drop
        self._course = Course(64)
        self._stands = Stands()
        self._small_since: int | None = None

    def look(self, run: Run, results: Results, record: Record) -> Iterable[Event]:
        """Look at the run as it stands after `record`."""
        column = next((n for n in ("lr", "base_lr") if n in run.train_log.metric_names), None)
        found = []
        if column is not None:
            found = [_told(run, record, drop) for drop in self._scan(run, column)]
            self._course.take(run.train_log, column)
        self._rows = len(run.train_log)
        self._now = self._state(run, column)
        return found

    def result(self) -> LearningRate:
        """Return the answer as of the last look."""
        return self._now

    def _scan(self, run: Run, column: str) -> list[LrDrop]:
        """Return the drops among the rows that are new, and follow the peak."""
        log = run.train_log
        first = max(self._rows - _CONTEXT - 1, 0)
        rate = log.column(column)[first:]
        usable = np.flatnonzero(np.isfinite(rate) & (rate >= 0))
        row, rate = usable + first, rate[usable]
        fresh = row >= self._rows
        if not fresh.any():
            return []
        self._forget_rewritten(run)
        per_epoch = epoch_length(log, run.steps_per_epoch)
        self._stands.follow(run, row[fresh], rate[fresh], per_epoch)
        top = int(np.argmax(np.where(fresh, rate, -1.0)))
        if self._peak is None or rate[top] > self._peak * (1 + _SAME):
            self._peak, self._peak_row = float(rate[top]), int(row[top])
        newest = slice(int(np.argmax(fresh)), None)
        self._follow_small(log.step[row[newest]], rate[newest])
        if len(rate) < 2:
            return []
        tiny = 1e-9 * (self._peak or 1.0) + 1e-300
        change = np.diff(np.log(np.maximum(rate, tiny)))
        same_stretch = log.segment[row[1:]] == log.segment[row[:-1]]
        change = np.where(same_stretch, change, 0.0)
        found = []
        fall = np.where(same_stretch & fresh[1:], rate[:-1] - rate[1:], 0.0)
        falls = np.flatnonzero(fall > 0)
        dropped = -1
        for i in np.flatnonzero((change <= _DROP) & fresh[1:] & same_stretch).tolist():
            earlier = int(np.searchsorted(falls, i)) - 1
            stair = self._stair if earlier < 0 else float(fall[falls[earlier]])
            if earlier >= 0 and falls[earlier] == dropped:
                stair = 0.0
            if fall[i] <= _STAIR * stair:
                continue  # one more step of a smooth schedule that moves once an epoch
            before = np.abs(change[max(i - _CONTEXT, 0) : i])
            steady = min(_SMOOTH * -float(change[i]), _STEADY)
            if not len(before) or max(float(before[-1]), float(np.median(before))) > steady:
                continue  # it was falling already: the steps of a smooth decay grow near its end
            at, dropped = int(row[i + 1]), i
            epoch = float(log.epoch[at])
            found.append(
                LrDrop(
                    int(log.step[at]),
                    None if math.isnan(epoch) else epoch,
                    int(log.line[at]),
                    float(rate[i]),
                    float(rate[i + 1]),
                )
            )
        if len(falls):
            self._stair = 0.0 if falls[-1] == dropped else float(fall[falls[-1]])
        self._drops.extend(found)
        del self._drops[:-_MOST_DROPS]
        return found

    def _follow_small(self, step: Ints, rate: Floats) -> None:
        """Note since which step the rate is as good as zero."""
        high = np.flatnonzero(rate > FLOOR * (self._peak or 0.0))
        if len(high):
            self._small_since = None
        low = step[int(high[-1]) + 1 :] if len(high) else step
        if self._small_since is None and len(low):
            self._small_since = int(low[0])

    def _forget_rewritten(self, run: Run) -> None:
        log = run.train_log
        if self._rows and log.segment[self._rows - 1] != log.segment[-1]:
            self._stands.begin_segment()
            started = int(np.argmax(log.segment == log.segment[-1]))
            again_from = int(log.step[started])
            self._drops = [drop for drop in self._drops if drop.step < again_from]

    def _state(self, run: Run, column: str | None) -> LearningRate:
        schedule = run.meta.schedule
        per_epoch = epoch_length(run.train_log, run.steps_per_epoch)
        planned = run.planned_steps
        known = schedule is not None and bool(schedule.stages)
        now = None
        if column is not None:
            rates = recent(run.train_log, column, len(run.train_log) - 50).value
            now = float(rates[-1]) if len(rates) else self._now.now
        next_drop, gradual = None, None
        if schedule is not None:
            next_drop = schedule.next_drop(run.last_step, per_epoch)
            if next_drop is not None and _too_late(run, next_drop):
                next_drop = None
            gradual = schedule.gradual(planned, per_epoch)
        falls = self._falls_smoothly()
        warming = self._warms_up(run, now, per_epoch)
        due, end = self._next_restart(run, per_epoch), planned_end(run)
        last_cycle = due is not None and end is not None and due >= _ALMOST_DONE * end
        restart = None if last_cycle else due
        # A declared schedule of a shape that is not known here is judged by what the log shows.
        shaped = schedule is not None and schedule.is_known
        floor = self._at_floor(run, now, shaped, next_drop, gradual)
        decays = gradual is not None or last_cycle or (not shaped and falls)
        gaps: tuple[NotJudged, ...] = ()
        if not known and column is None:
            why = "the log has neither a learning rate nor a schedule"
            gaps = (NotJudged("learning rate", why),)
        return LearningRate(
            now=now,
            peak=self._peak,
            warming_up=warming,
            at_floor=not warming and restart is None and floor,
            drops=tuple(self._drops),
            next_drop=next_drop,
            decays_to_end=decays and restart is None,
            schedule=str(schedule) if known else "",
            source="config" if known else "series" if now is not None else "unknown",
            not_judged=gaps,
            next_restart=restart,
            raised=self._stands.rise,
            spent_since=self._small_since if self._small(now) else None,
        )

    def _next_restart(self, run: Run, per_epoch: float | None) -> int | None:
        """Return where the next cycle begins, or would."""
        schedule = run.meta.schedule
        if schedule is not None and schedule.is_known:
            return schedule.next_restart(run.last_step, per_epoch)
        due = next_restart(self._course.step, self._course.value)
        return None if due is None else round(due)

    def _warms_up(self, run: Run, now: float | None, per_epoch: float | None) -> bool | None:
        schedule, step = run.meta.schedule, run.last_step
        ends = schedule.warmup_end(per_epoch) if schedule is not None else None
        if ends is not None and schedule is not None and _in_iterations(run, schedule):
            if now is None:
                return None if step < _EPOCHS_OF_WARM_UP else False
            ends = None
        if ends is not None and (now is None or len(self._course) < 3 or self._rising(run)):
            return step < ends
        if now is None:
            return None
        if ends is not None and step >= ends:
            return False
        progress = run.progress
        early = progress is None or progress < _LATEST_WARM_UP
        stood = self._stands.rows >= max(_ROWS_OF_A_STAND, _STAND * len(run.train_log))
        return early and not stood and self._stands.rise is None and self._rising(run)

    def _rising(self, run: Run) -> bool:
        """Tell whether the rate has only risen so far, and still does."""
        rate = self._course.value
        if len(rate) < 3 or self._peak is None or self._peak <= 0 or not len(run.train_log):
            return len(rate) > 0 and len(rate) < 3 and rate[-1] > rate[0] * (1 + _SAME)
        moves = np.diff(rate)
        if np.any(moves < -_SAME * self._peak):
            return False
        rows = len(run.train_log)
        # A slow rise stands still for some rows where few digits are printed.
        patience = 2 if self._now.warming_up else 1
        back = min(max(_RISES_OVER, int(0.03 * rows)) * patience, 200)
        newest = recent(run.train_log, self._course.name, rows - back).value
        return len(newest) >= 2 and bool(newest[-1] > newest[0] * (1 + _SAME))

    def _falls_smoothly(self) -> bool:
        rate = self._course.value
        if len(rate) < 8 or self._peak is None or self._peak <= 0:
            return False
        rises = np.flatnonzero(np.diff(rate) > _SAME * self._peak)
        since = rate.size - (int(rises[-1]) + 1 if rises.size else 0)
        if since < 8:
            return False
        if falls_in_stairs(self._course.step[-since:], rate[-since:]):
            return bool(rate[-since] - rate[-1] > _LEAST_FALL * self._peak)
        rate = rate[-min(since, max(rate.size // 3, 8)) :]
        moves = np.diff(rate)
        falling = np.count_nonzero(moves < 0) >= 0.6 * len(moves)
        largest = float(-moves.min())
        total = float(rate[0] - rate[-1])
        return bool(falling and total > _LEAST_FALL * self._peak and largest < 0.5 * total)

    def _at_floor(
        self,
        run: Run,
        now: float | None,
        shaped: bool,
        next_drop: Drop | None,
        gradual: Stage | None,
    ) -> bool:
        peak = self._peak
        progress = run.progress
        if next_drop is not None:
            return False
        if shaped:
            if gradual is None:
                return not self._falls_smoothly() or self._small(now)
            done = progress is not None and progress >= _ALMOST_DONE
            if done and now is not None and now < _LOW * (peak or 0.0):
                return True
            if now is None or peak is None or gradual.final_factor is None:
                return self._small(now)
            return now <= gradual.final_factor * peak * 1.05 or self._small(now)
        if now is None:
            return False
        if self._falls_smoothly() and progress is not None and progress >= _ALMOST_DONE:
            return True
        return self._small(now)

    def _small(self, now: float | None) -> bool:
        return now is not None and bool(self._peak) and now <= FLOOR * (self._peak or 0.0)


ANALYZER = LearningRateAnalyzer

FLOOR = 0.011
"""Share of its peak at which a rate is as good as zero."""

_CONTEXT = 5
_LITTLE = 0.05
_DROP = math.log(2.0 / 3.0)
_SMOOTH = 0.2
_STEADY = 0.2
_SAME = 1e-4
_LEAST_FALL = 0.01  # of the peak
_STAIR = 1.5  # the steps of a linear decay are equal, those of a cosine or a power shrink
_RISES_OVER = 6
_EPOCHS_OF_WARM_UP = 2
_MOST_DROPS = 200
_ROWS_OF_A_STAND, _STAND = 8, 0.1  # of a rate that stood first: a warm-up begins with the run
_LATEST_WARM_UP = 0.45
_ALMOST_DONE = 0.97
_LOW = 0.2


def _in_iterations(run: Run, schedule: Schedule) -> bool:
    """Tell whether the warm-up is counted in iterations, of which the log says nothing."""
    units = {stage.unit for stage in schedule.stages if stage.kind == "warmup"}
    return run.counts_epochs and "step" in units


def _too_late(run: Run, drop: Drop) -> bool:
    """Tell whether training ends before a scheduled drop could change anything."""
    epochs, planned = run.meta.planned_epochs, planned_end(run)
    if epochs and drop.epoch is not None:
        return drop.epoch >= epochs
    return planned is not None and drop.step >= planned


def _told(run: Run, record: Record, drop: LrDrop) -> Event:
    where = place(drop.step, drop.epoch)
    text = f"learning rate dropped from {drop.before:.3g} to {drop.after:.3g} at {where}"
    return news(run, record, "lr", f"drop@{drop.step}", text)
