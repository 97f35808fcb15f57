"""A curve as one line of bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, ConsoleOptions
    from rich.text import Text

    from copilot_analytics.records import Floats

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH, _LEAST_WIDTH = 40, 8


def sparkline(numbers: Sequence[float] | Floats, width: int = _WIDTH) -> str:
    """Draw numbers as a line of bars, the mean of its stretch each.

    What is not finite is a blank; extremes that would flatten the rest are cut.

    Examples
    --------
    >>> sparkline([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 8), sparkline([])
    ('▁▂▃▄▅▆▇█', '')
    >>> sparkline([3.0, float("nan"), 3.0])
    '▄ ▄'
    """
    import numpy as np

    column = np.asarray(numbers, dtype=np.float64)
    if not len(column):
        return ""
    cuts = np.array_split(column, min(width, len(column)))
    means = np.array([np.mean(p[np.isfinite(p)]) if np.isfinite(p).any() else np.nan for p in cuts])
    known = means[np.isfinite(means)]
    if not len(known):
        return " " * len(means)
    low, high = float(np.min(known)), float(np.quantile(known, 0.98)) if len(known) > 20 else None
    high = float(np.max(known)) if high is None else high
    if high <= low:
        return "".join("▄" if np.isfinite(one) else " " for one in means)
    places = np.clip((means - low) / (high - low), 0.0, 1.0) * (len(_BARS) - 1)
    return "".join(_BARS[round(float(p))] if np.isfinite(p) else " " for p in places)


class Curve:
    """A curve with figures behind it, for rich: where there is little room the curve gives way.

    Parameters
    ----------
    numbers
        The curve.
    figures
        What must be readable.
    """

    def __init__(self, numbers: Sequence[float] | Floats, figures: str) -> None:
        self._numbers, self._figures = numbers, figures

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Draw both on one line."""
        from rich.text import Text

        room = options.max_width - len(self._figures) - 2
        drawn = sparkline(self._numbers, min(_WIDTH, room)) if room >= _LEAST_WIDTH else ""
        text = f"{drawn}  {self._figures}" if drawn else self._figures
        yield Text(text, no_wrap=True, overflow="ellipsis")
