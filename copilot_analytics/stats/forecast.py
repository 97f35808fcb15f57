"""Where a learning curve will end, and how likely a worthwhile gain is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.errors import NotEnoughPoints
from copilot_analytics.stats._blend import MIDDLES, blended
from copilot_analytics.stats._features import Situation, describe
from copilot_analytics.stats._fitted import Priors, shipped_priors
from copilot_analytics.stats._forecast_input import (
    fewest_points,
    last_step,
    limits_of,
    numbers,
    one_curve,
    positive,
)
from copilot_analytics.stats._forecast_notes import DROP_AHEAD, left_out, notes_of
from copilot_analytics.stats._grid import WARP, grid_posterior, prepare, smallest_step
from copilot_analytics.stats._paths import blocks_ahead, draw
from copilot_analytics.stats._predictive import Direction, FanTable, Forecast, Predictive, Scale
from copilot_analytics.stats._rests import Rests
from copilot_analytics.stats._schedule import NOWHERE, RateSchedule, rates, standing
from copilot_analytics.stats.finite import median

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from copilot_analytics.stats.finite import FloatArray

__all__ = ["DROP_AHEAD", "Direction", "FanTable", "Forecast", "Predictive", "forecast", "left_out"]

HARDLY = 0.05
"""Share of the first gap between evaluations: what came before is no training worth the name."""
STILL = 1e-5
"""Share of a value that has not moved at all within which it stays the same."""


def _floor(fit: FloatArray, *, is_log: bool) -> float:
    """Return the unit of a curve that does not move."""
    return max(1e-6 if is_log else 1e-9 * float(np.abs(fit).max()), 1e-300)


def _scale(
    fit: FloatArray, direction: str, bounds: tuple[float, float], step: float = 0.0
) -> Scale:
    """Choose the scale by the values that are fitted, and the smallest step of the metric."""
    low, high = bounds
    smallest, largest = float(fit.min()), float(fit.max())
    late = float(np.ptp(fit[-max(fit.size // 3, 3) :]))
    far_from_zero = low == 0.0 or smallest > min(0.02 * largest, 0.1 * late)
    is_log = direction == "min" and smallest > 0.0 and far_from_zero
    scale = Scale(is_log, 1.0 if direction == "max" else -1.0, 0.0, 1.0, low, high)
    u = scale.inward(fit)
    # The first third is left out: a fall from the untrained start says little of what is ahead.
    seen = u[min(u.size // 3, u.size - 3) :] if u.size > 3 else u
    # A metric in coarse steps may rest on one of them for long: its step is the least that counts.
    step = step / float(abs(fit[-1])) if is_log else step
    unit = max(float(np.ptp(seen)), smallest_step(u, step))
    unit = max(unit, _floor(fit, is_log=is_log))
    return Scale(is_log, scale.sign, float(u[-1]), unit, low, high)


def _in_units(difference: float | None, scale: Scale, last: float) -> float | None:
    """Return a known difference, near the last value, in the model's units."""
    if difference is None:
        return None
    return difference / scale.unit / (abs(float(last)) if scale.is_log else 1.0)


def _point(value: float) -> Predictive:
    return Predictive(np.array([value]), np.array([1.0]))


def _untrained(steps: FloatArray) -> bool:
    """Tell whether the first evaluation came before any training worth the name."""
    first, gap = float(steps[0]), float(steps[1] - steps[0])
    # Evaluations at 0, 1, 2, ... are numbered by epochs, and the first came after one.
    return first <= HARDLY * gap and not (first == 0.0 and gap == 1.0)


def _situation(
    across: FloatArray,
    up: FloatArray,
    planned: FloatArray,
    direction: str,
    bounds: tuple[float, float],
    first_eval_untrained: bool | None,
    noise: float | None = None,
    step: float | None = None,
) -> tuple[Scale, Situation, FloatArray, FloatArray]:
    """Put a prefix into the model's units."""
    horizon = float(planned[-1])
    untrained = _untrained(across) if first_eval_untrained is None else first_eval_untrained
    start = int(untrained)
    steps, fit = across[start:], up[start:]
    scale = _scale(fit, direction, bounds, step or 0.0)
    # Runs that count from 0 or resume below it: the first step must have some progress.
    first = float(steps[0])
    zero = min(0.0, first - (float(steps[1] - steps[0]) if first <= 0.0 else 0.0))
    x = (steps - zero) / (horizon - zero)
    u = np.clip(scale.inward(fit), -30.0, 30.0)
    whole = scale.inward(np.clip(up, 1e-300, None)) if scale.is_log else scale.inward(up)
    place = int(np.argmax(whole))
    bound = scale.high if direction == "max" else scale.low
    headroom = math.inf
    if math.isfinite(bound) and not scale.is_log:
        headroom = abs(bound - float(fit[-1])) / scale.unit
    sizes = blocks_ahead(planned.size)
    ahead = (planned[np.cumsum(sizes).astype(np.int64) - 1] - zero) / (horizon - zero)
    situation = Situation(
        prefix=prepare(
            x, u, _in_units(noise, scale, fit[-1]), _in_units(step, scale, fit[-1]) or 0.0
        ),
        best=float(whole[place]),
        since_best=(up.size - 1 - place) / up.size,
        is_log=scale.is_log,
        unit=scale.unit,
        headroom=headroom,
        spacing=float((steps[-1] - steps[-2]) / (steps[1] - steps[0])),
        n_ahead=planned.size,
        n=fit.size,
    )
    return scale, situation, ahead, sizes


