"""The log of torchtitan."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

_MEMORY = rf"memory:\s{{1,4}}(?P<memory_gib>{NUMBER})GiB\("


class TorchTitanText(StatementFormat):
    """``step: 10  loss:  4.5  grad_norm:  1.2  memory: 10.25GiB(12.81%)  tps: 8,192``."""

    name: ClassVar[str] = "torchtitan_text"
    title: ClassVar[str] = "torchtitan log"
    url: ClassVar[str] = "https://github.com/pytorch/torchtitan"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming({"memory_gib": ("memory_mib", 1024.0)})
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                rf"(?<!validate )\bstep:\s{{1,9}}(?P<step>\d{{1,12}})\s{{1,4}}"
                rf"loss:\s{{1,4}}(?P<loss>{NUMBER})\s{{1,4}}"
                rf"(?:grad_norm:\s{{1,4}}(?P<grad_norm>{NUMBER})\s{{1,4}})?"
                rf"(?:[a-z_]{{1,30}}: [^\s]{{1,20}}\s{{1,4}}){{0,3}}?{_MEMORY}"
            ),
        ),
        Pattern(
            "eval",
            re.compile(
                rf"\bvalidate step:\s{{1,9}}(?P<step>\d{{1,12}})\s{{1,4}}"
                rf"loss:\s{{1,4}}(?P<loss>{NUMBER})"
            ),
        ),
        Pattern(
            "config",
            re.compile(
                r"\bTraining starts at step [^\n]{1,300}?total steps (?P<planned_steps>\d+)"
            ),
        ),
        Pattern(
            "end",
            re.compile(r"\bTraining completed\b"),
            facts={"reason": "the log says that training is complete"},
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
[rank0]:[titan] 2024-03-01 10:20:30,500 - root - INFO - Training starts at step 1, with local \
batch size 2, sequence length 128, total steps 50 (warmup 5)
[rank0]:[titan] 2024-03-01 10:20:31,500 - root - INFO - step:  1  loss:  8.2500  grad_norm:  \
1.5000  memory: 10.25GiB(12.81%)  tps: 1,234  tflops: 57.25  mfu: 5.75%
[rank0]:[titan] 2024-03-01 10:20:32,500 - root - INFO - validate step:  1  loss:  8.1250  \
memory: 10.25GiB(12.81%)  tps: 2,345
[rank0]:[titan] 2024-03-01 10:20:33,500 - root - INFO - Training completed
""",
            (
                Record("config", facts={"planned_steps": 50}, line=1),
                Record(
                    "train",
                    1,
                    time=1709288431.5,
                    metrics={"loss": 8.25, "grad_norm": 1.5, "memory_mib": 10496.0},
                    line=2,
                ),
                Record("eval", 1, metrics={"loss": 8.125}, facts={"split": "val"}, line=3),
                Record("end", time=1709288433.5, line=4),
            ),
        ),
    )


FORMAT = TorchTitanText()
