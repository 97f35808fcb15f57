"""The run learns nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.analyzers._course import total_loss
from copilot_analytics.analyzers._dead import SHARE_OF_PLAN, Dead, dead_run
from copilot_analytics.analyzers._guessing import worse_than_guessing
from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.analyzers.trend import TrendAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import last_line, stop_and
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Trouble
    from copilot_analytics.run import Run


class DeadRun(Diagnosis):
    """The loss is that of guessing, or never left its start while evaluations do not improve."""

    name: ClassVar[str] = "dead_run"
    trouble: ClassVar[Trouble | None] = "dead"
    headline: ClassVar[str] = "LEARNS NOTHING"
    needs = (
        TrendAnalyzer,
        DivergenceAnalyzer,
        MetricAnalyzer,
        LearningRateAnalyzer,
        LifecycleAnalyzer,
    )
    holds_for: ClassVar[int] = 3

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while nothing was learned."""
        if (guesses := self._guesses(run, results)) is not None:
            return guesses
        dead = dead_run(run, results)
        if dead is None:
            return None
        at = last_line(run.train_log)
        moved = Evidence(
            "change of the training loss since its start", f"{dead.start - dead.now:.3g}",
            f"more than {dead.moved:.3g}", at,
        )  # fmt: skip
        if dead.chance is not None:
            title = (
                f"the loss is still {dead.now:.4g} after {dead.rows} records, as from guessing "
                f"among {dead.classes} classes"
            )
            chance = Evidence("training loss", f"{dead.now:.4g}", f"ln K = {dead.chance:.4g}", at)
            evidence: tuple[Evidence, ...] = (chance, moved)
        else:
            title = f"the loss never left its start of {dead.start:.4g} in {dead.rows} records"
            main = results.of(MetricAnalyzer)
            shown = f"{main.first:.4g} to {main.best:.4g}" if main.first is not None else "none"
            evidence = (moved, Evidence(f"{main.name} from first to best", shown, main.delta_text))
        return Finding(
            self.name,
            Severity.WARNING,
            None,
            title,
            "Neither the loss nor an evaluation improved by more than noise since the beginning.",
            evidence,
            stop_and(results, _CREEPS if self._never_higher(run, dead) else _SINGLE_BATCH),
        )

    @staticmethod
    def _never_higher(run: Run, dead: Dead) -> bool:
        """Tell whether the loss was that of guessing from its first record on.

        A rate that is too high throws it up before what is left guesses.
        """
        column = total_loss(run.train_log)
        if dead.chance is None or column is None:
            return False
        loss = run.train_series(column).value
        return bool(np.nanmax(loss) <= dead.chance + 2.0 * dead.moved)

    def _guesses(self, run: Run, results: Results) -> Finding | None:
        """Return the finding of a run that is worse than guessing all along."""
        main, health = results.of(MetricAnalyzer), results.of(DivergenceAnalyzer)
        early = run.progress is not None and run.progress < SHARE_OF_PLAN
        if early or health.state != "healthy" or results.of(LearningRateAnalyzer).warming_up:
            return None
        guess = worse_than_guessing(run, main)
        if guess is None:
            return None
        at = last_line(run.train_log)
        beyond = f"Guessing alone has a loss of {guess.chance:.3g}, and {health.column} stays above"
        if guess.first > _GIANT * guess.chance:
            beyond += f" since it began with {guess.first:.3g}"
        return Finding(
            self.name,
            Severity.WARNING,
            None,
            f"all {guess.evals} evaluations are those of guessing among {guess.classes} classes, "
            f"and {health.column} is mostly around {guess.level:.3g}",
            f"{beyond}: the learning rate is probably far too high. The best {main.name} is "
            f"{main.best:.4g}.",
            (
                Evidence(
                    f"median of {health.column}",
                    f"{guess.level:.4g}",
                    f"ln {guess.classes} = {guess.chance:.4g}",
                    at,
                ),
            ),
            stop_and(
                results,
                "start anew with a tenth of the learning rate, or less, a warm-up and clipped "
                "gradients; if that does not help, try to overfit a single batch.",
            ),
        )


_GIANT = 3.0  # times the loss of guessing
_SINGLE_BATCH = (
    "try to overfit a single batch: check labels, that parameters are passed to the optimizer and "
    "are not frozen, and the learning rate."
)
_CREEPS = (
    "check that parameters are passed to the optimizer and are not frozen, then try a learning "
    "rate ten and a hundred times as high, since it is probably far too low; if that does not "
    "help, try to overfit a single batch and check labels."
)

DIAGNOSIS = DeadRun()
