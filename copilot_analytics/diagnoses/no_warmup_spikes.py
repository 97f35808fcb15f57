"""Early spikes in a run without warm-up."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.analyzers._plan import planned_end
from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import lines
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Trouble
    from copilot_analytics.run import Run

_AT_PEAK = 0.9
_EARLY = 0.1
_SPIKES = 2


class NoWarmupSpikes(Diagnosis):
    """Starts at the peak rate, and spikes in the first tenth."""

    name: ClassVar[str] = "no_warmup_spikes"
    trouble: ClassVar[Trouble | None] = "spike"
    needs = (DivergenceAnalyzer, LearningRateAnalyzer)
    lasting: ClassVar[bool] = True

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding once early spikes were seen."""
        rate, log = results.of(LearningRateAnalyzer), run.train_log
        planned = planned_end(run)
        if planned is None or not rate.peak or "lr" not in log.metric_names:
            return None
        first = log.column("lr")[0]
        if not np.isfinite(first) or first < _AT_PEAK * rate.peak or int(log.segment[-1]):
            return None
        early = [
            spike
            for spike in results.of(DivergenceAnalyzer).spikes
            if spike.step <= _EARLY * planned
        ]
        if len(early) < _SPIKES:
            return None
        return Finding(
            self.name,
            Severity.INFO,
            early[0].step,
            f"{len(early)} spikes in the first tenth of a run without warm-up",
            "The learning rate starts at its peak, where the first gradients are the largest.",
            (
                Evidence(
                    "first learning rate",
                    f"{first:.3g}",
                    f"peak {rate.peak:.3g}",
                    lines(int(log.line[0])),
                ),
                Evidence(
                    "early spikes",
                    str(len(early)),
                    str(_SPIKES),
                    lines(*(spike.line for spike in early[:5])),
                ),
            ),
            "Warm the rate up over about 5 % of the steps in the next run.",
        )


DIAGNOSIS = NoWarmupSpikes()
