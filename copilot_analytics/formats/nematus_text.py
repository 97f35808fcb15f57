"""The console of Nematus, and of what kept its way of logging."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import OUT_OF_PATIENCE, Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record


class NematusText(StatementFormat):
    """``Epoch: 0 Update: 1000 Loss/word: 5.25 Words/sec: 10000.1 Sents/sec: 300.2``."""

    name: ClassVar[str] = "nematus_text"
    title: ClassVar[str] = "Nematus console log"
    url: ClassVar[str] = "https://github.com/EdinburghNLP/nematus"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(
        {"loss_word": "Loss/word", "cost": "Validation cost", "entropy": "validation cross-entropy"}
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"\bEpoch: (?P<epoch>\d{1,9}) Update: (?P<step>\d{1,12}) "
                rf"Loss/word: (?P<loss_word>{NUMBER}) Words/sec:"
            ),
        ),
        Pattern("eval", re.compile(rf"\bValidation cost \([^)]{{1,60}}\): (?P<cost>{NUMBER})\s*$")),
        Pattern(
            "eval",
            re.compile(
                rf"\bValidation cross-entropy \([^)]{{1,60}}\): (?P<entropy>{NUMBER})\s*$",
                re.IGNORECASE,
            ),
        ),
        Pattern("eval", re.compile(rf"\bValidation BLEU: (?P<BLEU>{NUMBER})\b")),
        Pattern("eval", re.compile(rf"\bValid(?:ation)? script score: (?P<score>{NUMBER})\b")),
        Pattern(
            "end",
            re.compile(r"\bEarly Stop!"),
            facts=OUT_OF_PATIENCE,
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
INFO: [2024-03-01 10:20:30] Epoch: 0 Update: 100 Loss/word: 5.25 Words/sec: 10000.1 Sents/sec: 300.2
INFO: [2024-03-01 10:20:31] Validation cost (N=300, W=8000): 80.5
INFO: [2024-03-01 10:20:32] Valid script score: 12.5
""",
            (
                Record("train", 100, metrics={"Loss/word": 5.25}, line=1),
                Record("eval", 100, metrics={"Validation cost": 80.5}, line=2),
                Record("eval", 100, metrics={"score": 12.5}, line=3),
            ),
        ),
    )


FORMAT = NematusText()
