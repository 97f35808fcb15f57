"""The console of Stanford's GloVe."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record


class GloveText(StatementFormat):
    """``05/02/20 - 10:01.11AM, iter: 001, cost: 0.071222``, one line a pass over the data."""

    name: ClassVar[str] = "glove_text"
    title: ClassVar[str] = "GloVe console log"
    url: ClassVar[str] = "https://github.com/stanfordnlp/GloVe"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming()
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"^(?:\d\d/\d\d/\d\d - \d\d:\d\d\.\d\d[AP]M, )?iter: (?P<epoch>\d{3,6}), "
                rf"cost: (?P<cost>{NUMBER})\s*$"
            ),
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
TRAINING MODEL
03/01/24 - 10:20.30AM, iter: 001, cost: 0.0625
03/01/24 - 10:21.30AM, iter: 002, cost: 0.03125
""",
            (
                Record("config", facts={"step_unit": "epoch"}, line=2),
                Record("train", 1, 1.0, metrics={"cost": 0.0625}, line=2),
                Record("train", 2, 2.0, metrics={"cost": 0.03125}, line=3),
            ),
        ),
    )

    def axis(self) -> Axis:
        """Return an axis of passes over the data."""
        return Axis("epoch", epoch_base=1)


FORMAT = GloveText()
