"""The run is flat and nothing is scheduled that would change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from copilot_analytics.analyzers._foretold import may_drop_soon
from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.analyzers._level_return import is_still_rough
from copilot_analytics.analyzers._metric_collapse import return_is_down
from copilot_analytics.analyzers._plan import little_left, planned_end
from copilot_analytics.analyzers._primary import is_a_return
from copilot_analytics.analyzers.forecast import ForecastAnalyzer, MetricForecast
from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.analyzers.phase import Phase, PhaseAnalyzer, Phases, PhaseSpan
from copilot_analytics.analyzers.stopping import StoppingAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import LEARN_FIRST, last_line, where
from copilot_analytics.findings import Evidence, Finding, Severity
from copilot_analytics.wording import begun, share

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.analyzers.learning_rate import LearningRate
    from copilot_analytics.analyzers.metric import MainMetric
    from copilot_analytics.diagnoses._base import Reason, Trouble
    from copilot_analytics.run import Run

_AFTER_A_DROP = 3  # evaluations in which a lower rate shows what it brings
_LIKELY = 0.5
_UNLIKELY = 1 / 3


class TruePlateau(Diagnosis):
    """A plateau with no decay of the learning rate ahead.

    It is a warning where evaluations show it, a gain worth having is unlikely, and enough of the
    run is left that ending it saves something; otherwise it is only worth knowing.
    """

    name: ClassVar[str] = "true_plateau"
    trouble: ClassVar[Trouble | None] = "plateau"
    headline: ClassVar[str] = "PLATEAU DETECTED"
    reason: ClassVar[Reason] = "explanation"
    superseded_by: ClassVar[str] = "steps_skipped"
    needs = (
        PhaseAnalyzer,
        ForecastAnalyzer,
        LearningRateAnalyzer,
        MetricAnalyzer,
        LifecycleAnalyzer,
        StoppingAnalyzer,
    )
    holds_for: ClassVar[int] = 2
    counted_in: ClassVar[Literal["look", "eval"]] = "eval"

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while the plateau lasts, and a gain is not likely."""
        return self._found(run, results, unlikely=True)

    def still(self, run: Run, results: Results, told: Finding) -> Finding | None:
        """Return the finding of a level return until the plateau is over.

        The forecast takes the noise of returns for independent, and so it swings with them.
        """
        name = results.of(MetricAnalyzer).name
        if name is None or not is_a_return(name):
            return None
        return self._found(run, results, unlikely=False)

    def _found(self, run: Run, results: Results, *, unlikely: bool) -> Finding | None:
        phases, rate = results.of(PhaseAnalyzer), results.of(LearningRateAnalyzer)
        span = _flat_stretch(phases, decayed=rate.decays_to_end or bool(rate.drops))
        if span is None:
            return None
        if phases.awaiting_decay or rate.next_drop is not None or rate.next_restart is not None:
            return None
        if rate.decays_to_end and not rate.at_floor:
            return None
        main, ahead = results.of(MetricAnalyzer), results.of(ForecastAnalyzer)
        evidence = list(phases.evidence[:2])
        words = "what going on is worth cannot be told from the evaluations"
        if ahead.p_gain is not None:
            if unlikely and ahead.p_gain >= _LIKELY:
                return None
            words = f"a gain of {main.delta_text} has a chance of {share(ahead.p_gain)}"
            evidence.append(
                Evidence(
                    f"P(gain of {main.delta_text} or more)",
                    share(ahead.p_gain),
                    share(_LIKELY),
                    last_line(run.eval_log),
                )
            )
        if not evidence:
            return None
        since = max([span.from_step, *(drop.step for drop in rate.drops[-1:])])
        known = "with no" if rate.source == "config" else "and the log tells of no"
        return Finding(
            self.name,
            Severity.WARNING if _worth_a_warning(run, results, ahead) else Severity.INFO,
            since,
            f"flat since {where(run, since)}, {known} drop of the learning rate ahead",
            f"{begun(phases.seen)}.",
            tuple(evidence),
            _todo(results, words, known=ahead.p_gain is not None),
        )


def _flat_stretch(phases: Phases, *, decayed: bool) -> PhaseSpan | None:
    """Return the plateau that lasts: it is not over when it is called convergence at the end.

    After a decay of the learning rate that end is the plan, and nothing stands out.
    """
    spans = phases.history
    if phases.current is Phase.PLATEAU and spans:
        return spans[-1]
    if decayed or phases.current is not Phase.CONVERGED or len(spans) < 2:
        return None
    return spans[-2] if spans[-2].phase is Phase.PLATEAU else None


def _todo(results: Results, words: str, *, known: bool) -> str:
    """Say what to do, in step with the advice whether to stop."""
    if results.of(StoppingAnalyzer).at_chance:
        return LEARN_FIRST
    if results.of(LifecycleAnalyzer).status == "finished":
        return "Lower the learning rate earlier in the next run, or make it shorter."
    if results.of(StoppingAnalyzer).advice in {"continue", "wait"}:
        return f"No reason to stop yet: {words}. If it stays flat, lower the learning rate."
    worth = f"Going on pays little: {words}" if known else begun(words)
    return f"{worth}. Lower the learning rate, or stop with the best checkpoint."


def _worth_a_warning(run: Run, results: Results, ahead: MetricForecast) -> bool:
    """Tell whether little is left to gain and something to save.

    What a drop of the learning rate brings is waited for first, also one that the drops before it
    foretell, and so is whether a curve that looks otherwise by now has left the plateau.
    """
    is_leaving = results.of(PhaseAnalyzer).leaning not in {None, Phase.PLATEAU, Phase.CONVERGED}
    if is_leaving or results.of(LifecycleAnalyzer).status == "finished":
        return False
    rate = results.of(LearningRateAnalyzer)
    main = results.of(MetricAnalyzer)
    if awaits_a_drop(run, rate, main) or return_is_down(run, main):
        return False
    if is_still_rough(run, main, results.of(PhaseAnalyzer)):
        return False
    if may_drop_soon([drop.step for drop in rate.drops], run.last_step, planned_end(run)):
        return False
    return ahead.p_gain is not None and ahead.p_gain < _UNLIKELY and not little_left(run)


def awaits_a_drop(run: Run, rate: LearningRate, main: MainMetric) -> bool:
    """Tell whether what the newest drop of the learning rate brings is still to be seen.

    Parameters
    ----------
    run
        The run.
    rate
        Its learning rate, as it stands.
    main
        Its main metric, of which three evaluations show what a drop brings.
    """
    if not rate.drops or main.name is None:
        return False
    steps = judged_series(run, main.name).step
    return int((steps > rate.drops[-1].step).sum()) < _AFTER_A_DROP


DIAGNOSIS = TruePlateau()
