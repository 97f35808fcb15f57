"""The run is flat, but the schedule is about to change that."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers._plan import decide_at
from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.analyzers.phase import Phase, PhaseAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import last_line
from copilot_analytics.findings import Evidence, Finding, Severity
from copilot_analytics.wording import place

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Trouble
    from copilot_analytics.run import Run


class PlateauBeforeDecay(Diagnosis):
    """Flat before a scheduled drop of the learning rate: wait."""

    name: ClassVar[str] = "plateau_before_decay"
    trouble: ClassVar[Trouble | None] = "plateau"
    needs = (PhaseAnalyzer, LearningRateAnalyzer)
    holds_for: ClassVar[int] = 2

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while a drop is ahead of a plateau."""
        phases, rate = results.of(PhaseAnalyzer), results.of(LearningRateAnalyzer)
        drop = rate.next_drop
        if phases.current is not Phase.PLATEAU or drop is None or not phases.history:
            return None
        at = place(drop.step, drop.epoch)
        return Finding(
            self.name,
            Severity.INFO,
            phases.history[-1].from_step,
            f"flat, but the learning rate drops ×{drop.factor:g} at {at}",
            "Much of the gain of such a schedule comes right after a drop, so a flat stretch "
            "before it says little.",
            (
                Evidence(
                    "steps until the drop",
                    str(drop.step - run.last_step),
                    "0",
                    last_line(run.train_log),
                ),
                *phases.evidence[:1],
            ),
            f"Wait until {at}, and decide at {decide_at(run, drop)}.",
        )


DIAGNOSIS = PlateauBeforeDecay()
