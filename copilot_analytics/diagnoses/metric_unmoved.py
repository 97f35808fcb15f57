"""Evaluations stay at the bottom while the loss falls."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from copilot_analytics.analyzers._dead import metric_moved
from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.analyzers._metric_scale import WHOLE
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.analyzers.trend import TrendAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import last_line
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.run import Run

_FEWEST = 8
_MANY = 50
_SHARE = 0.5
_FALLEN = 0.3
_BOTTOM = 0.12
_ABOVE_CHANCE = 1.2


class MetricUnmoved(Diagnosis):
    """The loss lost a third of its level, and a share at the bottom of its range stays there.

    A metric that is good from its first evaluation may stay so, so only the bottom counts: what
    guessing gives among ten classes, or for an accuracy among the known number of them. And a
    detector needs a while before it finds anything, so half of the plan must be over, or fifty
    evaluations without one.
    """

    name: ClassVar[str] = "metric_unmoved"
    needs = (MetricAnalyzer, TrendAnalyzer)
    holds_for: ClassVar[int] = 2
    counted_in: ClassVar[Literal["look", "eval"]] = "eval"

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while the metric lies at the bottom."""
        main, trend = results.of(MetricAnalyzer), results.of(TrendAnalyzer)
        whole = WHOLE.get(main.scale)
        if whole is None or main.direction != "max" or main.best is None or main.n < _FEWEST:
            return None
        progress = run.progress
        if main.n < _MANY if progress is None else progress < _SHARE:
            return None
        start, now = trend.loss_start, trend.loss_now
        if start is None or now is None or start <= 0 or start - now < _FALLEN * start:
            return None
        classes = run.meta.num_classes if "acc" in (main.name or "").lower() else None
        chance = _ABOVE_CHANCE / classes if classes else 0.0
        level = float(np.median(judged_series(run, main.name or "").value))
        if level > max(_BOTTOM, chance) * whole or metric_moved(run, main):
            return None
        return Finding(
            self.name,
            Severity.INFO,
            None,
            f"{main.name} stays at {main.last:.4g} in {main.n} evaluations while the training loss "
            f"fell from {start:.4g} to {now:.4g}",
            "What is learned does not reach the evaluation: labels or class order that differ, "
            "another preprocessing, weights that are not loaded, or an averaged model that "
            "hardly moves.",
            (
                Evidence(
                    f"best {main.name}",
                    f"{main.best:.4g}",
                    f"more than {main.delta_text} and noise above the first",
                    last_line(run.eval_log),
                ),
                Evidence("training loss", f"{now:.4g}", f"{start:.4g} at its start"),
            ),
            "Evaluate on a few training samples with the evaluation code: what the loss says is "
            "known must be found there.",
        )


DIAGNOSIS = MetricUnmoved()
