"""The loss goes back to where training began, though it was resumed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.analyzers._course import total_loss
from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import lines, stop_and, where
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.records import Floats
    from copilot_analytics.run import Run

_ROWS = 5
_LOST = 0.8
_FALLEN = 0.2
_SPREADS = 3.0


class ResumeNotLoaded(Diagnosis):
    """What training had gained is gone with the resume, in the loss and in the evaluation.

    Where a row is an epoch, the first of them has learned again already, and as much as the first
    of all had.
    """

    name: ClassVar[str] = "resume_not_loaded"
    headline: ClassVar[str] = "RESUMED WITHOUT ITS WEIGHTS"
    needs = (MetricAnalyzer, LifecycleAnalyzer)
    lasting: ClassVar[bool] = True

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding if the newest resume brought back the beginning."""
        log, column = run.train_log, total_loss(run.train_log)
        if column is None or not run.resumes or not len(log) or not int(log.segment[-1]):
            return None
        at = int(np.searchsorted(log.segment, log.segment[-1]))
        begin, loss = int(log.step[at]), log.column(column)
        again = self._evaluation(run, results, begin)
        if not at or len(log) - at < (_ROWS if again is None else 1) or again is False:
            return None
        after = _finite(loss[at : at + _ROWS])
        start, before = (_finite(part) for part in (loss[: len(after)], loss[:at][-_ROWS:]))
        if min(len(after), len(start), len(before)) == 0 or at < 2 * _ROWS:
            return None
        first, last, now = (float(np.median(part)) for part in (start, before, after))
        gained = first - last
        if gained < max(_FALLEN * abs(first), _SPREADS * float(np.ptp(before))):
            return None
        bound = last + _LOST * gained
        if now < bound:
            return None
        return Finding(
            self.name,
            Severity.WARNING,
            begin,
            f"with the resume at {where(run, begin)} {column} went back to {now:.4g}, where "
            f"training began ({first:.4g}); it was {last:.4g} before",
            "Training was resumed, but the weights of its checkpoint were not loaded: it learns "
            "from the beginning again.",
            (
                Evidence(
                    f"{column} after the resume",
                    f"{now:.4g}",
                    f"{bound:.4g} ({_LOST:.0%} of what was gained is lost)",
                    lines(int(log.line[at - 1]), int(log.line[at])),
                ),
            ),
            stop_and(
                results,
                "load the weights: look which keys load_state_dict reports as missing or "
                "unexpected, and whether the model is built anew afterwards; then resume again.",
            ),
        )

    @staticmethod
    def _evaluation(run: Run, results: Results, begin: int) -> bool | None:
        """Tell whether the first evaluation since lost what was gained; None if none came yet."""
        main = results.of(MetricAnalyzer)
        if main.name is None:
            return None
        series = judged_series(run, main.name)
        earlier, later = series.value[series.step < begin], series.value[series.step >= begin]
        if len(earlier) < 2 or not len(later):
            return None
        best = float(np.max(earlier) if main.direction == "max" else np.min(earlier))
        first, gained = float(earlier[0]), best - float(earlier[0])
        return gained != 0.0 and (float(later[0]) - first) / gained <= 1.0 - _LOST


DIAGNOSIS = ResumeNotLoaded()


def _finite(column: Floats) -> Floats:
    return column[np.isfinite(column)]
