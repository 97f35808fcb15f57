"""The learning rate is zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.analyzers._course import total_loss
from copilot_analytics.analyzers._plan import planned_end
from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.analyzers.trend import TrendAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import CHECK_LENGTH, lines, where
from copilot_analytics.findings import Evidence, Finding, Severity
from copilot_analytics.stats.noise import difference_noise

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.run import Run

_ROWS = 50
_LOOKED_AT = 4000
_FLAT = 0.01
_EARLY = 0.02
_LATE = 0.9


class LrZero(Diagnosis):
    """Exactly zero for a long stretch before the end, while the loss does not improve.

    A rate that is only printed as zero still trains: then the loss falls.
    """

    name: ClassVar[str] = "lr_zero"
    headline: ClassVar[str] = "LEARNING RATE IS 0"
    needs = (LearningRateAnalyzer, TrendAnalyzer)
    holds_for: ClassVar[int] = 2

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding if the rate is zero and the loss does not improve."""
        speed = results.of(TrendAnalyzer).loss
        if speed is not None and speed.low > 0.0:
            return None
        return self._zero(run, results)

    def still(self, run: Run, results: Results, told: Finding) -> Finding | None:
        """Return the finding while the rate is zero, unless the loss fell beyond its noise."""
        since = told.step if told.step is not None else 0
        return None if _fell(run, since) else self._zero(run, results)

    def _zero(self, run: Run, results: Results) -> Finding | None:
        log, planned = run.train_log, planned_end(run)
        if results.of(LearningRateAnalyzer).now != 0.0 or len(log) < _ROWS:
            return None
        if not planned or run.last_step <= _EARLY * planned or "lr" not in log.metric_names:
            return None
        told = log.was_logged("lr")
        other = np.flatnonzero(told & (log.column("lr") != 0.0))
        row = int(other[-1]) + 1 if len(other) else 0
        since = int(log.step[row])
        # A schedule that ends at zero stays there for the rest of its last epoch.
        left = 1.0 - since / planned
        rows = int(told[row:].sum())
        if rows < _ROWS or left <= 1.0 - _LATE:
            return None
        return Finding(
            self.name,
            Severity.WARNING,
            since,
            f"the learning rate is 0 since {where(run, since)}, with {left:.0%} of the plan still "
            "to come then",
            "Without a learning rate nothing is learned; the schedule is probably too short.",
            (
                Evidence(
                    "learning rate",
                    f"0 in the newest {rows} records",
                    "above 0",
                    lines(int(log.line[row]), int(log.line[-1])),
                ),
            ),
            CHECK_LENGTH,
            mend_first="the schedule",
        )


DIAGNOSIS = LrZero()


def _fell(run: Run, since: int) -> bool:
    """Tell whether the loss fell by more than the noise of one record since a step.

    A median of fifty is known to a sixth of the noise, so chance does not look like that, however
    often one asks; a velocity that is beyond its error now and then does.
    """
    column = total_loss(run.train_log)
    if column is None:
        return False
    loss = run.train_series(column)
    level = loss.value[np.isfinite(loss.value) & (loss.step >= since)]
    if len(level) < 2 * _ROWS:
        return False
    start, now = float(np.median(level[:_ROWS])), float(np.median(level[-_ROWS:]))
    return start - now > max(difference_noise(level[:_LOOKED_AT]), _FLAT * abs(start))