def forecast(
    steps: ArrayLike,
    values: ArrayLike,
    *,
    horizon: float,
    direction: Direction,
    bounds: tuple[float | None, float | None] | None = None,
    future_steps: ArrayLike | None = None,
    first_eval_untrained: bool | None = None,
    min_points: int = 3,
    noise: float | None = None,
    resolution: float | None = None,
    schedule: RateSchedule | None = None,
    _priors: Priors | None = None,
) -> Forecast:
    """Forecast the rest of a learning curve.

    A Bayesian average over a grid of curve shapes, drifts and noises, in closed form, says what
    the curve by itself would do. Its answer and lines through the newest points are weighed by a
    regression, and pooled with what became of the finished runs that looked most alike. All of
    it was fitted to real curves (see ``forecast_priors.json``); a run unlike all of them gets
    wider intervals. The same input gives the same answer.

    Parameters
    ----------
    steps : array_like, shape (n,)
        Optimizer steps of the evaluations, increasing.
    values : array_like, shape (n,)
        The metric in its own units. NaN, infinities and what is masked are left out and counted.
    horizon : float
        Last step of the run, or of the look-ahead. Not beyond the last step: nothing remains;
        before a tenth of it: an error, as it must be in another unit.
    direction : {"min", "max"}
        Which is better.
    bounds : (float or None, float or None), optional
        Smallest and largest possible value; None for one that there is not.
    future_steps : array_like, shape (m,), optional
        Planned evaluations; only those after the last step and up to `horizon` count, and the
        last of them is what the forecast looks at. Default: at the recent median spacing, and at
        the horizon.
    first_eval_untrained : bool, optional
        Leave the first evaluation out of the fit; as a best value it counts. Default: where it
        came at step 0, or after less than a twentieth of the steps between it and the next.
        Steps 0, 1, 2, ... are taken for epochs, of which the first is one of training.
    min_points : int
        Fewest finite evaluations, at least 3.
    noise : float, optional
        Known standard deviation of one evaluation about the level, in the metric's units. It guides
        the estimate where points are few. For an accuracy a on m examples it is
        ``sqrt(a * (1 - a) / m)`` only if each evaluation draws others: of one fixed set they all
        have that error in common.
    resolution : float, optional
        Smallest step of the metric, in its units: 1 / m for an accuracy on m examples. The noise is
        at least that of rounding to it. Default: found where values come again.
    schedule : callable or (past, future), optional
        The learning rate, in any unit: a function of the step, or arrays of shapes (n,) and (m,)
        at `steps` and `future_steps`. A forecast that knows of a step-wise drop ahead, or of a
        decay of a constant rate to near zero, allows for a late gain. It does not go on with the
        jump of a drop that is over, if three evaluations came before it, and expects little more
        of a rate that has all but decayed. The notes say which of these it did.

    Returns
    -------
    Forecast
        Equivariant under a change of units: ``a * values + b`` with a > 0 for "max" (with the
        bounds changed alike), ``a * values`` for "min" of positive values.

    Raises
    ------
    NotEnoughPoints
        If fewer than `min_points` evaluations are finite.
    ValueError
        If lengths differ, values are no numbers or lie beyond the bounds, steps do not increase or
        are dates, or direction, bounds, horizon, min_points, noise, resolution or schedule make no
        sense.

    References
    ----------
    Domhan, Springenberg and Hutter, IJCAI 2015 (average over curve families).
    Gneiting et al., Monthly Weather Review 133 (2005) (regression fitted by minimum CRPS).
    Baker et al., ICLR 2018 workshop (regression on features of other learning curves).
    Romano et al., NeurIPS 2019 (conformal width of the outer intervals).

    Examples
    --------
    >>> steps = np.arange(1, 31) * 100
    >>> accuracy = 0.9 - 0.5 * (steps / 100) ** -0.5
    >>> ahead = forecast(steps, accuracy, horizon=6000, direction="max", bounds=(0, 1))
    >>> low, high = ahead.final.interval(0.8)
    >>> low < 0.9 - 0.5 * 60**-0.5 < high
    True
    >>> ahead.p_gain(0.001) > 0.8 > 0.2 > ahead.p_gain(0.1)
    True
    """
    across, up = one_curve(steps, values, direction)
    needed = fewest_points(min_points)
    finite = np.isfinite(up)
    ignored = int(up.size - finite.sum())
    given, across, up = across, across[finite], up[finite]
    if up.size < needed:
        raise NotEnoughPoints(
            f"a forecast needs {needed} finite evaluations and there are {up.size}; "
            "wait for more of them"
        )
    horizon = last_step(horizon, across)
    limits = limits_of(bounds, up)
    noise = positive("noise", noise, "the standard deviation of one evaluation")
    resolution = positive("resolution", resolution, "the smallest step of the metric")
    last = float(across[-1])
    best = float(up.max() if direction == "max" else up.min())
    planned = planned_steps(across, horizon, future_steps)
    if planned.size == 0:
        value = float(up[-1])
        return Forecast(
            _point(value), _point(best), best, direction, last, last, 0,
            math.nan, value, up.size, ignored,
            (f"nothing remains: {_why_nothing(horizon, last)}",),
            across, up, None,
        )  # fmt: skip
    priors = _priors if _priors is not None else shipped_priors()
    scale, situation, ahead, sizes = _situation(
        across, up, planned, direction, limits, first_eval_untrained, noise, resolution
    )
    where = NOWHERE
    if schedule is not None:
        where = standing(*rates(schedule, given, finite, planned))
    prefix = situation.prefix
    draws = draw(prefix, grid_posterior(prefix, ahead), priors, ahead, sizes)
    found = blended(describe(situation, draws), situation.best, priors, where)
    way = (ahead**WARP - prefix.now**WARP) / (1.0 - prefix.now**WARP)
    final_u, best_u = found.final, found.best
    final_values, best_values = scale.outward(final_u), scale.outward(best_u)
    if direction == "max":
        best_values = np.maximum(best_values, best)
        final_values = np.minimum(final_values, best_values)
    else:
        best_values = np.minimum(best_values, best)[::-1]
        final_values = np.maximum(final_values[::-1], best_values)
    still = scale.unit <= _floor(up[-3:], is_log=scale.is_log)
    if still:
        # Of a curve that does not move, what is said in its tiny unit is rounding, and no gain.
        for end, known in ((final_values, float(up[-1])), (best_values, best)):
            end[np.abs(end - known) <= STILL * abs(known) + 1e-290] = known
    now = float(scale.outward(np.array([draws.level]))[0])
    spread = draws.noise_sd * scale.unit * (abs(now) if scale.is_log else 1.0)
    at = planned[np.cumsum(sizes).astype(np.int64) - 1]
    return Forecast(
        final=Predictive(final_values, MIDDLES),
        best=Predictive(best_values, MIDDLES),
        best_so_far=best,
        direction=direction,
        horizon=float(planned[-1]),
        last_step=last,
        n_ahead=planned.size,
        noise=float(spread),
        level_now=now,
        n_used=up.size,
        n_ignored=ignored,
        notes=notes_of(
            situation, (last, float(planned[-1])), ignored, 1.0 if still else found.stretch, where
        ),
        seen_steps=across,
        seen_values=up,
        _rests=Rests(draws, final_u, way, scale, at),
    )


