"""Single iterations that take far too long, at regular intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers.throughput import ThroughputAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import last_line
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Trouble
    from copilot_analytics.run import Run

_FEWEST = 8
_SHARE = 0.01


class StepOutliers(Diagnosis):
    """Regular stalls, other than the start of an epoch; irregular ones are inputs of many sizes."""

    name: ClassVar[str] = "step_outliers"
    trouble: ClassVar[Trouble | None] = "pace"
    needs = (ThroughputAnalyzer,)
    holds_for: ClassVar[int] = 2

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while the stalls are regular and frequent."""
        speed, rows = results.of(ThroughputAnalyzer), len(run.train_log)
        period, usual = speed.outlier_period, speed.iter_time_s
        if period is None or usual is None or speed.outliers < max(_FEWEST, _SHARE * rows):
            return None
        per_epoch = run.steps_per_epoch
        if per_epoch and abs(period - per_epoch) <= 0.02 * per_epoch:
            return None
        return Finding(
            self.name,
            Severity.INFO,
            run.last_step,
            f"an iteration stalls every {period} steps",
            f"{speed.outliers} of {rows} records took over 3 times the median of {usual:.3g} s.",
            (
                Evidence(
                    "records with stalled iterations",
                    str(speed.outliers),
                    f"3 × median = {3 * usual:.3g} s",
                    last_line(run.train_log),
                ),
            ),
            "See what the run does with that period: saving, logging images, or loader workers "
            "that finish together.",
        )


DIAGNOSIS = StepOutliers()
