"""Every optimizer step is skipped."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.analyzers._course import recent
from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.analyzers.metric import MainMetric, MetricAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._gradient_norms import newest_norms
from copilot_analytics.diagnoses._shown import lines, way_back, ways_back, where
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Trouble
    from copilot_analytics.run import Run

_FEWEST = 30
_FEWEST_EPOCHS = 8
_SCALES = ("loss_scale", "grad_scale", "scale", "scaler", "amp_scale")
_COLLAPSED = 1.0
_FEWEST_SCALES = 3
_FELL = 2.0**10
_MEND = "use bfloat16, a smaller first loss scale, or a lower learning rate."


class StepsSkipped(Diagnosis):
    """Gradients are infinite from one record to the next, so mixed precision skips every step.

    A single one is how dynamic loss scaling finds its scale, and a run begins with some: halving
    the usual first scale of 65,536 down to 1 takes 16. So thirty in a row count, or a scale that
    ten more halvings or so have brought below 1, which no gradient needs. Where a row is an epoch
    its norm may be a mean, which one batch makes infinite: evaluations that change no more must
    say so too.
    """

    name: ClassVar[str] = "steps_skipped"
    trouble: ClassVar[Trouble | None] = "nan"
    headline: ClassVar[str] = "EVERY STEP SKIPPED"
    needs = (DivergenceAnalyzer, MetricAnalyzer)

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while no step counts."""
        # NaN among them is a hidden NaN, and told as that.
        if results.of(DivergenceAnalyzer).state != "healthy":
            return None
        return self._by_scale(run) or self._by_norms(run, results)

    def _by_scale(self, run: Run) -> Finding | None:
        name = next((one for one in _SCALES if one in run.train_log.metric_names), None)
        if name is None:
            return None
        rows = recent(run.train_log, name, 0)
        scale = rows.value
        fine = np.flatnonzero(~(scale < _COLLAPSED))
        first = int(fine[-1]) + 1 if len(fine) else 0
        if not first or len(scale) - first < _FEWEST_SCALES:
            return None
        top, now = float(np.nanmax(scale[:first])), float(scale[-1])
        if not 0.0 <= now <= top / _FELL or not _is_power_of_two(top) or now >= scale[first]:
            return None
        since, good = int(rows.step[first]), int(rows.step[first - 1])
        place = where(run, since)
        return self._told(
            run,
            since,
            good,
            f"the loss scale fell from {top:.6g} to {now:.3g}, and is below 1 since {place}",
            "It is halved whenever a gradient overflows and the step is skipped; so small a scale "
            "mends nothing, so all steps are skipped and nothing is learned any more.",
            Evidence(
                name.replace("_", " "), f"{now:.3g}", f"{_COLLAPSED:g}",
                lines(int(rows.line[first]), int(rows.line[-1])),
            ),
        )  # fmt: skip

    def _by_norms(self, run: Run, results: Results) -> Finding | None:
        stands = run.counts_epochs and _stands_still(run, results.of(MetricAnalyzer))
        fewest = _FEWEST_EPOCHS if stands else _FEWEST
        found = newest_norms(run, fewest, np.isposinf)
        if found is None:
            return None
        return self._told(
            run,
            found.since,
            found.last_good,
            f"every gradient norm is infinite since {where(run, found.since)}",
            "A trainer in mixed precision skips a step whose gradient is not finite; when all "
            "are, nothing is learned any more, though the loss looks well.",
            Evidence(
                "gradient norm", f"inf in {len(found.norms)} records in a row",
                f"fewer than {fewest}", found.lines,
            ),
        )  # fmt: skip

    def _told(
        self, run: Run, since: int, good: int | None, title: str, why: str, seen: Evidence
    ) -> Finding:
        mend = f"Go back to {way_back(run, good)}; {_MEND}"
        ways = ways_back(run, good)
        return Finding(self.name, Severity.WARNING, since, title, why, (seen,), mend, ways)


DIAGNOSIS = StepsSkipped()


def _is_power_of_two(scale: float) -> bool:
    return scale > _COLLAPSED and math.frexp(scale)[0] == 0.5


def _stands_still(run: Run, main: MainMetric) -> bool:
    """Tell whether the newest evaluations all gave the same."""
    if main.name is None or main.n < _FEWEST_EPOCHS:
        return False
    return float(np.ptp(judged_series(run, main.name).value[-_FEWEST_EPOCHS:])) == 0.0
