"""Numbers as logs print them, and which values of a statement are numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

if TYPE_CHECKING:
    from copilot_analytics.records import Floats, Ints

NUMBER = r"[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|(?i:nan|inf(?:inity)?))"
IS_NUMBER = re.compile(NUMBER)
_LARGEST = 2.0**53  # from there on floats leave whole numbers out


def whole(numbers: Floats) -> Ints:
    """Return whole numbers as integers; what is not finite or out of range is clipped."""
    known = np.where(np.isnan(numbers), 0.0, numbers)
    return np.minimum(np.maximum(known, -_LARGEST), _LARGEST).astype(np.int64)


def is_number(content: Any) -> TypeGuard[float]:
    """Tell whether a JSON value is a number that fits; true and false are none."""
    if isinstance(content, int):
        return not isinstance(content, bool) and abs(content) < 2**63
    return isinstance(content, float)


def is_count(content: Any) -> TypeGuard[float]:
    """Tell whether a JSON value can be an epoch or a step."""
    return is_number(content) and 0 <= content < 10**9
