"""The eight phases that a user sees: a projection of life, trend and health."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers._base import Analyzer, Options, Results
from copilot_analytics.analyzers._news import news
from copilot_analytics.analyzers._outlook import Outlook
from copilot_analytics.analyzers._phase_kinds import Phase
from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.analyzers.forecast import ForecastAnalyzer
from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.analyzers.overfitting import OverfittingAnalyzer
from copilot_analytics.analyzers.trend import TrendAnalyzer
from copilot_analytics.findings import Evidence, NotJudged, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from copilot_analytics.events import Event
    from copilot_analytics.records import Record
    from copilot_analytics.run import Run


__all__ = ["Phase", "PhaseAnalyzer", "PhaseSpan", "Phases"]


@dataclass(frozen=True, slots=True)
class PhaseSpan:
    """A stretch in one phase.

    Parameters
    ----------
    phase
        Its name.
    from_step, to_step
        First step of the stretch, and first step of the next one (or the last step reached).
    from_epoch
        Epoch at its start, None if unknown.
    line
        Line at which it became known.
    reason
        Why, for a reader, with numbers.
    evidence
        What it rests on.
    """

    phase: Phase
    from_step: int
    to_step: int
    from_epoch: float | None
    line: int
    reason: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Phases:
    """The phase now and before.

    Parameters
    ----------
    current
        The phase now.
    awaiting_decay
        A plateau or slow stretch before a scheduled drop of the learning rate: wait, don't judge.
    reason, evidence
        What speaks for the current phase, as of the last look.
    history
        All stretches in their order, the last one being the current.
    leaning
        The phase that the last look spoke for, where the evidence is not enough for it yet; then
        `reason` and `evidence` are of that one.
    seen
        The reason without what it speaks for.
    """

    current: Phase = Phase.INITIALIZING
    awaiting_decay: bool = False
    reason: str = ""
    history: tuple[PhaseSpan, ...] = ()
    not_judged: tuple[NotJudged, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    leaning: Phase | None = None
    seen: str = ""


class PhaseAnalyzer(Analyzer[Phases]):
    """Names the phase, with hysteresis.

    A phase is entered on consecutive evidence: two evaluations that agree, or four looks between
    evaluations. It is kept for at least a fiftieth of the run so far. A diverging loss counts at
    once.

    Examples
    --------
    >>> from copilot_analytics import Record, Run
    >>> run = Run.from_records([Record("train", step=10, metrics={"loss": float("nan")}, line=3)])
    >>> PhaseAnalyzer.of(run).current
    <Phase.DIVERGING: 'DIVERGING'>
    """

    name: ClassVar[str] = "phase"
    needs = (
        LifecycleAnalyzer,
        MetricAnalyzer,
        LearningRateAnalyzer,
        TrendAnalyzer,
        DivergenceAnalyzer,
        OverfittingAnalyzer,
        ForecastAnalyzer,
    )

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options)
        self._spans: list[PhaseSpan] = []
        self._candidate: Phase | None = None
        self._weight = 0
        self._awaiting = False
        self._seen = ""
        self._leaning: Phase | None = None
        self._evidence: tuple[Evidence, ...] = ()
        self._last_step = 0
        self._judged_rows = (-1, -1)
        self._gaps: tuple[NotJudged, ...] = ()

    def look(self, run: Run, results: Results, record: Record) -> Iterable[Event]:
        """Look at the run as it stands after `record`."""
        rows = (len(run.train_log), len(run.eval_log))
        if rows == (0, 0):
            return ()
        over = record.kind == "end" or (
            record.kind == "tick" and record.facts.get("final") is not None
        )
        # The end is judged where it becomes known, not at a tick that comes after the summary.
        over = over or results.of(LifecycleAnalyzer).status == "finished"
        if rows == self._judged_rows and not over:
            return ()
        growth = rows[0] - self._judged_rows[0]
        much = growth >= _MUCH * rows[0] or rows[1] != self._judged_rows[1]
        weight = (_EVAL_WEIGHT if much else 1) if rows != self._judged_rows else 0
        self._judged_rows = rows
        self._last_step = run.last_step
        current = self._spans[-1].phase if self._spans else None
        view = Outlook.of(run, results, current=self._before_trouble())
        self._awaiting = view.awaiting_decay
        self._gaps = view.not_judged
        if current is None:
            first = int((run.train_log if rows[0] else run.eval_log).step[0])
            start = _Step(first, view.phase if view.at_once else Phase.INITIALIZING)
            return self._enter(run, record, view, start)
        if view.phase is current:
            self._candidate, self._weight = None, 0
            if weight:  # otherwise all was said
                self._seen, self._evidence = view.reason, view.evidence
                self._leaning = None
            return ()
        if not self._accepts(view, current, weight=weight, over=over):
            self._seen, self._evidence, self._leaning = view.seen, view.evidence, view.phase
            return ()
        return self._enter(run, record, view, _Step(self._last_step, view.phase))

    def result(self) -> Phases:
        """Return the answer as of the last look."""
        if not self._spans:
            return Phases(not_judged=self._gaps)
        last = replace(self._spans[-1], to_step=max(self._last_step, self._spans[-1].from_step))
        current, leaning = last.phase, self._leaning
        unsure = "" if leaning is None else f"; too little evidence yet for {leaning}"
        return Phases(
            current=current,
            awaiting_decay=self._awaiting and current is Phase.PLATEAU,
            reason=f"{self._seen}{unsure}",
            history=(*self._spans[:-1], last),
            not_judged=self._gaps,
            evidence=self._evidence,
            leaning=leaning,
            seen=self._seen,
        )

    def _before_trouble(self) -> Phase | None:
        """Return the phase to go on from: a loss that is healthy again diverges no more."""
        named = (s.phase for s in reversed(self._spans) if s.phase is not Phase.DIVERGING)
        return next(named, None)

    def _accepts(self, view: Outlook, current: Phase, *, weight: int, over: bool) -> bool:
        """Tell whether the evidence for another phase is enough by now."""
        if view.at_once:
            return True
        if view.phase is not self._candidate:
            # What matters after a divergence is that it is over, not what comes next.
            self._weight = self._weight if current is Phase.DIVERGING else 0
            self._candidate = view.phase
        self._weight += weight
        if current is Phase.DIVERGING:
            return over or self._weight >= _ENOUGH
        if over and view.finished and view.phase is Phase.CONVERGED:
            return True
        early = {Phase.INITIALIZING, Phase.WARMUP}
        flat = {Phase.PLATEAU, Phase.CONVERGED}
        if (current in early or view.phase in early) and view.phase not in flat:
            return self._weight >= 1
        again = any(span.phase is view.phase for span in self._spans)
        if self._weight < (2 * _ENOUGH if again else _ENOUGH):
            return False
        since = self._spans[-1].from_step
        back = again and {current, view.phase} <= _PROGRESS
        # A drop of the learning rate changes the pace at once.
        news = view.newest_drop is not None and view.newest_drop >= since
        dwell = _DWELL_AGAIN if back and not news else _DWELL
        return self._last_step - since >= dwell * self._last_step

    def _enter(self, run: Run, record: Record, view: Outlook, to: _Step) -> tuple[Event, ...]:
        step, phase = to.step, to.phase
        reason, evidence = view.reason, view.evidence
        if phase is not view.phase:
            reason, evidence = view.beginning(run, record)
        epoch = record.epoch if record.epoch is not None else run.last_epoch
        self._seen, self._evidence, self._leaning = reason, evidence, None
        span = PhaseSpan(phase, step, step, epoch, record.line, reason, evidence)
        self._candidate, self._weight = None, 0
        if not self._spans:
            self._spans.append(span)
            if phase is not Phase.DIVERGING:
                return ()
            text = f"{phase}: {reason}"
            return (news(run, record, "phase", phase.value, text, _URGENCY[phase]),)
        old = self._spans[-1]
        self._spans[-1] = replace(old, to_step=step)
        self._spans.append(span)
        text = f"{old.phase} → {phase}: {reason}"
        severity = _URGENCY.get(phase, Severity.INFO)
        return (news(run, record, "phase", phase.value, text, severity),)


ANALYZER = PhaseAnalyzer

_EVAL_WEIGHT = 2
_ENOUGH = 4
_MUCH = 0.03
_DWELL = 0.02
_DWELL_AGAIN = 0.15
_PROGRESS = frozenset({Phase.LEARNING_FAST, Phase.STABLE_CONVERGENCE, Phase.PLATEAU})
_URGENCY = {
    Phase.DIVERGING: Severity.CRITICAL,
    Phase.OVERFITTING_RISK: Severity.WARNING,
}


@dataclass(frozen=True, slots=True)
class _Step:
    step: int
    phase: Phase
