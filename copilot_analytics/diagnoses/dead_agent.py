"""The return of an agent never got better than at its start."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.analyzers._level_return import wander
from copilot_analytics.analyzers._plan import began_before, planned_end
from copilot_analytics.analyzers._primary import is_a_return
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import last_line, stop_and
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Trouble
    from copilot_analytics.run import Run

_FEWEST, _SHARE_OF_PLAN = 50, 0.5
_FEWEST_WITHOUT_PLAN = 300
_WIDTH, _LONG = 10, 1 / 7
_BEST, _NOW = 4.0, 2.0


class DeadAgent(Diagnosis):
    """No stretch of the returns was better than the first one by more than noise.

    Agents explore for long before they learn, so half of the plan must be over, or three hundred
    evaluations where there is none.
    """

    name: ClassVar[str] = "dead_agent"
    trouble: ClassVar[Trouble | None] = "dead"
    headline: ClassVar[str] = "LEARNS NOTHING"
    needs = (MetricAnalyzer,)
    holds_for: ClassVar[int] = 3
    counted_in: ClassVar[Literal["look", "eval"]] = "eval"

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while the return is that of the start."""
        main, planned = results.of(MetricAnalyzer), planned_end(run)
        if main.name is None or not is_a_return(main.name):
            return None
        step, value, *_ = judged_series(run, main.name)
        early = planned is not None and run.last_step < _SHARE_OF_PLAN * planned
        if len(value) < (_FEWEST_WITHOUT_PLAN if planned is None else _FEWEST) or early:
            return None
        if began_before(step):
            return None
        width = max(_WIDTH, math.ceil(_LONG * len(value)))
        level = np.convolve(value, np.full(width, 1.0 / width), "valid")
        gained = (level - level[0]) * (1.0 if main.direction == "max" else -1.0)
        error = wander(value, width) / math.sqrt(width)
        if gained.max() > _BEST * error or gained[-1] > _NOW * error:
            return None
        return Finding(
            self.name,
            Severity.WARNING,
            None,
            f"{main.name} never got better than at its start: {level[0]:.4g} in the first {width} "
            f"of {len(value)} evaluations, {level[-1]:.4g} in the last",
            "No stretch of the run was better than its first by more than noise.",
            (
                Evidence(
                    f"most that {width} evaluations in a row gained on the first {width}",
                    f"{max(gained.max(), 0.0):.3g}",
                    f"more than {_BEST * error:.3g}",
                    last_line(run.eval_log),
                ),
            ),
            stop_and(
                results,
                "try the agent on a task that it solves in minutes: check that rewards reach it, "
                "that it explores, and the learning rate.",
            ),
        )


DIAGNOSIS = DeadAgent()
