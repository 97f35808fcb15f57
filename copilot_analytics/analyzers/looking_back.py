"""What was forecast on the way, kept so that it can be compared with what came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers._base import Analyzer, Options, Results
from copilot_analytics.analyzers.eta import EtaAnalyzer
from copilot_analytics.analyzers.forecast import ForecastAnalyzer, Predicted
from copilot_analytics.analyzers.metric import MetricAnalyzer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from copilot_analytics.events import Event
    from copilot_analytics.records import Record
    from copilot_analytics.run import Run


@dataclass(frozen=True, slots=True)
class Foretold:
    """What was said of the future at one moment.

    Parameters
    ----------
    step
        Where the run stood.
    time
        Its last time stamp by then, had the clock never been set back; None without any.
    segment
        Process that trained, counted from 0.
    metric
        The main metric; None if no value was forecast.
    seen_step
        The last evaluation that the forecast of the value rests on.
    horizon
        Step of which the value was forecast, None if none was.
    end_known
        Whether that is the planned end.
    final
        Forecast of the value at the horizon.
    best, delta, p_gain
        Best value so far, the gain worth having, and P(gain) until the horizon.
    remaining_s, low_s, high_s
        Time left to `planned`, with its 80 % prediction interval; None if it was not told.
    planned
        The step to which that time runs.
    """

    step: int
    time: float | None
    segment: int
    metric: str | None = None
    seen_step: int | None = None
    horizon: int | None = None
    end_known: bool = False
    final: Predicted | None = None
    best: float | None = None
    delta: float = 0.0
    p_gain: float | None = None
    remaining_s: float | None = None
    low_s: float | None = None
    high_s: float | None = None
    planned: int | None = None


@dataclass(frozen=True, slots=True)
class LookingBack:
    """What was said on the way.

    Parameters
    ----------
    said
        In the order of the run, evenly spaced in steps; at most 128.
    """

    said: tuple[Foretold, ...] = ()


class LookingBackAnalyzer(Analyzer[LookingBack]):
    """Keeps what the forecast and the ETA said, evenly over the run.

    Where a run will end is often unknown until it ends, so more is kept than is shown: when 128
    are held, every second is dropped and the distance to the next one doubles.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> from copilot_analytics.run import Run
    >>> lines = [
    ...     Record("train", step=s, time=0.5 * s, metrics={"loss": 1.0}) for s in range(1, 400)
    ... ]
    >>> run = Run.from_records([Record("config", facts={"planned_steps": 1000}), *lines])
    >>> said = LookingBackAnalyzer.of(run).said
    >>> said[-1].planned, round(said[-1].remaining_s + 0.5 * said[-1].step)
    (1000, 500)
    """

    name: ClassVar[str] = "looking_back"
    needs = (MetricAnalyzer, ForecastAnalyzer, EtaAnalyzer)

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options)
        self._said: list[Foretold] = []
        self._apart = 1

    def look(self, run: Run, results: Results, record: Record) -> Iterable[Event]:
        """Look at the run as it stands after `record`."""
        if record.kind not in {"train", "eval"}:
            return ()
        # An evaluation knows more than the training line of its step, and a resume from an earlier
        # checkpoint does some steps again: what was said last counts.
        while self._said and self._said[-1].step >= run.last_step:
            self._said.pop()
        if self._said and run.last_step < self._said[-1].step + self._apart:
            return ()
        said = _foretold(run, results)
        if said is None:
            return ()
        self._said.append(said)
        if len(self._said) > _MOST:
            self._said = self._said[::2]
            self._apart = max(2 * self._apart, (run.last_step - self._said[0].step) // _MOST)
        return ()

    def result(self) -> LookingBack:
        """Return the answer as of the last look."""
        return LookingBack(tuple(self._said))


ANALYZER = LookingBackAnalyzer

_MOST = 128


def _foretold(run: Run, results: Results) -> Foretold | None:
    """Return what is said now; None if nothing is."""
    eta, forecast = results.of(EtaAnalyzer), results.of(ForecastAnalyzer)
    if eta.planned_steps is None or eta.remaining_s is None:
        remaining: tuple[float | None, float | None, float | None] = (None, None, None)
    else:
        remaining = (eta.remaining_s, eta.low_s, eta.high_s)
    ahead = forecast.horizon is not None and forecast.horizon > run.last_step
    if remaining[0] is None and (forecast.final is None or not ahead):
        return None
    log = run.train_log if len(run.train_log) else run.eval_log
    where = (run.last_step, run.clock.steady, int(log.segment[-1]))
    if forecast.final is None or not ahead:
        return Foretold(
            *where,
            remaining_s=remaining[0],
            low_s=remaining[1],
            high_s=remaining[2],
            planned=eta.planned_steps,
        )
    return Foretold(
        *where,
        forecast.metric,
        forecast.made_at_step,
        forecast.horizon,
        forecast.end_known,
        forecast.final,
        results.of(MetricAnalyzer).best,
        forecast.delta,
        forecast.p_gain,
        *remaining,
        eta.planned_steps,
    )
