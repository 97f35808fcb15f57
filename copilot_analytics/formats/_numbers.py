"""Numbers as logs print them, and which values of a statement are numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

if TYPE_CHECKING:
    from copilot_analytics.records import Floats, Ints

NUMBER = r"[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|(?i:nan|inf(?:inity)?))"
IS_NUMBER = re.compile(NUMBER)
LARGEST = 2.0**53  # from there on floats leave whole numbers out

_LATEST_S = 1e11  # in the year 5138; in milliseconds that is 1973


def whole(numbers: Floats) -> Ints:
    """Return whole numbers as integers; what is not finite or out of range is clipped."""
    known = np.where(np.isnan(numbers), 0.0, numbers)
    return np.minimum(np.maximum(known, -LARGEST), LARGEST).astype(np.int64)


def first_fraction(numbers: Floats) -> int:
    """Return the place of the first number that is not whole, the length where there is none.

    What is not finite tells nothing of its kind.

    Examples
    --------
    >>> first_fraction(np.array([1.0, np.nan, 2.5])), first_fraction(np.array([np.inf]))
    (2, 1)
    """
    fractions = np.flatnonzero(np.isfinite(numbers) & (numbers != np.floor(numbers)))
    return int(fractions[0]) if len(fractions) else len(numbers)


def in_seconds(stamps: Floats) -> Floats:
    """Return times in seconds, also those that count milli-, micro- or nanoseconds since 1970.

    What is too large for any of them, or not finite, is NaN: no calendar has such a day.

    Examples
    --------
    >>> in_seconds(np.array([60.5, 1.7e9, 1.7e12, 1.7e18, 1e30]))
    array([6.05e+01, 1.70e+09, 1.70e+09, 1.70e+09,      nan])
    """
    size = np.abs(stamps)
    if (size < _LATEST_S).all():
        return stamps
    unit = np.searchsorted(_LATEST_S * np.array([1.0, 1e3, 1e6, 1e9]), size, side="right")
    factor: Floats = np.array([1.0, 1e-3, 1e-6, 1e-9, np.nan])[unit]
    return stamps * factor


def moment(seconds: float) -> float | None:
    """Return a time in seconds if a calendar has it; None otherwise, as for NaN.

    Examples
    --------
    >>> moment(1.7e9), moment(1e308)
    (1700000000.0, None)
    """
    return seconds if abs(seconds) < _LATEST_S else None


def is_number(content: Any) -> TypeGuard[float]:
    """Tell whether a JSON value is a number that fits; true and false are none."""
    if isinstance(content, int):
        return not isinstance(content, bool) and abs(content) < 2**63
    return isinstance(content, float)


def is_count(content: Any) -> TypeGuard[float]:
    """Tell whether a JSON value can be an epoch or a step."""
    return is_number(content) and 0 <= content < 10**9
