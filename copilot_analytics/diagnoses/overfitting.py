"""Validation gets worse while training improves."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from copilot_analytics.analyzers._hopeless import LOST
from copilot_analytics.analyzers._metric_scale import difference_text
from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.analyzers.overfitting import OverfittingAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import last_line, lines, where
from copilot_analytics.events import ENDED
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Trouble
    from copilot_analytics.run import Run


class OverfittingFound(Diagnosis):
    """Worse than its best by more than noise, over several evaluations."""

    name: ClassVar[str] = "overfitting"
    trouble: ClassVar[Trouble | None] = "overfitting"
    headline: ClassVar[str] = "OVERFITTING"
    needs = (OverfittingAnalyzer, MetricAnalyzer, DivergenceAnalyzer, LifecycleAnalyzer)
    holds_for: ClassVar[int] = 2
    counted_in: ClassVar[Literal["look", "eval"]] = "eval"

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while the run overfits with a loss that is not lost."""
        over = results.of(OverfittingAnalyzer)
        # Weights that NaN or an explosion spoiled evaluate badly for a reason of their own.
        if results.of(DivergenceAnalyzer).state in LOST:
            return None
        if not over.overfitting or over.lost is None or over.noise is None:
            return None
        since = where(run, over.since_step)
        spent = f"{over.best:.4g} to {over.now:.4g}" if over.best is not None else "its best"
        # With a main metric its best checkpoint is the one to use, whatever the loss prefers.
        main = results.of(MetricAnalyzer)
        scale = main.scale if over.column == main.name else "other"
        lost, bound = (difference_text(part, scale) for part in (over.lost, 3 * over.noise))
        use = f"Use the checkpoint near {since}. " if main.name is None else ""
        ended = results.of(LifecycleAnalyzer).status in ENDED
        return Finding(
            self.name,
            Severity.WARNING,
            over.since_step,
            f"overfitting: {over.column} got worse by {lost} since {since}, from {spent}",
            "The training loss held or fell meanwhile, so the model learns the training set.",
            (
                Evidence(
                    f"{over.column} got worse since its best, mean of 4 evaluations",
                    lost,
                    f"3 × noise = {bound}",
                    (*lines(over.since_line), *last_line(run.eval_log)),
                ),
            ),
            f"{use}{_AFTERWARDS if ended else _MEANWHILE}",
        )


_AFTERWARDS = "For the next run shorten it, or add augmentation, weight decay or dropout."
_MEANWHILE = "Unless it turns, stop; augmentation, weight decay or dropout work against it."

DIAGNOSIS = OverfittingFound()
