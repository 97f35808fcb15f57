"""What one line of a home-made log says by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from copilot_analytics.formats._home_tokens import DECIMAL_COMMA
from copilot_analytics.formats._home_vocabulary import is_quality

if TYPE_CHECKING:
    from copilot_analytics.formats._splits import Split
    from copilot_analytics.formats._stamps import Stamp


_DIGITS = re.compile(r"\d+")
_DIVIDED = re.compile(rf"{DECIMAL_COMMA}(?:[eE][+-]?\d{{1,4}})?")


class Number(NamedTuple):
    """Characters that hold a number, and what it is to be multiplied with."""

    start: int
    end: int
    factor: float = 1.0


def parts_in(text: str, start: int, factor: float) -> tuple[Number, ...]:
    """Return the parts of a number, which commas may group by thousands, or one comma may divide.

    Examples
    --------
    >>> parts_in("12,500", 3, 1.0)
    (Number(start=3, end=5, factor=1000.0), Number(start=6, end=9, factor=1.0))
    >>> parts_in("-0,25", 3, 1.0)
    (Number(start=3, end=5, factor=1.0), Number(start=6, end=8, factor=-0.01))
    """
    if "," not in text:
        return (Number(start, start + len(text), factor),)
    digits, _, exponent = text.lower().partition("e")
    groups = [m.span() for m in re.finditer(r"[+-]?[\d.]+", digits)]
    if is_divided(text):
        places = [0, groups[1][0] - groups[1][1]]
    else:
        places = [3 * rest for rest in reversed(range(len(groups)))]
    scale = factor * 10.0 ** int(exponent or 0)
    sign = -1.0 if text[0] == "-" else 1.0  # the first part is printed with it
    return tuple(
        Number(start + a, start + b, scale * 10.0**place * (sign if a else 1.0))
        for (a, b), place in zip(groups, places, strict=True)
    )


def is_divided(text: str) -> bool:
    """Tell whether the comma of a number stands where English has a point.

    Examples
    --------
    >>> is_divided("0,125"), is_divided("1,25"), is_divided("1,250"), is_divided("125")
    (True, True, False, False)
    """
    return _DIVIDED.fullmatch(text) is not None


@dataclass(slots=True)
class Metric:
    """A named number of a line."""

    name: str
    split: Split | None
    says_split: bool  # whether its own name tells
    parts: tuple[Number, ...]
    whole: bool  # printed without a decimal point
    bound: bool  # by a colon or an equals sign
    is_count: bool = False  # followed by a slash and how many there are
    pair: tuple[Number, ...] = ()  # what follows behind a slash, of two measured numbers


@dataclass(slots=True)
class Reading:
    """What one line says by itself.

    Parameters
    ----------
    stamp
        Its time stamp.
    places
        Where it stands, by the names of `copilot_analytics.formats._axis`; ``#count`` is a step
        of the epoch or of the training, which only other lines tell, and ``#run`` how far a
        validation is.
    metrics
        Its named numbers.
    split
        The part of the data that its first words speak of.
    is_remark
        Whether it repeats what other lines say, or says what was done.
    is_other_rank
        Whether another process than the first one wrote it.
    plays
        Whether its ``#count`` counts episodes or rounds.
    words
        How many words it holds.
    numbers
        How many numbers it holds.
    spare
        Digits that mean nothing here.
    """

    stamp: Stamp
    places: dict[str, tuple[Number, ...]] = field(default_factory=dict)
    metrics: list[Metric] = field(default_factory=list)
    split: Split | None = None
    is_remark: bool = False
    is_other_rank: bool = False
    plays: bool = False
    words: int = 0
    numbers: int = 0
    spare: list[tuple[int, int]] = field(default_factory=list)

    def leave_out(self, line: str, start: int, end: int) -> None:
        """Take the digits of a part of the line for meaningless."""
        self.spare += [found.span() for found in _DIGITS.finditer(line, start, end)]

    def take_back(self, line: str) -> None:
        """Take the last metric for a number with a unit of time or memory."""
        for part in self.metrics.pop().parts:
            self.leave_out(line, part.start, part.end)

    @property
    def has_axis(self) -> bool:
        """Whether it says by itself where training stands."""
        return any(name in self.places for name in ("#epoch", "#progress", "#count", "#step"))

    @property
    def qualities(self) -> list[Metric]:
        """Its losses and measures of quality."""
        return [metric for metric in self.metrics if is_quality(metric.name)]
