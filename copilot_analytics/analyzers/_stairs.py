"""A learning rate that falls in small steps which keep coming: a decay printed with few digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from copilot_analytics.records import Floats

_FALLS = 4
_UNEVEN = 3.0  # times the usual stay: a cosine falls slowly at both ends
_OVERDUE = 2.0  # times the longest stay


def falls_in_stairs(step: Floats, rate: Floats) -> bool:
    """Tell whether a rate comes down by small steps, the next of which is due.

    A linear decay from 2e-5 that is printed with six decimals shows each of twenty levels for many
    rows. The last four falls count: none may be half of what they are together, as the drops by a
    constant factor of a step-wise schedule are, and the levels between them last about equally
    long, the present one not much longer yet.

    Parameters
    ----------
    step : array, shape (n,)
        Where the rate was logged, ascending.
    rate : array, shape (n,)
        The rate, which does not rise.

    Returns
    -------
    bool
        False for fewer than four falls.

    Examples
    --------
    >>> step = np.arange(100.0)
    >>> falls_in_stairs(step, np.round(2e-5 * (1 - step / 200), 6))
    True
    >>> falls_in_stairs(step, 0.1 ** (step // 20))
    False
    """
    falls = np.flatnonzero(np.diff(rate) < 0)
    if len(falls) < _FALLS:
        return False
    # A level between two others is the mean of a bin in which the rate fell.
    begins = np.insert(np.diff(falls) > 1, 0, True)
    first, last = falls[begins], falls[np.append(begins[1:], True)]
    if len(first) < _FALLS:
        return False
    size = (rate[first] - rate[last + 1])[-_FALLS:]
    at = step[last + 1][-_FALLS:]
    stays = np.diff(at)
    even = float(stays.max()) <= _UNEVEN * float(np.median(stays))
    is_due = float(step[-1] - at[-1]) <= _OVERDUE * float(stays.max())
    return bool(size.max() < 0.5 * size.sum() and even and is_due)
