"""The metric has lost most of what was learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from copilot_analytics.analyzers._lr_rise import rise_behind, risen
from copilot_analytics.analyzers._metric_collapse import collapse
from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.analyzers.overfitting import OverfittingAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import lines, spoiled, way_back, ways_back, where
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Trouble
    from copilot_analytics.run import Run


class MetricCollapse(Diagnosis):
    """The newest evaluations are all worse than half of the way from the first to the best one.

    Overfitting creeps, and is told as such; this is a model that lost what it knew: a divergence
    that the training loss does not show, a broken evaluation, or weights that were not loaded after
    a resume. What was gained must exceed noise, and what was lost be far beyond it. The return of
    an agent falls and recovers in healthy runs, so there it must have been down for long.
    """

    name: ClassVar[str] = "metric_collapse"
    trouble: ClassVar[Trouble | None] = "divergence"
    headline: ClassVar[str] = "METRIC COLLAPSED"
    explains: ClassVar[str] = "DIVERGING"
    needs = (MetricAnalyzer, OverfittingAnalyzer, DivergenceAnalyzer, LearningRateAnalyzer)
    counted_in: ClassVar[Literal["look", "eval"]] = "eval"

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while the metric has not come back."""
        main = results.of(MetricAnalyzer)
        found = collapse(run, main)
        if found is None:
            return None
        if results.of(OverfittingAnalyzer).overfitting and not found.sudden:
            return None
        since = found.since_step
        if spoiled(results, since):
            return None
        lost = (
            "More than half of all that was gained since the first evaluation "
            f"({found.first:.4g}) is lost"
        )
        rise = rise_behind(results.of(LearningRateAnalyzer).raised, since, found.good_step)
        if rise is not None:
            lost += f", after {risen(rise, where(run, rise.step))}"
        return Finding(
            self.name,
            Severity.WARNING,
            since,
            f"{main.name} went from {found.best:.4g} at {where(run, found.best_step)} to "
            f"{found.fallen:.4g} at {where(run, since)} and did not come back, "
            f"with {found.last:.4g} at {where(run, found.last_step)}",
            f"{lost}.",
            (
                Evidence(
                    f"{main.name}, mean of the newest {found.averaged} evaluations",
                    f"{found.now:.4g}",
                    f"{found.level:.4g}, mean of the best {found.averaged}",
                    lines(found.since_line, found.line),
                ),
            ),
            f"Go back to {way_back(run, found.good_step)}; look at what changed there: learning "
            "rate, data, loss scale, or a resume that did not load the weights.",
            ways_back(run, found.good_step),
        )


DIAGNOSIS = MetricCollapse()
