"""One part of the loss is not finite."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import line_at, where
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Trouble
    from copilot_analytics.run import Run


class LossComponentNan(Diagnosis):
    """A component is NaN while the total still looks well."""

    name: ClassVar[str] = "loss_component_nan"
    trouble: ClassVar[Trouble | None] = "nan"
    headline: ClassVar[str] = "PART OF THE LOSS NOT FINITE"
    needs = (DivergenceAnalyzer,)
    holds_for: ClassVar[int] = 2

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding if a component is not finite and the total is."""
        health = results.of(DivergenceAnalyzer)
        bad = [(name, step) for name, what, step in health.components if what == "nan"]
        if not bad or health.state == "nan":
            return None
        name, step = min(bad, key=lambda part: part[1])
        others = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        return Finding(
            self.name,
            Severity.WARNING,
            step,
            f"{name}{others} is not finite since {where(run, step)}, while {health.column} is",
            "The total leaves this part out or is filtered, so a head may learn nothing.",
            tuple(
                Evidence(part, "not finite", "finite", line_at(run.train_log, since))
                for part, since in bad[:5]
            ),
            f"Look at what feeds {name}: empty targets, a division by their number, or a "
            "logarithm of zero.",
        )


DIAGNOSIS = LossComponentNan()
