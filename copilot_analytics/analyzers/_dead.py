"""Whether a run never began to learn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.analyzers._guessing import (
    NEAR_CHANCE,
    guessed_among,
    worse_than_guessing,
)
from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.analyzers._plan import began_before, planned_end
from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.analyzers.metric import MainMetric, MetricAnalyzer
from copilot_analytics.analyzers.trend import Trend, TrendAnalyzer

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.run import Run

FEWEST_ROWS = 50
SHARE_OF_PLAN = 0.05
_FEWEST_EVALS = 5
_FEWEST_OF_BOTH = 10
_FEWEST_UNKNOWN = 200
_FLAT = 0.01
_LEARNED = 0.02
_SHARE_IF_FEW = 0.3


@dataclass(frozen=True, slots=True)
class Dead:
    """A run that learns nothing.

    Parameters
    ----------
    start, now
        Level of the training loss in the beginning and now.
    chance
        Loss of guessing among `classes`; None if their number is unknown.
    moved
        How far the loss may move by noise alone.
    rows
        Training records that show it.
    evals
        Evaluations that show no gain either.
    classes
        Their number, by the log, or where loss and accuracy agree on it.
    """

    start: float
    now: float
    chance: float | None
    moved: float
    rows: int
    evals: int
    classes: int | None = None


def dead_run(run: Run, results: Results) -> Dead | None:
    """Return what shows that the run learns nothing; None if it learns or it is too early."""
    trend, health = results.of(TrendAnalyzer), results.of(DivergenceAnalyzer)
    rows, start, now = len(run.train_log), trend.loss_start, trend.loss_now
    if start is None or now is None or health.state != "healthy":
        return None
    main = results.of(MetricAnalyzer)
    # Each evaluation says so too where loss and accuracy agree on the number of classes.
    if rows < FEWEST_ROWS and min(rows, main.n) < _FEWEST_OF_BOTH:
        return None
    if results.of(LearningRateAnalyzer).warming_up:
        return None
    planned = planned_end(run)
    if planned is not None and run.last_step < SHARE_OF_PLAN * planned:
        return None
    noise = trend.loss_noise or 0.0
    learned = metric_moved(run, main)
    speed = trend.loss
    flat = speed is not None and speed.low <= 0.0
    classes = _classes(run, main, now if flat else None)
    if classes is not None and not learned:
        chance = math.log(classes)
        near = NEAR_CHANCE * chance
        if abs(start - now) <= near and abs(now - chance) <= near:
            return Dead(start, now, chance, near, rows, main.n, classes)
    moved = max(_FLAT * abs(start), 0.5 * noise)
    judged = main.n >= _FEWEST_EVALS and main.noise is not None
    if not judged and main.n >= 2 and run.last_step >= _SHARE_IF_FEW * (planned or math.inf):
        # Few evaluations say less than many, so the loss must stand stiller for longer.
        judged, moved = True, _FLAT * abs(start)
    enough = rows >= _FEWEST_UNKNOWN and judged and not began_before(run.train_log.step)
    if enough and flat and not learned and abs(start - now) <= moved and start > 0:
        return Dead(start, now, None, moved, rows, main.n)
    return None


def at_chance(run: Run, results: Results) -> bool:
    """Tell whether the run is one that guesses, so that none of its weights are worth keeping."""
    dead = dead_run(run, results)
    if dead is not None and dead.chance is not None:
        return True
    return worse_than_guessing(run, results.of(MetricAnalyzer)) is not None


def metric_moved(run: Run, main: MainMetric) -> bool:
    """Tell whether the newest evaluations differ from the first ones by more than noise.

    Means are compared, since the best of many evaluations is a lucky one.
    """
    if main.n < 2 or main.best is None or main.first is None or main.name is None:
        return False
    value = judged_series(run, main.name).value
    if len(value) < _FEWEST_EVALS:
        # Too few for means; a resume that writes evaluations again leaves fewer than were counted.
        return abs(main.best - main.first) > max(3.0 * (main.noise or 0.0), main.delta)
    moved = abs(float(np.mean(value[-4:]) - np.mean(value[: min(3, len(value) - 4)])))
    return moved > max(3.0 * (main.noise or 0.0), main.delta)


def never_learned(run: Run, trend: Trend, main: MainMetric) -> bool:
    """Tell whether the loss never left its start, or that of guessing, and no evaluation moved."""
    if worse_than_guessing(run, main) is not None:
        return True
    if trend.loss_start is None or trend.loss_now is None:
        return False
    progress = abs(trend.loss_start - trend.loss_now)
    noise = trend.loss_noise or 0.0
    learned = progress > max(_LEARNED * abs(trend.loss_start), noise)
    return not learned and not metric_moved(run, main)


def why_dead(run: Run, main: MainMetric) -> str:
    """Say why a run counts as one that never learned."""
    if worse_than_guessing(run, main) is not None:
        return "all evaluations are those of guessing"
    return "the loss never fell by more than noise"


def _classes(run: Run, main: MainMetric, level: float | None) -> int | None:
    """Return the number of classes; only where the loss is one cross-entropy and nothing else.

    Where the log does not tell it, a loss that stands still at `level` may.
    """
    if len(run.loss_names) > 2:
        return None
    declared = run.meta.num_classes
    if declared is not None:
        return declared if declared >= 2 else None
    return guessed_among(run, main, level) if level is not None else None
