"""Lines of home-made logs that measure the training and do not say where it stands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.formats._coco import coco_average
from copilot_analytics.formats._home_line_kinds import OF_FOLD, OF_SAMPLE, says_the_end
from copilot_analytics.formats._home_row_fields import are_measures, is_of_training, is_terse
from copilot_analytics.formats._home_vocabulary import OF_THE_BEST, is_bookkeeping

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from copilot_analytics.formats._home_readings import Metric, Reading
    from copilot_analytics.records import Floats

_RETURNED = re.compile(r"(?i)episod(?:e|ic)[\s_-](?:returns?|rewards?)")


class Episodes:
    """Counts episodes where lines tell nothing but what each returned.

    Examples
    --------
    >>> episodes = Episodes()
    >>> episodes.are_told(["episodic returns"]), episodes.are_told(["reward"])
    (True, False)
    >>> episodes.count(2), episodes.count(1)
    (array([1., 2.]), array([3.]))
    """

    def __init__(self) -> None:
        self.done = 0

    def are_told(self, names: Iterable[str]) -> bool:
        """Tell whether a line says what an episode returned, and nothing else: each is one more."""
        measured = [name for name in names if name[0] != "#"]
        return bool(measured) and all(_RETURNED.fullmatch(name) for name in measured)

    def count(self, lines: int) -> Floats:
        """Return the numbers of so many episodes that are new."""
        begun, self.done = self.done, self.done + lines
        return np.arange(begun + 1.0, self.done + 1.0)


def is_plain(line: str, reading: Reading, *, plays: bool) -> bool:
    """Tell whether a line measures the training, does not say where it is, and nothing else.

    Parameters
    ----------
    line
        The line.
    reading
        What it says.
    plays
        Whether it says what an episode returned.
    """
    measured = [m for m in reading.metrics if not is_bookkeeping(m.name)]
    if not reading.qualities or not reading.places.keys() <= {"#inner", "#inner_of"}:
        return False
    if reading.is_remark or reading.is_other_rank:
        return False
    if not {m.split for m in measured} <= {None, "train"} or OF_THE_BEST.search(line):
        return False
    if not plays and not (is_of_training(measured) and are_measures(measured)):
        return False
    if not is_terse(reading) or OF_FOLD.search(line) or OF_SAMPLE.match(line):
        return False
    return coco_average(line) is None and not says_the_end(line[reading.stamp.message :])


def is_brief(line: str, reading: Reading, measured: Sequence[Metric]) -> bool:
    """Tell whether a line says what was measured, and hardly anything else."""
    return is_terse(reading) and are_measures(measured) and OF_FOLD.search(line) is None


def sums_up(line: str, reading: Reading) -> bool:
    """Tell whether ``Training completed. Loss: 0.5, acc: 0.8`` speaks of the epoch above."""
    if OF_THE_BEST.search(line) or "final" in line.lower():
        return False
    return sum(metric.bound and not metric.whole for metric in reading.qualities) > 1
