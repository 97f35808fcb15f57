"""The training log of Sockeye."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import OUT_OF_PATIENCE, Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._pairs import COLON_PAIRS
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

_LOGGER = r"[\[:]INFO:sockeye\.[\w.]{1,60}(?::\w{1,40})?\]"


class SockeyeText(StatementFormat):
    """``Epoch[0] Batch [50] Speed: 900 samples/sec perplexity=90.5``; ``Checkpoint [1] ...``."""

    name: ClassVar[str] = "sockeye_text"
    title: ClassVar[str] = "Sockeye log"
    url: ClassVar[str] = "https://github.com/awslabs/sockeye"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(
        {"Speed": None, "Updates": None, "sec": None, "learning-rate": "lr"}
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                rf"{_LOGGER} Epoch\[(?P<epoch>\d{{1,9}})\] "
                r"Batch \[(?P<step>\d{1,12})\]\s(?P<rest>[^\n]{1,600})"
            ),
            COLON_PAIRS,
        ),
        Pattern(
            "eval",
            re.compile(
                rf"{_LOGGER} Checkpoint \[\d{{1,9}}\]\s"
                rf"(?P<rest>Validation-[\w-]{{1,60}}={NUMBER})"
            ),
            COLON_PAIRS,
        ),
        Pattern(
            "end",
            re.compile(r"\bMaximum number of not improved checkpoints \(\d{1,9}\) reached"),
            facts=OUT_OF_PATIENCE,
        ),
        Pattern(
            "end",
            re.compile(r"\bTraining finished\b"),
            facts={"reason": "the log says that training finished"},
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
[2024-03-01:10:20:30:INFO:sockeye.training] noise
[2024-03-01:10:20:31:INFO:sockeye.training:log] Epoch[0] Batch [25]\tSpeed: 900.50 samples/sec \
9000.50 tokens/sec 2.50 updates/sec\tperplexity=95.5
[INFO:sockeye.training_model] Epoch[0] Batch [50]\tSpeed: 900.50 samples/sec 9000.50 tokens/sec \
2.50 updates/sec\tperplexity=90.5
[INFO:sockeye.training_model] Checkpoint [1]\tUpdates=50 Epoch=0 Samples=900 Time-cost=9.5
[INFO:sockeye.training_model] Checkpoint [1]\tValidation-perplexity=80.5
""",
            (
                Record("train", 25, metrics={"perplexity": 95.5}, line=2),
                Record("train", 50, metrics={"perplexity": 90.5}, line=3),
                Record("eval", 50, metrics={"Validation-perplexity": 80.5}, line=5),
            ),
        ),
    )


FORMAT = SockeyeText()
