"""Which numbers of a home-made line are the seconds of one iteration, and of its waiting for data.

``Time 0.152 Data 0.122`` on a line of an iteration is what the ImageNet example of PyTorch prints.
``time`` alone may be that of an epoch, or since the start: it counts where ``data`` stands beside
it, and where its name says that it is that of an iteration, a batch or a step.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from copilot_analytics.formats._home_readings import Metric, Number

if TYPE_CHECKING:
    from copilot_analytics.formats._home_readings import Reading

_ITERATION = re.compile(r"(?i)(?:batch|iter(?:ation)?|step)[ _-]?time(?:[ _-]?\(?s\)?)?")
_TIME = re.compile(r"(?i)time")
_DATA = re.compile(r"(?i)data(?:[ _-]?(?:load(?:ing)?[ _-]?)?time)?(?:[ _-]?\(?s\)?)?")
_SECONDS = {"": 1.0, "s": 1.0, "sec": 1.0, "ms": 1e-3}
_OF_ITERATIONS = frozenset({"#inner", "#step", "#count", "#sample"})


class Timings:
    """The numbers of one line that may be timings of its iteration."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Number, ...]] = {}
        self._says_iteration = False
        self._last = ""

    def take(self, name: str, parts: tuple[Number, ...], unit: str, *, whole: bool) -> bool:
        """Take a number if it may be one; whole ones are of epochs, as a rule."""
        is_clear = _ITERATION.fullmatch(name) is not None
        is_time = is_clear or _TIME.fullmatch(name) is not None
        title = "iter_time_s" if is_time else "data_time_s"
        if whole or unit not in _SECONDS or not (is_time or _DATA.fullmatch(name)):
            return False
        if title in self._found:
            return False
        self._says_iteration |= is_clear
        self._found[title] = _scaled(parts, _SECONDS[unit])
        self._last = title
        return True

    def has_unit(self, unit: str) -> bool:
        """Take the word behind the last number for its unit; tell whether it can be."""
        if unit in _SECONDS:
            self._found[self._last] = _scaled(self._found[self._last], _SECONDS[unit])
        return unit in _SECONDS

    def settle(self, line: str, reading: Reading, *, counts: bool) -> None:
        """Add them to what a line says, or leave their digits out if they are something else.

        Parameters
        ----------
        line
            The line.
        reading
            What else it says.
        counts
            Whether it counts without a name, as ``[3/80]`` does: that may be epochs.
        """
        of_iteration = bool(_OF_ITERATIONS & reading.places.keys()) and not counts
        is_told = "iter_time_s" in self._found and (
            self._says_iteration or (of_iteration and "data_time_s" in self._found)
        )
        trains = any(metric.split in {None, "train"} for metric in reading.metrics)
        for title, parts in self._found.items():
            if is_told and trains and reading.split in {None, "train"}:
                reading.metrics.append(Metric(title, None, False, parts, False, True))
            else:
                for part in parts:
                    reading.leave_out(line, part.start, part.end)


def _scaled(parts: tuple[Number, ...], factor: float) -> tuple[Number, ...]:
    return tuple(Number(part.start, part.end, part.factor * factor) for part in parts)
