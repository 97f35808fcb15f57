"""How good the main metric will be at the planned end, and the chance of a worthwhile gain."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.analyzers._base import Analyzer, Options, Results
from copilot_analytics.analyzers._course import epoch_length
from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.analyzers._plan import eval_spacing, planned_end
from copilot_analytics.analyzers.learning_rate import LearningRate, LearningRateAnalyzer
from copilot_analytics.analyzers.metric import MainMetric, MetricAnalyzer
from copilot_analytics.errors import NotEnoughPoints
from copilot_analytics.findings import NotJudged
from copilot_analytics.stats.forecast import (
    DROP_AHEAD,
    Forecast,
    Predictive,
    forecast,
    left_out,
    planned_steps,
)
from copilot_analytics.stats.shares import least_rounded
from copilot_analytics.wording import place, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from copilot_analytics.events import Event
    from copilot_analytics.records import Floats, Record
    from copilot_analytics.run import Run


@dataclass(frozen=True, slots=True)
class Predicted:
    """A predicted value.

    Parameters
    ----------
    median, low, high
        Median and bounds of the prediction interval, in the metric's units.
    level
        Probability of the interval.
    """

    median: float
    low: float
    high: float
    level: float = 0.8


@dataclass(frozen=True, slots=True)
class Fan:
    """The forecast path for a figure: arrays of equal length ``(n,)``.

    Parameters
    ----------
    steps
        Future steps.
    q05, q10, q50, q90, q95
        Quantiles of the level of the metric there.
    """

    steps: Floats
    q05: Floats
    q10: Floats
    q50: Floats
    q90: Floats
    q95: Floats


@dataclass(frozen=True)
class MetricForecast:
    """The forecast as of the last evaluation.

    Parameters
    ----------
    metric
        Its name; None if there is no forecast.
    horizon
        The step it looks at: the planned end, or as many steps again if the end is unknown.
    end_known
        Whether the horizon is the planned end.
    final, best
        Value at the horizon, and best value by then (never worse than the best so far).
    p_gain
        P(best among the evaluations still to come beats the best so far by at least `delta`).
    delta
        That gain, in the metric's units.
    expected_gain
        Mean gain of the best over the best so far, never negative.
    ahead
        What `fan` is, or is made of when it is asked for.
    made_at_step
        The evaluation it rests on.
    notes
        What a reader should know of its limits.
    past
        Earlier forecasts (step, median of final, low, high) for looking back; at most 200.
    """

    metric: str | None = None
    horizon: int | None = None
    end_known: bool = False
    final: Predicted | None = None
    best: Predicted | None = None
    p_gain: float | None = None
    delta: float = 0.0
    expected_gain: float | None = None
    ahead: Fan | Forecast | None = field(default=None, repr=False, compare=False)
    made_at_step: int | None = None
    notes: tuple[str, ...] = ()
    past: tuple[tuple[int, float, float, float], ...] = ()
    not_judged: tuple[NotJudged, ...] = ()

    @cached_property
    def fan(self) -> Fan | None:
        """Path for a figure; None if nothing is ahead."""
        found = self.ahead
        if found is None or isinstance(found, Fan):
            return found
        table = found.path(np.linspace(found.last_step, found.horizon, _FAN_POINTS))
        return Fan(table.steps, table.q05, table.q10, table.q50, table.q90, table.q95)


class ForecastAnalyzer(Analyzer[MetricForecast]):
    """Forecasts the main metric at every evaluation.

    The training loss has no say: how fast it fell went with the error of forecasts of other sources
    at a tenth to a fifth of the run by a rank correlation of -0.23 in AlgoPerf, -0.10 in YOLO and
    +0.18 in TaskSet, so that what one source teaches would be wrong in the next.

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
    >>> found = ForecastAnalyzer.of(run)
    >>> found.horizon, found.end_known, found.final.low < 0.82 < found.final.high
    (4000, True, True)
    """

    name: ClassVar[str] = "forecast"
    needs = (MetricAnalyzer, LearningRateAnalyzer)

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options)
        self._now = MetricForecast()
        self._seen: tuple[int, int | None, float | None, float | None, str] | None = None
        self._past: list[tuple[int, float, float, float]] = []

    def look(self, run: Run, results: Results, record: Record) -> Iterable[Event]:
        """Look at the run as it stands after `record`."""
        main = results.of(MetricAnalyzer)
        # An evaluation that a later one of its step replaced leaves their number as it was.
        seen = (main.n, main.last_step, main.last, main.best, main.name or "")
        if record.kind == "train" or seen == self._seen:
            return ()
        if self._seen is None or seen[-1] != self._seen[-1]:
            self._past.clear()
        self._seen = seen
        found = self._forecast(run, main, results.of(LearningRateAnalyzer))
        if found.final is not None and found.made_at_step is not None:
            final = found.final
            if self._past and self._past[-1][0] == found.made_at_step:
                self._past.pop()
            self._past.append((found.made_at_step, final.median, final.low, final.high))
            if len(self._past) > _MOST_PAST:
                # Every second of the older half: looking back needs no more.
                half = len(self._past) // 2
                self._past = self._past[:half:2] + self._past[half:]
        self._now = replace(found, past=tuple(self._past))
        return ()

    def result(self) -> MetricForecast:
        """Return the answer as of the last look."""
        return self._now

    def _forecast(self, run: Run, main: MainMetric, rate: LearningRate) -> MetricForecast:
        if main.name is None or main.last is None or main.best is None or main.last_step is None:
            why = "no evaluation metric can be judged"
            return MetricForecast(not_judged=(NotJudged("forecast", why),))
        step, value = _distinct(run, main.name)
        planned = planned_end(run)
        if planned is not None and main.last_step >= planned * (1 - _SLACK):
            over = Predicted(main.last, main.last, main.last)
            best = Predicted(main.best, main.best, main.best)
            return MetricForecast(
                main.name,
                main.last_step,
                True,
                over,
                best,
                0.0,
                main.delta,
                0.0,
                made_at_step=main.last_step,
                notes=("the planned end is reached",),
            )
        too_early = ""
        if len(value) < _FEWEST:
            too_early = f"{plural(len(value), 'evaluation')} of {_FEWEST} needed so far"
        elif main.direction == "max" and not value.any():
            too_early = f"{main.name} was 0 in every evaluation so far"
            too_early += ", so nothing tells when it begins"
        if too_early:
            return MetricForecast(
                main.name,
                planned,
                planned is not None,
                delta=main.delta,
                not_judged=(NotJudged("forecast", too_early),),
            )
        step, value, only_best = _newest(step, value, main.direction)
        horizon = planned if planned is not None else int(2 * step[-1])
        # A share below 0 stands for something else, such as "not measured".
        bounds = _BOUNDS.get(main.scale) if float(value.min()) >= 0.0 else None
        ahead = planned_steps(step, float(horizon), _ahead(run, float(step[-1]), float(horizon)))
        relative = _relative_rate(run, rate, step, float(horizon))
        try:
            found = forecast(
                step,
                value,
                horizon=float(horizon),
                direction=main.direction,
                bounds=bounds,
                future_steps=ahead,
                first_eval_untrained=True if only_best or step[0] <= 0 else None,
                resolution=main.resolution,
                schedule=None if relative is None else (relative(step), relative(ahead)),
            )
        except NotEnoughPoints as error:
            return MetricForecast(main.name, not_judged=(NotJudged("forecast", str(error)),))
        return MetricForecast(
            metric=main.name,
            horizon=horizon,
            end_known=planned is not None,
            final=_predicted(found.final),
            best=_predicted(found.best),
            p_gain=float(found.p_gain(_threshold(main))),
            delta=main.delta,
            expected_gain=float(found.expected_gain),
            made_at_step=main.last_step,
            notes=(*_limits(run, rate, planned, found.notes), *_not_finite(run, main.name)),
            ahead=found,
        )


ANALYZER = ForecastAnalyzer

_FEWEST = 3
_LONGEST = 1500
_MOST_AHEAD = 2000
_MOST_PAST = 200
_SLACK = 1e-3
_FAN_POINTS = 40
_LEVEL = 0.8
_BOUNDS: dict[str, tuple[float | None, float | None]] = {
    "fraction": (0.0, 1.0),
    "percent": (0.0, 100.0),
}


def _distinct(run: Run, name: str) -> tuple[Floats, Floats]:
    """Return the usable evaluations in the order of their steps, the last of each step."""
    series = judged_series(run, name)
    step, value = series.step.astype(np.float64), series.value
    if len(step) > 1 and not bool(np.all(np.diff(step) > 0)):
        step, last = np.unique(step[::-1], return_index=True)
        value = value[::-1][last]
    return step, value


def _not_finite(run: Run, name: str) -> tuple[str, ...]:
    """Say how many evaluations the forecast never saw."""
    return left_out(int(np.count_nonzero(~np.isfinite(run.eval_series(name).value))))


def _newest(step: Floats, value: Floats, direction: str) -> tuple[Floats, Floats, bool]:
    """Return the newest evaluations, the best in front if it came before, and whether it did.

    A metric kept at one value in the beginning says nothing about the shape; the newest do. The
    best is what a gain is counted from, wherever it lies.
    """
    first = max(len(value) - _LONGEST, 0)
    best = int(np.argmax(value if direction == "max" else -value))
    if best >= first:
        return step[first:], value[first:], False
    return np.append(step[best], step[first:]), np.append(value[best], value[first:]), True


def _ahead(run: Run, last: float, horizon: float) -> Floats | None:
    spacing = eval_spacing(run)
    if spacing is None or spacing <= 0 or (horizon - last) / spacing > _MOST_AHEAD:
        return None
    ahead = np.arange(last + spacing, horizon + 0.5 * spacing, spacing)
    ahead = np.minimum(ahead, horizon)
    return np.unique(ahead) if len(ahead) else np.array([horizon])


def _relative_rate(
    run: Run, rate: LearningRate, seen: Floats, horizon: float
) -> Callable[[Floats], Floats] | None:
    """Return the rate by steps, over its peak: its step-wise drops, or the rest of a smooth decay.

    A decay that a constant rate has still before it is drawn as a line: that it comes is what
    counts. Of one that has begun only what is left of the peak counts: it is drawn as the power of
    the rest of the steps that meets the rate now.
    """
    schedule = run.meta.schedule
    per_epoch = epoch_length(run.train_log, run.steps_per_epoch)
    declared = schedule.drops(per_epoch) if schedule is not None else ()
    drops = [(float(drop.step), drop.factor) for drop in declared]
    if not drops:
        # The step of a drop seen in the log is the first with the lower rate.
        drops = [(drop.step - 0.5, drop.after / drop.before) for drop in rate.drops]
    if drops:
        return lambda steps: np.prod(
            [np.where(steps > at, factor, 1.0) for at, factor in drops], axis=0
        )
    first, last = float(seen[0]), float(seen[-1])
    cool = None if schedule is None else schedule.cool_down(round(horizon), per_epoch)
    if cool is not None and last <= cool < horizon and run.planned_steps and not rate.warming_up:
        return lambda steps: np.clip((horizon - steps) / (horizon - cool), 0.0, 1.0)
    if not (rate.decays_to_end and rate.now and rate.peak) or rate.warming_up or horizon <= last:
        return None
    # A rate is held to be at its peak though it lies above it by a digit.
    left = min(rate.now / rate.peak, 1.0)
    power = math.log(left) / math.log((horizon - last) / (horizon - first))
    return lambda steps: np.maximum((horizon - steps) / (horizon - first), 0.0) ** power


def _threshold(main: MainMetric) -> float:
    """Return what the forecast must gain: less where the metric moves in steps that are known."""
    if main.resolution is None:
        return main.delta
    return least_rounded(main.delta, main.resolution)


def _predicted(found: Predictive) -> Predicted:
    low, high = found.interval(_LEVEL)
    return Predicted(float(found.median), low, high, _LEVEL)


def _limits(
    run: Run, rate: LearningRate, planned: int | None, told: tuple[str, ...]
) -> tuple[str, ...]:
    notes = [note for note in told if note != DROP_AHEAD]
    if len(notes) < len(told):
        drop = rate.next_drop
        where = f" at {place(drop.step, drop.epoch)}" if drop is not None else " ahead"
        notes.append(
            f"the drop of the learning rate{where} often brings a gain, and it allows for one"
        )
    if planned is None:
        notes.append("the planned end is unknown; it looks as many steps ahead as were done")
    elif not run.meta.steps_per_epoch_exact:
        notes.append("the planned end in steps is estimated")
    return tuple(notes)
