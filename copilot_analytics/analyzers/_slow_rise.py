"""Whether the training loss climbs away from its best level, and what the evaluations say to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.analyzers.metric import MainMetric, MetricAnalyzer
from copilot_analytics.stats.rises import rose_without_recovery

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.analyzers._course import Course
    from copilot_analytics.run import Run


class SlowRise(NamedTuple):
    """A loss that climbs.

    `best` and `now` are levels, `despite_evals` says that the evaluations still improve.
    """

    step: int
    line: int
    best: float
    now: float
    despite_evals: bool


def slow_rise(
    run: Run, results: Results, course: Course, first_row: int, *, already: bool
) -> SlowRise | None:
    """Return the rise of the training loss from its best level; None if there is none.

    Where evaluations still improve, a training loss may rise for good reasons: growing
    augmentation, a regulariser, a curriculum. So it counts only if it more than doubles, takes
    back more than half of its progress and does so beyond doubt.

    Parameters
    ----------
    course
        The averaged loss of the present segment.
    first_row
        First row of the log that belongs to that segment.
    already
        Whether it was rising at the last look: then it is over once the level is back, not where
        the newest stretch happens to be flat.
    """
    value = course.value
    if len(value) < _FEWEST:
        found = _short_rise(run, results, course, already=already)
        return None if found is None else _placed(run, course, first_row, *found)
    levels = np.convolve(value, np.full(5, 0.2), "valid")
    best, now = float(levels.min()), float(levels[-1])
    progress, rise = max(float(levels[0]) - best, 0.0), now - best
    main = results.of(MetricAnalyzer)
    judged = main.name is not None and main.n >= 3
    at = int(np.argmin(levels)) + 2
    worse = judged and _got_worse(run, main, int(course.step[at]))
    despite = judged and not worse
    share = 0.2 if worse else 0.5
    if rise <= share * progress or rise <= 0.05 * abs(best) or rise <= 0:
        return None
    if despite and not now > _DOUBLED * max(best, 0.0):
        return None
    rate = results.of(LearningRateAnalyzer)
    if rate.warming_up or (not worse and progress < 0.1 * abs(float(levels[0]))):
        return None
    # Many times the best level is no chance; what is less must be beyond doubt.
    p = 0.01 if worse or now > _MANY * max(best, 0.0) else 0.001
    if not already and not rose_without_recovery(value, share=share, p=p).found:
        return None
    return _placed(run, course, first_row, at, best, now, despite)


def _short_rise(
    run: Run, results: Results, course: Course, *, already: bool
) -> tuple[int, float, float, bool] | None:
    """Judge a history too short for a test: a record an epoch, as a rule.

    The newest three or four values must each lie above all before them and be a multiple of the
    least one, after the loss had fallen: no order of mere noise about a level loss is likely to.
    What rises already goes on until half of what was gained is regained.
    """
    value = course.value
    if len(value) < _FEWEST_AT_ALL or results.of(LearningRateAnalyzer).warming_up:
        return None
    at = int(np.argmin(value))
    best, first = float(value[at]), float(value[0])
    rise, progress = float(value[-1]) - best, first - best
    if progress < 0.1 * abs(first) or best <= 0.0:
        return None
    if not already:
        many = float(value[-3:].min()) > _DOUBLED**2 * best
        before, newest = np.split(value, [-3 if many else -4])
        if not newest.min() > max(float(before.max()), _DOUBLED * best):
            return None
    elif rise <= 0.5 * progress:
        return None
    main = results.of(MetricAnalyzer)
    judged = main.name is not None and main.n >= 3
    despite = judged and not _got_worse(run, main, int(course.step[at]))
    return at, best, float(value[-1]), despite


def _placed(
    run: Run, course: Course, first_row: int, at: int, best: float, now: float, despite: bool
) -> SlowRise:
    log = run.train_log
    row = first_row + int(np.searchsorted(log.step[first_row:], int(course.step[at])))
    row = min(row, len(log) - 1)
    return SlowRise(int(log.step[row]), int(log.line[row]), best, now, despite)


_FEWEST = 40
_FEWEST_AT_ALL = 7
_DOUBLED = 2.0
_MANY = 10.0


def _got_worse(run: Run, main: MainMetric, since_step: int) -> bool:
    """Tell whether the newest evaluation is worse than the best by more than noise.

    Where the best lies in the newest quarter of the run and after that of the loss, the metric
    still improves.
    """
    if main.best_step is None or main.best is None or main.last is None:
        return True
    noise = main.noise or 0.0
    worse = (main.best - main.last) * (1.0 if main.direction == "max" else -1.0)
    return main.best_step <= max(since_step, 0.75 * run.last_step) and worse > noise
