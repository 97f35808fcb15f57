"""The console log of YOLACT."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record


class YolactText(StatementFormat):
    """``[  0]  10 || B: 5.1 | C: 12.1 | M: 5.2 | S: 20.1 | T: 42.5 || ETA: 9 days, ...``."""

    name: ClassVar[str] = "yolact_text"
    title: ClassVar[str] = "YOLACT console log"
    url: ClassVar[str] = "https://github.com/dbolya/yolact"
    smoothing: ClassVar[int | None] = 100
    naming: ClassVar[Naming] = Naming({"T": "loss"})
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"^\[\s{0,6}\d{1,7}\]\s{1,9}(?P<step>\d{1,9}) \|\| "
                r"(?P<rest>[A-Z]: .{1,200}?) \|\| ETA"
            ),
            re.compile(rf"(?P<key>[A-Z]): (?P<number>{NUMBER})"),
        ),
        Pattern(
            "eval",
            re.compile(rf"^\s{{1,6}}box \|\s{{1,4}}(?P<box_mAP>{NUMBER}) \|\s{{1,4}}{NUMBER} \|"),
        ),
        Pattern(
            "eval",
            re.compile(rf"^\s{{1,6}}mask \|\s{{1,4}}(?P<mask_mAP>{NUMBER}) \|\s{{1,4}}{NUMBER} \|"),
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
[  0]       0 || B: 5.250 | C: 12.500 | M: 5.125 | S: 20.500 | T: 43.375 || ETA: 1 day, 2:03:04
[  0]      10 || B: 5.125 | C: 11.500 | M: 5.250 | S: 10.500 | T: 32.375 || ETA: 1 day, 2:03:04
       |  all  |  .50  |  .55  |
   box |  30.50 |  50.25 |  45.50 |
  mask |  28.50 |  47.25 |  43.50 |
""",
            (
                Record("train", 0, metrics={"B": 5.25, "S": 20.5, "loss": 43.375}, line=1),
                Record("train", 10, metrics={"loss": 32.375}, line=2),
                Record("eval", 10, metrics={"box_mAP": 30.5}, line=4),
                Record("eval", 10, metrics={"mask_mAP": 28.5}, line=5),
            ),
        ),
    )


FORMAT = YolactText()
