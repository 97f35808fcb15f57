"""The console of OLMo and OLMo-core."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._headed import HeadedFormat
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern
from copilot_analytics.records import Record

_KEY = r"(?:train|eval|optim)/[A-Za-z][\w/ .()%-]{0,100}"
_PAIR = re.compile(rf"(?P<key>{_KEY})=(?P<number>{NUMBER})\s*$")


class OLMoText(HeadedFormat):
    """``[step=10/1000]``, then a line ``    train/CrossEntropyLoss=2.5`` for each metric."""

    name: ClassVar[str] = "olmo_text"
    title: ClassVar[str] = "OLMo console log"
    url: ClassVar[str] = "https://github.com/allenai/OLMo"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(
        {
            "optim/total_grad_norm": "grad_norm",
            "optim/total grad norm": "grad_norm",
            "optim/learning_rate_group0": "lr",
            "optim/LR (group 0)": "lr",
        }
    )
    heading: ClassVar[re.Pattern[str]] = re.compile(
        r"(?:^|\s)\[step=(?P<step>\d{1,12})(?:/(?P<steps>\d{1,12}))?"
        r"(?:,\s?epoch=\d{1,9}(?:/\d{1,9})?)?(?:,[^\]\n]{0,80})?\]\s*$"
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern("train", re.compile(rf"^\s{{2,12}}(?P<rest>{_KEY}={NUMBER})\s*$"), _PAIR),
        Pattern("checkpoint", re.compile(r"\bCheckpoint saved to '?(?P<path>[^\s']{1,400})")),
        Pattern(
            "end",
            re.compile(r"\bTraining (?:loop )?complete\b"),
            facts={"reason": "the log says that training is complete"},
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
2024-03-01 10:20:30.500 host:0 olmo.train:917 INFO [step=10/100,epoch=0]
    optim/total_grad_norm=1.250
    train/CrossEntropyLoss=9.5
    throughput/total_tokens=1,024
2024-03-01 10:20:31.500 host:0 olmo.train:917 INFO [step=20/100,epoch=0]
    train/CrossEntropyLoss=9.25
    eval/toy/CrossEntropyLoss=9.125
2024-03-01 10:20:32.500 host:0 olmo.train:960 INFO Checkpoint saved to toy/step20
2024-03-01 10:20:33.500 host:0 olmo.train:990 INFO Training complete
""",
            (
                Record("config", facts={"planned_steps": 100}, line=2),
                Record("train", 10, metrics={"grad_norm": 1.25}, line=2),
                Record("train", 10, metrics={"train/CrossEntropyLoss": 9.5}, line=3),
                Record("train", 20, metrics={"train/CrossEntropyLoss": 9.25}, line=6),
                Record("eval", 20, metrics={"eval/toy/CrossEntropyLoss": 9.125}, line=7),
                Record("checkpoint", facts={"path": "toy/step20"}, line=8),
                Record("end", line=9),
            ),
        ),
    )


FORMAT = OLMoText()
