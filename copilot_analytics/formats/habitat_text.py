"""The console log of Habitat-Baselines."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record


class HabitatText(StatementFormat):
    """``update: 10  fps: 30.1`` and what the newest episodes brought, averaged over a window."""

    name: ClassVar[str] = "habitat_text"
    title: ClassVar[str] = "Habitat-Baselines console log"
    url: ClassVar[str] = "https://github.com/facebookresearch/habitat-lab"
    smoothing: ClassVar[int | None] = None
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(rf"\bupdate: (?P<step>\d{{1,9}})\s{{1,8}}fps: (?P<fps>{NUMBER})"),
        ),
        Pattern(
            "eval",
            re.compile(r"\bAverage window size:? \d{1,9}\s{1,4}(?P<rest>\S.*)$"),
            re.compile(rf"(?P<key>[A-Za-z_][\w./-]{{0,80}}): (?P<number>{NUMBER})"),
        ),
        Pattern("checkpoint", re.compile(r"\bSaved checkpoint to (?P<path>\S{1,400})\s*$")),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
2024-05-06 10:20:30,500 agent number of parameters: 1000
2024-05-06 10:21:30,500 update: 10\tfps: 120.500\t
2024-05-06 10:21:30,500 update: 10\tenv-time: 1.500s\tpth-time: 2.500s\tframes: 640
2024-05-06 10:21:30,750 Average window size: 5  distance_to_goal: 3.500  reward: 0.250  spl: 0.125
2024-05-06 10:22:30,500 update: 20\tfps: 121.500\t
""",
            (
                Record("train", 10, metrics={"fps": 120.5}, line=2),
                Record(
                    "eval",
                    10,
                    metrics={"distance_to_goal": 3.5, "reward": 0.25, "spl": 0.125},
                    line=4,
                ),
                Record("train", 20, metrics={"fps": 121.5}, line=5),
            ),
        ),
    )


FORMAT = HabitatText()
