"""Evaluations that give NaN."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.analyzers.overfitting import validation_loss
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import lines, where
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Trouble
    from copilot_analytics.run import Run

_FEWEST = 2
_NEWEST = 500


class EvalNotFinite(Diagnosis):
    """The main metric or the validation loss is NaN or infinite in evaluation after evaluation.

    One alone may be an empty batch. A value that was never finite is told, too: a split without
    labels, or a sum over nothing.
    """

    name: ClassVar[str] = "eval_not_finite"
    trouble: ClassVar[Trouble | None] = "nan"
    headline: ClassVar[str] = "EVALUATION NOT FINITE"
    needs = (MetricAnalyzer,)
    counted_in: ClassVar[Literal["look", "eval"]] = "eval"

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while the newest evaluations are not finite."""
        main = results.of(MetricAnalyzer).name
        for name in dict.fromkeys((main, validation_loss(run))):
            if name is None:
                continue
            series = run.eval_series(name)
            finite = np.flatnonzero(np.isfinite(series.value[-_NEWEST:]))
            newest = len(series.value[-_NEWEST:])
            bad = newest - 1 - int(finite[-1]) if len(finite) else newest
            if bad < _FEWEST:
                continue
            first = int(series.step[-bad])
            seen = f"{series.value[-1]:g}"
            return Finding(
                self.name,
                Severity.WARNING,
                first,
                f"{name} is {seen} in the newest {bad} evaluations, since {where(run, first)}",
                "No checkpoint since then can be chosen by it. If the training loss is finite, the "
                "cause lies in the evaluation: half precision, a division by an empty class, or "
                "averaged weights.",
                (Evidence(name, seen, "finite", lines(*(int(i) for i in series.line[-bad:][:5]))),),
                "Evaluate one checkpoint by hand in full precision, and look at the first batch "
                "that is not finite.",
            )
        return None


DIAGNOSIS = EvalNotFinite()
