"""Validation that gets worse while training improves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from copilot_analytics.analyzers._base import Analyzer, Options, Results
from copilot_analytics.analyzers._course import Course, total_loss
from copilot_analytics.analyzers._eval_noise import eval_noise
from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.analyzers._primary import is_a_return
from copilot_analytics.analyzers.metric import MainMetric, MetricAnalyzer
from copilot_analytics.analyzers.trend import TrendAnalyzer
from copilot_analytics.findings import NotJudged
from copilot_analytics.schema import names_a_loss
from copilot_analytics.stats.noise import difference_noise
from copilot_analytics.stats.trend import mann_kendall

if TYPE_CHECKING:
    from collections.abc import Iterable

    from copilot_analytics.events import Event
    from copilot_analytics.records import Floats, Record
    from copilot_analytics.run import Run
    from copilot_analytics.schema import Direction


@dataclass(frozen=True, slots=True)
class Overfitting:
    """Whether the run overfits.

    Parameters
    ----------
    overfitting
        Validation got worse by more than noise since its best, over several evaluations.
    by
        ``loss`` (validation loss rises, training loss falls) or ``metric`` (the main metric
        decays); None if neither.
    harmless
        The validation loss rises while the main metric still improves.
    since_step, since_line
        Evaluation at which the decay began (the best).
    lost
        How much was lost since the best, in the metric's units, positive.
    noise
        Noise it was compared with.
    column
        The evaluation metric that shows it.
    best, now
        Its smoothed values.
    gap
        Validation loss minus training loss at the newest evaluation, if both are logged.
    """

    overfitting: bool = False
    by: Literal["loss", "metric"] | None = None
    harmless: bool = False
    since_step: int | None = None
    since_line: int | None = None
    lost: float | None = None
    noise: float | None = None
    column: str | None = None
    best: float | None = None
    now: float | None = None
    gap: float | None = None
    not_judged: tuple[NotJudged, ...] = ()


class OverfittingAnalyzer(Analyzer[Overfitting]):
    """Compares training with validation.

    Both tests compare means of the newest evaluations with the best mean of as many before, so
    neither a single bad evaluation nor a lucky best one makes an alarm.

    References
    ----------
    Prechelt, "Early stopping - but when?", in Neural Networks: Tricks of the Trade (1998), for
    the generalisation loss.

    Examples
    --------
    >>> from copilot_analytics import Record, Run
    >>> def epoch(i):
    ...     train = Record("train", step=i, epoch=i, metrics={"loss": 1 / (1 + i)})
    ...     worse = 1 / (1 + i) + 0.004 * max(i - 10, 0) ** 1.5
    ...     return train, Record("eval", step=i, epoch=i, metrics={"val_loss": worse})
    >>> run = Run.from_records(record for i in range(30) for record in epoch(i))
    >>> found = OverfittingAnalyzer.of(run)
    >>> found.overfitting, found.by
    (True, 'loss')
    """

    name: ClassVar[str] = "overfitting"
    needs = (MetricAnalyzer, TrendAnalyzer)

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options)
        self._now = Overfitting()
        self._evals = 0
        self._course = Course(100)

    def look(self, run: Run, results: Results, record: Record) -> Iterable[Event]:
        """Look at the run as it stands after `record`."""
        if len(run.eval_log) == self._evals:
            return ()
        self._evals = len(run.eval_log)
        column = total_loss(run.train_log)
        if column is not None:
            self._course.take(run.train_log, column)
        main = results.of(MetricAnalyzer)
        if main.name is not None and is_a_return(main.name):
            self._now = Overfitting(not_judged=(_PLAYED,))
            return ()
        loss_column = validation_loss(run)
        gap = self._gap(run, loss_column)
        by_metric = None
        if main.name is not None and main.name != loss_column:
            by_metric = self._decay(run, main.name, main.direction)
        by_loss = self._decay(run, loss_column, "min") if loss_column else None
        best: _Decay | None = None
        kind: Literal["loss", "metric"] | None = None
        harmless = False
        if by_metric is not None:
            best, kind = by_metric, "metric"
        elif by_loss is not None:
            best, kind = by_loss, "loss"
            harmless = _still_improves(run, main, loss_column, by_loss.step)
        gaps = _gaps(main, column, loss_column)
        if best is None:
            self._now = Overfitting(gap=gap, not_judged=gaps)
            return ()
        self._now = Overfitting(
            overfitting=not harmless,
            by=kind,
            harmless=harmless,
            since_step=best.step,
            since_line=best.line,
            lost=best.lost,
            noise=best.noise,
            column=best.column,
            best=best.best,
            now=best.now,
            gap=gap,
            not_judged=gaps,
        )
        return ()

    def result(self) -> Overfitting:
        """Return the answer as of the last look."""
        return self._now

    def _decay(self, run: Run, name: str, direction: Direction) -> _Decay | None:
        """Return the decay of an evaluation metric since its best, if it is beyond doubt."""
        step, value, _, _, line = judged_series(run, name)
        if len(value) < _FEWEST:
            return None
        if len(value) > _LONGEST:
            # What came before is in the range; the best of it would be older than any decay.
            step, value, line = step[-_LONGEST:], value[-_LONGEST:], line[-_LONGEST:]
        bad = value if direction == "min" else -value
        means = np.convolve(bad, np.full(_MEAN, 1.0 / _MEAN), "valid")
        at = int(np.argmin(means))
        since = len(bad) - (at + _MEAN)
        if since < _MEAN:
            return None
        lost = float(means[-1] - means[at])
        noise = self._noise(bad)
        if noise is None:
            return None
        # Beside the level of what no model explains, all that was ever gained may be little.
        known = self._now.column == name
        surely = since >= _LASTING and mann_kendall(bad[at + _MEAN :]).z > _SURELY_RISING_Z
        lasts = surely or (known and since >= _LASTING)
        low, high = np.quantile(bad, (0.02, 0.98))
        share = _SHARE * float(high - low)
        if direction == "min" and name != "" and float(value.min()) > 0:
            far = _GENERALISATION_LOSS * float(abs(means[at]))
            share = max(share, min(far, _LASTING_SHARE * float(high - low)) if lasts else far)
        if not lost > max(_SIGMAS * noise, share):
            return None
        after = bad[at + _MEAN // 2 :]
        # Every one of the newest is worse than the best level, and the way there is a rise.
        if not bool(np.all(bad[-_MEAN:] > means[at] + noise)):
            return None
        if since >= 8 and mann_kendall(after).z < _RISING_Z:
            return None
        centre = min(at + _MEAN // 2, len(bad) - 1)
        if not self._train_falls(float(step[centre])):
            return None
        sign = 1.0 if direction == "min" else -1.0
        return _Decay(
            name,
            int(step[centre]),
            int(line[centre]),
            lost,
            noise,
            sign * float(means[at]),
            sign * float(means[-1]),
        )

    def _noise(self, bad: Floats) -> float | None:
        recent_noise, all_noise = eval_noise(bad), difference_noise(bad)
        known = [n for n in (recent_noise, all_noise) if n is not None and math.isfinite(n)]
        return max(known) if known else None

    def _train_falls(self, since_step: float) -> bool:
        """Tell whether the training loss fell, or at least held, since a step."""
        step, value = self._course.step, self._course.value
        if len(value) < 4:
            return False
        after = np.flatnonzero(step > since_step)
        if not len(after):
            return False
        first = int(after[0])
        then = float(np.median(value[max(first - 4, 0) : first + 1]))
        now = float(np.median(value[-5:]))
        spread = difference_noise(value[max(first - 20, 0) :])
        slack = spread if math.isfinite(spread) else 0.0
        return now <= then + slack

    def _gap(self, run: Run, loss_column: str | None) -> float | None:
        if loss_column is None or not len(self._course):
            return None
        value = run.eval_series(loss_column).value
        if not len(value) or not math.isfinite(value[-1]):
            return None
        return float(value[-1]) - float(np.median(self._course.value[-5:]))


ANALYZER = OverfittingAnalyzer

_PLAYED = NotJudged(
    "overfitting", "the metric is a return of episodes, whose data the run itself gathers"
)
_FEWEST = 8
_LONGEST = 400
_MEAN = 4
_SIGMAS = 3.0
_SHARE = 0.05
_GENERALISATION_LOSS = 0.05
_RISING_Z = 1.3
_LASTING = 40
_LASTING_SHARE = 0.1
_SURELY_RISING_Z = 3.0


@dataclass(frozen=True, slots=True)
class _Decay:
    column: str
    step: int
    line: int
    lost: float
    noise: float
    best: float
    now: float


def validation_loss(run: Run) -> str | None:
    """Name the evaluation's total loss, None if it logs none."""
    names = [name for name in run.metric_names if names_a_loss(name)]
    known = ("loss", "val_loss", "eval_loss", "valid_loss", "validation_loss")
    for name in names:
        if name.lower().rsplit("/", 1)[-1] in known:
            return name
    return names[0] if len(names) == 1 else None


def _gaps(main: MainMetric, column: str | None, loss_column: str | None) -> tuple[NotJudged, ...]:
    if main.name is None and loss_column is None:
        return (NotJudged("overfitting", "no evaluation metric can be judged"),)
    if column is None:
        return (NotJudged("overfitting", "the log has no training loss to compare with"),)
    return ()


def _still_improves(run: Run, main: MainMetric, loss_column: str | None, since: int) -> bool:
    """Tell whether the main metric improved since the validation loss turned, to its best."""
    if main.name is None or main.name == loss_column or main.best_step is None:
        return False
    step, value, *_ = judged_series(run, main.name)
    good = value if main.direction == "max" else -value
    then, after = good[step <= since][-_MEAN:], good[step > since]
    if not len(then) or len(after) < _MEAN:
        return False
    noise = main.noise or 0.0
    gained = float(np.mean(after[-_MEAN:]) - np.mean(then))
    fell_back = float(after.max() - np.mean(after[-_MEAN:]))
    level = np.convolve(good, np.full(_MEAN, 1.0 / _MEAN), "valid")
    at_its_best = bool(level[-1] >= level.max() - 2 * noise)
    return gained > max(noise, 1e-12) and fell_back < 3 * noise + 0.5 * gained and at_its_best
