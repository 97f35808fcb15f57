"""The ``train_log.txt`` of SpeechBrain, one line an epoch."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

_PAIRS = re.compile(
    r"(?P<key>\blr(?:_\w{1,30})?|(?:train|valid|test) [A-Za-z][\w @/.-]{0,40}?): "
    rf"(?P<number>{NUMBER})(?=,|\s|$)"
)


class SpeechBrainText(StatementFormat):
    """``epoch: 1, lr: 1.00e-03 - train loss: 2.25 - valid loss: 1.5, valid PER: 20.25``."""

    name: ClassVar[str] = "speechbrain_text"
    title: ClassVar[str] = "SpeechBrain train_log.txt"
    url: ClassVar[str] = "https://speechbrain.github.io"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming({"train loss": "loss"})
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"\bepoch: (?P<epoch>\d{1,9})(?P<rest>, [^\n]{0,400}? - train "
                r"[A-Za-z][^\n]{1,1000})",
                re.IGNORECASE,
            ),
            _PAIRS,
        ),
        Pattern(
            "eval",
            re.compile(r"\bEpoch loaded: \d{1,9} - (?P<rest>test [^\n]{1,600})"),
            _PAIRS,
            split="test",
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
epoch: 1, lr: 1.00e-03 - train loss: 2.25 - valid loss: 1.50, valid PER: 20.25
epoch: 2, lr: 5.00e-04 - train loss: 1.25 - valid loss: 1.25, valid PER: 10.25
Epoch loaded: 2 - test loss: 1.50, test PER: 11.25
""",
            (
                Record("config", facts={"step_unit": "epoch"}, line=1),
                Record("train", 1, 1.0, metrics={"loss": 2.25, "lr": 1e-3}, line=1),
                Record("eval", 1, 1.0, metrics={"valid loss": 1.5, "valid PER": 20.25}, line=1),
                Record("train", 2, 2.0, metrics={"loss": 1.25, "lr": 5e-4}, line=2),
                Record("eval", 2, 2.0, metrics={"valid loss": 1.25, "valid PER": 10.25}, line=2),
                Record(
                    "eval", 2, 2.0, metrics={"test PER": 11.25}, facts={"split": "test"}, line=3
                ),
            ),
        ),
    )


FORMAT = SpeechBrainText()
