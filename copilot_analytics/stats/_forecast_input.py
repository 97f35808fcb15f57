"""What a forecast is asked with: one curve, its bounds, and single numbers, in words if wrong."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from copilot_analytics.stats.finite import as_floats

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from copilot_analytics.stats.finite import FloatArray

FEWEST = 3
"""Evaluations without which no curve is seen."""
ROUNDING = 1e-6
"""Share of its size by which a value may lie beyond its bounds: single precision rounds so."""
BEHIND = 0.1
"""Share of the last step below which a horizon is one in another unit, not one just passed."""


def one_number(name: str, given: Any, wanted: str) -> float:
    """Return a single number as a float.

    Parameters
    ----------
    name : str
        Of the argument.
    given : object
    wanted : str
        What to give instead, for the error.

    Raises
    ------
    ValueError
        If it is text, an array of any other size than one number, or no number at all.

    Examples
    --------
    >>> one_number("horizon", np.float32(2.0), "the last step of the run")
    2.0
    >>> one_number("horizon", "100", "the last step of the run")
    Traceback (most recent call last):
    ...
    ValueError: horizon is '100'; give one number: the last step of the run
    """
    try:
        number = float(given) if np.shape(given) == () else None
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or isinstance(given, str | bytes):
        raise ValueError(f"{name} is {given!r}; give one number: {wanted}")
    return number


def positive(name: str, given: Any, wanted: str) -> float | None:
    """Return a number above 0, None for None; ValueError if it is neither."""
    if given is None:
        return None
    number = one_number(name, given, wanted)
    if not (math.isfinite(number) and number > 0.0):
        raise ValueError(f"{name} is {given}; give {wanted}")
    return number


def fewest_points(min_points: Any) -> int:
    """Return the fewest evaluations asked for; ValueError if they are below `FEWEST`."""
    asked = one_number("min_points", min_points, "the fewest finite evaluations")
    if not (math.isfinite(asked) and asked >= FEWEST):
        raise ValueError(
            f"min_points is {min_points}; give {FEWEST} or more: with fewer no curve is seen"
        )
    return int(asked)


def one_curve(steps: ArrayLike, values: ArrayLike, direction: str) -> tuple[FloatArray, FloatArray]:
    """Return the steps and values of a curve, ValueError if they are none."""
    if direction not in ("min", "max"):
        raise ValueError(f"direction is {direction!r}; give 'min' or 'max'")
    if np.iscomplexobj(steps):
        raise ValueError("steps are complex; give real numbers")
    across, shape = _as_steps(_unmasked(steps)), np.shape(values)
    if len(shape) > 1 and shape[0] != math.prod(shape):
        raise ValueError(f"values has shape {shape}; give one curve")
    up = numbers("values", values)
    if across.ndim != 1 or across.size != up.size:
        raise ValueError(f"steps has shape {across.shape} for {up.size} values; give one a value")
    if not np.isfinite(across).all():
        raise ValueError("steps must be finite; leave out evaluations whose step is unknown")
    if (across[1:] <= across[:-1]).any():
        raise ValueError("steps must increase; sort them, and keep one value of a repeated step")
    return across, up


def numbers(name: str, given: ArrayLike) -> FloatArray:
    """Return numbers as a flat array; NaN where they are masked.

    Raises
    ------
    ValueError
        If they are complex, or no numbers.

    Examples
    --------
    >>> numbers("values", np.ma.masked_less([0.2, 0.9], 0.5))
    array([nan, 0.9])
    >>> numbers("values", ["a", "b"])
    Traceback (most recent call last):
    ...
    ValueError: values are not all numbers
    """
    if np.iscomplexobj(given):
        raise ValueError(f"{name} are complex; give real numbers")
    try:
        return as_floats(_unmasked(given))
    except (TypeError, ValueError):
        raise ValueError(f"{name} are not all numbers") from None


def _unmasked(given: ArrayLike) -> ArrayLike:
    if isinstance(given, np.ma.MaskedArray) and given.dtype.kind in "buif":
        return np.where(np.ma.getmaskarray(given), np.nan, given.data)
    return given


def _as_steps(steps: ArrayLike) -> FloatArray:
    given = np.asarray(steps)
    what = "dates or times" if given.dtype.kind in "mM" else "not all numbers"
    try:
        numbers = None if given.dtype.kind in "mM" else np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        numbers = None
    if numbers is None:
        raise ValueError(
            f"steps are {what}; give the optimizer steps, or the seconds since the start, as "
            "numbers, and the horizon in the same unit"
        )
    return numbers


def last_step(horizon: Any, across: FloatArray) -> float:
    """Return the horizon, ValueError if it is none or lies far before the last step."""
    end = one_number("horizon", horizon, "the last step of the run")
    if not math.isfinite(end):
        raise ValueError(f"horizon is {end}; give the last step of the run")
    if across.size and end < BEHIND * across[-1]:
        raise ValueError(
            f"horizon {end:,.10g} lies far before the last step {float(across[-1]):,.10g}; give "
            "both in the same unit (epochs or optimizer steps)"
        )
    return end


def limits_of(
    bounds: tuple[float | None, float | None] | None, up: FloatArray
) -> tuple[float, float]:
    """Return the bounds as numbers, infinite where there is none; ValueError if they are none."""
    try:
        low, high = (None, None) if bounds is None else bounds
        below = -math.inf if low is None else float(low)
        above = math.inf if high is None else float(high)
    except (TypeError, ValueError):
        raise ValueError(
            f"bounds are {bounds!r}; give the smallest and the largest possible value, or None for "
            "one that there is not"
        ) from None
    if not below < above:
        raise ValueError(f"bounds are {bounds}; give the smaller first")
    smallest, largest = float(up.min()), float(up.max())
    slack = ROUNDING * max(abs(smallest), abs(largest))
    if smallest < below - slack or largest > above + slack:
        raise ValueError(
            f"values go from {smallest:g} to {largest:g}, beyond the bounds {bounds}; give bounds "
            "in the same units (a metric in per cent has 0 and 100), or none"
        )
    return below, above
