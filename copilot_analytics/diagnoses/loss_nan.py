"""The training loss is not a finite number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer
from copilot_analytics.analyzers.phase import Phase, PhaseAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import lines, stop_and, way_back, ways_back, where
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Reason, Trouble
    from copilot_analytics.run import Run


class LossNan(Diagnosis):
    """NaN or infinite loss; that of a skipped step passes, and then this was wrong."""

    name: ClassVar[str] = "loss_nan"
    trouble: ClassVar[Trouble | None] = "nan"
    headline: ClassVar[str] = "LOSS IS NaN"
    reason: ClassVar[Reason] = "explanation"
    explains: ClassVar[str] = "DIVERGING"
    needs = (DivergenceAnalyzer, LifecycleAnalyzer, PhaseAnalyzer)

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while the loss is not finite."""
        health = results.of(DivergenceAnalyzer)
        if health.state != "nan":
            return None
        good, since = health.last_good_step, where(run, health.since_step)
        kind = "infinite" if math.isinf(health.level or math.nan) else "NaN"
        line = f" (line {health.since_line:,})" if health.since_line else ""
        return Finding(
            self.name,
            Severity.CRITICAL,
            health.since_step,
            f"{health.column} is not finite since {since}",
            f"The {health.column} has been {kind} since {since}{line}, and weights updated "
            "with it do not recover.",
            (
                Evidence(health.column, f"{health.level}", "finite", lines(health.since_line)),
                Evidence("records with a loss that is not finite", str(health.not_finite)),
            ),
            stop_and(
                results,
                f"go back to {way_back(run, good)}; lower the learning rate or clip gradients, "
                "and look for bad samples and divisions without epsilon.",
            ),
            ways_back(run, good),
        )

    def still(self, run: Run, results: Results, told: Finding) -> Finding | None:
        """Return what was told until the phase is left that it is the reason of."""
        phase, health = results.of(PhaseAnalyzer).current, results.of(DivergenceAnalyzer)
        return told if phase is Phase.DIVERGING and health.state == "healthy" else None


DIAGNOSIS = LossNan()
