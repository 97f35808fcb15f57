"""The console log of RAFT, and of the optical flow and stereo models that kept its logger."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record


class RaftText(StatementFormat):
    """``[  100,  0.0000042]     0.4123,     0.6321,     0.7411,     9.8765,``."""

    name: ClassVar[str] = "raft_text"
    title: ClassVar[str] = "RAFT console log"
    url: ClassVar[str] = "https://github.com/princeton-vl/RAFT"
    smoothing: ClassVar[int | None] = 100
    naming: ClassVar[Naming] = Naming(
        {"px1": "1px", "px3": "3px", "px5": "5px", "clean": "clean EPE", "final": "final EPE"}
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                rf"^\[\s{{0,8}}(?P<step>\d{{1,9}}),\s{{1,8}}(?P<lr>\d\.\d{{7}})\]\s{{1,12}}"
                rf"(?P<px1>{NUMBER}),\s{{1,12}}(?P<px3>{NUMBER}),\s{{1,12}}(?P<px5>{NUMBER}),"
                rf"\s{{1,12}}(?P<epe>{NUMBER})"
            ),
        ),
        Pattern("eval", re.compile(rf"^Validation \(clean\) EPE: (?P<clean>{NUMBER})")),
        Pattern("eval", re.compile(rf"^Validation \(final\) EPE: (?P<final>{NUMBER})")),
        Pattern("eval", re.compile(rf"^Validation [A-Z]\w{{1,30}}(?:: | )EPE:? (?P<EPE>{NUMBER})")),
        Pattern(
            "eval", re.compile(rf"^Validation KITTI: (?P<EPE>{NUMBER}), (?P<F1_all>{NUMBER})\s*$")
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
[   100,  0.0000250]     0.1250,     0.2500,     0.5000,     8.5000,
[   200,  0.0000500]     0.2500,     0.5000,     0.7500,     4.2500,
Validation Chairs EPE: 3.500000
Validation (clean) EPE: 2.500000, 1px: 0.500000, 3px: 0.750000, 5px: 0.875000
Validation KITTI: 5.500000, 17.250000
""",
            (
                Record(
                    "train",
                    100,
                    metrics={"lr": 2.5e-5, "1px": 0.125, "3px": 0.25, "5px": 0.5, "epe": 8.5},
                    line=1,
                ),
                Record("train", 200, metrics={"epe": 4.25}, line=2),
                Record("eval", 200, metrics={"EPE": 3.5}, line=3),
                Record("eval", 200, metrics={"clean EPE": 2.5}, line=4),
                Record("eval", 200, metrics={"EPE": 5.5, "F1_all": 17.25}, line=5),
            ),
        ),
    )


FORMAT = RaftText()
