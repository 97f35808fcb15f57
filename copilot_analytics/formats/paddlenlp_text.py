"""The console of the Trainer of PaddleNLP."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._pairs import COLON_PAIRS
from copilot_analytics.formats._rows import Name, Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

_SPEEDS = "runtime samples_per_second steps_per_second tokens_per_second_per_device".split()
_NAMES: dict[str, Name] = {
    **dict.fromkeys(f"{of}_{what}" for of in ("interval", "eval") for what in _SPEEDS),
    **dict.fromkeys(("global_step", "epoch", "progress_or_epoch")),
    "interval_hardware_tflops_per_device": None,
}


class PaddleNLPText(StatementFormat):
    """``loss: 0.5, learning_rate: 1e-05, global_step: 10, interval_runtime: 1.5, epoch: 0.1``."""

    name: ClassVar[str] = "paddlenlp_text"
    title: ClassVar[str] = "PaddleNLP Trainer console"
    url: ClassVar[str] = "https://paddlenlp.readthedocs.io/"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(_NAMES)
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"(?:^|\s)(?P<rest>(?:\w{0,40}_)?loss: \S{1,40}, .{0,400}?learning_rate: \S{1,40}, "
                r"global_step: (?P<step>\d{1,12}), .{1,800}?epoch: "
                rf"(?P<progress>{NUMBER}))(?=[,\s]|$)"
            ),
            COLON_PAIRS,
        ),
        Pattern(
            "eval",
            re.compile(
                rf"(?:^|\s)(?P<rest>eval_\w{{1,60}}: .{{1,1500}}?), epoch: (?P<progress>{NUMBER})"
                r"(?=[,\s]|$)"
            ),
            COLON_PAIRS,
        ),
        Pattern("config", re.compile(r"\]\s-\s+Num Epochs = (?P<planned_epochs>[1-9]\d{0,6})\b")),
        Pattern(
            "config",
            re.compile(r"\]\s-\s+Total optimization steps = (?P<planned_steps>[1-9]\d{0,11})\b"),
        ),
        Pattern(
            "checkpoint",
            re.compile(
                r"Saving model checkpoint to (?P<path>.{1,400}?checkpoint-(?P<step>\d{1,12}))\b"
            ),
        ),
        Pattern(
            "end",
            re.compile(r"\]\s-\s+Training completed\.|\*{5} train metrics \*{5}"),
            facts={"reason": "the Trainer says that training ended"},
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
[2024-03-01 10:20:30,500] [    INFO] -   Num Epochs = 2
[2024-03-01 10:20:30,500] [    INFO] -   Total optimization steps = 40.0
[2024-03-01 10:20:31,500] [    INFO] - loss: 2.5, learning_rate: 1e-05, global_step: 10, \
interval_runtime: 1.5, interval_samples_per_second: 50.5, interval_steps_per_second: 6.5, epoch: 0.5
 25%|##5       | 10/40 [00:01<00:04,  6.50it/s]
               loss: 1.5, learning_rate: 5e-06, global_step: 20, interval_runtime: 1.5, epoch: 1.0
               eval_loss: 1.25, eval_acc: 0.75, eval_runtime: 0.5, epoch: 1.0
[2024-03-01 10:20:39,500] [    INFO] - Saving model checkpoint to ./toy/checkpoint-20
[2024-03-01 10:20:49,500] [    INFO] - ***** train metrics *****
""",
            (
                Record("config", facts={"planned_epochs": 2}, line=1),
                Record("config", facts={"planned_steps": 40}, line=2),
                Record("train", 10, 0.5, 1709288431.5, {"loss": 2.5, "lr": 1e-05}, line=3),
                Record("train", 20, 1.0, metrics={"loss": 1.5, "lr": 5e-06}, line=5),
                Record("eval", 20, 1.0, metrics={"eval_loss": 1.25, "eval_acc": 0.75}, line=6),
                Record("checkpoint", 20, facts={"path": "./toy/checkpoint-20", "step": 20}, line=7),
                Record("end", line=8),
            ),
        ),
    )


FORMAT = PaddleNLPText()
