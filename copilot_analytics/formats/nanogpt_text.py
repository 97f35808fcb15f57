"""The console logs of nanoGPT, llm.c and their many relatives."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record


class NanoGPTText(StatementFormat):
    """``iter 100: loss 2.1, time 30.5ms`` and ``step 100: train loss 2.0, val loss 2.1``."""

    name: ClassVar[str] = "nanogpt_text"
    title: ClassVar[str] = "nanoGPT console log"
    url: ClassVar[str] = "https://github.com/karpathy/nanoGPT"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming({"dt_ms": ("iter_time_s", 1e-3)})
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                rf"^iter (?P<step>\d{{1,12}}): loss (?P<loss>{NUMBER}), "
                rf"time (?P<dt_ms>{NUMBER})ms(?:, mfu {NUMBER}%)?\s*$"
            ),
        ),
        Pattern(
            "eval",
            re.compile(
                rf"^step (?P<step>\d{{1,12}}): train loss (?P<train_loss>{NUMBER}), "
                rf"val loss (?P<val_loss>{NUMBER})\s*$"
            ),
        ),
        Pattern("checkpoint", re.compile(r"^saving checkpoint to (?P<path>\S+)\s*$")),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
step 0: train loss 4.2101, val loss 4.2208
iter 0: loss 4.2153, time 1530.25ms, mfu -100.00%
iter 10: loss 3.1022, time 50.00ms, mfu 12.25%
saving checkpoint to out-toy
""",
            (
                Record("train", 0, metrics={"train_loss": 4.2101}, line=1),
                Record("eval", 0, metrics={"val_loss": 4.2208}, facts={"split": "val"}, line=1),
                Record("train", 0, metrics={"loss": 4.2153, "iter_time_s": 1.53025}, line=2),
                Record("train", 10, metrics={"loss": 3.1022, "iter_time_s": 0.05}, line=3),
                Record("checkpoint", facts={"path": "out-toy"}, line=4),
            ),
        ),
    )


FORMAT = NanoGPTText()
