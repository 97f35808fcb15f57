"""One judgement of the phase from what the analyzers say at a look, without memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from copilot_analytics.analyzers._dead import never_learned, why_dead
from copilot_analytics.analyzers._diverging import divergence_in_words
from copilot_analytics.analyzers._guessing import worse_than_guessing
from copilot_analytics.analyzers._loss_fall import (
    FAST_PCT,
    FAST_SHARE,
    FLAT_PCT,
    SLOW_PCT,
    LossFall,
    loss_in_words,
    may_yet_begin,
)
from copilot_analytics.analyzers._metric_gain import (
    FEWEST_AFTER_DROP,
    Gain,
    climb_pct,
    climbs,
    steps_left,
)
from copilot_analytics.analyzers._metric_scale import difference_text
from copilot_analytics.analyzers._phase_kinds import BEGINNING, IMPROVING, Phase
from copilot_analytics.analyzers._plan import decide_at
from copilot_analytics.analyzers.divergence import Divergence, DivergenceAnalyzer
from copilot_analytics.analyzers.forecast import ForecastAnalyzer, MetricForecast
from copilot_analytics.analyzers.learning_rate import LearningRate, LearningRateAnalyzer
from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer
from copilot_analytics.analyzers.metric import MainMetric, MetricAnalyzer
from copilot_analytics.analyzers.overfitting import Overfitting, OverfittingAnalyzer
from copilot_analytics.analyzers.trend import (
    Trend,
    TrendAnalyzer,
    epoch_or_stand_in,
    share_length,
)
from copilot_analytics.findings import Evidence, NotJudged
from copilot_analytics.wording import is_share, place, plural

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.records import Record
    from copilot_analytics.run import Run


@dataclass(frozen=True, slots=True)
class Outlook:
    """The phase that the evidence at one look speaks for.

    Parameters
    ----------
    phase, reason, evidence
        As in a span.
    seen
        The reason without what it leads to.
    at_once
        Whether it needs no second look.
    awaiting_decay
        Whether a scheduled drop of the learning rate is still to come.
    finished
        Whether the run reached its planned end.
    newest_drop
        Step of the newest drop of the learning rate; None if there was none.
    """

    phase: Phase
    reason: str
    evidence: tuple[Evidence, ...]
    at_once: bool = False
    awaiting_decay: bool = False
    finished: bool = False
    not_judged: tuple[NotJudged, ...] = ()
    seen: str = ""
    newest_drop: int | None = None

    @classmethod
    def of(cls, run: Run, results: Results, current: Phase | None) -> Outlook:
        """Judge the run as it stands."""
        return _Judge(run, results, current).outlook()

    def beginning(self, run: Run, record: Record) -> tuple[str, tuple[Evidence, ...]]:
        """Say why a run begins as initializing."""
        seen = _so_far(len(run.train_log), len(run.eval_log))
        lines = (record.line,) if record.line else ()
        return "too few records to judge", (Evidence("seen", seen, "20 records", lines),)


@dataclass
class _Judge:
    run: Run
    results: Results
    current: Phase | None
    main: MainMetric = field(init=False)
    rate: LearningRate = field(init=False)
    trend: Trend = field(init=False)
    health: Divergence = field(init=False)
    over: Overfitting = field(init=False)
    forecast: MetricForecast = field(init=False)
    dead: bool = field(init=False)
    guesses: bool = field(init=False)
    seen: str = field(init=False, default="")

    def __post_init__(self) -> None:
        of = self.results.of
        self.main, self.rate = of(MetricAnalyzer), of(LearningRateAnalyzer)
        self.trend, self.health = of(TrendAnalyzer), of(DivergenceAnalyzer)
        self.over, self.forecast = of(OverfittingAnalyzer), of(ForecastAnalyzer)
        self.dead = never_learned(self.run, self.trend, self.main)
        self.guesses = self.dead and worse_than_guessing(self.run, self.main) is not None

    def outlook(self) -> Outlook:
        """Ask for each phase in the order of urgency."""
        health = self._diverging()
        if health is not None:
            return health
        rows, evals = len(self.run.train_log), len(self.run.eval_log)
        if self.rate.warming_up and rows >= _FEWEST_FOR_WARM_UP:
            now, peak = self.rate.now, self.rate.peak
            rate = f"{now:.3g}" if now is not None else "not logged"
            reason = f"the learning rate still rises ({rate} now)"
            line = self._line()
            seen = Evidence("learning rate", rate, f"highest so far {peak or 0.0:.3g}", line)
            return self._with(Phase.WARMUP, reason, (seen,))
        if not self._ready(rows, evals):
            seen = Evidence("training records", str(rows), f"{_FEWEST_ROWS}", self._line())
            return self._with(Phase.INITIALIZING, f"{_so_far(rows, evals)} so far", (seen,))
        if self.over.overfitting and not self.guesses:
            return self._overfits()
        return self._by_trend()

    def _ready(self, rows: int, evals: int) -> bool:
        if self.current not in {None, Phase.INITIALIZING}:
            return True
        if rows == 0:
            return evals >= _FEWEST_EVALS
        progress = self.run.progress or 0.0
        if rows >= _FEWEST_ROWS:
            return True
        return rows >= _FEWEST_COARSE_ROWS and (evals >= _FEWEST_EVALS or progress >= 0.1)

    def _diverging(self) -> Outlook | None:
        health = self.health
        if health.state == "healthy":
            return None
        reason, what = divergence_in_words(self.run, health, self.rate)
        return self._with(Phase.DIVERGING, reason, (what,), at_once=True)

    def _overfits(self) -> Outlook:
        over = self.over
        column = over.column or "validation"
        scale = self.main.scale if over.column == self.main.name else "other"
        lost = difference_text(over.lost or 0.0, scale)
        noise = difference_text(over.noise, scale) if over.noise else ""
        beyond = f" (noise {noise})" if noise else ""
        reason = (
            f"{column} got worse by {lost} since {self._place(over.since_step)}{beyond} "
            "while the training loss does not rise"
        )
        lines = tuple(line for line in (over.since_line, *self._line()) if line)
        shown = Evidence(f"{column} got worse by", lost, noise, lines)
        return self._with(Phase.OVERFITTING_RISK, reason, (shown,))

    def _by_trend(self) -> Outlook:
        gain = Gain.of(self.run, self.main, self.rate, self.current)
        flat = gain is not None and gain.n >= FEWEST_AFTER_DROP and gain.surely_flat
        fall = LossFall.of(self.run, self.trend, metric_is_flat=flat)
        loss_falls, maybe = (said and not self.dead for said in (fall.falls, fall.perhaps))
        metric_text, evidence = "", () if fall.evidence is None else (fall.evidence,)
        if gain is not None:
            metric_text, metric_evidence = gain.in_words(self.run, self.main)
            evidence = (metric_evidence, *evidence)
        if self._climbs_only(gain):
            first, best = self.main.first or 0.0, self.main.best or 0.0
            metric_text = f"{self.main.name} went from {first:.4g} to {best:.4g}"

        def in_words(phase: Phase) -> str:
            parts = (metric_text, loss_in_words(self.run, self.trend, phase))
            if loss_falls and phase in IMPROVING and gain is not None and not gain.grows:
                parts = parts[::-1]  # a gain within noise is not what shows that it improves
            return "; ".join(part for part in parts if part)

        words = self.seen = in_words(self.current or Phase.INITIALIZING)
        improving = loss_falls or (gain is not None and gain.grows and gain.worth)
        improving = (improving or self._climbs_only(gain)) and not self.guesses
        spent = self.rate.at_floor and self._over()
        if improving and not spent and self._fast(gain, loss_falls=loss_falls):
            return self._with(Phase.LEARNING_FAST, in_words(Phase.LEARNING_FAST), evidence)
        if self._converged(gain, loss_falls=loss_falls):
            words = f"{in_words(Phase.CONVERGED)}; {self._nothing_left()}"
            return self._with(Phase.CONVERGED, words, evidence)
        if improving:
            words = in_words(Phase.STABLE_CONVERGENCE)
            return self._with(Phase.STABLE_CONVERGENCE, words, evidence)
        if gain is None and self.trend.loss is None:
            keep = self.current or Phase.INITIALIZING
            return self._with(keep, self._why_no_trend(), evidence)
        unsure = gain is None and not (self.current in IMPROVING and self.trend.loss_rises)
        if unsure and may_yet_begin(self.run):
            words = f"{words}; too early for a plateau: {plural(self.main.n, 'evaluation')}"
            return self._with(self._meanwhile(), words, evidence)
        if unsure and maybe and self.current in IMPROVING:
            words = f"{words}; what remains may still be worth having"
            return self._with(self._meanwhile(), words, evidence)
        if self._blind(gain):
            words = f"{words}; too little for a plateau: {plural(self.main.n, 'evaluation')}"
            return self._with(self._meanwhile(), words, evidence)
        chance = self.forecast.p_gain
        # What is called flat now must not stand beside a forecast that says otherwise.
        likely = chance is not None and chance >= _LIKELY
        more = f"a further gain is likely (P = {chance:.2f})" if likely else ""
        if likely and gain is not None and self.current in IMPROVING and not self.dead:
            words = f"{in_words(Phase.STABLE_CONVERGENCE)}; {more}"
            return self._with(Phase.STABLE_CONVERGENCE, words, evidence)
        if self.current in IMPROVING | BEGINNING and self._turned(gain):
            words = f"{words}; that is no plateau, and too early to tell whether it recovers"
            return self._with(self._meanwhile(), words, evidence)
        words = in_words(Phase.PLATEAU)
        if gain is not None and gain.grows and not gain.worth:
            ahead = difference_text(gain.ahead, self.main.scale)
            words += f"; at that pace {ahead} until the end, less than {self.main.delta_text}"
        drop = self.rate.next_drop
        if drop is not None:
            words = f"{words}; flat, but the learning rate drops at "
            words += f"{place(drop.step, drop.epoch)}: decide at {decide_at(self.run, drop)}"
        elif self.dead:
            words = f"{words}; {why_dead(self.run, self.main)}"
        elif likely:
            words = f"{words}; level now, yet {more}"
        return self._with(Phase.PLATEAU, words, evidence)

    def _why_no_trend(self) -> str:
        gaps = [gap.why for gap in self.trend.not_judged if gap.what == "training loss"]
        if not self.run.loss_names and self.main.n == 0:
            gaps.append("the log has neither a training loss nor an evaluation to judge by")
        return next(iter(gaps), "too few points to see a trend")

    def _climbs_only(self, gain: Gain | None) -> bool:
        """Tell whether evaluations too few to measure a gain end with the best, by much."""
        return gain is None and climbs(self.main)

    def _meanwhile(self) -> Phase:
        """Return the phase to keep while nothing can be told."""
        speed = self.trend.loss
        if self.current is Phase.WARMUP and speed is not None and speed.per_epoch_pct > 0:
            return Phase.LEARNING_FAST
        if self.current is Phase.LEARNING_FAST and speed is not None and speed.high < FAST_PCT:
            return Phase.STABLE_CONVERGENCE
        return self.current or Phase.INITIALIZING

    def _blind(self, gain: Gain | None) -> bool:
        """Tell whether neither curve is known well enough to be called flat."""
        if gain is not None and gain.n >= FEWEST_AFTER_DROP:
            return False
        speed = self.trend.loss
        if speed is None:
            return True
        per_epoch, _ = epoch_or_stand_in(self.run)
        ahead = min(steps_left(self.run), float(self.run.last_step))
        return speed.high * ahead / per_epoch > _BLIND_PCT

    def _turned(self, gain: Gain | None) -> bool:
        """Tell whether the metric surely falls, only just or with a loss that rises."""
        if gain is None or self.main.best_step is None:
            return False
        speed, lost = self.trend.loss, -gain.gained > max(gain.reach, self.main.delta)
        rises = speed is not None and speed.high < -FLAT_PCT
        return lost and (rises or self.main.best_step >= gain.since_step)

    def _over(self) -> bool:
        progress = self.run.progress
        return progress is not None and progress >= _ALMOST_DONE

    def _fast(self, gain: Gain | None, *, loss_falls: bool) -> bool:
        if gain is not None and gain.n >= FEWEST_AFTER_DROP and not gain.grows:
            return False
        inside = self.current is Phase.LEARNING_FAST
        pace = FAST_PCT / 2 if inside else FAST_PCT
        share = self.trend.recent_share
        speed = self.trend.loss
        young = inside or self.current in BEGINNING
        if not loss_falls and young and self._climbs_only(gain):
            # What climbs so fast is fast, unless the loss is known to be slow.
            slow = speed is not None and speed.high <= pace
            return climb_pct(self.run, self.main) > pace and not slow
        if inside and not loss_falls and speed is not None and share is not None:
            # A pace that drowns in noise is not a slow one: fast ends when it is shown to end.
            unknown = speed.low <= pace <= speed.high
            return unknown and share >= FAST_SHARE / 2
        if loss_falls and speed is not None and share is not None:
            per_epoch, gaps = epoch_or_stand_in(self.run)
            if not gaps and speed.per_epoch_pct < SLOW_PCT:
                return False
            length = share_length(self.run, self.run.last_step) / per_epoch
            recently = speed.per_epoch_pct * length
            enough = FAST_SHARE / 2 if inside else FAST_SHARE
            if not inside and self.current not in BEGINNING and not self.run.planned_steps:
                enough = _FASTER_THAN_BEFORE
            if share >= enough and recently > pace:
                return True
            if inside:
                share += self.trend.recent_share_error or 0.0
            return speed.per_epoch_pct > pace and share >= FAST_SHARE / 2
        speed = self.trend.metric
        if gain is None or speed is None or not gain.grows:
            return False
        if loss_falls or share is None:
            return speed.per_epoch_pct > pace
        return False

    def _converged(self, gain: Gain | None, *, loss_falls: bool) -> bool:
        over = self._over() or self._finished()
        if not (self.rate.at_floor or over) or self.dead:
            return False
        speed = self.trend.loss
        if gain is None and speed is None:
            return False
        chance = self.forecast.p_gain if self.main.name is not None else None
        if chance is not None and chance >= _UNLIKELY and not self._finished():
            return False
        if gain is not None:
            if gain.grows and gain.worth:
                return False
            if not over:
                half_done = (self.run.progress or 0.0) >= _HALF
                return chance < _UNLIKELY if chance is not None else half_done and not loss_falls
            if loss_falls:
                # Only the end of the schedule makes a falling loss a thing of the past.
                return self.rate.at_floor and gain.n >= FEWEST_AFTER_DROP
            return True
        if speed is None or loss_falls or self._climbs_only(gain) or self._blind(gain):
            return False
        half_done = (self.run.progress or 0.0) >= _HALF
        return over or (half_done and abs(speed.per_epoch_pct) < FLAT_PCT)

    def _finished(self) -> bool:
        return self.results.of(LifecycleAnalyzer).status == "finished"

    def _nothing_left(self) -> str:
        chance = self.forecast.p_gain
        parts = []
        if self.rate.at_floor:
            parts.append("nothing of the learning-rate schedule is left")
        elif self._over():
            parts.append("the plan is done")
        if chance is not None and not self._finished():
            parts.append(f"P(gain ≥ {self.main.delta_text}) {is_share(chance)}")
        return ", ".join(parts) or "the run is over"

    def _place(self, step: int | None) -> str:
        return place(step, self.run.epoch_of(step))

    def _line(self) -> tuple[int, ...]:
        line = self.run.last.line if self.run.last is not None else 0
        return (line,) if line else ()

    def _with(
        self,
        phase: Phase,
        reason: str,
        evidence: tuple[Evidence, ...],
        *,
        at_once: bool = False,
    ) -> Outlook:
        gaps: tuple[NotJudged, ...] = ()
        if self.rate.now is None and not self.rate.schedule:
            gaps = (NotJudged("warm-up", "the log has no learning rate"),)
        seen = self.seen or reason
        drop = self.rate.drops[-1].step if self.rate.drops else None
        waits, over = self.rate.next_drop is not None, self._finished()
        return Outlook(phase, reason, evidence, at_once, waits, over, gaps, seen, drop)


def _so_far(rows: int, evals: int) -> str:
    return f"{plural(rows, 'training record')} and {plural(evals, 'evaluation')}"


_FEWEST_ROWS = 20
_FEWEST_COARSE_ROWS = 8
_FEWEST_EVALS = 3
_FEWEST_FOR_WARM_UP = 3
_BLIND_PCT = 10.0
# Where no plan tells how long a run is: more than the even pace over a quarter of it.
_FASTER_THAN_BEFORE = 0.3
_LIKELY = 0.5
_UNLIKELY = 0.05
_HALF = 0.5
_ALMOST_DONE = 0.97
