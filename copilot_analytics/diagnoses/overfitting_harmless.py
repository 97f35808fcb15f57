"""The validation loss rises, but what counts still improves."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.analyzers.overfitting import OverfittingAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import lines, where
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Trouble
    from copilot_analytics.run import Run


class OverfittingHarmless(Diagnosis):
    """Growing confidence, not a worse model."""

    name: ClassVar[str] = "overfitting_harmless"
    trouble: ClassVar[Trouble | None] = "overfitting"
    needs = (OverfittingAnalyzer, MetricAnalyzer)
    holds_for: ClassVar[int] = 2
    counted_in: ClassVar[Literal["look", "eval"]] = "eval"

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while the loss rises and the metric improves."""
        over, main = results.of(OverfittingAnalyzer), results.of(MetricAnalyzer)
        if not over.harmless or over.lost is None or over.noise is None:
            return None
        since = where(run, over.since_step)
        return Finding(
            self.name,
            Severity.INFO,
            over.since_step,
            f"{over.column} rises since {since}, but {main.name} still improves",
            "The model becomes over-confident where it errs; the metric does not suffer.",
            (
                Evidence(
                    f"{over.column} got worse since its best",
                    f"{over.lost:.4g}",
                    f"3 × noise = {3 * over.noise:.4g}",
                    lines(over.since_line),
                ),
                Evidence(f"best {main.name}", f"{main.best:.5g} at {where(run, main.best_step)}"),
            ),
            f"Go on, and choose the checkpoint by {main.name}; calibrate probabilities afterwards "
            "if they are used.",
        )


DIAGNOSIS = OverfittingHarmless()
