"""What a step-wise learning-rate schedule adds to a forecast.

Measured at the drops of 17 logs of six frameworks, 7 of them under Apache-2.0 or MIT: before a
first drop, the end lies above the 90 % quantile of a forecast that knows nothing of it in 28 of
100 cases instead of 10; from the second evaluation after a drop, the jump is over and the end
lies below the median in 7 of 10. A rate that falls smoothly needs nothing: most of the runs that
the forecast was fitted to have such a rate, and at its prefixes P(gain) and intervals hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from copilot_analytics.stats.finite import FloatArray

RateSchedule: TypeAlias = "Callable[[float], float] | tuple[ArrayLike, ArrayLike]"
Stage: TypeAlias = Literal["before", "settled", "none"]

DROP = float(np.log(1.8))
ISOLATED = 0.25
SETTLED_AFTER = 2
LATE_GAIN, UPWARD = 0.1, 1.8
"""Before a first drop: shift in units of the forecast's scale, and stretch of its upper half."""
JUMP_IS_OVER = -0.2
"""After a drop: shift in units of the forecast's scale."""


def rates(
    schedule: RateSchedule, steps: FloatArray, kept: FloatArray, ahead: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the rates at the evaluations used and at those ahead.

    Parameters
    ----------
    schedule : callable or (past, future)
    steps : ndarray, shape (n,)
        All evaluations of the call, for which a past is given.
    kept : ndarray of bool, shape (n,)
        Those used.
    ahead : ndarray, shape (m,)

    Raises
    ------
    ValueError
        If lengths differ, or a rate is negative or not finite.
    """
    if callable(schedule):
        past = np.array([schedule(float(step)) for step in steps], dtype=np.float64)
        future = np.array([schedule(float(step)) for step in ahead], dtype=np.float64)
    else:
        past = np.asarray(schedule[0], dtype=np.float64)
        future = np.asarray(schedule[1], dtype=np.float64)
    if past.shape != steps.shape or future.shape != ahead.shape:
        raise ValueError(
            f"the schedule has {past.size} rates for {steps.size} evaluations and {future.size} "
            f"for {ahead.size} ahead; give one for each, with future_steps, or a function of the "
            "step"
        )
    past = past[kept]
    if not (np.isfinite(past).all() and np.isfinite(future).all()):
        raise ValueError("a rate of the schedule is not finite")
    if (past < 0.0).any() or (future < 0.0).any():
        raise ValueError("a rate of the schedule is negative")
    return past, future


def stage(past: FloatArray, future: FloatArray) -> Stage:
    """Tell where a run stands between the step-wise drops of its rate.

    Examples
    --------
    >>> stage(np.ones(8), np.array([1.0, 0.1, 0.1]))
    'before'
    >>> stage(np.array([1.0] * 6 + [0.1] * 2), np.full(3, 0.1))
    'settled'
    >>> stage(np.linspace(1.0, 0.5, 8), np.linspace(0.45, 0.0, 8))
    'none'
    """
    rate = np.concatenate((past, future))
    top = float(rate.max())
    if top <= 0.0:
        return "none"
    fall = -np.diff(np.log(np.maximum(rate / top, 1e-9)))
    around = np.maximum(np.append(0.0, np.abs(fall[:-1])), np.append(np.abs(fall[1:]), 0.0))
    drops = np.flatnonzero((fall >= DROP) & (around < ISOLATED * fall))
    # A fall to the last evaluation is the end of a smooth decay, and nothing follows it.
    drops = drops[drops < rate.size - 2]
    behind = drops[drops < past.size - 1]
    if not behind.size:
        return "before" if drops.size else "none"
    # After a first drop the later ones bring little.
    settled = past.size - 1 - int(behind[0]) >= SETTLED_AFTER
    risen = past[-1] > 1.2 * past[int(behind[-1]) + 1]
    return "settled" if settled and not risen else "none"


def adjusted(quantiles: FloatArray, scale: float, at: Stage) -> FloatArray:
    """Return the quantiles of a forecast that knows of the drops.

    Parameters
    ----------
    quantiles : ndarray, shape (m,)
        At equally spaced probabilities, higher is better.
    scale : float
        The forecast's scale.
    at : {"before", "settled", "none"}
    """
    if at == "settled":
        return np.asarray(quantiles + JUMP_IS_OVER * scale)
    if at == "before":
        middle = (quantiles[quantiles.size // 2 - 1] + quantiles[quantiles.size // 2]) / 2.0
        away = quantiles - middle
        return np.asarray(middle + LATE_GAIN * scale + away * np.where(away > 0.0, UPWARD, 1.0))
    return quantiles
