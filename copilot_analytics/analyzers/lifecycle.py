"""Whether the run waits, runs, evaluates, stalls, or how it ended, as far as the log tells."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.analyzers._base import Analyzer, Options, Results
from copilot_analytics.analyzers._end import (
    eval_every,
    lacks_nothing,
    line_gap,
    reached_end,
)
from copilot_analytics.analyzers._failures import ending_of, failure_in_words
from copilot_analytics.analyzers._news import news
from copilot_analytics.analyzers._plan import printed_eta
from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.findings import NotJudged, Severity
from copilot_analytics.stats.finite import quantiles
from copilot_analytics.wording import duration, place, plural

if TYPE_CHECKING:
    from collections.abc import Iterable

    from copilot_analytics.events import Event, Status
    from copilot_analytics.records import Record
    from copilot_analytics.run import Run

LEAST_SILENCE_S = 180.0
"""No silence so short is unusual."""

PATIENCE = 5.0
"""So many times its usual pauses may a run be silent (NVIDIA's resiliency extension)."""


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """How the run lives.

    Parameters
    ----------
    status
        Its state. ``unknown``: the log ends and does not say whether that was planned.
    reason
        Why, in half a sentence.
    started, last_time
        First and last time stamp, seconds since 1970; None without time stamps.
    active_s
        Time spent in all segments, the pauses between them left out; None without time stamps.
    segments
        Stretches between resumes.
    error
        First line of the failure if it crashed.
    line
        Line that shows the status, 0 if none does.
    not_judged
        What the log does not tell.
    stopped_early
        Whether the trainer's own patience ended the run.
    out_of_memory
        Whether want of memory made it crash.
    unsaid
        Whether nothing says why it crashed: its process is gone.
    """

    status: Status
    reason: str
    started: float | None = None
    last_time: float | None = None
    active_s: float | None = None
    segments: int = 1
    error: str | None = None
    line: int = 0
    not_judged: tuple[NotJudged, ...] = ()
    stopped_early: bool = False
    out_of_memory: bool = False
    unsaid: bool = False


def usual_pause_s(run: Run) -> float:
    """Return the 0.99 quantile of the pauses between the newest 2000 rows; 0 without times."""
    gaps = np.diff(run.train_log.time[-2000:])
    gaps = gaps[np.isfinite(gaps) & (gaps >= 0)]
    return float(quantiles(gaps, (0.99,))[0]) if len(gaps) else 0.0


def patience_s(run: Run) -> float:
    """Return for how long training may be silent, in seconds: for 5 of its usual pauses.

    180 s are allowed in any case, and no more where the log has no times.
    """
    return max(LEAST_SILENCE_S, PATIENCE * usual_pause_s(run))


class LifecycleAnalyzer(Analyzer[Lifecycle]):
    """Follows the life of the run.

    Examples
    --------
    >>> from copilot_analytics import Record, Run
    >>> run = Run.from_records([Record("train", step=1, metrics={"loss": 1.0}), Record("end")])
    >>> LifecycleAnalyzer.of(run).status
    'finished'
    """

    name: ClassVar[str] = "lifecycle"
    needs = (LearningRateAnalyzer,)

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options)
        self._now = Lifecycle("waiting", "no training is logged yet")
        self._crash: tuple[Record, int, int] | None = None
        self._end: tuple[Record, int, int] | None = None
        self._over: tuple[Record, int, int] | None = None
        self._spans: dict[int, tuple[float, float]] = {}
        self._segments: set[int] = set()
        self._rows = 0
        self._eval_waits: list[float] = []
        self._evals = 0

    def look(self, run: Run, results: Results, record: Record) -> Iterable[Event]:
        """Look at the run as it stands after `record`."""
        names_cause = record.kind == "crash" and self._is_in_the_dark(run)
        if record.kind == "crash" and not self._was_stopped(run):
            self._crash = (record, len(run.train_log), len(run.eval_log))
        elif record.kind == "end" and not self._gave_up(run) and not self._was_stopped(run):
            self._end = (record, len(run.train_log), run.last_step)
        elif record.kind == "tick" and _is_final(record) and not self._is_over(run):
            self._over = (record, len(run.train_log), len(run.eval_log))
        self._follow_time(run, record)
        before = self._now
        status, reason, line, gaps = self._judge(run, results, record)
        end = self._stated_end(run)
        crash = self._crash[0] if self._crash is not None and status == "crashed" else None
        self._now = Lifecycle(
            status,
            reason,
            run.first_time,
            run.last_time,
            self._active_s(),
            max(len(self._segments), 1),
            None if crash is None else failure_in_words(crash),
            line,
            gaps,
            end is not None and bool(end.facts.get("stopped_early")),
            crash is not None and bool(crash.facts.get("out_of_memory")),
            crash is not None and status == "crashed" and "error" not in crash.facts,
        )
        found = []
        if record.kind == "resume":
            found.append(news(run, record, "resume", "resume", _resumed(record)))
        calm = {"running", "evaluating"}
        if status != before.status and not {status, before.status} <= calm:
            severity = _URGENCY.get(status, Severity.INFO)
            found.append(news(run, record, "status", status, f"{status}: {reason}", severity))
        elif names_cause and status == "crashed" and reason != before.reason:
            text = f"crashed: the log names the cause now: {reason}"
            found.append(news(run, record, "status", status, text, Severity.CRITICAL))
        return found

    def result(self) -> Lifecycle:
        """Return the answer as of the last look."""
        return self._now

    def _stated_end(self, run: Run) -> Record | None:
        """Return where the log says that training has finished; None if it does not.

        What evaluates the trained model after the end takes nothing back; more training does.
        """
        trained = (len(run.train_log), run.last_step)
        if self._end is None or self._end[1:] != trained:
            return None
        return self._end[0] if any(trained) or len(run.eval_log) else None

    def _is_in_the_dark(self, run: Run) -> bool:
        """Tell whether the run crashed here and nothing has said why: the rest may yet come."""
        crash = self._crash
        unclear = crash is not None and ("unsaid" in crash[0].facts or "torn" in crash[0].facts)
        return unclear and self._now.status == "crashed" and self._is_last(run)

    def _was_stopped(self, run: Run) -> bool:
        """Tell whether the run was stopped here: what fails after that fails because of it."""
        crash = self._crash
        return crash is not None and self._is_last(run) and ending_of(crash[0])[0] == "interrupted"

    def _is_last(self, run: Run) -> bool:
        """Tell whether nothing was logged behind the crash.

        A parser may hold a row until it knows that it is the last of its kind, so that it and its
        evaluation may come after the crash although their line is before it.
        """
        if self._crash is None:
            return False
        crash, trained, judged = self._crash
        if len(run.train_log) < trained or len(run.eval_log) < judged:
            return False
        if ending_of(crash)[0] == "interrupted":
            judged = len(run.eval_log)  # what is left of the run may be tested yet
        if len(run.train_log) + len(run.eval_log) > trained + judged + _MOST_HELD:
            return False
        lines = (*run.train_log.line[trained:].tolist(), *run.eval_log.line[judged:].tolist())
        return all(0 < line <= crash.line for line in lines)

    def _is_over(self, run: Run) -> bool:
        """Tell whether the log was found to be over for good, and has said nothing since."""
        return self._over is not None and self._over[1:] == (len(run.train_log), len(run.eval_log))

    def _gave_up(self, run: Run) -> bool:
        """Tell whether the log said that it stops early, and has not trained since."""
        if self._end is None or self._end[1:] != (len(run.train_log), run.last_step):
            return False
        return bool(self._end[0].facts.get("stopped_early"))

    def _follow_time(self, run: Run, record: Record) -> None:
        log = run.train_log
        new = slice(self._rows, len(log))
        self._rows = len(log)
        segments = log.segment[new]
        times = run.clock.steadied(log.time[new], log.line[new])
        if len(segments):
            cuts = [0, *(np.flatnonzero(np.diff(segments)) + 1).tolist(), len(segments)]
            for start, stop in pairwise(cuts):
                self._segments.add(int(segments[start]))
                known = times[start:stop][np.isfinite(times[start:stop])]
                if len(known):
                    self._stretch(int(segments[start]), float(known[0]), float(known[-1]))
        if record.kind == "eval":
            if record.time is not None:
                at = record.time + run.clock.set_back_s(record.line)
                self._stretch(int(log.segment[-1]) if len(log) else 0, at, at)
                if self._evals < len(run.eval_log) and len(log) and np.isfinite(log.time[-1]):
                    self._eval_waits.append(max(record.time - float(log.time[-1]), 0.0))
                    del self._eval_waits[:-50]
            self._evals = len(run.eval_log)

    def _stretch(self, segment: int, first: float, last: float) -> None:
        start, stop = self._spans.get(segment, (first, last))
        self._spans[segment] = (start, max(stop, last))

    def _active_s(self) -> float | None:
        if not self._spans:
            return None
        return sum(stop - start for start, stop in self._spans.values())

    def _judge(
        self, run: Run, results: Results, record: Record
    ) -> tuple[Status, str, int, tuple[NotJudged, ...]]:
        said = len(run.train_log) + len(run.eval_log)
        end = self._stated_end(run)
        if end is not None:
            why = end.facts.get("reason") or "the log says that training has finished"
            return "finished", str(why), end.line, ()
        if self._crash is not None and self._is_last(run):
            return (*ending_of(self._crash[0]), ())
        if not said:
            return "waiting", "no training is logged yet", 0, ()
        line = run.last.line if run.last is not None else 0
        silence = record.facts.get("silence_s") if record.kind == "tick" else None
        over = record.kind == "tick" and self._is_over(run)
        planned = _planned(run)
        if planned is not None:
            done = reached_end(run)
            if done == "yes" or (over and lacks_nothing(run)):
                return "finished", f"it reached the planned {planned}", line, ()
            if over:
                if done == "train":
                    why = f"it trained to the planned {planned}, but the last evaluation is missing"
                else:
                    why = f"the log ends at {_reached(run)} of {planned}"
                return "interrupted", why, line, ()
        elif over:
            status, why, line, gaps = self._ending_without_plan(run, results, line)
            gone = self._over[0].facts.get("reason") if self._over is not None else None
            return status, f"{why}; {gone}" if gone and status == "unknown" else why, line, gaps
        if silence is not None and record.facts.get("process") == "stopped":
            return "stalled", str(record.facts.get("reason") or "its process is stopped"), line, ()
        if silence is not None:
            lives = record.facts.get("process") == "alive"
            return (*self._judge_silence(run, float(silence), line, lives=lives), ())
        return "running", f"at {_reached(run)}", line, ()

    def _ending_without_plan(
        self, run: Run, results: Results, line: int
    ) -> tuple[Status, str, int, tuple[NotJudged, ...]]:
        gap = (NotJudged("planned end", "the log does not say how long training should be"),)
        rate = results.of(LearningRateAnalyzer)
        printed = printed_eta(run)
        if printed is not None and printed.nearly_over:
            return "finished", "the log's own eta reached 0", line, gap
        if printed is not None:
            more = duration(printed.left_s)
            why = f"the log ends at {_reached(run)} and expected {more} more"
            return "interrupted", why, line, gap
        if not rate.warming_up and _ends_with_eval(run):
            why = "the log ends right after an evaluation; its plan is unknown"
            return "finished", why, line, gap
        why = f"the log ends at {_reached(run)}; it does not say whether that was planned"
        if rate.at_floor and rate.now is not None and rate.now < 0.5 * (rate.peak or rate.now):
            why += ", but the learning rate is at its floor"
        return "unknown", why, line, gap

    def _judge_silence(
        self, run: Run, silence_s: float, line: int, *, lives: bool
    ) -> tuple[Status, str, int]:
        evaluating = at_eval(run)
        limit_s = patience_s(run)
        if evaluating:
            unseen_s = _FIRST_EVAL_S if not self._eval_waits else 0.0
            longest_s = max(self._eval_waits, default=0.0)
            limit_s = max(limit_s, unseen_s, PATIENCE * longest_s)
        if silence_s > limit_s:
            if not lives and lacks_nothing(run):
                return "finished", f"it reached the planned {_planned(run)}", line
            why = f"silent for {duration(silence_s)}, over {duration(limit_s)}, at {_reached(run)}"
            return "stalled", why, line
        if evaluating:
            return "evaluating", f"an evaluation is due at {_reached(run)}", line
        return "running", f"at {_reached(run)}", line


