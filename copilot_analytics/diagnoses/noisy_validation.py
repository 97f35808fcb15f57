"""Evaluations too noisy to choose by."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.analyzers._metric_scale import difference_text
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import last_line
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.run import Run

_FEWEST = 12
_SHARE = 0.15
_DELTAS = 2.0


class NoisyValidation(Diagnosis):
    """Noise that is a good part of all progress and more than the gains worth having."""

    name: ClassVar[str] = "noisy_validation"
    needs = (MetricAnalyzer,)
    holds_for: ClassVar[int] = 3
    counted_in: ClassVar[Literal["look", "eval"]] = "eval"

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while the noise is that large."""
        main = results.of(MetricAnalyzer)
        if main.name is None or main.noise is None or main.n < _FEWEST or main.delta <= 0:
            return None
        column = judged_series(run, main.name).value[-1000:]
        low, high = np.quantile(column, (0.05, 0.95))
        extent = float(high - low)
        if main.noise <= max(_SHARE * extent, _DELTAS * main.delta):
            return None
        noise = difference_text(main.noise, main.scale)
        return Finding(
            self.name,
            Severity.INFO,
            None,
            f"one evaluation of {main.name} is uncertain by ± {noise}",
            f"That is {main.noise / max(extent, 1e-300):.0%} of its whole range, so the best of "
            "many evaluations is mostly a lucky one.",
            (
                Evidence(
                    f"standard deviation of one evaluation of {main.name}",
                    noise,
                    f"{_SHARE:.0%} of its range and {_DELTAS:g} × {main.delta_text}",
                    last_line(run.eval_log),
                ),
            ),
            "Evaluate on more samples, or average weights; choose among checkpoints that tie "
            "within noise, not by the single best number.",
        )


DIAGNOSIS = NoisyValidation()
