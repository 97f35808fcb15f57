"""No evaluation where one was due."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers._course import epoch_length
from copilot_analytics.analyzers._plan import eval_steps
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import last_line
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.run import Run

_MISSED = 2.0


class NoEvaluation(Diagnosis):
    """Two stated intervals without a result."""

    name: ClassVar[str] = "no_evaluation"
    needs = (MetricAnalyzer,)
    holds_for: ClassVar[int] = 2

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while evaluations are missing."""
        every = run.meta.val_interval
        if not every or not len(run.train_log):
            return None
        unit = 1.0
        if run.meta.val_unit == "epoch":
            length = epoch_length(run.train_log, run.steps_per_epoch)
            if length is None:
                return None
            unit = length
        done = eval_steps(run)
        if len(done) >= 3:
            # Seen spacing beats a stated one that something overrides.
            every = max(every, float(done[-1] - done[-2]) / unit)
        began = float(run.train_log.step[0])
        since = float(done[-1]) if len(done) else min(began, every * unit)
        missed = (run.last_step - since) / (every * unit)
        if len(run.resumes) and len(done) and done[-1] > run.last_step:
            return None
        if missed <= _MISSED + 0.05:
            return None
        return Finding(
            self.name,
            Severity.INFO,
            run.last_step,
            f"no evaluation for {missed:.1f} of the stated intervals",
            "The configuration asks for evaluations and the log shows none, so nothing says how "
            "good the model is.",
            (
                Evidence(
                    f"{run.meta.val_unit or 'step'}s since the last evaluation",
                    f"{(run.last_step - since) / unit:.4g}",
                    f"every {every:g}",
                    last_line(run.train_log),
                ),
            ),
            "Run an evaluation by hand now, and check whether its results go to another file.",
        )


DIAGNOSIS = NoEvaluation()
