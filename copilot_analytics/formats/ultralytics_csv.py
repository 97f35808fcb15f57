"""``results.csv`` of Ultralytics YOLO: version 5 and its forks, version 8 and later."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._table import TableFormat
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

_RESULT = re.compile(r"metrics/(?:mAP|precision|recall|accuracy_top)")
_FIRST_RATE = frozenset({"x/lr0", "lr/0", "lr/pg0"})


class UltralyticsCsv(TableFormat):
    """One row an epoch, names padded with blanks in some versions."""

    name: ClassVar[str] = "ultralytics_csv"
    title: ClassVar[str] = "Ultralytics YOLO results.csv"
    url: ClassVar[str] = "https://docs.ultralytics.com/modes/train/"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(
        {"epoch": "#epoch", "time": "#time_s", **dict.fromkeys(_FIRST_RATE, "lr")},
        test_is_val=True,
        evaluations=re.compile(r"^metrics/"),
    )

    def axis(self) -> Axis:
        """Return an axis of epochs."""
        return Axis("epoch")

    def is_header(self, names: Sequence[str]) -> bool:
        """Tell whether there is an epoch, a training loss, and a result as YOLO names it."""
        return (
            "epoch" in names
            and any(name.startswith("train/") for name in names)
            and any(map(_RESULT.match, names))
        )

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
epoch,time,train/box_loss,train/cls_loss,metrics/mAP50(B),metrics/mAP50-95(B),val/box_loss,lr/pg0\
,lr/pg1
1,12.5,1.75,2.5,0.25,0.125,1.5,0.001,0.002
2,25.5,1.25,2.25,0.5,0.25,1.375,0.002,0.004
""",
            (
                Record("config", facts={"step_unit": "epoch"}, line=2),
                Record(
                    "train",
                    1,
                    1.0,
                    12.5,
                    metrics={"train/box_loss": 1.75, "lr": 0.001, "lr/pg1": 0.002},
                    line=2,
                ),
                Record(
                    "eval",
                    1,
                    1.0,
                    metrics={"metrics/mAP50-95(B)": 0.125, "val/box_loss": 1.5},
                    facts={"split": "val"},
                    line=2,
                ),
                Record("train", 2, 2.0, 25.5, metrics={"train/cls_loss": 2.25}, line=3),
                Record("eval", 2, 2.0, metrics={"metrics/mAP50(B)": 0.5}, line=3),
            ),
        ),
        Sample(
            """\
          epoch, train/box_loss, metrics/precision,metrics/mAP_0.5:0.95,  val/box_loss,     x/lr0
              0,        0.12500,           0.25000,             0.50000,        0.1000,    0.0100
""",
            (
                Record("config", facts={"step_unit": "epoch"}, line=2),
                Record("train", 1, 1.0, metrics={"train/box_loss": 0.125, "lr": 0.01}, line=2),
                Record("eval", 1, 1.0, metrics={"metrics/mAP_0.5:0.95": 0.5}, line=2),
            ),
        ),
    )


FORMAT = UltralyticsCsv()
