"""Whether the metric has lost most of what was learned, and not come back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from copilot_analytics.analyzers._course import recent
from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.analyzers._level_return import wander
from copilot_analytics.analyzers._primary import is_a_return

if TYPE_CHECKING:
    from copilot_analytics.analyzers.metric import MainMetric
    from copilot_analytics.run import Run


class Collapse(NamedTuple):
    """A metric that fell and stays down.

    Parameters
    ----------
    first, best, fallen, last
        Evaluations: the first, the best, the first one after the fall and the newest.
    best_step, good_step, since_step, last_step
        Steps of the best, of the last one that had lost little, of the first one after the fall
        and of the newest.
    level, now, averaged
        Means of the best and of the newest evaluations, and of how many each is.
    since_line, line
        Lines of the first evaluation after the fall and of the newest.
    sudden
        Whether it fell at once: the evaluation before had lost little of what was lost.
    """

    first: float
    best: float
    fallen: float
    last: float
    best_step: int
    good_step: int
    since_step: int
    last_step: int
    level: float
    now: float
    averaged: int
    since_line: int
    line: int
    sudden: bool


def collapse(run: Run, main: MainMetric) -> Collapse | None:
    """Return the collapse that lasts: the newest evaluations all lost half of what was gained.

    What was gained must exceed noise, and what was lost be far beyond it. The return of an agent
    falls and recovers in healthy runs, so there it must have been down for long.

    Parameters
    ----------
    run
        The run as it stands.
    main
        Its main metric.
    """
    if main.name is None or main.n < _FEWEST:
        return None
    step, value, _, _, line = judged_series(run, main.name)
    better = value if main.direction == "max" else -value
    returns = is_a_return(main.name)
    width = max(_EPISODES, math.ceil(_LONG * len(better))) if returns else _NEWEST
    if len(better) < 2 * width:
        return None
    # A single lucky evaluation is no level: the best counts by the mean of several in a row.
    level = np.convolve(better, np.full(width, 1.0 / width), "valid")
    at = int(np.argmax(level))
    best, first = float(level[at]), float(level[0] if returns else better[0])
    if at + width > len(better) - width:
        return None
    noise = main.noise or 0.0
    if main.noise is not None and at >= 1:
        # The fall itself must not count as noise.
        noise = min(noise, float(np.std(np.diff(better[: at + width]))))
    if returns:
        noise = max(noise, wander(better[: at + width], width))
    newest = better[-width:]
    lost = best - float(newest.max())
    if best - first <= max(_GAINED * noise, 2.0 * main.delta):
        return None
    sigmas = _SIGMAS / math.sqrt(width / _NEWEST)
    if lost <= max(_LOST * (best - first), sigmas * noise, 2.0 * main.delta):
        return None
    fell = int(np.flatnonzero(best - better <= _LOST * lost)[-1])
    well = int(np.flatnonzero(best - better[: fell + 1] <= _STILL_WELL * lost)[-1])
    sign = 1.0 if main.direction == "max" else -1.0
    top = at + int(np.argmax(better[at : at + width]))
    return Collapse(
        sign * first,
        float(value[top]),
        float(value[fell + 1]),
        float(value[-1]),
        int(step[top]),
        int(step[well]),
        int(step[fell + 1]),
        int(step[-1]),
        sign * best,
        sign * float(np.mean(newest)),
        width,
        int(line[fell + 1]),
        int(line[-1]),
        best - float(better[max(fell - 1, 0)]) <= _STILL_WELL * lost,
    )


def got_better_since(run: Run, main: MainMetric, step: int) -> bool:
    """Tell whether an evaluation after a step is better than all up to it."""
    if main.name is None or main.best_step is None or main.best_step <= step:
        return False
    return bool((judged_series(run, main.name).step <= step).any())


def return_is_down(run: Run, main: MainMetric) -> bool:
    """Tell whether the newest returns of an agent all lost half of what was gained.

    That may be a dip, or the beginning of a collapse: in either case the run is not level.
    """
    if main.name is None or main.n < 2 * _EPISODES or not is_a_return(main.name):
        return False
    value = judged_series(run, main.name).value
    better = value if main.direction == "max" else -value
    level = np.convolve(better[:-_DIP], np.full(_EPISODES, 1.0 / _EPISODES), "valid")
    gained = float(level.max() - level[0])
    until = better[: int(np.argmax(level)) + _EPISODES]
    noise = max(float(np.std(np.diff(until))), wander(until, _EPISODES))
    lost = float(level.max() - better[-_DIP:].max())
    return gained > _GAINED * noise / math.sqrt(_EPISODES) and lost > _LOST * gained


def loss_is_lost_too(run: Run, column: str, good_step: int) -> bool:
    """Tell whether most of what the training loss had gained by a step is lost since then.

    Parameters
    ----------
    column
        The training loss.
    good_step
        The last step at which all was well.
    """
    rows = recent(run.train_log, column, 0)
    known = np.isfinite(rows.value)
    step, value = rows.step[known], rows.value[known]
    split = int(np.searchsorted(step, good_step, "right"))
    before, since = value[:split], value[split:]
    if not len(before) or not len(since):
        return False
    first, usual = float(before[0]), float(np.median(before[-_LEVEL:]))
    return float(np.median(since[-_LEVEL:])) - usual > _LOST * max(first - usual, 0.0) > 0.0


# Evaluations in a row that make a level, or a collapse; for returns, and their share of all so far.
_NEWEST = 3
_EPISODES = 20
_DIP = 5
_LONG = 0.15
_FEWEST = 6
_LOST = 0.5
# Sudden: the evaluation before the fall had lost no more than this share of what was lost.
_STILL_WELL = 0.25
_GAINED = 3.0
_SIGMAS = 6.0
_LEVEL = 10
