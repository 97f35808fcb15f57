"""Thin a long curve to a bounded number of points without losing its course."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.stats.finite import FloatArray, IntArray, as_floats

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True, eq=False)
class Thinned:
    """A curve of at most `n_bins` points.

    Attributes
    ----------
    x : ndarray, shape (m,)
        Median x of each bin; never NaN.
    y : ndarray, shape (m,)
        Mean of the bin's finite y; NaN where a bin has none.
    count : ndarray of int, shape (m,)
        Finite y in each bin.
    spread : ndarray, shape (m,)
        Standard deviation of the bin's finite y around their mean, divisor `count`; 0 for one
        point, NaN for none.
    """

    x: FloatArray
    y: FloatArray
    count: IntArray
    spread: FloatArray


def thin(x: ArrayLike, y: ArrayLike, n_bins: int) -> Thinned:
    """Average consecutive points into at most `n_bins` bins of nearly equal count.

    Points whose x is not finite are dropped; y that is not finite keeps its place in a bin but
    takes no part in mean, count and spread. Bin sizes differ by one at most, so the result
    depends on nothing but the two arrays. Linear time for ordered x.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        In the order of the log. x need not be ordered.
    n_bins : int
        At least 1.

    Returns
    -------
    Thinned

    Raises
    ------
    ValueError
        If the lengths differ or `n_bins` < 1.

    Examples
    --------
    >>> thinned = thin([0, 1, 2, 3, 4, 5], [6.0, 4.0, 3.0, 1.0, float("nan"), 1.0], 3)
    >>> thinned.x, thinned.y, thinned.count
    (array([0.5, 2.5, 4.5]), array([5., 2., 1.]), array([2, 2, 1]))
    """
    if n_bins < 1:
        raise ValueError(f"n_bins is {n_bins}; give at least 1")
    across, up = as_floats(x), as_floats(y)
    if across.size != up.size:
        raise ValueError(f"x has {across.size} points and y has {up.size}; they must match")
    known = np.isfinite(across)
    if not known.all():
        across, up = across[known], up[known]
    n = across.size
    if n <= n_bins:
        finite = np.isfinite(up)
        alone = np.where(finite, 0.0, np.nan)
        return Thinned(across, np.where(finite, up, np.nan), finite.astype(np.int64), alone)
    edges = (np.arange(n_bins + 1, dtype=np.int64) * n) // n_bins
    starts, sizes = edges[:-1], edges[1:] - edges[:-1]
    if (across[1:] < across[:-1]).any():
        across = across[np.lexsort((across, np.repeat(np.arange(n_bins), sizes)))]
    middle = across[starts + (sizes - 1) // 2] / 2 + across[starts + sizes // 2] / 2

    finite = np.isfinite(up)
    count = np.add.reduceat(finite.astype(np.int64), starts)
    shown = np.maximum(count, 1)
    counts = np.repeat(shown, sizes)
    # Dividing before adding keeps a sum of huge values from overflowing.
    mean = np.add.reduceat(np.where(finite, up, 0.0) / counts, starts)
    away = np.where(finite, up - np.repeat(mean, sizes), 0.0)
    largest = np.maximum.reduceat(np.abs(away), starts)
    unit = np.repeat(np.where(largest > 0, largest, 1.0), sizes)
    spread = largest * np.sqrt(np.add.reduceat((away / unit) ** 2, starts) / shown)
    nothing = count == 0
    return Thinned(
        x=middle,
        y=np.where(nothing, np.nan, mean),
        count=count,
        spread=np.where(nothing, np.nan, spread),
    )
