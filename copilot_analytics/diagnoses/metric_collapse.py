"""The metric has lost most of what was learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from copilot_analytics.analyzers._primary import is_a_return
from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.analyzers.metric import MetricAnalyzer, judged_series
from copilot_analytics.analyzers.overfitting import OverfittingAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import (
    line_at,
    lines,
    spoiled,
    way_back,
    ways_back,
    where,
)
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Trouble
    from copilot_analytics.run import Run

_FEWEST = 6
_NEWEST = 3
_LOST = 0.5
# Sudden: the evaluation before the fall had lost no more than this share of what was lost.
_STILL_WELL = 0.25
_GAINED = 3.0
_SIGMAS = 6.0


class MetricCollapse(Diagnosis):
    """The newest evaluations are all worse than half of the way from the first to the best one.

    Overfitting creeps, and is told as such; this is a model that lost what it knew: a divergence
    that the training loss does not show, a broken evaluation, or weights that were not loaded after
    a resume. What was gained must exceed noise, and what was lost be far beyond it. The return of
    an agent falls and recovers in healthy runs, so it is left out.
    """

    name: ClassVar[str] = "metric_collapse"
    trouble: ClassVar[Trouble | None] = "divergence"
    needs = (MetricAnalyzer, OverfittingAnalyzer, DivergenceAnalyzer)
    counted_in: ClassVar[Literal["look", "eval"]] = "eval"

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while the metric has not come back."""
        main = results.of(MetricAnalyzer)
        if main.name is None or main.n < _FEWEST or is_a_return(main.name):
            return None
        step, value, _, _, line = judged_series(run, main.name)
        better = value if main.direction == "max" else -value
        # A single lucky evaluation is no level: the best counts by the mean of three in a row.
        level = np.convolve(better, np.full(_NEWEST, 1.0 / _NEWEST), "valid")
        at = int(np.argmax(level))
        best, first = float(level[at]), float(better[0])
        if at + _NEWEST > len(better) - _NEWEST:
            return None
        noise = main.noise or 0.0
        if main.noise is not None and at >= 1:
            # The fall itself must not count as noise.
            noise = min(noise, float(np.std(np.diff(better[: at + _NEWEST]))))
        newest = better[-_NEWEST:]
        lost = best - float(newest.max())
        if best - first <= max(_GAINED * noise, 2.0 * main.delta):
            return None
        if lost <= max(_LOST * (best - first), _SIGMAS * noise, 2.0 * main.delta):
            return None
        fell = int(np.flatnonzero(best - better <= _LOST * lost)[-1])
        sudden = best - float(better[max(fell - 1, 0)]) <= _STILL_WELL * lost
        if results.of(OverfittingAnalyzer).overfitting and not sudden:
            return None
        good, since = int(step[fell]), int(step[fell + 1])
        if spoiled(results, since):
            return None
        sign = 1.0 if main.direction == "max" else -1.0
        now = sign * float(np.mean(newest))
        top = at + int(np.argmax(better[at : at + _NEWEST]))
        return Finding(
            self.name,
            Severity.WARNING,
            since,
            f"{main.name} went from {value[top]:.4g} at {where(run, int(step[top]))} to "
            f"{value[fell + 1]:.4g} at {where(run, since)} and did not come back, "
            f"with {value[-1]:.4g} at {where(run, int(step[-1]))}",
            f"More than half of all that was gained since the first evaluation ({value[0]:.4g}) "
            "is lost.",
            (
                Evidence(
                    f"{main.name}, mean of the newest {_NEWEST} evaluations",
                    f"{now:.4g}",
                    f"{sign * best:.4g}, mean of the best {_NEWEST}",
                    (*line_at(run.eval_log, since), *lines(int(line[-1]))),
                ),
            ),
            f"Go back to {way_back(run, good)}; look at what changed there: learning rate, data, "
            "loss scale, or a resume that did not load the weights.",
            ways_back(run, good),
        )


DIAGNOSIS = MetricCollapse()
