"""What there is to say about a run, as of one moment: the one thing that every rendering reads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from copilot_analytics.analyzers._hopeless import LOST
from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.analyzers.eta import Eta, EtaAnalyzer
from copilot_analytics.analyzers.forecast import ForecastAnalyzer, MetricForecast
from copilot_analytics.analyzers.learning_rate import LearningRate, LearningRateAnalyzer
from copilot_analytics.analyzers.lifecycle import Lifecycle, LifecycleAnalyzer
from copilot_analytics.analyzers.memory import Memory, MemoryAnalyzer
from copilot_analytics.analyzers.metric import MainMetric, MetricAnalyzer, Tie
from copilot_analytics.analyzers.phase import PhaseAnalyzer, Phases
from copilot_analytics.analyzers.stopping import StopAdvice, StoppingAnalyzer
from copilot_analytics.analyzers.throughput import Throughput, ThroughputAnalyzer
from copilot_analytics.wording import number, plural

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from copilot_analytics.analyzers._fold_results import FoldResult
    from copilot_analytics.engine import Session
    from copilot_analytics.events import Event
    from copilot_analytics.findings import Finding, NotJudged
    from copilot_analytics.run import Run


@dataclass(frozen=True)
class Analysis:
    """The answers for one run.

    Parameters
    ----------
    run
        What the log said.
    life, phases, metric, learning_rate, eta, forecast, stop, throughput, memory
        Answers of the analyzers.
    findings
        What is wrong or worth knowing, the most urgent first.
    events
        What became known, in the order of the log.
    not_judged
        What the log does not tell, and why.
    earlier_runs
        How many earlier runs the same log holds.
    others
        Answers of further analyzers, by name.
    folds
        What became of each fold of a cross-validation that the same log holds, this run last.
    """

    run: Run
    life: Lifecycle
    phases: Phases
    metric: MainMetric
    learning_rate: LearningRate
    eta: Eta
    forecast: MetricForecast
    stop: StopAdvice
    throughput: Throughput
    memory: Memory
    findings: tuple[Finding, ...]
    events: tuple[Event, ...]
    not_judged: tuple[NotJudged, ...]
    earlier_runs: int
    others: dict[str, Any]
    folds: tuple[FoldResult, ...] = ()

    @classmethod
    def of(cls, session: Session) -> Analysis:
        """Take what a session says now."""
        results = session.results
        return cls(
            run=session.run,
            life=results.of(LifecycleAnalyzer),
            phases=results.of(PhaseAnalyzer),
            metric=results.of(MetricAnalyzer),
            learning_rate=results.of(LearningRateAnalyzer),
            eta=results.of(EtaAnalyzer),
            forecast=results.of(ForecastAnalyzer),
            stop=results.of(StoppingAnalyzer),
            throughput=results.of(ThroughputAnalyzer),
            memory=results.of(MemoryAnalyzer),
            findings=tuple(session.findings),
            events=tuple(session.events),
            not_judged=tuple(session.not_judged),
            earlier_runs=len(session.earlier_runs),
            others=results.by_name(),
            folds=tuple(session.folds),
        )

    def __getitem__(self, name: str) -> Any:
        """Return the answer of an analyzer by its name, e.g. ``analysis["eta"]``.

        Raises
        ------
        KeyError
            If there is none of that name; the message names those there are.
        """
        if name not in self.others:
            there = ", ".join(sorted(self.others))
            msg = f"no analyzer is called {name!r}; there are: {there}"
            raise KeyError(msg)
        return self.others[name]

    def __repr__(self) -> str:
        """Name the log, its state and its best in one line; `summary` says more."""
        metric, said = self.metric, f"{self.life.status}, {self.phases.current.value}"
        if metric.name is not None and metric.best is not None:
            said += f", best {metric.name} {number(metric.best)}"
        findings = plural(len(self.findings), "finding")
        return f"<Analysis of {self.run.path or 'a run'}: {said}; {findings}>"

    @property
    def good_until(self) -> float:
        """The last step whose weights are not lost; no limit where none are."""
        health = self.others.get(DivergenceAnalyzer.name)
        if health is None or health.state not in LOST:
            return math.inf
        return -1 if health.last_good_step is None else health.last_good_step

    @property
    def ties(self) -> tuple[Tie, ...]:
        """The best evaluation, and those as good as it within noise.

        The fall to what lost weights are worth is no noise: then the checkpoints to use decide.
        """
        if self.good_until == math.inf:
            return self.metric.ties
        kept = {choice.step for choice in self.stop.checkpoints}
        return tuple(tie for tie in self.metric.ties if tie.step in kept)

    @property
    def summary(self) -> pd.DataFrame:
        """The answers at a glance: one row a question, columns ``answer`` and ``why``."""
        from copilot_analytics.report.tables import summary_frame

        return summary_frame(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the versioned JSON document as a dictionary."""
        from copilot_analytics.report.document import document

        return document(self)

    def to_markdown(self, figures: dict[str, str] | None = None) -> str:
        """Return the report as Markdown.

        Parameters
        ----------
        figures
            Paths of the figures by name, to be linked; None leaves them out.
        """
        from copilot_analytics.report.markdown import render

        return render(self, figures or {})

    def save(self, directory: str | Path) -> Path:
        """Write the report and its figures into a directory; return the report's path."""
        from copilot_analytics.report.writing import write_report

        return write_report(self, directory)

    def _repr_html_(self) -> str:
        from copilot_analytics.report.notebook import analysis_html

        return analysis_html(self)
