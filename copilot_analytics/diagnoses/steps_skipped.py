"""Every optimizer step is skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._gradient_norms import newest_norms
from copilot_analytics.diagnoses._shown import way_back, ways_back, where
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Trouble
    from copilot_analytics.run import Run

_FEWEST = 30


class StepsSkipped(Diagnosis):
    """Thirty gradient norms in a row are infinite, so mixed precision skips every step.

    A single one is how dynamic loss scaling finds its scale, and a run begins with some: halving
    the usual first scale of 65,536 down to 1 takes 16.
    """

    name: ClassVar[str] = "steps_skipped"
    trouble: ClassVar[Trouble | None] = "nan"
    headline: ClassVar[str] = "EVERY STEP SKIPPED"
    needs = (DivergenceAnalyzer,)

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while no step counts."""
        # NaN among them is a hidden NaN, and told as that.
        if results.of(DivergenceAnalyzer).state != "healthy":
            return None
        found = newest_norms(run, _FEWEST, np.isposinf)
        if found is None:
            return None
        return Finding(
            self.name,
            Severity.WARNING,
            found.since,
            f"every gradient norm is infinite since {where(run, found.since)}",
            "A trainer in mixed precision skips a step whose gradient is not finite; when all "
            "are, nothing is learned any more, though the loss looks well.",
            (
                Evidence(
                    "gradient norm",
                    f"inf in {len(found.norms)} records in a row",
                    f"fewer than {_FEWEST}",
                    found.lines,
                ),
            ),
            f"Go back to {way_back(run, found.last_good)}; use bfloat16, a smaller first loss "
            "scale, or a lower learning rate.",
            ways_back(run, found.last_good),
        )


DIAGNOSIS = StepsSkipped()
