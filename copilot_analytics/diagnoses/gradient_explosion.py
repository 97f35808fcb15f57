"""Gradients far above their usual norm, again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import lines
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Trouble
    from copilot_analytics.run import Run

_NAME = "grad_norm"
_ROWS = 100
_Z = 10.0
_TIMES = 10.0
_FEWEST = 3
_EARLY = 0.05


class GradientExplosion(Diagnosis):
    """Three of a hundred records ten times above the median, and beyond their usual spread."""

    name: ClassVar[str] = "gradient_explosion"
    trouble: ClassVar[Trouble | None] = "divergence"
    needs = (LearningRateAnalyzer,)
    holds_for: ClassVar[int] = 2

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while such gradients are among the newest records."""
        log, progress = run.train_log, run.progress
        if _NAME not in log.metric_names or len(log) < 2 * _ROWS:
            return None
        if results.of(LearningRateAnalyzer).warming_up or (progress or 1.0) < _EARLY:
            return None
        norm, line, step = (part[-_ROWS:] for part in (log.column(_NAME), log.line, log.step))
        good = np.isfinite(norm)
        norm, line, step = norm[good], line[good], step[good]
        if len(norm) < _ROWS // 2:
            return None
        usual = float(np.median(norm))
        spread = 1.4826 * float(np.median(np.abs(norm - usual)))
        bound = max(usual + _Z * spread, _TIMES * usual)
        high = np.flatnonzero(norm > bound)
        if usual <= 0 or len(high) < _FEWEST:
            return None
        return Finding(
            self.name,
            Severity.INFO,
            int(step[high[0]]),
            f"{len(high)} of the newest {len(norm)} gradient norms exceed {bound:.3g}",
            f"Their median is {usual:.3g}; single batches throw the weights far off.",
            (
                Evidence(
                    "gradient norm",
                    f"up to {float(norm[high].max()):.4g}",
                    f"{bound:.3g}",
                    lines(*(int(line[at]) for at in high[:5])),
                ),
            ),
            f"Clip gradients near {2 * usual:.2g} (twice the median), and look at the batches.",
        )


DIAGNOSIS = GradientExplosion()
