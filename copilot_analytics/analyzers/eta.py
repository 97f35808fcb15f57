"""When the run will end, as a prediction interval."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.analyzers._arrivals import ArrivalClock
from copilot_analytics.analyzers._base import Analyzer, Options, Results
from copilot_analytics.analyzers._intervals import MOST_MEASURED, Clock
from copilot_analytics.analyzers._plan import (
    checkpoints_left,
    evals_left,
    evals_left_as_the_first,
    evaluates_in_each_row,
    may_evaluate,
    planned_end,
    printed_eta,
)
from copilot_analytics.analyzers._time_left import Eta
from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer, at_eval
from copilot_analytics.findings import NotJudged
from copilot_analytics.stats.rates import Overhead, remaining_time
from copilot_analytics.wording import plural

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from copilot_analytics.events import Event
    from copilot_analytics.records import Floats, Ints, Record
    from copilot_analytics.run import Run
    from copilot_analytics.stats.rates import RemainingTime

__all__ = ["Eta", "EtaAnalyzer"]


class EtaAnalyzer(Analyzer[Eta]):
    """Predicts the time left.

    Time is measured between the time stamps of consecutive training records of one process. An
    interval in which an evaluation or a checkpoint fell costs more; what it costs beyond the
    usual time of its steps is the duration of that evaluation or checkpoint. A process that
    resumes the run may be faster or slower than the one before, so its own intervals count.
    Where something fell into every interval that took any time, whole intervals tell the pace, with
    all that they hold.
    Where no plan is known, the estimate that the log prints, over the time of a step, tells how
    many steps are left.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> from copilot_analytics.run import Run
    >>> run = Run.from_records(
    ...     [
    ...         Record("config", facts={"planned_steps": 1000}),
    ...         *(
    ...             Record("train", step=s, time=0.5 * s, metrics={"loss": 1.0})
    ...             for s in range(10, 410, 10)
    ...         ),
    ...     ]
    ... )
    >>> EtaAnalyzer.of(run).remaining_s
    300.0
    """

    name: ClassVar[str] = "eta"
    needs = (LifecycleAnalyzer,)

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options)
        self._now = Eta()
        self._clock = Clock()
        self._printed = Clock()
        self._through = Clock()
        self._evals = Clock()
        self._arrivals = ArrivalClock()
        self._rows = 0
        self._eval_rows = 0
        self._checkpoint_rows = 0
        self._checkpoint_lines: list[int] = []
        self._eval_s: list[float] = []
        self._checkpoint_s: list[float] = []
        self._both_s: list[float] = []
        self._measured_in = 0

    def look(self, run: Run, results: Results, record: Record) -> Iterable[Event]:
        """Look at the run as it stands after `record`."""
        self._follow(run)
        self._rows, self._eval_rows = len(run.train_log), len(run.eval_log)
        life = results.of(LifecycleAnalyzer)
        self._now = self._predict(run, life.status)
        return ()

    def result(self) -> Eta:
        """Return the answer as of the last look."""
        return self._now

    def _follow(self, run: Run) -> None:
        """Take the rows that came since the last look."""
        saved = run.checkpoints[self._checkpoint_rows :]
        self._checkpoint_lines.extend(one.line for one in saved)
        del self._checkpoint_lines[:-MOST_MEASURED]
        self._checkpoint_rows = len(run.checkpoints)
        self._arrivals.follow(run)
        log, first = run.train_log, self._rows
        if len(log) > first:
            start = max(first - 1, 0)
            step, time = log.step[start:].astype(np.float64), log.time[start:]
            segment, line = log.segment[start:], log.line[start:]
            if "iter_time_s" in log.metric_names:
                iter_s = log.column("iter_time_s")[start + 1 :]
                with np.errstate(over="ignore", invalid="ignore"):  # only finite ones count
                    took_s = iter_s * np.diff(step)
                self._take(self._printed, segment, step, took_s)
            interrupted = self._measure(run, segment, step, time, line)
            duration = np.diff(time)
            self._take(self._through, segment, step, duration)
            duration[interrupted] = np.nan
            self._take(self._clock, segment, step, duration)
        evals = run.eval_log
        if not len(log) and len(evals) > self._eval_rows:
            start = max(self._eval_rows - 1, 0)
            step, time = evals.step[start:].astype(np.float64), evals.time[start:]
            self._take(self._evals, evals.segment[start:], step, np.diff(time))

    def _take(self, clock: Clock, segment: Ints, step: Floats, duration: Floats) -> None:
        """Add durations to a clock, starting it anew where a process starts."""
        steps = np.diff(step)
        ends = np.flatnonzero(np.diff(segment)).tolist()
        start = 0
        for end in (*ends, len(steps)):
            clock.take(duration[start:end], steps[start:end])
            if end < len(steps):
                clock.restart()
            start = end + 1

    def _measure(
        self, run: Run, segment: Ints, step: Floats, time: Floats, line: Ints
    ) -> NDArray[np.bool_]:
        """Measure evaluations and checkpoints; return which intervals they fell into."""
        inside = np.zeros(len(step) - 1 if len(step) else 0, dtype=np.bool_)
        if not len(inside):
            return inside
        evals = run.eval_log.line[-MOST_MEASURED:]
        with_eval = _holding(inside, line, evals)
        if not len(evals) or not line[-1]:
            steps = run.eval_log.step[-MOST_MEASURED:].astype(np.float64)
            with_eval = _holding(inside, step - 0.5, steps)
        saved = np.array(self._checkpoint_lines, dtype=np.int64)
        with_save = _holding(inside, line, saved)
        inside = with_eval | with_save
        if not inside.any():
            return inside
        usual = self._clock.usual_s(np.diff(time)[~inside], np.diff(step)[~inside])
        for i in np.flatnonzero(inside).tolist():
            extra = float(time[i + 1] - time[i]) - usual * float(step[i + 1] - step[i])
            set_back = time[i + 1] < time[i]
            if segment[i] != segment[i + 1] or not math.isfinite(extra) or set_back:
                continue
            self._forget_before(int(segment[i]))
            kept = (
                self._both_s
                if with_eval[i] and with_save[i]
                else (self._eval_s if with_eval[i] else self._checkpoint_s)
            )
            kept.append(extra)
            del kept[:-MOST_MEASURED]
        return inside

    def _forget_before(self, segment: int) -> None:
        """Keep measurements of a process only until the next one has some of its own."""
        if segment != self._measured_in:
            self._measured_in = segment
            self._eval_s, self._checkpoint_s, self._both_s = [], [], []

    def _overheads(self) -> tuple[list[float], list[float]]:
        """Return durations of evaluations and of checkpoints; shared ones count as evaluations."""
        evals, saves, both = self._eval_s, self._checkpoint_s, self._both_s
        if not both:
            return evals, saves
        if evals and not saves:
            alone = float(np.median(evals))
            return evals, [one - alone for one in both]
        if not evals:
            alone = float(np.median(saves)) if saves else 0.0
            return [one - alone for one in both], saves
        return evals, saves

    def _too_early(self, run: Run) -> str:
        """Say why nothing can be told although the log has a plan."""
        log = run.train_log
        if run.arrivals:
            return "the log has no time stamps, and too few lines came while it was watched"
        again = "after the resume, " if len(log) and log.segment[-1] != log.segment[0] else ""
        if len(log) and not np.isfinite(log.time[-1]) and "iter_time_s" not in log.metric_names:
            return "the log has no time stamps; a watch can tell once some lines have come"
        timed = int(np.count_nonzero(log.segment == log.segment[-1])) if len(log) else 0
        if self._clock.n >= _MANY_STILL and not self._clock.tells:
            return "the time stamps of the log do not advance"
        return f"too early: {again}{plural(timed, 'training line')} so far"

    def _clock_for(self, run: Run) -> tuple[Clock, str]:
        """Return the clock that tells most about this run, and its name."""
        stamped = len(run.train_log) == 0 and self._evals.tells
        if self._arrivals.tells and not (stamped or self._clock.tells or self._printed.tells):
            return self._arrivals, "when its lines came"
        if len(run.train_log) == 0:
            return self._evals, "time stamps of evaluations"
        # A time that is printed once an epoch may be that of its first iteration, which is slow.
        if not self._clock.tells and self._through.n >= _FEWEST_WHOLE and self._through.tells:
            return self._through, "time stamps, evaluations and checkpoints counted in"
        if not self._clock.tells and self._printed.tells:
            return self._printed, "printed iteration time"
        return self._clock, "time stamps"

    def _pace_alone(self, run: Run, known: Eta) -> Eta:
        """Add what can be told of a run whose end is unknown: how fast it is."""
        clock, source = self._clock_for(run)
        if not clock.tells:
            return known
        time_s, steps = clock.intervals()
        evals, saves = self._overheads()
        return replace(
            known,
            step_s=remaining_time(time_s, steps, remaining_units=0.0).rate_s_per_step,
            eval_s=_usual_extra_s(evals),
            checkpoint_s=_usual_extra_s(saves),
            source=source,
            drift=_drift(time_s, steps),
        )

    def _predict(self, run: Run, status: str) -> Eta:
        planned = planned_end(run)
        log_eta = _printed_eta(run)
        if status == "finished":
            return Eta(planned_steps=planned, log_eta_s=log_eta, source="the run is over")
        known = Eta(planned_steps=planned, log_eta_s=log_eta)
        printed = printed_eta(run) if planned is None and not run.meta.planned_epochs else None
        if planned is None and printed is None:
            why = "the log does not say how long training should be"
            if run.meta.planned_epochs:
                why = self._too_early(run)
            return replace(self._pace_alone(run, known), not_judged=(NotJudged("ETA", why),))
        evals, saves = self._overheads()
        clock, source = self._clock_for(run)
        overhead: list[Overhead] = []
        coming = due_s = None
        if planned is not None:
            coming, saves_left = evals_left(run, planned), checkpoints_left(run, planned)
            coming = evals_left_as_the_first(run, planned) if coming is None else coming
            # Rows of whole epochs, each with its evaluation, hold the time of both.
            apart = bool(evals) or not evaluates_in_each_row(run)
            overhead.append(Overhead(evals, float(coming or 0) if apart else 0.0))
            due_s = _usual_extra_s(evals) if evals and coming and at_eval(run) else None
            overhead.append(Overhead(saves, float(saves_left or 0) if saves else 0.0))
        if clock is self._arrivals and not self._arrivals.met_evaluation(run):
            overhead = [Overhead([], float(coming or 0))]
        elif clock in {self._evals, self._through, self._arrivals}:
            overhead, due_s = [], None
        elif clock is self._printed and evals:
            source += " and measured evaluations"
        if not clock.tells:
            return replace(known, not_judged=(NotJudged("ETA", self._too_early(run)),))
        time_s, steps = clock.intervals()
        if planned is not None:
            left = float(max(planned - run.last_step, 0))
        else:
            left = (printed.left_s if printed is not None else 0.0) / _per_step_s(time_s, steps)
            source = f"the log's own eta, {source}"
        found = remaining_time(time_s, steps, remaining_units=left, overhead=overhead)
        if not math.isfinite(found.median_s):
            return replace(known, not_judged=(NotJudged("ETA", self._too_early(run)),))
        low, high = widened(found)
        if clock is self._printed:
            low, high = _PRINTED_LOW * low, _PRINTED_HIGH * high
        if found.unmeasured:
            high *= _UNMEASURED
        if found.unmeasured and clock is not self._evals:
            to_come = plural(round(found.unmeasured), "evaluation")
            source += f"; {to_come} to come not measured yet"
        if status in {"crashed", "interrupted"}:
            source += "; what the rest would take if training went on"
        return Eta(
            remaining_s=max(found.median_s, 0.0),
            low_s=max(low, 0.0),
            high_s=max(high, found.median_s, 0.0),
            planned_steps=planned,
            step_s=found.rate_s_per_step,
            eval_s=_usual_extra_s(evals),
            checkpoint_s=_usual_extra_s(saves),
            evals_left=coming,
            evals_left_out=found.unmeasured > 0 or (planned is not None and may_evaluate(run)),
            next_line_s=found.rate_s_per_step * _line_steps(run) + (due_s or 0.0),
            source=source,
            log_eta_s=log_eta,
            drift=_drift(time_s, steps),
        )


ANALYZER = EtaAnalyzer

_MANY_STILL = 30
_FEWEST_WHOLE = 4  # before them the next interval may be the first that nothing fell into
# The widths of `remaining_time` come mostly from runs on machines that nobody else used. Logs of
# shared ones, whose caches warm up and whose augmentation is switched off at the end, wander more:
# of a nominal 80 % those widths hold 69 % in other people's logs, and 77 % so widened, while the
# mean of all sources goes from 78 to 83 % (benchmarks/bench_eta.py).
_WIDER = {"steady": (0.003, 0.003), "even": (0.006, 0.005)}
_WIDEST = (0.02, 0.01)
_UNMEASURED = 1.1
_PRINTED_LOW = 0.97
_PRINTED_HIGH = 1.15


def widened(found: RemainingTime) -> tuple[float, float]:
    """Return the bounds of an interval, widened for machines that others use too."""
    below, above = _WIDER.get(found.dispersion_class, _WIDEST)
    return found.low_s * (1.0 - below), found.high_s * (1.0 + above)


def _usual_extra_s(measured: list[float]) -> float | None:
    """Return the usual duration of an evaluation or a checkpoint; None if none was measured."""
    return max(float(np.median(measured)), 0.0) if measured else None


def _per_step_s(time_s: Floats, steps: Floats) -> float:
    """Return the time of a step in the newer half."""
    half = len(time_s) // 2
    return float(time_s[half:].sum() / steps[half:].sum()) or float(time_s.sum() / steps.sum())


def _holding(
    like: NDArray[np.bool_], edges: Floats | Ints, marks: Floats | Ints
) -> NDArray[np.bool_]:
    """Tell for the intervals between neighbouring edges whether a mark lies inside."""
    if not len(marks):
        return like.copy()
    return np.diff(np.searchsorted(np.sort(marks), edges, side="right")) > 0


def _drift(time_s: Floats, steps: Floats) -> float | None:
    """Rate of the newest fifth over that of the first."""
    n = len(time_s) // 5
    if n < 2:
        return None
    first = float(time_s[:n].sum() / steps[:n].sum())
    last = float(time_s[-n:].sum() / steps[-n:].sum())
    return last / first if first > 0 and last > 0 else None


def _line_steps(run: Run) -> float:
    """Return the usual steps between the newest lines, 0.0 where there are too few."""
    log = run.train_log if len(run.train_log) else run.eval_log
    gaps = np.diff(log.step[-MOST_MEASURED:])
    return float(np.median(gaps[gaps > 0])) if np.any(gaps > 0) else 0.0


def _printed_eta(run: Run) -> float | None:
    log = run.train_log
    if "eta_s" not in log.metric_names or not len(log):
        return None
    printed = log.column("eta_s")[-MOST_MEASURED:]
    printed = printed[np.isfinite(printed)]
    return float(printed[-1]) if len(printed) else None
