"""The pace of a curve in words that cannot contradict the phase they stand beside."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from copilot_analytics.analyzers._metric_scale import difference_text
from copilot_analytics.wording import number

if TYPE_CHECKING:
    from copilot_analytics.analyzers._metric_scale import Scale
    from copilot_analytics.stats.trend import Velocity


def fall_pct(speed: Velocity) -> tuple[float, float, float] | None:
    """Return how much an epoch at this pace takes off the level, with its interval.

    The fall compounds, so it stays below 100 % however fast it is: a rate r leaves exp(-r) of the
    level after an epoch.

    Returns
    -------
    tuple of float or None
        In per cent, negative for a rise; None where the level is no measure (a loss that crosses
        zero, or drowns in noise).

    Examples
    --------
    >>> from copilot_analytics.stats.trend import Velocity
    >>> [round(x) for x in fall_pct(Velocity(208.0, 54.0, 401.0, 20, 1.0, 1.0))]
    [88, 42, 98]
    """
    if not (math.isfinite(speed.level) and speed.level > 0):
        return None
    share = speed.scale / speed.level / 100.0
    rates = (speed.per_epoch_pct, speed.low, speed.high)
    value, low, high = (
        -100.0 * math.expm1(min(-rate * share, _STEEPEST)) if math.isfinite(rate) else rate
        for rate in rates
    )
    return value, low, high


def pace_in_words(speed: Velocity, unit: str) -> str:
    """Return a pace with its interval: in per cent of the level, else in the loss's own units.

    Examples
    --------
    >>> from copilot_analytics.stats.trend import Velocity
    >>> pace_in_words(Velocity(3.0, 2.0, 4.0, 20, 1.0, 1.0), "an epoch")
    '3 % an epoch (2 to 3.9)'
    >>> pace_in_words(Velocity(3.0, 2.0, 4.0, 20, 0.5, math.nan), "an epoch")
    '0.015 an epoch (0.01 to 0.02)'
    """
    relative = fall_pct(speed)
    if relative is None:
        absolute = speed.scale / 100.0
        numbers = [absolute * rate for rate in (speed.per_epoch_pct, speed.low, speed.high)]
    else:
        numbers = list(relative)
    written = number if relative is None else _per_cent
    value, low, high = numbers if numbers[0] >= 0 else (-numbers[0], -numbers[2], -numbers[1])
    bounds = f" ({written(low, 2)} to {written(high, 2)})" if math.isfinite(low + high) else ""
    return f"{written(value, 2)}{'' if relative is None else ' %'} {unit}{bounds}"


def _per_cent(value: float, digits: int) -> str:
    return "> 99" if value > 99 else number(value, digits)


def gain_in_words(gained: float, error: float | None, scale: Scale) -> str:
    """Return an amount and its error, the unit named once.

    Examples
    --------
    >>> gain_in_words(0.016, 0.011, "fraction"), gain_in_words(0.016, None, "fraction")
    ('1.6 ± 1.1 pt', '1.6 pt')
    """
    amount = difference_text(gained, scale)
    if error is None:
        return amount
    return f"{amount.removesuffix(' pt')} ± {difference_text(error, scale)}"


_STEEPEST = 50.0  # e to this is beyond any loss
