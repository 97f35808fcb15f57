"""Which evaluations are as good as the best within noise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from copilot_analytics.stats.finite import IntArray, as_floats

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def tie_set(
    steps: ArrayLike,
    values: ArrayLike,
    *,
    direction: Literal["min", "max"],
    noise: float,
) -> IntArray:
    """Return the evaluations within one standard error of the best, the best first.

    The one-standard-error rule: what differs from the best by no more than the noise of a single
    evaluation cannot be told from it. After the best they come from better to worse, the earlier
    step first where values are equal.

    Parameters
    ----------
    steps, values : array_like, shape (n,)
        Values that are not finite are never in the set.
    direction : {"min", "max"}
        Which is better.
    noise : float
        Standard deviation of one evaluation, in the metric's units. NaN counts as 0.

    Returns
    -------
    ndarray of int, shape (m,)
        Indices; empty if no value is finite.

    Raises
    ------
    ValueError
        If lengths differ, the direction is unknown or the noise is negative.

    References
    ----------
    Breiman, Friedman, Olshen and Stone, Classification and Regression Trees (1984), section 3.4.3.

    Examples
    --------
    >>> tie_set([1, 2, 3, 4], [0.70, 0.81, 0.82, 0.60], direction="max", noise=0.015)
    array([2, 1])
    """
    across, up = as_floats(steps), as_floats(values)
    if across.size != up.size:
        raise ValueError(f"steps has {across.size} points and values {up.size}; they must match")
    if direction not in ("min", "max"):
        raise ValueError(f"direction is {direction!r}; give 'min' or 'max'")
    if noise < 0.0:
        raise ValueError(f"noise is {noise}; a standard deviation is 0 or more")
    margin = 0.0 if math.isnan(noise) else noise
    candidates = np.flatnonzero(np.isfinite(up))
    if candidates.size == 0:
        return candidates
    badness = up[candidates] if direction == "min" else -up[candidates]
    order = np.lexsort((across[candidates], badness))
    kept = badness[order] <= badness.min() + margin
    return np.asarray(candidates[order][kept], dtype=np.int64)
