"""The best evaluation has no checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers._metric_scale import difference_text
from copilot_analytics.analyzers._plan import eval_spacing, saved_at
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.analyzers.stopping import StoppingAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import line_at, lines, where
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.run import Run

_FEWEST = 2


class BestNotSaved(Diagnosis):
    """Checkpoints are saved, but not where the metric was best, nor where it ties."""

    name: ClassVar[str] = "best_not_saved"
    needs = (MetricAnalyzer, StoppingAnalyzer)
    holds_for: ClassVar[int] = 3

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while none of the best evaluations has a checkpoint."""
        main, stop = results.of(MetricAnalyzer), results.of(StoppingAnalyzer)
        spacing = eval_spacing(run)
        if main.best_step is None or main.n < 3 or not run.checkpoints or spacing is None:
            return None
        if stop.at_chance or any(choice.path is not None for choice in stop.checkpoints):
            return None
        # A checkpoint of the best may be written after its evaluation.
        if run.last_step < main.best_step + 0.5 * spacing and main.last_step == main.best_step:
            return None
        steps = [(saved_at(run, saved), saved) for saved in run.checkpoints[-200:]]
        known = [(step, saved) for step, saved in steps if step is not None]
        if len({step for step, _ in known}) < _FEWEST:
            return None  # what is saved in the end, or when it is interrupted, tells of no others
        near, saved = min(known, key=lambda pair: abs(pair[0] - (main.best_step or 0)))
        known_margin = main.tie_margin is not None
        margin = difference_text(main.tie_margin or 0.0, main.scale) if known_margin else "unknown"
        return Finding(
            self.name,
            Severity.INFO,
            main.best_step,
            f"the best {main.name} ({main.best:.5g} at {where(run, main.best_step)}) has no "
            "checkpoint",
            "The log names no checkpoint of the best evaluation or of one that ties with it.",
            (
                Evidence(
                    "best evaluation",
                    f"{main.best:.5g} at {where(run, main.best_step)}",
                    f"ties lie within {margin}",
                    line_at(run.eval_log, main.best_step),
                ),
                Evidence("nearest checkpoint", where(run, near), "", lines(saved.line)),
            ),
            f"Let the trainer save the best by {main.name}, or save as often as it evaluates.",
        )


DIAGNOSIS = BestNotSaved()
