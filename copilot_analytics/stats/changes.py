"""Changes of a rate over a run, and growth towards a limit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.stats.finite import finite_pairs, median, only_finite
from copilot_analytics.stats.noise import effective_n
from copilot_analytics.stats.thinning import thin
from copilot_analytics.stats.trend import LONGEST, mann_kendall, theil_sen

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from copilot_analytics.stats.finite import FloatArray


@dataclass(frozen=True)
class RateChange:
    """First against last fifth of a series.

    Attributes
    ----------
    first, last : float
        Medians of the first and last share.
    ratio : float
        ``last / first``; NaN unless both are positive.
    p : float
        Two-sided, that both come from one distribution; autocorrelation lowers the counts.
    n : int
        Points in each share.
    """

    first: float
    last: float
    ratio: float
    p: float
    n: int


@dataclass(frozen=True)
class Leak:
    """Whether a level grows without end, and how far it gets.

    Attributes
    ----------
    growing : bool
        It grows, significantly, over all of the series and over its last third.
    reaches_limit : bool
        It grows and is expected at the limit before the end.
    slope, low, high : float
        Growth per x over the last third or the whole, whichever is slower, with the 95 %
        interval of the whole.
    p : float
        Of the Mann-Kendall test on the whole, two-sided.
    at_end : float
        Level expected at the end.
    limit_in : float
        x from the last point until the limit; inf if not growing, 0 if already there.
    """

    growing: bool
    reaches_limit: bool
    slope: float
    low: float
    high: float
    p: float
    at_end: float
    limit_in: float


def _rank_sum_p(a: ArrayLike, b: ArrayLike) -> float:
    """Two-sided p of the rank-sum test, with ties and effective counts."""
    first, last = only_finite(a), only_finite(b)
    both = np.concatenate((first, last))
    _, inverse, counts = np.unique(both, return_inverse=True, return_counts=True)
    above = np.cumsum(counts)
    ranks = (above - (counts - 1) / 2.0)[inverse]
    n = both.size
    ties = float((counts.astype(np.float64) ** 3 - counts).sum())
    share = float(ranks[first.size :].sum()) / last.size - (last.size + 1) / 2.0
    spread = (n + 1) - ties / (n * (n - 1.0))
    if spread <= 0.0:
        return 1.0
    # Var(U) = m k spread / 12; as a share of m k, and with counts shrunk for autocorrelation.
    m, k = effective_n(first), effective_n(last)
    deviation = abs(share / first.size - 0.5) - 0.5 / (first.size * last.size)
    sigma = math.sqrt(max((m + k + 1) * spread / (n + 1), 1e-12) / (12.0 * m * k))
    return math.erfc(max(deviation, 0.0) / sigma / math.sqrt(2.0))


def rate_change(y: ArrayLike, share: float = 0.2) -> RateChange:
    """Compare the first and the last fifth of a positive series, such as seconds per step.

    Catalogue use: a ratio of 1.4 with p below 0.01 is a loss of throughput. Healthy reasons are
    longer sequences or larger images by plan; drop the first interval, which holds start-up.

    Parameters
    ----------
    y : array_like, shape (n,)
        In order; non-finite points are dropped.
    share : float
        In (0, 0.5].

    Returns
    -------
    RateChange
        NaN if a share would have fewer than 3 points.

    Raises
    ------
    ValueError
        If `share` is outside (0, 0.5].

    References
    ----------
    Mann and Whitney, Annals of Mathematical Statistics 18 (1947).

    Examples
    --------
    >>> slower = rate_change([1.0, 1.1] * 20 + [1.3] * 20 + [1.5, 1.6] * 20)
    >>> round(slower.ratio, 2), slower.p < 0.01
    (1.48, True)
    """
    if not 0.0 < share <= 0.5:
        raise ValueError(f"share is {share}; give one above 0 and up to 0.5")
    points = only_finite(y)
    n = int(share * points.size + 1e-9)
    if n < 3:
        return RateChange(math.nan, math.nan, math.nan, math.nan, n)
    head, rear = points[:n], points[-n:]
    first, last = median(head), median(rear)
    ratio = last / first if first > 0.0 and last > 0.0 else math.nan
    return RateChange(first, last, ratio, _rank_sum_p(head, rear), n)


def leak(x: ArrayLike, y: ArrayLike, limit: float, remaining: float, p: float = 0.01) -> Leak:
    """Judge whether memory (or another level) grows until it meets a limit.

    Growth must be significant over the whole series (Mann-Kendall `p`, Sen's slope above 0) and
    must go on in the last third (slope above a quarter of the whole's, and p below 0.05 where the
    third has at least 8 points), so an allocator that levels off is no leak. What is expected
    later uses the slower of the two slopes.

    Growing though healthy: page cache, a data set kept on purpose in its first epoch, inputs
    that get longer by plan. Give peaks per epoch, not a running maximum, where the log has them.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        Steps and level; points that are not finite in both are dropped.
    limit : float
        In the unit of y; NaN or inf if unknown.
    remaining : float
        x still to come.
    p : float
        Largest p.

    Returns
    -------
    Leak
        Not growing and NaN for fewer than 8 points.

    Raises
    ------
    ValueError
        If the lengths differ.

    References
    ----------
    Sen, JASA 63 (1968); Mann, Econometrica 13 (1945).

    Examples
    --------
    >>> found = leak(range(20), [100.0 + 5.0 * i for i in range(20)], limit=300, remaining=80)
    >>> found.reaches_limit, found.limit_in
    (True, 21.0)
    >>> leak(range(20), [100.0, 150.0] + [180.0] * 18, limit=300, remaining=80).growing
    False
    """
    across, up = finite_pairs(x, y)
    if across.size < 8:
        nan = math.nan
        return Leak(False, False, nan, nan, nan, nan, nan, math.inf)
    course = thin(across, up, LONGEST)
    whole, test = theil_sen(course.x, course.y), mann_kendall(course.y)
    third = course.y.size - course.y.size * 2 // 3
    late = theil_sen(course.x[-third:], course.y[-third:])
    late_test = mann_kendall(course.y[-third:])
    goes_on = late.slope > 0.25 * whole.slope and (
        third < 8 or (late_test.z > 0.0 and late_test.p < 0.05)
    )
    growing = whole.slope > 0.0 and test.z > 0.0 and test.p < p and goes_on
    slope = min(whole.slope, late.slope) if growing else whole.slope
    now = float(np.median(course.y[-3:]))
    if growing:
        # The median of three lags the last point by one; the newest level counts.
        now = max(now, float(course.y[-1]))
    ahead = remaining if math.isfinite(remaining) else math.nan
    at_end = now + slope * max(ahead, 0.0) if not math.isnan(slope) else math.nan
    limit_in = math.inf
    if growing and math.isfinite(limit):
        limit_in = max((limit - now) / slope, 0.0)
    return Leak(
        growing=growing,
        reaches_limit=growing and limit_in < ahead,
        slope=slope,
        low=whole.low,
        high=whole.high,
        p=test.p,
        at_end=at_end,
        limit_in=limit_in,
    )


def lasting_change(interval_s: FloatArray, units: FloatArray) -> int:
    """Return where the rate changed for good within the newer half; 0 if it did not.

    A change is sought that makes the two parts most unlike for their spread: 8 standard errors of
    the difference at least, a rate of 1.5 times or two thirds, and 8 intervals since. Smaller and
    shorter changes went away again as often as they stayed in finished runs, so that the mean of
    the newer half is as good after them.

    Parameters
    ----------
    interval_s, units : ndarray, shape (n,)
        Positive, without lonely pauses.

    Returns
    -------
    int
        Index of the first interval at the new rate, above n / 2; 0 for none.

    References
    ----------
    Worsley, On the likelihood ratio test for a shift in location (JASA 1979): the largest
    two-sample statistic over all splits.

    Examples
    --------
    >>> lasting_change(np.r_[np.full(60, 5.0), np.full(12, 2.0)], np.ones(72))
    60
    >>> lasting_change(np.r_[np.full(60, 5.0), np.full(12, 4.0)], np.ones(72))
    0
    """
    n = interval_s.size
    first = max(n // 2 + 1, _FEWEST_SINCE_CHANGE)
    # Later splits are looked at too, so that a short change is not taken for a longer one.
    split = np.arange(first, n - _FEWEST_SINCE_CHANGE // 2 + 1)
    if n < first + _FEWEST_SINCE_CHANGE:
        return 0
    time_s, amount = np.cumsum(interval_s), np.cumsum(units)
    squares = float((interval_s**2 / units).sum())
    early_s, early = time_s[split - 1], amount[split - 1]
    late_s, late = time_s[-1] - early_s, amount[-1] - early
    rest = np.maximum(squares - early_s**2 / early - late_s**2 / late, 1e-9 * squares)
    apart = np.abs(late_s / late - early_s / early)
    error = np.sqrt(rest / (n - 2) * (1.0 / early + 1.0 / late))
    best = int(np.argmax(apart / error))
    ratio = float(late_s[best] / late[best] / (early_s[best] / early[best]))
    clear = apart[best] > _CLEAR_CHANGE * error[best] and max(ratio, 1.0 / ratio) >= _LARGE_CHANGE
    return int(split[best]) if clear and split[best] <= n - _FEWEST_SINCE_CHANGE else 0


_FEWEST_SINCE_CHANGE = 8
_CLEAR_CHANGE = 8.0
_LARGE_CHANGE = 1.5
