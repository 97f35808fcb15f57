"""The training log of ESPnet2."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import OUT_OF_PATIENCE, Sample
from copilot_analytics.formats._pairs import COLON_PAIRS
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

_TIMES = (
    "iter_time forward_time backward_time optim_step_time train_time time total_count clip"
    " gpu_max_cached_mem_GB gpu_cached_mem_GB gpu_allocated_mem_GB loss_scale rank optim1_lr0"
).split()


class ESPnet2Text(StatementFormat):
    """``3epoch:train:1-100batch: iter_time=0.1, loss_ctc=90.5, loss=80.25, acc=0.25, ...``."""

    name: ClassVar[str] = "espnet2_text"
    title: ClassVar[str] = "ESPnet2 training log"
    url: ClassVar[str] = "https://github.com/espnet/espnet"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming({"optim0_lr0": "lr", **dict.fromkeys(_TIMES)})
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"\b(?P<epoch>\d{1,9})epoch:train:\d{1,12}-(?P<inner>\d{1,12})batch: "
                r"(?P<rest>[^\n]{1,3000})"
            ),
            COLON_PAIRS,
        ),
        Pattern(
            "eval",
            re.compile(
                r"\b(?P<epoch>\d{1,9})epoch results: [^\n]{0,4000}?\[valid\] "
                r"(?P<rest>[^\n\[]{1,3000})"
            ),
            COLON_PAIRS,
        ),
        Pattern("epoch", re.compile(r"\b(?P<epoch>\d{1,9})/(?P<epochs>\d{1,9})epoch started\b")),
        Pattern(
            "end",
            re.compile(r"\[Early stopping\].*The training was stopped at \d{1,9} ?epoch"),
            facts=OUT_OF_PATIENCE,
        ),
        Pattern(
            "end",
            re.compile(r"\bThe training was finished at \d{1,9} epochs"),
            facts={"reason": "the log says that training was finished"},
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
[host] 2024-03-01 10:20:30,500 (trainer:270) INFO: 1/20epoch started
[host] 2024-03-01 10:20:31,500 (trainer:730) INFO: 1epoch:train:1-50batch: iter_time=1.5e-04, \
forward_time=0.5, loss_ctc=90.5, loss=80.25, acc=0.25, optim0_lr0=5.000e-05, train_time=1.5
[host] 2024-03-01 10:20:32,500 (trainer:730) INFO: 1epoch:train:51-100batch: iter_time=1.5e-04, \
forward_time=0.5, loss_ctc=80.5, loss=70.25, acc=0.5, optim0_lr0=6.000e-05, train_time=1.5
[host] 2024-03-01 10:20:33,500 (trainer:338) INFO: 1epoch results: [train] iter_time=1.5e-04, \
loss=75.25, acc=0.375, time=9 minutes and 1.5 seconds, total_count=100, [valid] loss_ctc=60.5, \
loss=50.25, acc=0.625, time=9.5 seconds, total_count=10, [att_plot] time=2.5 seconds
[host] 2024-03-01 10:20:34,500 (trainer:458) INFO: The training was finished at 20 epochs
""",
            (
                Record("config", facts={"planned_epochs": 20}, line=1),
                Record("train", 50, metrics={"loss": 80.25, "acc": 0.25, "lr": 5e-5}, line=2),
                Record("train", 100, metrics={"loss": 70.25, "acc": 0.5, "lr": 6e-5}, line=3),
                Record("config", facts={"steps_per_epoch_exact": False}, line=4),
                Record("eval", None, 1.0, metrics={"loss": 50.25, "acc": 0.625}, line=4),
                Record("end", line=5),
            ),
        ),
    )


FORMAT = ESPnet2Text()