ANALYZER = LifecycleAnalyzer

_MOST_HELD = 2  # records of a row that a parser holds: its training and its evaluation
_FIRST_EVAL_S = 1800.0
_URGENCY = {
    "crashed": Severity.CRITICAL,
    "stalled": Severity.CRITICAL,
    "interrupted": Severity.WARNING,
    "unknown": Severity.WARNING,
}
_ROWS_PER_EVAL, _FEWEST_EVALS = 20, 2


def _is_final(tick: Record) -> bool:
    return bool(tick.facts.get("final")) and tick.facts.get("silence_s") is None


def _resumed(record: Record) -> str:
    where = record.facts.get("epoch"), record.facts.get("step", record.step)
    text = "training continues"
    if where[0] is not None or where[1] is not None:
        text += f" from {place(where[1], where[0])}"
    if record.facts.get("checkpoint"):
        text += f" with {record.facts['checkpoint']}"
    return text


def _ends_with_eval(run: Run) -> bool:
    """Tell whether the log ends with an evaluation, where that is unlikely by chance.

    A log cut off anywhere ends so for the share of the time that lies between a result and the
    next training line. In public logs that was up to 18 % with 5 to 20 lines between evaluations
    (10 logs), and 2 % with 20 to 100 lines (20 logs, nine of ten below 6 %). One evaluation alone
    does not show how seldom they come: it may be the last one or the first.
    """
    last, evals, log = run.last, run.eval_log, run.train_log
    if last is None or last.kind not in {"eval", "checkpoint", "config"} or not len(evals):
        return False
    places = len(np.unique(evals.step))
    often = places < _FEWEST_EVALS or len(log) < _ROWS_PER_EVAL * places
    return not often and int(evals.line[-1]) > int(log.line[-1])


def _planned(run: Run) -> str | None:
    if run.meta.planned_epochs and (run.last_epoch is not None or run.counts_epochs):
        return plural(run.meta.planned_epochs, "epoch")
    return plural(run.planned_steps, "step") if run.planned_steps else None


def _reached(run: Run) -> str:
    # Where nothing tells how long an epoch is, that of a row is only the one it lies in.
    known = run.steps_per_epoch or run.meta.planned_epochs or not run.last_step
    return place(run.last_step, run.last_epoch if known else None)


def at_eval(run: Run) -> bool:
    """Tell whether an evaluation is due where training stands; False if the plan is unknown."""
    every = eval_every(run)
    if every is None and len(run.eval_log) >= 2:
        every = float(np.median(np.diff(run.eval_log.step[-10:])))
    log = run.train_log
    if not every or every <= 0 or not len(log):
        return False
    # A row of a table holds its epoch's evaluation too.
    if len(run.eval_log) and int(run.eval_log.line[-1]) >= int(log.line[-1]):
        return False
    past = float(log.step[-1]) % every
    return past < 0.5 or every - past <= line_gap(run)
