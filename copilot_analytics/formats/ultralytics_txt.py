"""``results.txt`` of YOLOv3, YOLOv5 and YOLOv7: fifteen columns without a header.

The epochs are printed as ``0/99``, the last of a hundred. The columns are epoch, memory, box,
object, class and total loss, targets, image size, precision, recall, two more results, and the
validation losses. Forks that learn landmarks or key points as well have one or two losses more
before the total. YOLOv3 prints three significant digits and F1 last of the results, the others
four and the mean of the AP from 0.5 to 0.95.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER, whole
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._statements import Pattern, StatementFormat, StatementParser
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from copilot_analytics.records import Floats, Ints, Item

_GIGABYTE_MIB = 1e9 / 2**20
_RESULT = "result"
_FEWEST_DECIMALS = 3  # so many numbers that are no whole ones tell how many digits are printed
_NAMES = {
    "memory": ("memory_mib", _GIGABYTE_MIB),
    "box": "train/box_loss",
    "obj": "train/obj_loss",
    "cls": "train/cls_loss",
    "points": "train/kpt_loss",
    "visible": "train/kptv_loss",
    "targets": None,
    "size": None,
    "precision": "metrics/precision",
    "recall": "metrics/recall",
    "ap50": "metrics/mAP_0.5",
    "val_box": "val/box_loss",
    "val_obj": "val/obj_loss",
    "val_cls": "val/cls_loss",
}


def _group(name: str) -> str:
    return rf"\s{{1,12}}(?P<{name}>{NUMBER})"


_POINTS = ("points", "visible")  # the losses of key points, and of which of them are seen


def _line(points: int) -> re.Pattern[str]:
    return re.compile(
        r"^\s{0,12}(?P<epoch>\d{1,7})/(?P<epochs>\d{1,7})"
        rf"\s{{1,12}}(?P<memory>{NUMBER})G"
        + "".join(map(_group, ("box", "obj", "cls", *_POINTS[:points], "loss", "targets", "size")))
        + "".join(map(_group, ("precision", "recall", "ap50", _RESULT)))
        + "".join(map(_group, ("val_box", "val_obj", "val_cls")))
        + r"\s*$"
    )


class ResultsParser(StatementParser):
    """Tells the planned epochs and the version, which the first row shows."""

    def __init__(self, patterns: tuple[Pattern, ...], rows: RowReader, naming: Naming) -> None:
        super().__init__(patterns, rows, naming)
        self._result = ""

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterator[Item]:
        """Turn the numbers of rows into records."""
        columns = dict(columns)
        last = columns.pop("#epochs")
        if not self._result:
            first = [float(column[0]) for name, column in columns.items() if name != "memory"]
            self._result = "metrics/F1" if _has_three_digits(first) else "metrics/mAP_0.5:0.95"
        columns[self._result] = columns.pop(_RESULT)
        planned = whole(last) + 1
        for row, line in enumerate(lines.tolist()):
            one = {name: column[row : row + 1] for name, column in columns.items()}
            yield from self._rows.config({"planned_epochs": int(planned[row])}, line)
            yield from self._rows.rows(one, lines[row : row + 1])


class UltralyticsTxt(StatementFormat):
    """One row an epoch: losses, then the results of its validation."""

    name: ClassVar[str] = "ultralytics_txt"
    title: ClassVar[str] = "YOLOv3, YOLOv5 or YOLOv7 results.txt"
    url: ClassVar[str] = "https://github.com/ultralytics/yolov5"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(_NAMES, evaluations=re.compile(r"^metrics/"))
    patterns: ClassVar[tuple[Pattern, ...]] = tuple(
        Pattern("train", _line(points)) for points in range(len(_POINTS) + 1)
    )

    def axis(self) -> Axis:
        """Return an axis of epochs, which are counted from 0."""
        return Axis("epoch", epoch_base=0)

    def parser(self, file: str) -> ResultsParser:
        """Return a fresh parser for a log."""
        rows = RowReader(file, self.axis(), self.naming)
        return ResultsParser(self.patterns, rows, self.naming)

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            "      0/11      2.5G    0.1125   0.03125         0    0.1438        12       6"
            "40    0.2511    0.1252    0.0625   0.03125    0.1001   0.05001         0\n"
            "      1/11     2.75G    0.1001   0.02501         0    0.1251        10       6"
            "40    0.5001    0.2503    0.1253   0.06251   0.09001   0.04001         0\n",
            (
                Record("config", facts={"planned_epochs": 12}, line=1),
                Record("config", facts={"step_unit": "epoch"}, line=1),
                Record("train", 1, 1.0, metrics={"loss": 0.1438, "train/box_loss": 0.1125}, line=1),
                Record(
                    "eval",
                    1,
                    1.0,
                    metrics={"metrics/mAP_0.5:0.95": 0.03125, "val/box_loss": 0.1001},
                    facts={"split": "val"},
                    line=1,
                ),
                Record("train", 2, 2.0, metrics={"loss": 0.1251}, line=2),
                Record("eval", 2, 2.0, metrics={"metrics/mAP_0.5:0.95": 0.06251}, line=2),
            ),
        ),
        Sample(
            "      0/49     1.75G    0.1125   0.03125         0    0.0625   0.00125    0.20"
            "75         9       640    0.2511    0.1252    0.0625   0.03125    0.1001   0.0500"
            "1         0\n",
            (
                Record("config", facts={"planned_epochs": 50}, line=1),
                Record("config", facts={"step_unit": "epoch"}, line=1),
                Record(
                    "train",
                    1,
                    1.0,
                    metrics={"loss": 0.2075, "train/kpt_loss": 0.0625, "train/kptv_loss": 0.00125},
                    line=1,
                ),
                Record("eval", 1, 1.0, metrics={"metrics/mAP_0.5:0.95": 0.03125}, line=1),
            ),
        ),
        Sample(
            "     0/272     6.25G      4.51      1.25     0.751      6.51        52       4"
            "16     0.125     0.501     0.375     0.201      2.51     0.751     0.501\n",
            (
                Record("config", facts={"planned_epochs": 273}, line=1),
                Record("config", facts={"step_unit": "epoch"}, line=1),
                Record("train", 1, 1.0, metrics={"loss": 6.51}, line=1),
                Record(
                    "eval", 1, 1.0, metrics={"metrics/mAP_0.5": 0.375, "metrics/F1": 0.201}, line=1
                ),
            ),
        ),
    )


def _has_three_digits(numbers: list[float]) -> bool:
    """Tell whether numbers are printed with three significant digits, not with four."""
    decimals = [number for number in numbers if math.isfinite(number) and number != int(number)]
    return len(decimals) >= _FEWEST_DECIMALS and all(
        float(f"{number:.3g}") == number for number in decimals
    )


FORMAT = UltralyticsTxt()
