"""What a share of so many examples can tell: its smallest step, and how well it is known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.stats.finite import only_finite

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_MOST_DECIMALS = 12
_SINGLE = 2e-7
"""Relative error of a number that went through single precision."""
_TELLING = 4.0
"""Steps must be that much wider than what rounding leaves, or every number is near to one."""


def share_error(share: float, examples: int) -> float:
    """Return the standard error of a share of independent examples.

    It says how far the share of another such set may lie from that of this one. Evaluations of one
    and the same set have it in common, so it is not their noise from one to the next, which the
    series tells. What differs by one example is never told apart.

    Parameters
    ----------
    share : float
        In [0, 1].
    examples : int
        At least 1.

    Returns
    -------
    float
        ``sqrt(share * (1 - share) / examples)``, at least ``1 / examples``.

    Raises
    ------
    ValueError
        If the share or the number is not possible.

    References
    ----------
    Miller, "Adding error bars to evals", arXiv:2411.00640 (2024).
    Dietterich, Neural Computation 10 (1998) (two models on one set are compared by the examples
    on which they differ, which a log does not tell).

    Examples
    --------
    >>> round(share_error(0.9, 10_000), 4), share_error(1.0, 200)
    (0.003, 0.005)
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share is {share}; give a number from 0 to 1")
    if examples < 1:
        raise ValueError(f"examples is {examples}; give how many there are")
    return max(math.sqrt(share * (1.0 - share) / examples), 1.0 / examples)


def least_rounded(gain: float, step: float) -> float:
    """Return what a smooth quantity must pass for its rounded one to gain at least so much.

    A metric that moves in steps gains whole ones: at least half a point of 50 examples, of which
    each makes two, is one of them, and a forecast that is no such number comes to one from a half
    on (the continuity correction).

    Parameters
    ----------
    gain : float
        Not negative; 0 stands for any gain.
    step : float
        Above 0.

    Returns
    -------
    float
        Above 0, less than `gain` by half a step at most.

    References
    ----------
    Feller, "On the normal approximation to the binomial distribution", Annals of Mathematical
    Statistics 16 (1945).

    Examples
    --------
    >>> least_rounded(0.5, 2.0), least_rounded(2.0, 2.0), least_rounded(0.5, 0.01)
    (1.0, 1.0, 0.495)
    """
    steps = max(math.ceil(gain / step - 1e-9), 1)
    return (steps - 0.5) * step


def may_count(shares: ArrayLike, examples: int, *, whole: float = 1.0) -> bool:
    """Tell whether each of some printed shares may be a count out of so many examples.

    A mean over pixels, words or classes seldom is. Where fewer digits are printed than counts
    have, nothing speaks against it.

    Parameters
    ----------
    shares : array_like, shape (n,)
        As printed. Non-finite ones are dropped.
    examples : int
        At least 1.
    whole : float
        What stands for all of them: 1, or 100 for per cents.

    Returns
    -------
    bool
        False if there is none.

    Examples
    --------
    >>> may_count([0.6498, 0.6534], 277), may_count([0.6512, 0.6534], 277)
    (True, False)
    >>> may_count([91.23, 91.2], 50_000, whole=100.0)
    True
    """
    up = only_finite(shares)
    if not up.size or up.min() < 0.0 or up.max() > whole * (1.0 + _SINGLE):
        return False
    decimals = next((d for d in range(_MOST_DECIMALS) if (np.round(up, d) == up).all()), None)
    rounding = 0.0 if decimals is None else 0.5 * 10.0**-decimals
    slack = np.maximum(rounding, _SINGLE * up) * 1.001
    step = whole / examples
    off = np.abs(up - np.round(up / step) * step)
    return bool((off <= slack)[step > _TELLING * slack].all())
