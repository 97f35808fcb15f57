"""Plain float arrays: what every statistic here asks of its input first."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LARGEST = 1e300
"""Larger magnitudes are taken as this one, so that sums of a million points stay finite."""


def as_floats(y: ArrayLike) -> FloatArray:
    """Return `y` as a one-dimensional float array, clipped to ±1e300; NaN and ±inf stay.

    Parameters
    ----------
    y : array_like, any shape
        Numbers; a scalar becomes one point.

    Returns
    -------
    ndarray, shape (n,)
        A new array or a view; never written to here.

    Examples
    --------
    >>> as_floats([1, -1e305])
    array([ 1.e+000, -1.e+300])
    """
    flat = np.asarray(y, dtype=np.float64)
    flat = flat if flat.ndim == 1 else flat.ravel()
    large = np.abs(flat) > LARGEST
    if large.any():
        flat = np.where(large & np.isfinite(flat), np.copysign(LARGEST, flat), flat)
    return flat


def only_finite(y: ArrayLike) -> FloatArray:
    """Return the finite numbers of `y` in their order.

    Parameters
    ----------
    y : array_like, any shape

    Returns
    -------
    ndarray, shape (m,)

    Examples
    --------
    >>> only_finite([1.0, float("nan"), 2.0, float("inf")])
    array([1., 2.])
    """
    flat = as_floats(y)
    return flat[np.isfinite(flat)]


def finite_pairs(x: ArrayLike, y: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return the points of which both coordinates are finite.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        Of equal length.

    Returns
    -------
    x, y : ndarray, shape (m,)

    Raises
    ------
    ValueError
        If the lengths differ.

    Examples
    --------
    >>> finite_pairs([1, 2, 3], [5.0, float("nan"), 7.0])
    (array([1., 3.]), array([5., 7.]))
    """
    across, up = as_floats(x), as_floats(y)
    if across.size != up.size:
        raise ValueError(f"x has {across.size} points and y has {up.size}; they must match")
    keep = np.isfinite(across) & np.isfinite(up)
    return across[keep], up[keep]


def unit_scaled(y: FloatArray) -> tuple[FloatArray, float]:
    """Divide by a power of two so that the largest magnitude lies in [0.5, 1).

    The division is exact, so a statistic that squares or multiplies is free of overflow and
    underflow and unchanged for ordinary numbers.

    Parameters
    ----------
    y : ndarray, shape (n,)
        Finite.

    Returns
    -------
    scaled : ndarray, shape (n,)
    factor : float
        ``y == scaled * factor``.

    Examples
    --------
    >>> unit_scaled(np.array([3.0, -1.0]))
    (array([ 0.75, -0.25]), 4.0)
    """
    largest = float(np.abs(y).max()) if y.size else 0.0
    if largest == 0.0:
        return y, 1.0
    exponent = max(int(np.frexp(largest)[1]), -1000)
    return np.ldexp(y, -exponent), 2.0**exponent


def bounded(number: float, low: float, high: float) -> float:
    """Hold one number between two, as :func:`numpy.clip` does, at a fraction of its overhead.

    Parameters
    ----------
    number, low, high : float

    Returns
    -------
    float
        NaN for NaN.

    Examples
    --------
    >>> bounded(np.float64(2.5), -1.0, 1.0), bounded(float("nan"), -1.0, 1.0)
    (1.0, nan)
    """
    return min(max(float(number), low), high)


def median(y: FloatArray) -> float:
    """Return the median, to the bit that of :func:`numpy.median`, at a fraction of its overhead.

    Parameters
    ----------
    y : ndarray, shape (n,)

    Returns
    -------
    float
        NaN for no points, and if one is NaN.

    Examples
    --------
    >>> median(np.array([3.0, 1.0, 2.0])), median(np.array([4.0, 1.0])), median(np.empty(0))
    (2.0, 2.5, nan)
    """
    n = y.size
    if not n:
        return float("nan")
    half = n // 2
    ordered = y.copy()
    ordered.partition((half - 1, half, n - 1) if n > 1 and not n % 2 else (half, n - 1))
    if ordered[-1] != ordered[-1]:  # NaN comes last
        return float("nan")
    upper = float(ordered[half])
    return upper if n % 2 else (float(ordered[half - 1]) + upper) / 2.0


def quantiles(y: FloatArray, shares: Sequence[float]) -> list[float]:
    """Return quantiles, to the bit those of :func:`numpy.quantile`, at a fraction of its overhead.

    Parameters
    ----------
    y : ndarray, shape (n,)
        Finite, at least one point.
    shares : sequence of float
        Each in [0, 1].

    Returns
    -------
    list of float
        Between two points, a share of the way from one to the next.

    Examples
    --------
    >>> quantiles(np.array([4.0, 1.0, 2.0]), [0.0, 0.5, 0.75])
    [1.0, 2.0, 3.0]
    """
    ordered = np.sort(y)
    found = []
    for share in shares:
        place = (y.size - 1) * share
        below = math.floor(place)
        low, high = float(ordered[below]), float(ordered[min(below + 1, y.size - 1)])
        way, apart = place - below, high - low
        found.append(low + apart * way if way < 0.5 else high - apart * (1.0 - way))
    return found
