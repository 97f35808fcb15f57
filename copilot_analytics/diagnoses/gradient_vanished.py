"""The gradient is zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.analyzers.trend import TrendAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import lines, where
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.run import Run

_NAME = "grad_norm"
_ROWS = 20
_TINY = 1e-7


class GradientVanished(Diagnosis):
    """Twenty gradient norms in a row below 1e-7 while the loss does not fall.

    The bound is that of SageMaker Debugger's rule VanishingGradient. A norm that is only printed as
    zero still trains: then the loss falls.
    """

    name: ClassVar[str] = "gradient_vanished"
    needs = (TrendAnalyzer,)

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while there is no gradient."""
        log = run.train_log
        if _NAME not in log.metric_names or len(log) < _ROWS:
            return None
        norm = log.column(_NAME)[-_ROWS:]
        if not bool(np.all((norm >= 0.0) & (norm < _TINY))):
            return None
        speed = results.of(TrendAnalyzer).loss
        if speed is not None and speed.low > 0.0:
            return None
        since = int(log.step[-_ROWS])
        return Finding(
            self.name,
            Severity.WARNING,
            since,
            f"the gradient norm is {norm[-1]:.3g} since {where(run, since)} or earlier",
            "Without a gradient no weight changes, whatever the learning rate.",
            (
                Evidence(
                    "gradient norm",
                    f"at most {float(norm.max()):.3g} in {_ROWS} records",
                    f"{_TINY:g}",
                    lines(int(log.line[-_ROWS]), int(log.line[-1])),
                ),
            ),
            "Check that the parameters require gradients and belong to the optimizer, that the "
            "graph is not cut (detach, no_grad), and that activations are not saturated.",
        )


DIAGNOSIS = GradientVanished()
