"""How a falling curve levels off, and how far it still falls."""

from __future__ import annotations

import math

__all__ = ["bend", "fall_ahead"]


def bend(rates: tuple[float, float], errors: tuple[float, float], at: tuple[float, float]) -> float:
    """Return how fast a rate of fall dies away: p, if the rate goes like time to the power −p.

    A line has 0, a logarithm 1, a power law a little more than 1, and an exponential the more
    the longer it lasts, so one number serves for all of them. Two rates say as much about it as
    their errors allow; the rest of the weight stays with the logarithm.

    Parameters
    ----------
    rates : tuple of float
        An earlier and a later rate, positive for a fall.
    errors : tuple of float
        Their standard errors; unknown ones (NaN) tell nothing.
    at : tuple of float
        When they were measured, counted from the beginning of the curve; in order, above 0.

    Examples
    --------
    >>> bend((2.0, 1.0), (0.0, 0.0), (10.0, 20.0)), bend((1.0, 1.0), (0.0, 0.0), (10.0, 20.0))
    (1.0, 0.0)
    >>> round(bend((1.0, 1.0), (1.0, 1.0), (10.0, 20.0)), 1)
    0.8
    """
    if not (0.0 < at[0] < at[1] and math.isfinite(sum((*rates, *errors)))):
        return 1.0
    # What lies below its own error is as good as that.
    early, late = (max(rate, error, 1e-300) for rate, error in zip(rates, errors, strict=True))
    apart = math.log(at[1] / at[0])
    seen = min(max((math.log(early) - math.log(late)) / apart, 0.0), _STEEPEST)
    variance = ((errors[0] / early) ** 2 + (errors[1] / late) ** 2) / apart**2
    return (seen + variance) / (1.0 + variance)


def fall_ahead(rate: float, now: float, until: float, power: float) -> float:
    """Return how far a curve falls between two times.

    Parameters
    ----------
    rate : float
        Its rate of fall now.
    now, until : float
        Counted from the beginning of the curve; in order, above 0.
    power : float
        How fast the rate dies away, see :func:`bend`.

    Examples
    --------
    >>> fall_ahead(1.0, 10.0, 20.0, 0.0), round(fall_ahead(1.0, 10.0, 20.0, 1.0), 2)
    (10.0, 6.93)
    """
    times = until / now
    if abs(power - 1.0) < 1e-6:
        return rate * now * math.log(times)
    return rate * now * float(times ** (1.0 - power) - 1.0) / (1.0 - power)


_STEEPEST = 10.0