def _why_nothing(horizon: float, last: float) -> str:
    if horizon <= last:
        return "the horizon is not after the last evaluation"
    return "no evaluation is planned after the last one and up to the horizon"


def planned_steps(
    across: FloatArray, horizon: float, future_steps: ArrayLike | None = None
) -> FloatArray:
    """Return the steps of the evaluations ahead, as `forecast` takes them.

    Parameters
    ----------
    across : ndarray, shape (n,)
        Steps of the evaluations so far, increasing.
    horizon : float
    future_steps : array_like, shape (m,), optional
        Default: at the recent median spacing, and at the horizon.

    Returns
    -------
    ndarray, shape (k,)
        Increasing; empty if the horizon is not after the last step.

    Examples
    --------
    >>> planned_steps(np.array([100.0, 200.0]), 450.0)
    array([300., 450.])
    """
    last = float(across[-1])
    if horizon <= last:
        return np.empty(0)
    if future_steps is not None:
        given = np.unique(numbers("future_steps", future_steps))
        return given[(given > last) & (given <= horizon)]
    recent = across[-6:]
    gap = median(recent[1:] - recent[:-1])
    count = int(min(max(math.floor((horizon - last) / gap + 1e-6), 1), 100_000))
    planned = last + gap * np.arange(1, count + 1)
    planned[-1] = horizon
    return np.asarray(planned)
