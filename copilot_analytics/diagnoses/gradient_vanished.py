"""The gradient is zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers.trend import TrendAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._gradient_norms import newest_norms
from copilot_analytics.diagnoses._shown import where
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.run import Run

_FEWEST = 20
_TINY = 1e-7


class GradientVanished(Diagnosis):
    """Twenty gradient norms in a row below 1e-7 while the loss does not fall.

    The bound is that of SageMaker Debugger's rule VanishingGradient. A norm that is only printed as
    zero still trains: then the loss falls. A loss that stands still seems to fall now and then, so
    one look that says so does not take the finding back.
    """

    name: ClassVar[str] = "gradient_vanished"
    headline: ClassVar[str] = "GRADIENT VANISHED"
    needs = (TrendAnalyzer,)
    holds_for: ClassVar[int] = 2

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while there is no gradient."""
        found = newest_norms(run, _FEWEST, lambda norm: (norm >= 0.0) & (norm < _TINY))
        if found is None:
            return None
        speed = results.of(TrendAnalyzer).loss
        if speed is not None and speed.low > 0.0:
            return None
        return Finding(
            self.name,
            Severity.WARNING,
            found.since,
            f"the gradient norm is {found.norms[-1]:.3g} since {where(run, found.since)}",
            "Without a gradient no weight changes, whatever the learning rate.",
            (
                Evidence(
                    "gradient norm",
                    f"at most {float(found.norms.max()):.3g} in {len(found.norms)} records",
                    f"{_TINY:g}",
                    found.lines,
                ),
            ),
            "Check that the parameters require gradients and belong to the optimizer, that the "
            "graph is not cut (detach, no_grad), and that activations are not saturated.",
        )


DIAGNOSIS = GradientVanished()
