"""The training loss falls once an epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers.trend import TrendAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import line_at, where
from copilot_analytics.findings import Evidence, Finding, Severity
from copilot_analytics.wording import number, share

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.run import Run


class EpochStaircase(Diagnosis):
    """Steps at the boundaries of epochs and a flat loss between: the data is learned by heart."""

    name: ClassVar[str] = "epoch_staircase"
    needs = (TrendAnalyzer,)
    holds_for: ClassVar[int] = 3

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while the newest boundaries show such steps."""
        trend = results.of(TrendAnalyzer)
        stairs = trend.stairs
        if stairs is None or trend.loss_now is None or trend.loss_now <= 0:
            return None
        first, newest = int(stairs.at[0]), int(stairs.at[-1])
        level = max(float(stairs.levels[-2]), 1e-300)
        part = min(float(stairs.drops[-1]) / level, 1.0)
        return Finding(
            self.name,
            Severity.INFO,
            first,
            f"the training loss falls by {share(part)} where an epoch begins, and hardly in "
            "between",
            "Samples are seen again right after a boundary, and are known by then: the model "
            "learns its training data by heart. The training loss no longer tells how good it is.",
            (
                Evidence(
                    "drop of the loss at the newest boundary",
                    number(float(stairs.drops[-1]), 3),
                    f"{number(3.0 * stairs.error, 2)} (three standard errors)",
                    line_at(run.train_log, newest),
                ),
            ),
            "Judge by held-out data alone, and evaluate after every epoch. Without such data one "
            f"or two epochs are usual; the steps were there by {where(run, first)}.",
        )


DIAGNOSIS = EpochStaircase()
