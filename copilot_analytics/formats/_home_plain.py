"""Lines of home-made logs that measure the training and do not say where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.formats._coco import coco_average
from copilot_analytics.formats._home_line_kinds import OF_FOLD, OF_SAMPLE, says_the_end
from copilot_analytics.formats._home_row_fields import are_measures, is_of_training, is_terse
from copilot_analytics.formats._home_vocabulary import OF_THE_BEST, is_bookkeeping

if TYPE_CHECKING:
    from copilot_analytics.formats._home_readings import Reading


def is_plain(line: str, reading: Reading) -> bool:
    """Tell whether a line measures the training, does not say where it is, and nothing else."""
    measured = [m for m in reading.metrics if not is_bookkeeping(m.name)]
    if not reading.qualities or not reading.places.keys() <= {"#inner", "#inner_of"}:
        return False
    if reading.is_remark or reading.is_other_rank:
        return False
    if not {m.split for m in measured} <= {None, "train"} or not is_of_training(measured):
        return False
    if not is_terse(reading) or not are_measures(measured) or OF_THE_BEST.search(line):
        return False
    if OF_FOLD.search(line) or OF_SAMPLE.match(line) or coco_average(line) is not None:
        return False
    return not says_the_end(line[reading.stamp.message :])


def sums_up(line: str, reading: Reading) -> bool:
    """Tell whether ``Training completed. Loss: 0.5, acc: 0.8`` speaks of the epoch above."""
    if OF_THE_BEST.search(line) or "final" in line.lower():
        return False
    return sum(metric.bound and not metric.whole for metric in reading.qualities) > 1
