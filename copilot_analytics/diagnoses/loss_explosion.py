"""The training loss has exploded."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers._lr_rise import rise_behind, risen
from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import lines, way_back, ways_back, where
from copilot_analytics.findings import Evidence, Finding, Severity
from copilot_analytics.wording import number

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Reason, Trouble
    from copilot_analytics.run import Run


class LossExplosion(Diagnosis):
    """Far above its level for several records in a row, and not back."""

    name: ClassVar[str] = "loss_explosion"
    trouble: ClassVar[Trouble | None] = "divergence"
    headline: ClassVar[str] = "LOSS EXPLODED"
    reason: ClassVar[Reason] = "explanation"
    explains: ClassVar[str] = "DIVERGING"
    needs = (DivergenceAnalyzer, LearningRateAnalyzer)

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while the loss is exploded."""
        health = results.of(DivergenceAnalyzer)
        if health.state != "exploded" or health.level is None:
            return None
        limit = "" if health.threshold is None else f"{health.threshold:.4g}"
        good, since = health.last_good_step, where(run, health.since_step)
        stands = f"far above its level before {since}"
        if health.before is not None and health.before > 0:
            stands = f"{number(health.level / health.before, 2)} times its level before {since}"
        cure = "divide the learning rate by 10, or clip gradients"
        rise = rise_behind(results.of(LearningRateAnalyzer).raised, health.since_step, good)
        if rise is not None:
            stands += f", after {risen(rise, where(run, rise.step))}"
            cure = f"keep the learning rate near {rise.before:.3g}"
        return Finding(
            self.name,
            Severity.CRITICAL,
            health.since_step,
            f"{health.column} exploded to {health.level:.4g} at {since}",
            f"The {health.column} stands at {health.level:.4g}, {stands}.",
            (
                Evidence(
                    f"{health.column}, median of the newest records",
                    f"{health.level:.4g}",
                    limit,
                    lines(health.since_line),
                ),
            ),
            f"Go back to {way_back(run, good)} and {cure}.",
            ways_back(run, good),
        )


DIAGNOSIS = LossExplosion()
