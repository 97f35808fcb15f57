"""Losses that fall at the boundaries of epochs and lie flat in between."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from copilot_analytics.stats.finite import FloatArray, finite_pairs
from copilot_analytics.stats.noise import difference_noise

__all__ = ["Staircase", "staircase"]


class Staircase(NamedTuple):
    """A loss that goes down in steps, one an epoch.

    Attributes
    ----------
    at : ndarray
        The boundaries at which it fell, oldest first.
    drops : ndarray
        Fall across each of them.
    error : float
        Standard error of a drop.
    levels : ndarray
        Mean of each of the newest epochs, oldest first; the last one ends at the newest point.
    level_error : float
        Standard error of a level.
    """

    at: FloatArray
    drops: FloatArray
    error: float
    levels: FloatArray
    level_error: float


def staircase(steps: FloatArray, y: FloatArray, steps_per_epoch: float) -> Staircase | None:
    """Tell whether a curve falls at the newest boundaries of epochs and hardly in between.

    A model that begins to know its training data by heart does so: each sample is seen for the
    n-th time right after a boundary, so the loss drops there and stays until the next one
    (Howard and Whitaker, "Can LLMs learn from a single example?", fast.ai, 2023). A window
    shorter than an epoch then shows a flat curve, however fast the epochs fall.

    Parameters
    ----------
    steps, y : array_like, shape (n,)
        The curve, averaged or not; points that are not finite in both are dropped.
    steps_per_epoch : float
        Boundaries lie at its multiples; no staircase is found if it is not above 0.

    Returns
    -------
    Staircase or None
        None unless at least two of the newest three boundaries show a drop beyond three standard
        errors that is more than half of the fall from one epoch to the next (a straight line
        shows a third of it there), or if an epoch has fewer than 20 points.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(1.0, 401.0)
    >>> ripple = 0.01 * np.sin(9.0 * x)
    >>> found = staircase(x, 2.0 * 0.8 ** np.ceil(x / 100.0) + ripple, 100.0)
    >>> found.at, found.drops.round(1)
    (array([100., 200., 300.]), array([0.3, 0.3, 0.2]))
    >>> staircase(x, 2.0 * 0.8 ** (x / 100.0) + ripple, 100.0) is None
    True
    """
    across, up = finite_pairs(steps, y)
    if not across.size or not steps_per_epoch > 0:
        return None
    last = float(across[-1])
    newest = math.ceil(last / steps_per_epoch) - 1
    bounds = steps_per_epoch * np.arange(max(newest - _BOUNDARIES + 1, 1), newest + 1)
    bounds = bounds[bounds - 0.9 * steps_per_epoch >= across[0]]
    per_epoch = np.count_nonzero(across > last - steps_per_epoch)
    if len(bounds) < _FEWEST_DROPS or per_epoch < _FEWEST_POINTS:
        return None
    noise = difference_noise(up[across > last - 2.0 * steps_per_epoch])
    if math.isnan(noise):
        return None
    side, margin = _SIDE * steps_per_epoch, _MARGIN * steps_per_epoch

    def between(low: float, high: float) -> FloatArray:
        return up[(across > low) & (across <= high)]

    at, drops, errors = [], [], []
    for bound in bounds.tolist():
        # Points that average both sides of a boundary belong to neither.
        before = between(bound - side - margin, bound - margin)
        after = between(bound + margin, bound + side + margin)
        if min(len(before), len(after)) < _FEWEST_SIDE:
            continue
        drop = float(np.mean(before) - np.mean(after))
        error = noise * math.sqrt(1.0 / len(before) + 1.0 / len(after))
        fall = float(
            np.mean(between(bound - steps_per_epoch, bound))
            - np.mean(between(bound, bound + steps_per_epoch))
        )
        # One that climbs back within each epoch is that of a meter, or of an order of the data.
        if max(_SURE * error, _SHARE * fall) < drop < _SAWTOOTH * fall:
            at.append(bound)
            drops.append(drop)
            errors.append(error)
    ends = (last - steps_per_epoch * np.arange(_LEVELS, -1, -1)).tolist()
    parts = [between(low, high) for low, high in pairwise(ends)]
    levels = [float(np.mean(part)) for part in parts if len(part) >= _FEWEST_POINTS // 2]
    if min(len(at), len(levels)) < _FEWEST_DROPS:
        return None
    return Staircase(
        np.array(at),
        np.array(drops),
        max(errors),
        np.array(levels),
        noise / math.sqrt(per_epoch),
    )


_BOUNDARIES = 3
_FEWEST_DROPS = 2
_FEWEST_POINTS = 20
_FEWEST_SIDE = 2
_LEVELS = 3
# Parts of an epoch: what is averaged on each side of a boundary, and what is left out next to it.
_SIDE = 0.25
_MARGIN = 0.03
_SURE = 3.0
_SHARE = 0.5
_SAWTOOTH = 1.5
