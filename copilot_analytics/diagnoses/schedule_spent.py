"""The learning rate is gone with most of the plan to come."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers._plan import planned_end
from copilot_analytics.analyzers.learning_rate import FLOOR, LearningRateAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import CHECK_LENGTH, line_at, where
from copilot_analytics.findings import Evidence, Finding, Severity
from copilot_analytics.wording import share

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.run import Run

_MOST_DONE = 0.5


class ScheduleSpent(Diagnosis):
    """A hundredth of its peak or less before half of the plan, and nothing raises it again."""

    name: ClassVar[str] = "schedule_spent"
    needs = (LearningRateAnalyzer,)
    holds_for: ClassVar[int] = 2
    superseded_by: ClassVar[str] = "lr_zero"

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while the rate stays so low."""
        rate, planned = results.of(LearningRateAnalyzer), planned_end(run)
        since, now, peak = rate.spent_since, rate.now, rate.peak
        if not rate.at_floor or since is None or now is None or peak is None or planned is None:
            return None
        left = 1.0 - since / planned
        if left <= _MOST_DONE:
            return None
        return Finding(
            self.name,
            Severity.INFO,
            since,
            f"the learning rate is {now:.3g} and was {peak:.3g} at its highest; it was gone by "
            f"{where(run, since)}, with {share(left)} of the plan still to come then",
            "What another schedule could still gain is not in the forecast.",
            (
                Evidence(
                    "learning rate",
                    f"{now:.3g}",
                    f"{share(FLOOR)} of {peak:.3g}",
                    line_at(run.train_log, since),
                ),
            ),
            CHECK_LENGTH,
            mend_first="the schedule",
        )


DIAGNOSIS = ScheduleSpent()
