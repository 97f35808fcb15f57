"""Time left, as a prediction interval, from the durations of the intervals so far."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

import numpy as np

from copilot_analytics.stats.changes import lasting_change
from copilot_analytics.stats.finite import FloatArray, as_floats, median, only_finite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

DispersionClass = Literal["steady", "even", "uneven", "erratic", "unknown"]

CLASS_BOUNDS: tuple[tuple[float, DispersionClass], ...] = (
    (0.002, "steady"),
    (0.012, "even"),
    (0.08, "uneven"),
    (math.inf, "erratic"),
)
"""A class holds the dispersions below its bound."""

LONGEST_S = 1e12

FRACTION_BOUNDS = (0.15, 0.5, 1.0)
"""A band holds the fractions done up to its bound."""

# Quantiles 5, 10, 90 and 95 % of log(true / predicted time left), by class and band. Made by
# benchmarks/fit_eta_widths.py from 1054 runs with a known end under Apache-2.0 or MIT (AlgoPerf
# 400, MLPerf 366, modded-nanogpt 264, logs of OpenMMLab 5 and of other trainers 19; sources weigh
# the same), never narrower than 0.3 / 0.5 % nor than a calmer class.
LOG_RATIOS: dict[DispersionClass, tuple[tuple[float, float, float, float], ...]] = {
    "steady": (
        (-0.005, -0.0031, 0.003, 0.0061),
        (-0.005, -0.003, 0.003, 0.005),
        (-0.0103, -0.003, 0.003, 0.0065),
    ),
    "even": (
        (-0.0094, -0.0036, 0.0587, 0.1086),
        (-0.0142, -0.0086, 0.0206, 0.0304),
        (-0.065, -0.0251, 0.0084, 0.0194),
    ),
    "uneven": (
        (-0.0579, -0.0304, 0.0587, 0.1086),
        (-0.0453, -0.0366, 0.0453, 0.0484),
        (-0.065, -0.0251, 0.0306, 0.0372),
    ),
    "erratic": (
        (-0.2903, -0.1983, 0.0587, 0.1086),
        (-0.1079, -0.0614, 0.1941, 0.2274),
        (-0.1783, -0.0816, 0.1052, 0.2108),
    ),
    "unknown": (
        (-0.3171, -0.1983, 0.0693, 0.3057),
        (-0.3171, -0.0982, 0.1941, 0.3057),
        (-0.3171, -0.0982, 0.1052, 0.3057),
    ),
}


@dataclass(frozen=True)
class Overhead:
    """Time outside the training intervals: evaluations, checkpoints.

    Attributes
    ----------
    durations_s : sequence of float
        Those measured so far, as what an interval took beyond the usual time of its steps. With
        stamps of whole seconds a single one may be below 0; leaving it out would make all the
        others look longer than they are.
    remaining : float
        How many are still to come.
    """

    durations_s: Sequence[float]
    remaining: float


@dataclass(frozen=True)
class RemainingTime:
    """A prediction interval for the time left.

    Attributes
    ----------
    median_s, low_s, high_s : float
        Seconds; ``low_s <= median_s <= high_s``.
    level : float
        Share of runs that end inside the interval.
    rate_s_per_step : float
        Of training alone.
    dispersion_class : str
        steady, even, uneven, erratic; or unknown with fewer than 4 intervals.
    fraction_done : float
        Of this segment's units; what the width was looked up for.
    unmeasured : float
        Evaluations or checkpoints to come of which none was measured; they are not in the time.
    """

    median_s: float
    low_s: float
    high_s: float
    level: float
    rate_s_per_step: float
    dispersion_class: DispersionClass
    fraction_done: float
    unmeasured: float


def usable_intervals(interval_s: ArrayLike, units: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return durations and units of the intervals that tell something about the rate.

    Intervals that are not finite, negative, absurd (1e12 s) or without units are dropped. One of
    0 s is no interval of its own, but its steps were made: time stamps of whole seconds put the
    time into a neighbour, so the units go to the next interval (or the last one). Dropping them
    too would make fast loops look slow.

    Parameters
    ----------
    interval_s, units : array_like, shape (n,)

    Returns
    -------
    interval_s, units : ndarray, shape (m,)
        All positive.

    Raises
    ------
    ValueError
        If the lengths differ.

    Examples
    --------
    >>> usable_intervals([1.0, 0.0, 1.0, -5.0], [10, 10, 10, 10])
    (array([1., 1.]), array([10., 20.]))
    """
    duration, amount = as_floats(interval_s), as_floats(units)
    if duration.size != amount.size:
        raise ValueError(
            f"interval_s has {duration.size} entries and units has {amount.size}; they must match"
        )
    keep = (duration >= 0.0) & (duration < LONGEST_S) & (amount > 1e-9) & (amount < 1e18)
    duration, amount = duration[keep], amount[keep]
    duration = np.where(duration < 1e-9, 0.0, duration)
    timed = np.flatnonzero(duration > 0.0)
    if timed.size in (0, duration.size):
        return duration[timed], amount[timed]
    starts = np.concatenate(([0], timed[:-1] + 1))
    merged = np.add.reduceat(amount[: timed[-1] + 1], starts)
    merged[-1] += amount[timed[-1] + 1 :].sum()
    return duration[timed], merged


