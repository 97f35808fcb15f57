"""The console log of Deeplearning4j."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._parts import Part, PartsFormat
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern
from copilot_analytics.records import Record


class Dl4jText(PartsFormat):
    """``Score at iteration 100 is 1.39``, the loss, and the statistics of an evaluation."""

    name: ClassVar[str] = "dl4j_text"
    title: ClassVar[str] = "Deeplearning4j console log"
    url: ClassVar[str] = "https://deeplearning4j.konduit.ai"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming()
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(rf"Score at iteration (?P<step>\d{{1,10}}) is (?P<loss>{NUMBER})\s*$"),
        ),
    )
    parts: ClassVar[tuple[Part, ...]] = (
        Part(
            Pattern(
                "eval",
                re.compile(
                    r"^\s*(?P<rest>(?:Accuracy|Precision|Recall|F1 Score|MCC|Gmeasure)"
                    rf":\s{{1,20}}{NUMBER})\s*$"
                ),
                re.compile(rf"(?P<key>[A-Z]\w{{0,20}}(?: Score)?):\s{{1,20}}(?P<number>{NUMBER})"),
            )
        ),
        Part(Pattern("eval", re.compile(r"^=+Evaluation Metrics=+\s*$")), opens=True),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
10:00:00.250 [main] INFO org.deeplearning4j.optimize.listeners.ScoreIterationListener - \
Score at iteration 100 is 1.5
========================Evaluation Metrics========================
 # of classes:    5
 Accuracy:        0.5000
 F1 Score:        0.2500
10:00:09.250 [main] INFO org.deeplearning4j.optimize.listeners.ScoreIterationListener - \
Score at iteration 200 is 1.25
""",
            (
                Record("train", 100, metrics={"loss": 1.5}, line=1),
                Record("eval", 100, metrics={"Accuracy": 0.5, "F1 Score": 0.25}, line=5),
                Record("train", 200, metrics={"loss": 1.25}, line=6),
            ),
        ),
    )


FORMAT = Dl4jText()
