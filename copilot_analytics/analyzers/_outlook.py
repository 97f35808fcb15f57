"""One judgement of the phase from what the analyzers say at a look, without memory."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics import wording
from copilot_analytics.analyzers._dead import metric_moved
from copilot_analytics.analyzers._pace import fall_pct, gain_in_words, pace_in_words
from copilot_analytics.analyzers._plan import decide_at
from copilot_analytics.analyzers.divergence import Divergence, DivergenceAnalyzer
from copilot_analytics.analyzers.forecast import ForecastAnalyzer, MetricForecast
from copilot_analytics.analyzers.learning_rate import LearningRate, LearningRateAnalyzer
from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer
from copilot_analytics.analyzers.metric import (
    MainMetric,
    MetricAnalyzer,
    difference_text,
    judged_series,
)
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


class Phase(StrEnum):
    """The eight phases."""

    INITIALIZING = "INITIALIZING"
    WARMUP = "WARMUP"
    LEARNING_FAST = "LEARNING_FAST"
    STABLE_CONVERGENCE = "STABLE_CONVERGENCE"
    PLATEAU = "PLATEAU"
    OVERFITTING_RISK = "OVERFITTING_RISK"
    DIVERGING = "DIVERGING"
    CONVERGED = "CONVERGED"


@dataclass(frozen=True, slots=True)
class Gain:
    """What the newest evaluations brought.

    Parameters
    ----------
    n
        Evaluations looked at.
    gained
        Their mean less that of as many before them, positive when better.
    error
        Standard error of that.
    grows
        Whether it is beyond noise.
    ahead
        What the same pace would bring until the end.
    worth
        Whether that is worth having.
    surely_flat
        Whether even the upper bound of the pace brings little until the end.
    reach
        Half of the width of the interval in which the gain lies: where it holds zero, nothing
        grows.
    """

    n: int
    gained: float
    error: float
    grows: bool
    ahead: float
    worth: bool
    surely_flat: bool
    reach: float


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
    seen: str = field(init=False, default="")

    def __post_init__(self) -> None:
        of = self.results.of
        self.main, self.rate = of(MetricAnalyzer), of(LearningRateAnalyzer)
        self.trend, self.health = of(TrendAnalyzer), of(DivergenceAnalyzer)
        self.over, self.forecast = of(OverfittingAnalyzer), of(ForecastAnalyzer)

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
            reason, evidence = f"{_so_far(rows, evals)} so far", ()
            seen = Evidence("training records", str(rows), f"{_FEWEST_ROWS}", self._line())
            return self._with(Phase.INITIALIZING, reason, (*evidence, seen))
        if self.over.overfitting:
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
        where = f"since {self._place(health.since_step)}"
        lines = (health.since_line,) if health.since_line else ()
        observed = "unknown" if health.level is None else f"{health.level:.4g}"
        bound = "" if health.threshold is None else f"{health.threshold:.4g}"
        reasons = {
            "nan": f"{health.column} is {observed} {where}",
            "exploded": f"{health.column} exploded to {observed} {where}",
            "rising": f"{health.column} rises without recovery {where}, to {observed}",
            "masked": f"{health.column} looks like a hidden NaN {where} ({observed})",
        }
        what = Evidence(health.column, observed, bound or "finite", lines)
        return self._with(Phase.DIVERGING, reasons[health.state], (what,), at_once=True)

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
        return self._with(
            Phase.OVERFITTING_RISK, reason, (Evidence(f"{column} lost", lost, noise, lines),)
        )

    def _by_trend(self) -> Outlook:
        gain = self._metric_gain()
        loss_falls, maybe, loss_evidence = self._loss_trend(gain)
        metric_text, metric_evidence = self._gain_in_words(gain)
        evidence = tuple(e for e in (metric_evidence, loss_evidence) if e is not None)
        if self._climbs(gain):
            first, best = self.main.first or 0.0, self.main.best or 0.0
            metric_text = f"{self.main.name} went from {first:.4g} to {best:.4g}"

        def in_words(phase: Phase) -> str:
            parts = (metric_text, self._loss_in_words(phase))
            return "; ".join(part for part in parts if part)

        words = self.seen = in_words(self.current or Phase.INITIALIZING)
        improving = loss_falls or (gain is not None and gain.grows and gain.worth)
        improving = improving or self._climbs(gain)
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
            gaps = [gap.why for gap in self.trend.not_judged if gap.what == "training loss"]
            return self._with(keep, next(iter(gaps), "too few points to see a trend"), evidence)
        if gain is None and self._early():
            told = plural(self.main.n, "evaluation")
            words = f"{words}; too early for a plateau: {told}"
            return self._with(self._meanwhile(), words, evidence)
        if gain is None and maybe and self.current in _IMPROVING:
            words = f"{words}; what remains may still be worth having"
            return self._with(self._meanwhile(), words, evidence)
        if self._blind(gain):
            told = plural(self.main.n, "evaluation")
            words = f"{words}; too little to call it a plateau: {told}"
            return self._with(self._meanwhile(), words, evidence)
        chance = self.forecast.p_gain
        # What is called flat now must not stand beside a forecast that says otherwise.
        likely = gain is not None and chance is not None and chance >= _LIKELY
        if likely and self.current in _IMPROVING and not self._dead():
            words = (
                f"{in_words(Phase.STABLE_CONVERGENCE)}; a further gain is likely (P = {chance:.2f})"
            )
            return self._with(Phase.STABLE_CONVERGENCE, words, evidence)
        words = in_words(Phase.PLATEAU)
        if gain is not None and gain.grows and not gain.worth:
            more = difference_text(gain.ahead, self.main.scale)
            words += f"; at that pace {more} until the end, less than {self.main.delta_text}"
        drop = self.rate.next_drop
        if drop is not None:
            words = f"{words}; flat, but the learning rate drops at "
            words += f"{place(drop.step, drop.epoch)}: decide at {decide_at(self.run, drop)}"
        elif self._dead():
            words = f"{words}; the loss never fell by more than noise"
        return self._with(Phase.PLATEAU, words, evidence)

    def _climbs(self, gain: Gain | None) -> bool:
        """Tell whether the few evaluations so far end with the best, by much."""
        main = self.main
        if gain is not None or main.n < 2 or main.best is None or main.first is None:
            return False
        return main.best_step == main.last_step and abs(main.best - main.first) > 2 * main.delta

    def _climb_pct(self) -> float:
        """Return the gain from the first evaluation to the best, in per cent an epoch."""
        main = self.main
        if main.best is None or main.first is None or main.best_step is None or not main.name:
            return 0.0
        first_step = int(judged_series(self.run, main.name).step[0])
        per_epoch, _ = epoch_or_stand_in(self.run)
        epochs = max((main.best_step - first_step) / per_epoch, 1e-9)
        scale = max(abs(main.best), abs(main.first))
        return 100.0 * abs(main.best - main.first) / scale / epochs

    def _meanwhile(self) -> Phase:
        """Return the phase to keep while nothing can be told."""
        speed = self.trend.loss
        if self.current is Phase.WARMUP and speed is not None and speed.per_epoch_pct > 0:
            return Phase.LEARNING_FAST
        if self.current is Phase.LEARNING_FAST and speed is not None and speed.high < _FAST_PCT:
            return Phase.STABLE_CONVERGENCE
        return self.current or Phase.INITIALIZING

    def _blind(self, gain: Gain | None) -> bool:
        """Tell whether neither curve is known well enough to be called flat."""
        if gain is not None and gain.n >= _FEWEST_AFTER_DROP:
            return False
        speed = self.trend.loss
        if speed is None:
            return True
        per_epoch, _ = epoch_or_stand_in(self.run)
        ahead = min(self._left(), float(self.run.last_step))
        return speed.high * ahead / per_epoch > _BLIND_PCT

    def _early(self) -> bool:
        """Tell whether a flat loss alone may still be the beginning of something."""
        progress = self.run.progress
        done = progress or 0.0
        if done >= 0.5:
            return False
        per_epoch, unknown = epoch_or_stand_in(self.run)
        # A loss may lie flat within the first epoch and fall where the next one begins.
        first = not unknown and self.run.last_step < 2.0 * per_epoch
        few = len(self.run.train_log) < _FEWEST_FOR_PLATEAU
        return few or first or (progress is not None and progress < 0.1)

    def _left(self) -> float:
        """Return the steps over which a gain counts: to the end, at least a tenth of the run."""
        done = float(self.run.last_step)
        planned = self.run.planned_steps
        left = done if planned is None else planned - done
        return max(left, 0.1 * done)

    def _over(self) -> bool:
        progress = self.run.progress
        return progress is not None and progress >= _ALMOST_DONE

    def _metric_gain(self) -> Gain | None:
        main = self.main
        if main.name is None or main.n < _FEWEST_FOR_GAIN:
            return None
        step, value, *_ = judged_series(self.run, main.name)
        better = value if main.direction == "max" else -value
        # A drop of the rate is news of its own: the pace is measured on one side of it.
        for drop in reversed(self.rate.drops):
            later = step > drop.step
            if np.count_nonzero(later) >= 2 * _FEWEST_AFTER_DROP:
                better, step = better[later], step[later]
                break
        n = min(max(4, math.ceil(0.2 * len(better))), 40, len(better) // 2)
        new, old = better[-n:], better[-2 * n : -n]
        noise = main.noise if main.noise is not None else float(np.std(better[-2 * n :]))
        gained = float(np.mean(new) - np.mean(old))
        error = max(noise, 1e-12) * math.sqrt(2.0 / n)
        apart = max(float(step[-n:].mean() - step[-2 * n : -n].mean()), 1e-12)
        # Curves level off: a pace is trusted for twice the stretch that showed it.
        reach = min(self._left() / apart, 2.0)
        ahead = gained * reach
        most = (gained + 2.0 * error) * reach
        z = _SURE if self.current not in _IMPROVING else _STILL_SURE
        before = float(better[:-n].max())
        fresh_best = float(new.max()) - before > max(2.0 * noise, main.delta)
        worth = ahead > main.delta or fresh_best
        grows = gained > z * error or fresh_best
        return Gain(n, gained, error, grows, ahead, worth, most < 2.0 * main.delta, z * error)

    def _gain_in_words(self, gain: Gain | None) -> tuple[str, Evidence | None]:
        main = self.main
        if gain is None or main.name is None:
            return "", None
        noisy = gain.reach >= _SHOWN * max(main.delta, abs(gain.gained))
        amount = gain_in_words(abs(gain.gained), gain.reach if noisy else None, main.scale)
        word = "gained" if gain.gained >= 0 else "lost"
        text = f"{main.name} {word} {amount}, the last {gain.n} evals against the {gain.n} before"
        seen = f"{'+' if gain.gained >= 0 else '−'}{amount}"
        lines = tuple(int(i) for i in self.run.eval_log.line[-1:] if i)
        what = f"mean {main.name} of {gain.n} evaluations against the {gain.n} before"
        return text, Evidence(what, seen, f"{main.delta_text} until the end", lines)

    def _loss_trend(self, gain: Gain | None) -> tuple[bool, bool, Evidence | None]:
        """Tell whether the loss falls beyond doubt, and whether it may."""
        speed = self.trend.loss
        if speed is None or not math.isfinite(speed.per_epoch_pct):
            return False, False, None
        _, gaps = epoch_or_stand_in(self.run)
        reach = min(self.trend.loss_ahead_pct or 0.0, 100.0)
        needed = _WORTH_PCT
        slow = bool(gaps) or speed.per_epoch_pct < _SLOW_PCT
        if slow and gain is not None and gain.n >= _FEWEST_AFTER_DROP and gain.surely_flat:
            needed = _WORTH_PCT_BESIDE_A_FLAT_METRIC
        falls = speed.low > 0.0 and reach > needed and not self._dead()
        what = "fall" if speed.per_epoch_pct >= 0 else "rise"
        seen = Evidence(
            f"{what} of the training loss",
            pace_in_words(speed, self._unit()),
            f"0, and {needed:g} % to come",
            self._line(),
        )
        maybe = reach > _PERHAPS * needed and not self._dead()
        return falls, maybe, seen

    def _unit(self) -> str:
        _, gaps = epoch_or_stand_in(self.run)
        return "a hundredth of the run" if gaps else "an epoch"

    def _loss_in_words(self, phase: Phase) -> str:
        """Say how the loss goes, by its pace where that is of the phase, else by its way so far.

        A fast pace at the bottom of a long fall covers little of it, and a slow one at the top
        much; a phase named for the one would read like an error beside the other.
        """
        speed = self.trend.loss
        if speed is None or not math.isfinite(speed.per_epoch_pct):
            return ""
        if speed.low * speed.high <= 0:
            return "the training loss is flat within noise"
        word = "falls" if speed.per_epoch_pct >= 0 else "rises"
        relative = fall_pct(speed)
        share = self.trend.recent_share
        fits = True
        if relative is not None and word == "falls" and self._unit() == "an epoch":
            low, high = _PACES.get(phase, (0.0, math.inf))
            fits = low <= relative[0] <= high
        if fits or share is None:
            return f"the training loss {word} by {pace_in_words(speed, self._unit())}"
        if share >= _FAST_SHARE / 2 and phase is not Phase.LEARNING_FAST:
            return "the training loss still falls"
        part = "twentieth of the plan" if self.run.planned_steps else "quarter of the run so far"
        return (
            f"the training loss still falls: {wording.share(share)} of its whole way in the last "
            f"{part}"
        )

    def _fast(self, gain: Gain | None, *, loss_falls: bool) -> bool:
        if gain is not None and gain.n >= _FEWEST_AFTER_DROP and not gain.grows:
            return False
        inside = self.current is Phase.LEARNING_FAST
        share = self.trend.recent_share
        speed = self.trend.loss
        if not loss_falls and self.current in _BEGINNING and self._climbs(gain):
            # What climbs so fast begins fast, unless the loss is known to be slow.
            return self._climb_pct() > _FAST_PCT and (speed is None or speed.high > _FAST_PCT)
        if inside and not loss_falls and speed is not None and share is not None:
            # A pace that drowns in noise is not a slow one: fast ends when it is shown to end.
            unknown = speed.low <= _FAST_PCT / 2 <= speed.high
            return unknown and share >= _FAST_SHARE / 2
        if loss_falls and speed is not None and share is not None:
            per_epoch, gaps = epoch_or_stand_in(self.run)
            if not gaps and speed.per_epoch_pct < _SLOW_PCT:
                return False
            length = share_length(self.run, self.run.last_step) / per_epoch
            recently = speed.per_epoch_pct * length
            limit = _FAST_PCT / 2 if inside else _FAST_PCT
            enough = _FAST_SHARE / 2 if inside else _FAST_SHARE
            if not inside and self.current not in _BEGINNING and not self.run.planned_steps:
                enough = _FASTER_THAN_BEFORE
            if share >= enough and recently > limit:
                return True
            if inside:
                share += self.trend.recent_share_error or 0.0
            return speed.per_epoch_pct > limit and share >= _FAST_SHARE / 2
        speed = self.trend.metric
        if gain is None or speed is None or not gain.grows:
            return False
        if loss_falls or share is None:
            return speed.per_epoch_pct > (_FAST_PCT / 2 if inside else _FAST_PCT)
        return False

    def _dead(self) -> bool:
        """Tell whether nothing was ever learned: a loss that never left its start."""
        trend = self.trend
        if trend.loss_start is None or trend.loss_now is None:
            return False
        progress = abs(trend.loss_start - trend.loss_now)
        noise = trend.loss_noise or 0.0
        learned = progress > max(_LEARNED * abs(trend.loss_start), noise)
        return not learned and not metric_moved(self.run, self.main)

    def _converged(self, gain: Gain | None, *, loss_falls: bool) -> bool:
        over = self._over() or self._finished()
        if not (self.rate.at_floor or over) or self._dead():
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
                return self.rate.at_floor and gain.n >= _FEWEST_AFTER_DROP
            return True
        if speed is None or loss_falls or self._climbs(gain) or self._blind(gain):
            return False
        half_done = (self.run.progress or 0.0) >= _HALF
        return over or (half_done and abs(speed.per_epoch_pct) < _FLAT_PCT)

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
_FEWEST_FOR_GAIN = 5
_FEWEST_AFTER_DROP = 3
_FEWEST_FOR_PLATEAU = 50
_BEGINNING = frozenset({None, Phase.INITIALIZING, Phase.WARMUP})
_IMPROVING = frozenset({Phase.LEARNING_FAST, Phase.STABLE_CONVERGENCE})
_SURE = 2.5
_STILL_SURE = 1.8
_WORTH_PCT = 1.0
_WORTH_PCT_BESIDE_A_FLAT_METRIC = 5.0
_BLIND_PCT = 10.0
_SLOW_PCT = 1.0
_PERHAPS = 3.0
_FAST_PCT = 5.0
_FAST_SHARE = 0.1
# Where no plan tells how long a run is: more than the even pace over a quarter of it.
_FASTER_THAN_BEFORE = 0.3
_FLAT_PCT = 1.0
# What the phases mean to a reader, in per cent an epoch.
_PACES = {
    Phase.LEARNING_FAST: (_FAST_PCT, math.inf),
    Phase.STABLE_CONVERGENCE: (0.0, _FAST_PCT),
    Phase.PLATEAU: (0.0, _FLAT_PCT),
    Phase.CONVERGED: (0.0, _FLAT_PCT),
}
_LIKELY = 0.5
_UNLIKELY = 0.05
_HALF = 0.5
_LEARNED = 0.02
_SHOWN = 0.005
_ALMOST_DONE = 0.97
