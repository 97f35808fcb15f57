"""Whether the training loss climbs away from its best level, and what the evaluations say to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np

from copilot_analytics.analyzers._course import recent
from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.stats.noise import difference_noise
from copilot_analytics.stats.rises import rose_without_recovery

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.analyzers._course import Course
    from copilot_analytics.records import Floats
    from copilot_analytics.run import Run


class SlowRise(NamedTuple):
    """A loss that climbs.

    `best` and `now` are levels, each the mean of so many values as `averaged` says;
    `despite_evals` says that the evaluations still improve.
    """

    step: int
    line: int
    best: float
    now: float
    averaged: int
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
    short = len(course.value) < _FEWEST
    judge = _short_rise if short else _long_rise
    if results.of(LearningRateAnalyzer).warming_up:
        return None
    found = judge(run, results, course, first_row, already=already)
    if found is None:
        return None
    at, best, now, despite = found
    log, row = run.train_log, _row(run, course, first_row, at)
    averaged = (1 if short else _LEVEL) * course.rows_per_point
    return SlowRise(int(log.step[row]), int(log.line[row]), best, now, averaged, despite)


_Found: TypeAlias = tuple[int, float, float, bool]


def _row(run: Run, course: Course, first_row: int, at: int) -> int:
    steps = run.train_log.step[first_row:]
    row = first_row + int(np.searchsorted(steps, int(course.step[at])))
    return min(row, len(run.train_log) - 1)


def _long_rise(
    run: Run, results: Results, course: Course, first_row: int, *, already: bool
) -> _Found | None:
    value = course.value
    levels = np.convolve(value, np.full(_LEVEL, 1.0 / _LEVEL), "valid")
    lowest = int(np.argmin(levels))
    best, now = float(levels[lowest]), float(levels[-1])
    progress, rise = max(float(levels[0]) - best, 0.0), now - best
    at = lowest + int(np.argmin(value[lowest : lowest + _LEVEL]))
    seen = _evaluations(run, results, int(course.step[at]))
    # Noise alone makes one of many level points the lowest: the rise begins after the last of them.
    calm = difference_noise(value[max(lowest + _LEVEL - _BEFORE, 0) : lowest + _LEVEL])
    near = np.flatnonzero(value <= best + _NEAR * calm)
    left = max(at, int(near[-1])) if len(near) else at
    found = left, best, now, seen == "improving"
    if seen in {"unknown", "improving"} and progress < 0.1 * abs(float(levels[0])):
        return None
    if not already and _weight_rose(run, _row(run, course, first_row, at)):
        return None
    with_the_rate = not already and _rate_rose(run, _row(run, course, first_row, at))
    stays = not with_the_rate and _stays_up(value, levels, lowest)
    if stays and _is_lost_since(run, results, int(course.step[left])):
        return left, best, now, False
    if not already and not with_the_rate and _climbs_away(value, best, progress, seen):
        return found
    share = _SHARE[seen] if already else max(_SHARE[seen], _SHARE["worse"])
    if rise <= share * progress or rise <= 0.05 * abs(best) or rise <= 0:
        return None
    if seen == "improving" and not now > _DOUBLED * max(best, 0.0):
        return None
    # Many times the best level is no chance; what is less must be beyond doubt.
    doubt = seen in {"unknown", "improving"} and now <= _MANY * max(best, 0.0)
    p = 0.001 if doubt else 0.01
    return found if already or rose_without_recovery(value, share=share, p=p).found else None


def _climbs_away(value: Floats, best: float, progress: float, seen: _Seen) -> bool:
    """Tell whether a loss climbs so clearly that its newest points are enough.

    The test on the newest quarter of the run is slow where the run is long: a loss that grows by
    a third in an epoch is ten times as high by then. So few points count only far beyond the
    noise, and only where the evaluations are lost too, or where there are none to ask.
    """
    if seen not in _MOST_OUT_OF_ORDER:
        return False
    far = max(_FAR * difference_noise(value), _SHARE[seen] * progress, 0.05 * abs(best))
    points, most = _MOST_OUT_OF_ORDER[seen]
    above = float(value[-_NEWEST:].min()) > best + far
    return above and _out_of_order(value[-points:]) <= most


def _stays_up(value: Floats, levels: Floats, lowest: int) -> bool:
    """Tell whether a loss that had fallen left its best level far behind and stands still up there.

    A language model that diverges settles where it knows word frequencies and no more: below twice
    its best loss and with no slope left, so neither an explosion nor a trend shows it. One that
    falls again is on its way back, as after a harder stage began. The noise is that of the time
    before, since the fall itself must not count.
    """
    newest, best = value[-_STAYS:], float(levels[lowest])
    progress = float(levels[0]) - best
    if lowest + _LEVEL > len(value) - _STAYS or progress <= _FELL * abs(float(levels[0])):
        return False
    noise = difference_noise(value[max(lowest + _LEVEL - _BEFORE, 0) : lowest + _LEVEL])
    lost = float(newest.mean()) - best
    earlier, later = np.split(newest, 2)
    if float(earlier.mean() - later.mean()) > _ON_ITS_WAY * lost:
        return False
    return lost > _STAYS_SHARE * progress and float(newest.min()) > best + _FAR * noise


def _out_of_order(value: Floats) -> int:
    """Count the pairs of which the later one is not higher (Kendall's count)."""
    return int(np.count_nonzero(np.triu(value[:, np.newaxis] >= value, 1)))


def _rate_rose(run: Run, since_row: int) -> bool:
    """Tell whether the learning rate is higher than it was; a cyclic one takes the loss with it."""
    name = next((n for n in ("lr", "base_lr") if n in run.train_log.metric_names), None)
    return name is not None and _rose(run, name, since_row)


def _weight_rose(run: Run, since_row: int) -> bool:
    """Tell whether a term of the loss weighs more than it did, as while its weight is warmed up."""
    names = run.train_log.metric_names
    return any(_rose(run, n, since_row) for n in names if _WEIGHT.search(n.lower()))


def _rose(run: Run, name: str, since_row: int) -> bool:
    values = recent(run.train_log, name, since_row).value
    return len(values) > 1 and bool(values[-1] > 1.01 * values[0])


def _short_rise(
    run: Run, results: Results, course: Course, first_row: int, *, already: bool
) -> _Found | None:
    """Judge a history too short for a test: a record an epoch, as a rule.

    The newest three or four values must each lie above all before them and be a multiple of the
    least one, after the loss had fallen: no order of mere noise about a level loss is likely to.
    What rises already goes on until half of what was gained is regained.
    """
    value = course.value
    if len(value) < _FEWEST_AT_ALL:
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
    despite = _evaluations(run, results, int(course.step[at])) == "improving"
    return at, best, float(value[-1]), despite


_WEIGHT = re.compile(
    r"(^|[_/. ])(beta|anneal\w{0,20}|lambda\w{0,20}|(kl|reg|adv)_?(w|weight|coeff?))$"
)
_FEWEST = 40
_LEVEL = 5
_FEWEST_AT_ALL = 7
_DOUBLED = 2.0
_MANY = 10.0
_NEWEST = 3
_FAR = 6.0
_NEAR = 2.0

_Seen: TypeAlias = Literal["unknown", "improving", "worse", "lost"]
# Of its progress, what a loss must lose.
_SHARE: dict[_Seen, float] = {"unknown": 0.5, "improving": 0.5, "worse": 0.2, "lost": 0.05}
# Of the newest points, how many pairs may fall: one of a hundred orders of mere noise has so few.
_MOST_OUT_OF_ORDER: dict[_Seen, tuple[int, int]] = {"unknown": (8, 4), "lost": (6, 1)}
_STAYS = 10
_BEFORE = 20
_FELL = 0.25
# What a loss that stays up must have lost of its progress, and of that must not win back meanwhile.
_STAYS_SHARE = 0.35
_ON_ITS_WAY = 0.1
_METRIC_LOST = 0.2


def _is_lost_since(run: Run, results: Results, step: int) -> bool:
    """Tell whether each evaluation since a step lies far below the best before it.

    True also if there was none since then, or none before to compare with.
    """
    main = results.of(MetricAnalyzer)
    if main.name is None:
        return True
    at, value, *_ = judged_series(run, main.name)
    better = value if main.direction == "max" else -value
    before, since = better[at <= step], better[at > step]
    if not len(before) or not len(since):
        return True
    gained = float(before.max() - before[0])
    noise = difference_noise(before) if len(before) > _NEWEST else 0.0
    lost = float(before.max() - since.max())
    return lost > max(_FAR * noise, 2.0 * main.delta, _METRIC_LOST * gained)


def _evaluations(run: Run, results: Results, since_step: int) -> _Seen:
    """Tell what the evaluations say since the loss was lowest.

    ``lost``: each of the newest three lies so far below the best that it is no noise, and a fifth
    of what was learned is gone. ``worse``: the newest is worse than the best by more than noise.
    Where the best lies in the newest quarter of the run and after that of the loss, the metric
    still improves, unless it is lost.
    """
    main = results.of(MetricAnalyzer)
    if main.name is None or main.n < _NEWEST:
        return "unknown"
    if main.best_step is None or main.best is None or main.last is None or main.first is None:
        return "worse"
    noise, sign = main.noise or 0.0, 1.0 if main.direction == "max" else -1.0
    newest = sign * judged_series(run, main.name).value[-_NEWEST:]
    lost, gained = sign * main.best - float(newest.max()), abs(main.best - main.first)
    if lost > max(_FAR * noise, 2.0 * main.delta, _METRIC_LOST * gained):
        return "lost"
    worse = sign * (main.best - main.last)
    long_ago = main.best_step <= max(since_step, 0.75 * run.last_step)
    return "worse" if long_ago and worse > noise else "improving"