def without_pauses(interval_s: FloatArray, units: FloatArray) -> FloatArray:
    """Replace lonely gaps (a laptop's sleep, a stopped job) by a usual duration.

    A gap is lonely if its time per unit exceeds 5 times the median and 3 times the next longest.
    Long intervals that come again (an evaluation each epoch) have company and stay: they are part
    of the rate. At most 3 gaps are replaced.

    Parameters
    ----------
    interval_s, units : ndarray, shape (n,)
        Positive.

    Returns
    -------
    ndarray, shape (n,)
        Durations; unchanged for fewer than 5.

    Examples
    --------
    >>> without_pauses(np.array([2.0, 2, 2, 900, 2, 2]), np.ones(6))
    array([2., 2., 2., 2., 2., 2.])
    """
    if interval_s.size < 5:
        return interval_s
    per_unit = interval_s / units
    usual = median(per_unit)
    order = np.argsort(per_unit, kind="stable")[::-1]
    calm = interval_s
    for place, follower in pairwise(order[:4]):
        if per_unit[place] <= max(5.0 * usual, 3.0 * per_unit[follower]):
            break
        calm = calm.copy()
        calm[place] = usual * units[place]
    return calm


def dispersion(interval_s: FloatArray, units: FloatArray, remaining_units: float) -> float:
    """How far the rate wanders: drift between the halves plus sampling error.

    The sampling error is that of the ratio estimate of the rate from the recent half, widened by
    ``sqrt(1 + k / m)`` for k units behind it and m to come: few intervals to come do not average
    out. Rare long intervals count in full, which a robust spread would leave out.

    Parameters
    ----------
    interval_s, units : ndarray, shape (n,)
        Positive.
    remaining_units : float
        Above 0 for a meaning.

    Returns
    -------
    float
        Relative to the rate; NaN for fewer than 4 intervals.

    References
    ----------
    Cochran, Sampling Techniques (1977), chapter 6: variance of a ratio estimate.

    Examples
    --------
    >>> dispersion(np.full(8, 2.0), np.ones(8), 100.0)
    0.0
    """
    n = interval_s.size
    if n < 4:
        return math.nan
    late_s, late_units = interval_s[n // 2 :], units[n // 2 :]
    late = _rate(late_s, late_units)
    early = _rate(interval_s[: n // 2], units[: n // 2])
    off = (late_s - late * late_units) / float(late_s.sum())
    widened = 1.0 + float(late_units.sum()) / max(remaining_units, float(units.min()))
    return abs(math.log(late / early)) + math.sqrt(float(off @ off) * widened)


def _rate(interval_s: FloatArray, units: FloatArray) -> float:
    return float(interval_s.sum()) / float(units.sum())


def _overhead_s(overhead: Sequence[Overhead], tail: float) -> tuple[float, float, float]:
    """Return the expected overhead, its half width, and how many events are unmeasured."""
    expected = spread = unmeasured = 0.0
    for kind in overhead:
        count = kind.remaining
        if not (count > 0 and math.isfinite(count)):
            continue
        measured = only_finite(kind.durations_s)
        measured = measured[np.abs(measured) < LONGEST_S]
        recent = measured[measured.size // 2 :]
        each = max(float((recent / max(recent.size, 1)).sum()), 0.0)
        # A single one that coarse stamps made 0 or less tells nothing; of several the mean does.
        if measured.size == 0 or (measured.size == 1 and each < 1e-9):
            unmeasured += count
            continue
        # One measurement tells nothing about spread; evaluations differ by about a third.
        sigma = float(np.std(measured, ddof=1)) if measured.size > 1 else 0.3 * each
        expected += each * count
        spread += sigma * math.sqrt(count + count * count / recent.size)
    return expected, NormalDist().inv_cdf(tail) * spread, unmeasured


def remaining_time(
    interval_s: ArrayLike,
    units: ArrayLike,
    *,
    remaining_units: float,
    overhead: Sequence[Overhead] = (),
    level: float = 0.8,
) -> RemainingTime:
    """Predict the time left from the durations of the intervals of one segment.

    The rate is the time per unit of the recent half of the intervals, so a slow-down is followed
    within one doubling, or of those since a large change that lasts (see `lasting_change`);
    lonely pauses are taken out. The interval is the rate times quantiles of
    true over predicted time, measured on finished runs by how much the rate wandered (drift
    between the halves plus standard error) and by the fraction done. The true time includes
    the pauses and slow-downs that those runs met later.

    Parameters
    ----------
    interval_s : array_like, shape (n,)
        Seconds of each logging interval, in order, within one segment (since the last resume).
        Leave out the first: it holds start-up. Negative and non-finite ones are dropped; the
        units of intervals of 0 s count with the next one.
    units : array_like, shape (n,)
        Steps that each interval covers.
    remaining_units : float
        Steps to come.
    overhead : sequence of Overhead
        Evaluations and checkpoints, if the intervals do not hold them.
    level : {0.8, 0.9}
        Coverage of the interval.

    Returns
    -------
    RemainingTime
        NaN times without a usable interval or if `remaining_units` is not finite; zero training
        time if it is 0 or less.

    Raises
    ------
    ValueError
        For another level or unequal lengths.

    References
    ----------
    Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World (2005): quantiles of past
    errors as prediction intervals.

    Examples
    --------
    >>> left = remaining_time([5.0] * 20, [10] * 20, remaining_units=800)
    >>> left.median_s, left.dispersion_class, left.fraction_done
    (400.0, 'steady', 0.2)
    >>> left.low_s < 400.0 < left.high_s
    True
    """
    if level not in (0.8, 0.9):
        raise ValueError(f"level is {level}; intervals are known for 0.8 and 0.9")
    duration, amount = usable_intervals(interval_s, units)
    n = duration.size
    extra, extra_width, unmeasured = _overhead_s(overhead, 0.5 + level / 2.0)
    if n == 0 or not math.isfinite(remaining_units):
        nan = math.nan
        return RemainingTime(nan, nan, nan, level, nan, "unknown", nan, unmeasured)
    duration = without_pauses(duration, amount)
    recent = lasting_change(duration, amount) or n // 2
    rate = _rate(duration[recent:], amount[recent:])
    ahead = max(float(remaining_units), 0.0)
    done = float(amount.sum())
    fraction = done / (done + ahead)
    wandered = dispersion(duration, amount, ahead)
    name: DispersionClass = "unknown"
    if not math.isnan(wandered):
        name = next(label for bound, label in CLASS_BOUNDS if wandered < bound)
    band = next(i for i, bound in enumerate(FRACTION_BOUNDS) if fraction <= bound)
    row = LOG_RATIOS[name][band]
    low, high = (row[1], row[2]) if level == 0.8 else (row[0], row[3])
    train_s = rate * ahead
    return RemainingTime(
        median_s=train_s + extra,
        low_s=max(train_s * math.exp(low) + extra - extra_width, 0.0),
        high_s=train_s * math.exp(high) + extra + extra_width,
        level=level,
        rate_s_per_step=rate,
        dispersion_class=name,
        fraction_done=fraction,
        unmeasured=unmeasured,
    )
