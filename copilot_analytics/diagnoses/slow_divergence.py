"""The training loss creeps upwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import lines, where
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Trouble
    from copilot_analytics.run import Run


class SlowDivergence(Diagnosis):
    """The loss rises steadily from its minimum while the evaluations get worse.

    Beyond ten times its minimum it counts whatever the evaluations say.
    """

    name: ClassVar[str] = "slow_divergence"
    trouble: ClassVar[Trouble | None] = "divergence"
    headline: ClassVar[str] = "LOSS RISES"
    explains: ClassVar[str] = "DIVERGING"
    needs = (DivergenceAnalyzer,)
    holds_for: ClassVar[int] = 3

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while the loss is rising."""
        health = results.of(DivergenceAnalyzer)
        if health.state != "rising" or health.level is None or health.threshold is None:
            return None
        mean = f" (means of {health.averaged} values)" if health.averaged > 1 else ""
        return Finding(
            self.name,
            Severity.WARNING,
            health.since_step,
            f"{health.column} rose from {health.threshold:.4g} to {health.level:.4g}{mean} "
            f"since {where(run, health.since_step)}",
            _DESPITE if health.despite_evals else _AGREED,
            (
                Evidence(
                    health.column,
                    f"{health.level:.4g}",
                    f"{health.threshold:.4g} at its best",
                    lines(health.since_line),
                ),
            ),
            f"Keep the checkpoint of {where(run, health.since_step)}; resume from it with a "
            "lower learning rate.",
        )


_AGREED = "A steady rise beyond noise, with no evaluation that improves, is slow divergence."
_DESPITE = (
    "No change of data or augmentation explains so many times its best level, though the "
    "evaluations still improve: averaged weights and other data notice late what is lost."
)


DIAGNOSIS = SlowDivergence()
