"""The training loss climbs while the evaluations still improve."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import last_line, lines, where
from copilot_analytics.findings import Evidence, Finding, Severity
from copilot_analytics.wording import number

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Trouble
    from copilot_analytics.run import Run


class LossRisesAlone(Diagnosis):
    """The loss more than doubled from its best level, and no evaluation shows it.

    Growing augmentation, a regulariser or a curriculum do that in healthy runs, so it is only
    worth knowing; what goes beyond ten times the best level is slow divergence.
    """

    name: ClassVar[str] = "loss_rises_alone"
    trouble: ClassVar[Trouble | None] = "divergence"
    needs = (DivergenceAnalyzer, MetricAnalyzer)
    holds_for: ClassVar[int] = 3

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while the loss climbs with an excuse."""
        health, main = results.of(DivergenceAnalyzer), results.of(MetricAnalyzer)
        if not health.climbs or health.state != "healthy":
            return None
        if health.level is None or health.threshold is None or health.threshold <= 0:
            return None
        times = number(health.level / health.threshold, 2)
        since = where(run, health.since_step)
        return Finding(
            self.name,
            Severity.INFO,
            health.since_step,
            f"{health.column} rose to {times} times its best since {since}, but {main.name} "
            "still improves",
            "Augmentation, loss weights or data that change on the way do this to a healthy run; "
            "so does the beginning of a divergence that averaged weights still hide.",
            (
                Evidence(
                    health.column,
                    f"{health.level:.4g}",
                    f"{health.threshold:.4g} at its best",
                    lines(health.since_line),
                ),
                Evidence(
                    str(main.name),
                    f"{main.last:.4g}",
                    f"{main.best:.4g} at its best",
                    last_line(run.eval_log),
                ),
            ),
            f"Check what changes at {since}; if nothing does, keep the checkpoint of that place "
            "and lower the learning rate.",
        )


DIAGNOSIS = LossRisesAlone()
