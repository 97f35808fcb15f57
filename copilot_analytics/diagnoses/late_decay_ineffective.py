"""A drop of the learning rate that brought nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.analyzers._course import recent, total_loss
from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.analyzers._metric_scale import difference_text
from copilot_analytics.analyzers._plan import planned_end
from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer, LrDrop
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import lines, where
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.run import Run

_CUT = 4.9
_ROWS = 50
_FEWEST = 20
_EVALS = 3
_LOOKED_AT = 4000
_LASTING = 0.03


class LateDecayIneffective(Diagnosis):
    """At a fifth of the rate or less, neither the loss nor the metric moved."""

    name: ClassVar[str] = "late_decay_ineffective"
    needs = (LearningRateAnalyzer, MetricAnalyzer)
    holds_for: ClassVar[int] = 2

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding if the newest large drop brought nothing."""
        cuts = [d for d in results.of(LearningRateAnalyzer).drops if d.before >= _CUT * d.after]
        column = total_loss(run.train_log)
        if not cuts or column is None:
            return None
        cut = cuts[-1]
        length = planned_end(run) or run.last_step
        if run.last_step < cut.step + _LASTING * length:
            return None
        rows = recent(run.train_log, column, len(run.train_log) - _LOOKED_AT)
        good = np.isfinite(rows.value)
        step, level = rows.step[good], rows.value[good]
        before, after = level[step < cut.step][-_ROWS:], level[step >= cut.step][-_ROWS:]
        if min(len(before), len(after)) < _FEWEST:
            return None
        middle = float(np.median(before))
        noise = 1.4826 * float(np.median(np.abs(before - middle)))
        fell = middle - float(np.median(after))
        # A median of fifty is known to a sixth of the noise.
        if noise <= 0 or abs(fell) > 0.5 * noise:
            return None
        seen = Evidence(
            f"fall of the median of {column}", f"{fell:.3g}", f"half its noise, {0.5 * noise:.3g}",
            lines(cut.line),
        )  # fmt: skip
        metric = self._metric(run, results, cut)
        if metric is None:
            return None
        return Finding(
            self.name,
            Severity.INFO,
            cut.step,
            f"the drop of the learning rate to {cut.after:.3g} at {where(run, cut.step)} brought "
            "nothing",
            "What a lower rate can bring shows soon after the drop; this run is nearly spent.",
            (seen, metric),
            "Do not wait for more from this schedule; for the next run, drop later or train with "
            "a higher rate before.",
        )

    def still(self, run: Run, results: Results, told: Finding) -> Finding | None:
        """Return the finding while the metric has not gained since the drop.

        That the loss moves later, or that the rate drops again, does not make it untrue.
        """
        drops = results.of(LearningRateAnalyzer).drops
        cut = next((drop for drop in drops if drop.step == told.step), None)
        if cut is None or self._metric(run, results, cut) is None:
            return None
        return told

    def _metric(self, run: Run, results: Results, cut: LrDrop) -> Evidence | None:
        """Return how little the metric gained; None if it gained or was not measured."""
        main = results.of(MetricAnalyzer)
        if main.name is None or main.noise is None:
            return None
        step, level, *_ = judged_series(run, main.name)
        good = level if main.direction == "max" else -level
        before, after = good[step < cut.step][-_EVALS:], good[step >= cut.step]
        if min(len(before), len(after)) < _EVALS:
            return None
        gained = float(after.max() - before.mean())
        if gained > max(2.0 * main.noise, main.delta):
            return None
        bound = difference_text(max(2.0 * main.noise, main.delta), main.scale)
        sign = "-" if gained < 0 else ""
        shown = sign + difference_text(abs(gained), main.scale)
        return Evidence(f"gain of {main.name}", shown, bound)


DIAGNOSIS = LateDecayIneffective()
