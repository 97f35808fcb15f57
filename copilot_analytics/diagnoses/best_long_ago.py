"""The best evaluation is long past."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.analyzers._metric_scale import difference_text
from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.analyzers.overfitting import OverfittingAnalyzer
from copilot_analytics.analyzers.stopping import StoppingAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import LEARN_FIRST, last_line, line_at, where
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.run import Run

_FEWEST = 10


class BestLongAgo(Diagnosis):
    """No best in the newer half of the evaluations, and nothing scheduled that could bring one."""

    name: ClassVar[str] = "best_long_ago"
    needs = (MetricAnalyzer, LearningRateAnalyzer, OverfittingAnalyzer, StoppingAnalyzer)
    holds_for: ClassVar[int] = 2
    counted_in: ClassVar[Literal["look", "eval"]] = "eval"
    superseded_by: ClassVar[str] = "overfitting"

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while the best is in the older half."""
        rate = results.of(LearningRateAnalyzer)
        if rate.next_drop is not None or rate.next_restart is not None:
            return None
        if rate.decays_to_end and not rate.at_floor:
            return None
        if results.of(OverfittingAnalyzer).overfitting:
            return None
        return self._long_past(run, results)

    def still(self, run: Run, results: Results, told: Finding) -> Finding | None:
        """Return the finding until a better value comes."""
        same = results.of(MetricAnalyzer).best_step == told.step
        return self._long_past(run, results) if same else None

    def _long_past(self, run: Run, results: Results) -> Finding | None:
        main = results.of(MetricAnalyzer)
        if main.n < _FEWEST or main.best_step is None or main.best is None or main.last is None:
            return None
        step = judged_series(run, main.name or "").step
        since = int((step > main.best_step).sum())
        if since <= main.n / 2:
            return None
        keep = f"Keep the checkpoint of {where(run, main.best_step)}; lower the learning rate, or "
        keep += "train for a shorter time."
        return Finding(
            self.name,
            Severity.INFO,
            main.best_step,
            f"{main.name} was best {since} of {main.n} evaluations ago, at "
            f"{where(run, main.best_step)}",
            "More than half of all evaluations brought no new best.",
            (
                Evidence(
                    "evaluations since the best",
                    str(since),
                    f"half of {main.n}",
                    (*line_at(run.eval_log, main.best_step), *last_line(run.eval_log)),
                ),
                Evidence(
                    f"{main.name} now against its best",
                    difference_text(abs(main.best - main.last), main.scale),
                    main.delta_text,
                ),
            ),
            LEARN_FIRST if results.of(StoppingAnalyzer).at_chance else keep,
        )


DIAGNOSIS = BestLongAgo()
