"""The console of Dopamine: returns of the episodes of an iteration."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._headed import HeadedFormat
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern
from copilot_analytics.records import Record

_RETURN = r"\bAverage undiscounted return per"


class DopamineText(HeadedFormat):
    """``Starting iteration 3``, then the averages of its training and its evaluation."""

    name: ClassVar[str] = "dopamine_text"
    title: ClassVar[str] = "Dopamine console log"
    url: ClassVar[str] = "https://github.com/google/dopamine"
    smoothing: ClassVar[int | None] = None
    heading: ClassVar[re.Pattern[str]] = re.compile(r"\bStarting iteration (?P<step>\d{1,9})\s*$")
    naming: ClassVar[Naming] = Naming(
        {"trained": "train/average_return", "evaluated": "eval/average_return", "speed": None},
        evaluations=re.compile(r"average_return$"),
        judges_returns=True,
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern("train", re.compile(rf"{_RETURN} training episode: (?P<trained>{NUMBER})\s*$")),
        Pattern("train", re.compile(rf"{_RETURN} evaluation episode: (?P<evaluated>{NUMBER})\s*$")),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
I0301 10:20:30.500000 140 run_experiment.py:410] Starting iteration 1
I0301 10:20:31.500000 140 run_experiment.py:390] Average undiscounted return per training \
episode: -12.5
I0301 10:20:32.500000 140 run_experiment.py:392] Average training steps per second: 100.5
I0301 10:20:33.500000 140 run_experiment.py:420] Average undiscounted return per evaluation \
episode: -10.25
""",
            (
                Record("eval", 1, metrics={"train/average_return": -12.5}, line=2),
                Record("eval", 1, metrics={"eval/average_return": -10.25}, line=4),
            ),
        ),
    )


FORMAT = DopamineText()
