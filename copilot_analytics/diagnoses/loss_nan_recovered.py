"""The loss was NaN or infinite for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.run import Run


class LossNanRecovered(Diagnosis):
    """Losses that were not finite and did no harm, as those of skipped mixed-precision steps."""

    name: ClassVar[str] = "loss_nan_recovered"
    needs = (DivergenceAnalyzer,)

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return a note once the loss is finite again."""
        health = results.of(DivergenceAnalyzer)
        if not health.recovered_nan:
            return None
        share = health.not_finite / max(len(run.train_log), 1)
        return Finding(
            self.name,
            Severity.INFO,
            None,
            f"{health.column} was not finite in {health.not_finite} records and recovered",
            "Mixed-precision training skips such steps; often it is harmless.",
            (
                Evidence(
                    "records with a loss that is not finite",
                    f"{health.not_finite} ({share:.1%} of all)",
                    "0",
                ),
            ),
            "Check the loss scale, and whether the steps were skipped.",
        )


DIAGNOSIS = LossNanRecovered()
