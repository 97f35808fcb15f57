"""The loss stands higher after a resume than before."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.analyzers._course import total_loss
from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import lines, where
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.records import Floats
    from copilot_analytics.run import Run

_WINDOW = 50
_FEWEST = 20
_MADS = 3.0
_LASTING = 0.02
_RAISED = 1.2


class ResumeDamage(Diagnosis):
    """A raised level that lasts, at an unchanged learning rate."""

    name: ClassVar[str] = "resume_damage"
    headline: ClassVar[str] = "RESUME LOST SOMETHING"
    needs = (LearningRateAnalyzer,)
    holds_for: ClassVar[int] = 2
    superseded_by: ClassVar[str] = "resume_not_loaded"

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while the level is raised since the last resume."""
        log, column = run.train_log, total_loss(run.train_log)
        if column is None or not len(log) or not int(log.segment[-1]):
            return None
        start = int(np.searchsorted(log.segment, log.segment[-1]))
        begin = int(log.step[start])
        window = slice(max(start - 4 * _WINDOW, 0), start)
        # Of what was written again, only what lies before the resume compares.
        comparable = log.step[window] < begin
        same = log.segment[window] == log.segment[start - 1]
        before = _finite(log.column(column)[window][comparable & same][-_WINDOW:])
        rows = len(log) - start
        settled = start + max(_WINDOW, int(_LASTING * start))
        if len(before) < _FEWEST or rows < _WINDOW or len(log) < settled + _FEWEST:
            return None
        after = _finite(log.column(column)[start + 5 : start + 5 + _WINDOW])
        later = _finite(log.column(column)[settled:][:_WINDOW])
        newest = _finite(log.column(column)[-_WINDOW:])
        if min(len(after), len(later), len(newest)) < _FEWEST:
            return None
        level = float(np.median(before))
        spread = 1.4826 * float(np.median(np.abs(before - level)))
        bound = level + _MADS * spread
        raised = min(float(np.median(part)) for part in (after, later, newest))
        if not raised > bound or self._rate_rose(run, start):
            return None
        return Finding(
            self.name,
            Severity.WARNING,
            begin,
            f"since the resume at {where(run, begin)} {column} stands at {raised:.4g}, "
            f"{level:.4g} before",
            "The level rose with the resume and stayed up, so not all of the state came back.",
            (
                Evidence(
                    f"median of {column} after the resume",
                    f"{raised:.4g}",
                    f"{bound:.4g} (median before + 3 MAD)",
                    lines(int(log.line[start - 1]), int(log.line[start])),
                ),
            ),
            "Check that optimizer, scheduler, loss scale, moving averages and the data order are "
            "restored, and not only the weights.",
        )

    def _rate_rose(self, run: Run, start: int) -> bool:
        """Tell whether the learning rate was raised on purpose."""
        log = run.train_log
        if "lr" not in log.metric_names:
            return False
        rate = log.column("lr")
        earlier, later = rate[max(start - 5, 0) : start], rate[start : start + 2 * _WINDOW]
        if not np.isfinite(earlier).any() or not np.isfinite(later).any():
            return False
        return bool(np.nanmax(later) > _RAISED * np.nanmax(earlier))


DIAGNOSIS = ResumeDamage()


def _finite(column: Floats) -> Floats:
    return column[np.isfinite(column)]
