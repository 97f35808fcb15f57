"""Warm restarts of a learning rate, seen in its course."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.stats.finite import as_floats

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from copilot_analytics.stats.finite import IntArray

FALLS_BEFORE = 4
"""Moves before a restart in which the rate only falls."""
ABRUPT = 2
"""Most moves that a restart takes: one, or two where a mean of rows lies half-way up."""
LOW = 0.5
"""A restart begins at this share or less of where it ends."""
HIGH = 0.3
"""It ends at this share or more of the highest rate: later cycles often peak lower."""
LATE = 0.1
"""Share of a cycle by which a restart may come later than foretold from a coarse course."""
LONGEST_GROWTH = 3.0
"""Cycles keep their length, or double or treble it (Loshchilov and Hutter, ICLR 2017)."""


def restarts(rates: ArrayLike) -> IntArray:
    """Return where a rate that had fallen is high again at once.

    Parameters
    ----------
    rates : array_like, shape (n,)
        Finite, not negative, in order.

    Returns
    -------
    ndarray of int, shape (m,)
        Indices of the first rate of each new cycle.

    Examples
    --------
    >>> cycle = [1.0, 0.9, 0.7, 0.4, 0.1, 0.02]
    >>> restarts(cycle + cycle + cycle)
    array([ 6, 12])
    >>> restarts([0.1, 0.5, 1.0, 0.9, 0.5, 0.1])
    array([], dtype=int64)
    """
    rate = as_floats(rates)
    moves = np.diff(rate)
    top = float(rate.max()) if rate.size else 0.0
    found: list[int] = []
    for rise in np.flatnonzero(moves > 0.5 * (1.0 - LOW) * HIGH * top).tolist():
        bottom = rise - 1 if rise and moves[rise - 1] > 0.0 else rise
        end = rise + 1
        while end < rate.size - 1 and moves[end] > 0.0:
            end += 1
        before = moves[max(bottom - FALLS_BEFORE, 0) : bottom]
        fell = before.size == FALLS_BEFORE and bool((before <= 0.0).all()) and before.sum() < 0.0
        abrupt = end - bottom <= ABRUPT
        high = rate[bottom] <= LOW * rate[end] and rate[end] >= HIGH * top
        if fell and abrupt and high and end not in found:
            found.append(end)
    return np.array(found, dtype=np.int64)


def next_restart(steps: ArrayLike, rates: ArrayLike) -> float | None:
    """Return when the next restart is due, by the lengths of the cycles so far.

    Parameters
    ----------
    steps : array_like, shape (n,)
        Increasing.
    rates : array_like, shape (n,)

    Returns
    -------
    float or None
        A step, which may lie a little before the last one; None where no restart was seen, or
        where the one that was due did not come.

    Examples
    --------
    >>> cycle = [1.0, 0.9, 0.7, 0.4, 0.1, 0.02]
    >>> next_restart(np.arange(14), cycle + cycle + cycle[:2])
    18.0
    """
    across = as_floats(steps)
    seen = restarts(rates)
    if not seen.size:
        return None
    starts = np.concatenate((across[:1], across[seen]))
    lengths = np.diff(starts)
    growth = lengths[-1] / lengths[-2] if lengths.size > 1 else 1.0
    length = float(lengths[-1] * np.clip(np.round(growth), 1.0, LONGEST_GROWTH))
    due = float(starts[-1]) + length
    return due if across[-1] <= due + LATE * length else None
