"""Whether to go on, wait for the schedule, stop, or kill the run."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from copilot_analytics.analyzers._base import Analyzer, Options, Results
from copilot_analytics.analyzers._costs import costs_of, gains_for_each
from copilot_analytics.analyzers._dead import at_chance
from copilot_analytics.analyzers._end import reached_end
from copilot_analytics.analyzers._hopeless import LOST, after_failure, hopeless, lost_loss
from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.analyzers._keepers import Keeper, Saved, keepers, keepers_until
from copilot_analytics.analyzers._level_return import is_still_rough
from copilot_analytics.analyzers._metric_collapse import return_is_down
from copilot_analytics.analyzers._metric_scale import difference_text
from copilot_analytics.analyzers._news import news
from copilot_analytics.analyzers._plan import decide_at, little_left
from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.analyzers.eta import EtaAnalyzer
from copilot_analytics.analyzers.forecast import ForecastAnalyzer, MetricForecast
from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer
from copilot_analytics.analyzers.metric import MainMetric, MetricAnalyzer
from copilot_analytics.analyzers.overfitting import OverfittingAnalyzer
from copilot_analytics.analyzers.phase import Phase, PhaseAnalyzer
from copilot_analytics.findings import NotJudged, Severity
from copilot_analytics.stats.stopping import (
    FEWEST_EVALS,
    StopGauge,
    Strictness,
    shortfall,
    stale_share,
    strictness,
)
from copilot_analytics.wording import is_share, place, share

if TYPE_CHECKING:
    from collections.abc import Iterable

    from copilot_analytics.events import Event
    from copilot_analytics.records import Record
    from copilot_analytics.run import Run
    from copilot_analytics.schedule import Drop


@dataclass(frozen=True, slots=True)
class CheckpointChoice:
    """A checkpoint worth keeping.

    Parameters
    ----------
    step, epoch
        Where the metric was measured.
    value
        The metric there.
    path
        The checkpoint as the log names it, None if the log does not say that one was saved there.
    best
        Whether it is the best, and not only tied with it.
    """

    step: int
    epoch: float | None
    value: float
    path: str | None
    best: bool


@dataclass(frozen=True, slots=True)
class StopAdvice:
    """What to do about the run.

    Parameters
    ----------
    advice
        ``continue``, ``wait`` (until `until_step`), ``stop``, ``kill`` (it cannot recover) or
        ``none`` (it is over, or nothing can be said).
    reason
        Why, with numbers.
    until_step, until_epoch
        When to decide, with ``wait``.
    saves_s, saves_gpu_h, saves_money
        What stopping now would save (what it would have saved, for ``none``); None if unknown.
    may_lose
        Expected gain given up, in the metric's units.
    checkpoints
        The checkpoints to use, the best first, then those that tie with it.
    chance
        Chance that stopping at the last evaluation loses more than the smallest gain worth having.
    record
        With ``stop``: what advice of this strictness did in finished public runs; None where the
        planned end is unknown, for which it was not measured.
    gain_per_gpu_h, gain_per_money
        What the rest of the plan is expected to gain for each GPU-hour and unit of money, in the
        metric's units; None if its end, the number of GPUs or the price is unknown.
    at_chance
        Whether the run does no better than guessing, so that no checkpoint of it is worth using.
    core
        The reason without what may be said beside it: that the metric got worse, or where to go
        back to; empty where that is all of it.
    says_chance
        Whether the reason says P(gain).
    """

    advice: Literal["continue", "wait", "stop", "kill", "none"] = "none"
    reason: str = ""
    until_step: int | None = None
    until_epoch: float | None = None
    saves_s: float | None = None
    saves_gpu_h: float | None = None
    saves_money: float | None = None
    may_lose: float | None = None
    checkpoints: tuple[CheckpointChoice, ...] = ()
    not_judged: tuple[NotJudged, ...] = ()
    chance: float | None = None
    record: Strictness | None = None
    gain_per_gpu_h: float | None = None
    gain_per_money: float | None = None
    at_chance: bool = False
    core: str = ""
    says_chance: bool = False


class StoppingAnalyzer(Analyzer[StopAdvice]):
    """Advises on stopping.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> from copilot_analytics.run import Run
    >>> run = Run.from_records(
    ...     [
    ...         Record("config", facts={"planned_steps": 4000}),
    ...         *(
    ...             Record("eval", step=s, metrics={"accuracy": 0.9 - 0.5 * (s / 100) ** -0.5})
    ...             for s in range(100, 2100, 100)
    ...         ),
    ...     ]
    ... )
    >>> StoppingAnalyzer.of(run).advice
    'continue'
    """

    name: ClassVar[str] = "stopping"
    needs = (PhaseAnalyzer, EtaAnalyzer)

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options)
        self._now = StopAdvice()
        self._saved = Saved()
        self._strictness = strictness(self.options.risk)
        self._gauge = StopGauge()
        self._gauged = (-1, "")
        self._evals = 0
        self._stopped_at: float | None = None
        self._keepers: list[Keeper] = []
        self._choice_rests_on = (-1, -1)

    def look(self, run: Run, results: Results, record: Record) -> Iterable[Event]:
        """Look at the run as it stands after `record`."""
        self._saved.follow(run)
        main = results.of(MetricAnalyzer)
        rests_on = (len(run.eval_log), len(run.checkpoints))
        if rests_on != self._choice_rests_on:
            self._choice_rests_on = rests_on
            self._keepers = keepers(run, self._saved, main)
        self._measure(run, results)
        before, verdict = self._now, self._decide(run, results)
        stop = verdict.advice in {"stop", "kill"}
        if stop and self._stopped_at is None:
            self._stopped_at = run.clock.steady
        elif verdict.advice in {"continue", "wait"}:
            self._stopped_at = None
        saves_s = self._saves(run, results, verdict)
        ahead, gaps = results.of(ForecastAnalyzer), verdict.gaps
        costs = costs_of(run, self.options, saves_s)
        if saves_s is not None and not costs.counted:
            why = "the log does not say how many there are; one is assumed"
            gaps = (*gaps, NotJudged("number of GPUs", why))
        measured = self._strictness if verdict.advice == "stop" and ahead.end_known else None
        if verdict.advice == "stop" and measured is None:
            why = "it was measured on runs whose planned end is known"
            gaps = (*gaps, NotJudged("how often such advice is right", why))
        lost, guesses = verdict.advice == "kill", at_chance(run, results)
        each = (None, None) if lost else gains_for_each(run, results, self.options)
        self._now = StopAdvice(
            advice=verdict.advice,
            reason=verdict.reason,
            until_step=verdict.until_step,
            until_epoch=verdict.until_epoch,
            saves_s=saves_s,
            saves_gpu_h=costs.gpu_h,
            saves_money=costs.money,
            may_lose=ahead.expected_gain if stop else None,
            checkpoints=() if guesses else self._choices(run, results),
            not_judged=gaps,
            chance=None if math.isnan(self._gauge.chance) else self._gauge.chance,
            record=measured,
            gain_per_gpu_h=each[0],
            gain_per_money=each[1],
            at_chance=guesses,
            core=verdict.core,
            says_chance=verdict.says_chance,
        )
        told = {"stop", "kill", "wait"}
        over = verdict.advice == "none"
        if before.advice == verdict.advice or over or not {before.advice, verdict.advice} & told:
            return ()
        text = f"{verdict.advice}: {verdict.reason}"
        urgency = _URGENCY.get(verdict.advice, Severity.INFO)
        return (news(run, record, "advice", verdict.advice, text, urgency),)

    def result(self) -> StopAdvice:
        """Return the answer as of the last look."""
        return self._now

    def _choices(self, run: Run, results: Results) -> tuple[CheckpointChoice, ...]:
        """Return the checkpoints to use, without those of weights that are lost."""
        health, main = results.of(DivergenceAnalyzer), results.of(MetricAnalyzer)
        kept = self._keepers
        if health.state in LOST and main.name is not None:
            good = health.last_good_step if health.last_good_step is not None else -1
            kept = keepers_until(good, run, self._saved, main, kept)
        return tuple(
            CheckpointChoice(
                one.tie.step, one.tie.epoch, one.tie.value, one.path,
                one.tie.value == main.best and one.tie.step == main.best_step,
            )
            for one in kept
        )  # fmt: skip

    def _measure(self, run: Run, results: Results) -> None:
        """Take what the newest evaluation says of a gain."""
        ahead, main = results.of(ForecastAnalyzer), results.of(MetricAnalyzer)
        gauged = (ahead.made_at_step or 0, main.name or "")
        if gauged == self._gauged or main.name is None:
            return
        if ahead.p_gain is None or ahead.final is None:
            return
        if gauged[1] != self._gauged[1]:
            self._gauge, self._evals = StopGauge(), 0
        self._gauged = gauged
        series = judged_series(run, main.name)
        direction: Literal["min", "max"] = "max" if main.direction == "max" else "min"
        stale = stale_share(series.step, series.value, direction=direction, delta=main.delta)
        # Without a plan the forecast looks as far ahead as the run has come, which is half-way.
        progress = gauged[0] / ahead.horizon if ahead.horizon else 0.5
        expected = ahead.final.median
        short = shortfall(series.value, expected, direction=direction, delta=main.delta)
        self._gauge.update(ahead.p_gain, progress, stale, short, evals=main.n - self._evals)
        self._evals = main.n

    def _decide(self, run: Run, results: Results) -> _Verdict:
        life = results.of(LifecycleAnalyzer)
        if life.status in _NOT_NOW:
            return _Verdict("none", _NOT_NOW[life.status])
        if life.status in {"crashed", "interrupted"}:
            return _Verdict("none", after_failure(run, results, life.status))
        if reached_end(run) != "no":
            return _Verdict("none", "training has come to its planned end")
        if (lost_for_good := hopeless(run, results)) is not None:
            why, way_back = lost_for_good
            return _Verdict("kill", f"{why}; {way_back}" if way_back else why, core=why)
        if (lost := lost_loss(run, results)) is not None:
            return _Verdict("continue", f"{lost}; {_TOO_EARLY_TO_TELL}")
        main, ahead = results.of(MetricAnalyzer), results.of(ForecastAnalyzer)
        if main.name is None:
            why = "no evaluation metric can be judged"
            return _Verdict("none", why, gaps=(NotJudged("stop advice", why),))
        if return_is_down(run, main):
            return _Verdict("continue", f"{main.name} is far below its best; {_TOO_EARLY_TO_TELL}")
        if ahead.p_gain is None:
            why = ahead.not_judged[0].why if ahead.not_judged else "there is no forecast yet"
            return _Verdict("continue", f"too early to tell: {why}")
        drop, phases = results.of(LearningRateAnalyzer).next_drop, results.of(PhaseAnalyzer)
        if drop is not None and phases.current is Phase.PLATEAU:
            return _wait(run, drop, f"{main.name} is flat")
        verdict = replace(self._weigh(run, results, main, ahead), says_chance=True)
        if phases.current is not Phase.DIVERGING or verdict.advice not in {"continue", "wait"}:
            return verdict  # otherwise the forecast goes on from a curve that was left
        return _Verdict("continue", f"{phases.reason}; {_TOO_EARLY_TO_TELL}")

    def _weigh(
        self, run: Run, results: Results, main: MainMetric, ahead: MetricForecast
    ) -> _Verdict:
        """Weigh what is ahead of a run that can go on."""
        phases, rate = results.of(PhaseAnalyzer), results.of(LearningRateAnalyzer)
        over = results.of(OverfittingAnalyzer)
        p_gain = ahead.p_gain if ahead.p_gain is not None else 1.0
        by = place(ahead.horizon, run.epoch_of(ahead.horizon))
        by += "" if ahead.end_known else ", twice the steps so far"
        words = f"P({main.further} by {by}) {is_share(p_gain)}"
        limit = self._strictness.limit
        if rate.next_drop is not None and self._gauge.price <= limit:
            return _wait(run, rate.next_drop, words)
        if rate.warming_up and (run.progress or 0.0) < _LATEST_WARM_UP:
            return _Verdict("continue", f"the learning rate still warms up; {words}")
        if rate.next_drop is not None:
            drop = rate.next_drop
            later = f"the learning rate drops at {place(drop.step, drop.epoch)}"
            return _Verdict("continue", f"{words}; {later}")
        if rate.next_restart is not None:
            where = place(rate.next_restart, run.epoch_of(rate.next_restart))
            return _Verdict("continue", f"{words}; the learning rate restarts about {where}")
        if rate.still_decays:
            return _Verdict("continue", f"the learning rate still decays; {words}")
        if little_left(run) and self._now.advice != "stop":
            return _Verdict("continue", f"the run is nearly over; {words}")
        rough = is_still_rough(run, main, phases)
        if phases.current not in _TOO_EARLY and self._pays(rough=rough):
            lost, so_long = "", "how long it has been level"
            if over.overfitting and over.by == "metric":
                so_long = "how long ago its best was"
                lost = f"{main.name} got worse by {difference_text(over.lost or 0.0, main.scale)} "
                lost += f"since {place(over.since_step, run.epoch_of(over.since_step))}; "
            chance = share(self._gauge.chance)
            if self._gauge.chance < p_gain and chance != share(p_gain):
                words += f", {chance} counting {so_long}"
            words += self._what_it_costs(run, main, ahead)
            words += f"; the best is {main.best:.5g} of {place(main.best_step, main.best_epoch)}"
            return _Verdict("stop", f"{lost}{words}", core=words)
        wait = self._not_yet(main, p_gain, phases.current, rough=rough)
        return _Verdict("continue", words + wait)

    def _pays(self, *, rough: bool) -> bool:
        """Tell whether stopping pays; advice that was given holds until it clearly does not."""
        if self._now.advice == "stop":
            return self._gauge.keeps(self._strictness.limit)
        return not rough and self._gauge.stops(self._strictness.limit)

    def _what_it_costs(self, run: Run, main: MainMetric, ahead: MetricForecast) -> str:
        """Say why it pays to stop though a gain is no small chance; empty where it is one."""
        if self._gauge.chance <= _SMALL or ahead.expected_gain is None:
            return ""
        gain = difference_text(ahead.expected_gain, main.scale)
        left = "as many steps again"
        if ahead.end_known and run.progress is not None:
            left = f"the last {share(max(1.0 - run.progress, 0.0))} of the run"
        risk = f"{100 * self._strictness.risk:g} %"
        more = "more" if main.direction == "max" else "lower"
        return f"; on average {gain} {more}, too little for {left} at the accepted risk of {risk}"

    def _not_yet(self, main: MainMetric, p_gain: float, phase: Phase, *, rough: bool) -> str:
        """Say why so small a chance is no reason to stop yet; empty if it is not small."""
        limit, risk = self._strictness.limit, f"{100 * self._strictness.risk:g} %"
        if p_gain >= _SMALL and self._gauge.price > limit:
            return ""
        if main.n < FEWEST_EVALS:
            return f"; {main.n} of {FEWEST_EVALS} evaluations needed to stop by"
        if self._gauge.price > limit:
            return f"; so early that is too much for a risk of {risk}"
        if phase in _TOO_EARLY or rough:
            return "; too early to stop by"
        return "; it must stay so low for another evaluation"

    def _saves(self, run: Run, results: Results, verdict: _Verdict) -> float | None:
        if verdict.advice != "none":
            return results.of(EtaAnalyzer).remaining_s
        if self._stopped_at is None or run.clock.steady is None:
            return None
        return max(run.clock.steady - self._stopped_at, 0.0)


ANALYZER = StoppingAnalyzer

Advice: TypeAlias = Literal["continue", "wait", "stop", "kill", "none"]

_NOT_NOW = {"waiting": "no training is logged yet", "finished": "the run is over"}
_SMALL = 0.10
_TOO_EARLY_TO_TELL = "it is too early to tell whether it recovers"
_TOO_EARLY = frozenset({Phase.INITIALIZING, Phase.WARMUP, Phase.LEARNING_FAST})
_URGENCY = {"stop": Severity.WARNING, "kill": Severity.CRITICAL}
_LATEST_WARM_UP = 0.4


@dataclass(frozen=True, slots=True)
class _Verdict:
    advice: Advice
    reason: str
    until_step: int | None = None
    until_epoch: float | None = None
    gaps: tuple[NotJudged, ...] = ()
    core: str = ""
    says_chance: bool = False


def _wait(run: Run, drop: Drop, why: str) -> _Verdict:
    """Advise to wait until a drop of the learning rate has shown what it brings."""
    until = decide_at(run, drop)
    where = place(drop.step, drop.epoch)
    text = f"{why}, but the learning rate drops ×{drop.factor:g} at {where}: decide at {until}"
    return _Verdict("wait", text, until.step, until.epoch)
