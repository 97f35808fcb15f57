"""Evaluations that give the same numbers again and again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import lines, spoiled, where
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.records import Floats
    from copilot_analytics.run import Run

_FEWEST = 3
_FEWEST_COARSE = 5
_FINE = 1e-4
_LONGEST = 500
_PERFECT = {"fraction": 1.0, "percent": 100.0}
_NOT_SEEN = (
    "Training changes the weights, so an evaluation that never changes by a digit probably does "
    "not see them."
)
_OTHERS_MOVE = (
    "Other numbers of the same evaluations move, so the weights do change; they no longer change "
    "what this metric counts."
)
_AT_ITS_TOP = (
    "The metric cannot get any better, so it says nothing any more: either the task is easy, or "
    "the evaluation holds samples of the training data or the answers themselves."
)


class FrozenMetric(Diagnosis):
    """All metrics identical to the last digit in several evaluations in a row.

    A single metric that takes few different values may repeat itself by chance, so more of them
    are needed then.
    """

    name: ClassVar[str] = "frozen_metric"
    superseded_by: ClassVar[str] = "steps_skipped"
    needs = (MetricAnalyzer, DivergenceAnalyzer)
    counted_in: ClassVar[Literal["look", "eval"]] = "eval"

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while the newest evaluations are identical."""
        main = results.of(MetricAnalyzer)
        if main.name is None:
            return None
        same = _identical(_newest(run, main.name))
        if same < _FEWEST:
            return None
        others = [name for name in run.metric_names if name != main.name]
        together = same
        for name in others:
            column = _newest(run, name)
            if len(column) >= _FEWEST and np.ptp(column) > 0:
                together = min(together, _identical(column))
        varied = sum(np.ptp(_newest(run, name)) > 0 for name in others if len(_newest(run, name)))
        enough = _FEWEST if varied or _has_digits(_newest(run, main.name)) else _FEWEST_COARSE
        if together < enough:
            return None
        return self._since(run, results, same, together, enough)

    def still(self, run: Run, results: Results, told: Finding) -> Finding | None:
        """Return the finding while the metric stays the same, though another one moves."""
        main = results.of(MetricAnalyzer)
        same = _identical(_newest(run, main.name)) if main.name is not None else 0
        if not same:
            return None
        # None of another value came since those told of.
        began = int(run.eval_series(main.name or "").step[-same])
        if same < _LONGEST and began > (told.step or 0):
            return None
        finding = self._since(run, results, same, same, _FEWEST)
        if finding is None or finding.explanation == _AT_ITS_TOP:
            return finding
        return replace(
            finding,
            explanation=_OTHERS_MOVE,
            recommendation="Judge by a finer metric (--metric); if the loss of the evaluation does "
            "not get better either, stop.",
        )

    def _since(
        self, run: Run, results: Results, same: int, together: int, enough: int
    ) -> Finding | None:
        """Return the finding of a metric that is the same, the newest few with all others."""
        main = results.of(MetricAnalyzer)
        series = run.eval_series(main.name or "")
        first = int(series.step[-together])
        if spoiled(results, first):
            return None
        perfect = main.direction == "max" and main.last == _PERFECT.get(main.scale)
        why = _AT_ITS_TOP if perfect else _NOT_SEEN
        todo = (
            f"Check that the evaluation since {where(run, first)} loads the new weights and that "
            "the learning rate is not zero."
        )
        if perfect:
            todo = (
                "Check that training and evaluation data do not overlap; if the task is that "
                "easy, stop, or judge by a harder metric (--metric)."
            )
        return Finding(
            self.name,
            Severity.INFO,
            first,
            f"{same} evaluations in a row gave exactly {main.name} = {main.last:.6g}",
            why,
            (
                Evidence(
                    "identical evaluations in a row",
                    str(together),
                    str(enough),
                    lines(*(int(line) for line in series.line[-together:][:5])),
                ),
            ),
            todo,
        )


DIAGNOSIS = FrozenMetric()


def _newest(run: Run, name: str) -> Floats:
    return run.eval_series(name).value[-_LONGEST:]


def _identical(column: Floats) -> int:
    """Return how many of the newest points are the same as the last."""
    if not len(column) or not np.isfinite(column[-1]):
        return 0
    other = np.flatnonzero(column != column[-1])
    return len(column) - 1 - int(other[-1]) if len(other) else len(column)


def _has_digits(column: Floats) -> bool:
    """Tell whether the metric takes values so close that it seldom repeats one by chance.

    Digits say little: a share of a hundred samples has a hundred values, however it is printed.
    """
    known = np.unique(column[np.isfinite(column)])
    moves = np.diff(known)
    size = float(np.max(np.abs(known), initial=0.0))
    return size > 0 and len(moves) > 0 and float(moves.min()) < _FINE * size
