"""Nearly every gradient is clipped."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import last_line
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.run import Run

_NAME = "grad_norm"
_ROWS = 50
_SHARE = 0.8
_NEAR = 0.005


class ClipSaturation(Diagnosis):
    """Norms that stand at their maximum: the log prints them after clipping."""

    name: ClassVar[str] = "clip_saturation"
    needs = (LearningRateAnalyzer,)
    holds_for: ClassVar[int] = 3

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while most of the newest norms are the same maximum."""
        log = run.train_log
        if _NAME not in log.metric_names or len(log) < 2 * _ROWS:
            return None
        norm = log.column(_NAME)[-_ROWS:]
        norm = norm[np.isfinite(norm)]
        if len(norm) < _ROWS or results.of(LearningRateAnalyzer).warming_up:
            return None
        top = float(norm.max())
        at_top = float(np.mean(norm >= (1.0 - _NEAR) * top))
        if top <= 0 or at_top < _SHARE:
            return None
        return Finding(
            self.name,
            Severity.INFO,
            run.last_step,
            f"{at_top:.0%} of the newest gradients are clipped to {top:.3g}",
            "When every step is clipped, only directions count and the clip sets the step size.",
            (
                Evidence(
                    f"gradient norms within 0.5 % of {top:.3g}",
                    f"{at_top:.0%}",
                    f"{_SHARE:.0%} of {_ROWS}",
                    last_line(log),
                ),
            ),
            "Raise the clip to about twice the usual norm, or lower the learning rate.",
        )


DIAGNOSIS = ClipSaturation()
