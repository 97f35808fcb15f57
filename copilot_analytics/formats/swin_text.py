"""The console log of Swin Transformer and of what grew from its code."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._pairs import ANY_PAIRS, ETA
from copilot_analytics.formats._parts import Part, PartsFormat
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern
from copilot_analytics.records import Record


class SwinText(PartsFormat):
    r"""``Train: [0/300][10/1251]\teta 1:10:11 lr 0.000001\ttime 0.3 (0.4)\tloss 6.9 (6.9)``."""

    name: ClassVar[str] = "swin_text"
    title: ClassVar[str] = "Swin Transformer console log"
    url: ClassVar[str] = "https://github.com/microsoft/Swin-Transformer"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming(
        {"time": "iter_time_s", "data": "data_time_s", "wd": None, "loss_scale": None},
        test_is_val=True,
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"Train: \[(?P<epoch>\d{1,7})/(?P<epochs>\d{1,7})\]"
                r"\[\s{0,9}(?P<inner>\d{1,9})/(?P<inner_of>\d{1,9})\]\s{1,4}"
                rf"eta {ETA}\s{{1,4}}(?P<rest>.*?)(?:\s{{1,4}}mem (?P<memory_mib>\d{{1,9}})MB)?\s*$"
            ),
            ANY_PAIRS,
        ),
        Pattern(
            "resume",
            re.compile(
                r"=> loaded successfully '(?P<checkpoint>.{1,400}?)' \(epoch (?P<epoch>\d{1,7})\)"
            ),
        ),
        Pattern("end", re.compile(r"\sTraining time \d"), facts={"reason": "completed"}),
    )
    parts: ClassVar[tuple[Part, ...]] = (
        Part(
            Pattern("eval", re.compile(r"\s\*\s{1,4}(?P<rest>Acc@1 .*)$"), ANY_PAIRS), closes=True
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
[2024-03-01 10:00:00 t] INFO Train: [0/3][0/2]\teta 0:01:00 lr 0.5\ttime 1\tloss 4.5\tmem 512MB
[2024-03-01 10:00:01 t] INFO Train: [0/3][1/2]\teta 0:01:00 lr 0.5\ttime 1\tloss 4.0\tmem 512MB
[2024-03-01 10:00:02 toy] INFO  * Acc@1 25.125 Acc@5 50.250
""",
            (
                Record("config", facts={"planned_epochs": 3, "steps_per_epoch": 2}, line=1),
                Record("train", 1, 0.5, 1709287200.0, {"loss": 4.5, "memory_mib": 512.0}, line=1),
                Record("train", 2, 1.0, 1709287201.0, {"loss": 4.0, "lr": 0.5}, line=2),
                Record("eval", None, 1.0, 1709287202.0, {"Acc@1": 25.125}, line=3),
            ),
        ),
    )

    def axis(self) -> Axis:
        """Return the axis of a log: all counts from 0."""
        return Axis(epoch_base=0, inner_base=0)


FORMAT = SwinText()
