"""How noisy a curve is, and how unusual a value is against that noise."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.stats.finite import FloatArray, as_floats, median, only_finite, unit_scaled

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

MAD_TO_SIGMA = 1.4826
"""1 / Phi^-1(3/4): the factor that makes the MAD of normal noise its standard deviation."""
MEAN_AD_TO_SIGMA = 1.253314
"""sqrt(pi/2): the same for the mean absolute deviation."""

COARSE = 0.3
"""Standard deviation of rounding to a step, 1 over the root of 12."""


def difference_noise(y: ArrayLike) -> float:
    """Estimate the noise of one point of a curve from its first differences.

    1.4826 times the MAD of the first differences around their median, over sqrt(2). The median
    of the differences takes the trend out; steps and spikes are outvoted.

    Parameters
    ----------
    y : array_like, shape (n,)
        In order. Non-finite points are dropped.

    Returns
    -------
    float
        Standard deviation in the unit of y. 0 for a constant or a straight line, and also if
        more than half of the differences agree (a log of few digits). NaN for fewer than 4
        finite points.

    References
    ----------
    Rice, "Bandwidth choice for nonparametric regression", Annals of Statistics 12 (1984).

    Examples
    --------
    >>> difference_noise([5.0, 4.0, 3.0, 2.0, 1.0])
    0.0
    >>> round(difference_noise([1.0, 1.2, 0.9, 1.1, 1.0, 1.3]), 3)
    0.105
    """
    points = only_finite(y)
    if points.size < 4:
        return math.nan
    steps = points[1:] - points[:-1]
    away = np.abs(steps - median(steps))
    # Rounding of the subtraction leaves specks on a straight line; they are no noise.
    floor = 8 * sys.float_info.epsilon * float(np.abs(points).max())
    noise = median(away)
    return 0.0 if noise <= floor else noise * (MAD_TO_SIGMA / math.sqrt(2.0))


def robust_z(y: ArrayLike, baseline: ArrayLike) -> FloatArray:
    """Give modified z-scores of values against a baseline's median and MAD.

    ``0.6745 (y - median) / MAD``; where the MAD is 0, ``(y - median) / (1.2533 mean absolute
    deviation)``; where that is 0 too (a constant baseline), 0 for the same number up to a
    relative 1e-9 and ±inf otherwise.

    Parameters
    ----------
    y : array_like, shape (m,) or scalar
        Values to judge.
    baseline : array_like, shape (n,)
        Usually the trailing window before the value. Non-finite points are dropped.

    Returns
    -------
    ndarray, shape (m,)
        Positive above the median. NaN where y is NaN, or if the baseline has fewer than 2
        finite points; ±inf where y is.

    References
    ----------
    Iglewicz and Hoaglin, How to Detect and Handle Outliers, ASQC (1993).

    Examples
    --------
    >>> robust_z([3.0, 8.0], [1.0, 2.0, 3.0, 4.0, 5.0])
    array([0.   , 3.3725])
    >>> robust_z(5.0, [2.0, 2.0, 2.0])
    array([inf])
    """
    judged, reference = as_floats(y), only_finite(baseline)
    if reference.size < 2:
        return np.full(judged.size, np.nan)
    middle = median(reference)
    away = np.abs(reference - middle)
    sigma = median(away) / 0.6745
    if sigma == 0.0:
        sigma = MEAN_AD_TO_SIGMA * float((away / away.size).sum())
    excess = judged - middle
    if sigma == 0.0:
        same = np.abs(excess) <= 1e-9 * abs(middle)
        return np.where(same, 0.0, np.where(np.isnan(judged), np.nan, np.copysign(np.inf, excess)))
    with np.errstate(over="ignore"):
        return np.asarray(excess / sigma)


def ewma(y: ArrayLike, half_life: float) -> FloatArray:
    """Exponentially weighted mean of the points so far, free of start-up bias.

    Every finite point halves the weight of those `half_life` finite points earlier; weights are
    normalised to one at each place. The value at a place depends on earlier points only, bit for
    bit, so a longer log never changes it.

    Parameters
    ----------
    y : array_like, shape (n,)
        Non-finite points are skipped: they carry the mean on and age nothing.
    half_life : float
        In points, above 0.

    Returns
    -------
    ndarray, shape (n,)
        NaN before the first finite point.

    Raises
    ------
    ValueError
        If `half_life` is not a positive number.

    Examples
    --------
    >>> ewma([4.0, 1.0, float("nan"), 1.0], half_life=1.0)
    array([4.        , 2.        , 2.        , 1.42857143])
    """
    if not (half_life > 0 and math.isfinite(half_life)):
        raise ValueError(f"half_life is {half_life}; give a positive number of points")
    points = as_floats(y)
    finite = np.isfinite(points)
    seen = points[finite]
    smooth = np.full(points.size, np.nan)
    if seen.size == 0:
        return smooth
    decay = 0.5 ** (1.0 / half_life)
    fresh = -math.expm1(-math.log(2.0) / half_life)
    # A scan by doubling: after k passes each place holds its last 2^k points, weighted.
    total = seen * fresh
    weight = np.full(seen.size, fresh)
    reach, factor = 1, decay
    while reach < seen.size and factor > 1e-20:
        total[reach:] = total[reach:] + factor * total[:-reach]
        weight[reach:] = weight[reach:] + factor * weight[:-reach]
        reach, factor = 2 * reach, factor * factor
    latest = np.cumsum(finite) - 1
    known = latest >= 0
    smooth[known] = (total / weight)[latest[known]]
    return smooth


def lag1_autocorrelation(y: ArrayLike) -> float:
    """Correlation of each point with its successor.

    Parameters
    ----------
    y : array_like, shape (n,)
        Take a trend out first, or it counts as autocorrelation. Non-finite points are dropped.

    Returns
    -------
    float
        In [-1, 1]; 0 for a constant; NaN for fewer than 3 finite points.

    Examples
    --------
    >>> lag1_autocorrelation([1.0, -1.0, 1.0, -1.0])
    -0.75
    """
    points = only_finite(y)
    if points.size < 3:
        return math.nan
    scaled, _ = unit_scaled(points)
    centred, _ = unit_scaled(scaled - scaled.mean())
    power = float(centred @ centred)
    if float(np.ptp(scaled)) <= 4 * sys.float_info.epsilon:
        return 0.0
    return float(centred[1:] @ centred[:-1]) / power


def effective_n(y: ArrayLike) -> float:
    """How many independent points the mean of an autocorrelated series is worth.

    ``n (1 - r) / (1 + r)`` with the lag-1 autocorrelation r, held in [1, n]: alternation is not
    allowed to make the series worth more than its points.

    Parameters
    ----------
    y : array_like, shape (n,)
        Non-finite points are dropped.

    Returns
    -------
    float
        Number of finite points for fewer than 3 of them and for a constant.

    References
    ----------
    Bayley and Hammersley, "The effective number of independent observations in an
    autocorrelated time series", JRSS Supplement 8 (1946).

    Examples
    --------
    >>> effective_n([1.0, -1.0, 1.0, -1.0])
    4.0
    >>> effective_n(range(100)) < 5
    True
    """
    n = only_finite(y).size
    r = lag1_autocorrelation(y)
    if n < 3 or r <= 0.0:
        return float(n)
    return float(min(max(n * (1.0 - r) / (1.0 + r), 1.0), n))
