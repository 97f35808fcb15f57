"""A NaN that the trainer hides."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import lines, stop_and, where
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Trouble
    from copilot_analytics.run import Run


class MaskedNan(Diagnosis):
    """Exact zeros after positive losses, or a gradient that is NaN under a finite loss."""

    name: ClassVar[str] = "masked_nan"
    trouble: ClassVar[Trouble | None] = "nan"
    headline: ClassVar[str] = "HIDDEN NaN"
    explains: ClassVar[str] = "DIVERGING"
    needs = (DivergenceAnalyzer, LifecycleAnalyzer)

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while the state is masked."""
        health = results.of(DivergenceAnalyzer)
        if health.state != "masked":
            return None
        gradient = health.column == "grad_norm"
        seen = "not finite" if gradient else "exactly 0"
        why = "its gradient is NaN" if gradient else "trainers that filter NaN print 0 instead"
        return Finding(
            self.name,
            Severity.CRITICAL,
            health.since_step,
            f"{health.column} is {seen} since {where(run, health.since_step)}: a hidden NaN",
            f"The loss looks finite, but {why}; nothing is learned any more.",
            (
                Evidence(
                    health.column, seen, "fewer than 5 records in a row", lines(health.since_line)
                ),
            ),
            stop_and(
                results,
                "go back to a checkpoint before it, with the NaN filter of the trainer switched "
                "off (logging_nan_inf_filter in Hugging Face).",
            ),
        )


DIAGNOSIS = MaskedNan()
