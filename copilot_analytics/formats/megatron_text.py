"""The logs of Megatron-LM, Megatron-DeepSpeed and GPT-NeoX."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

_PAIRS = re.compile(
    rf"\|\s{{0,9}}(?P<key>[A-Za-z][^|:]{{0,80}}?)\s{{0,3}}:\s{{0,20}}(?P<number>{NUMBER})\s{{0,9}}(?=\|)"
)
_COUNTERS = (
    "consumed samples",
    "consumed tokens",
    "global batch size",
    "loss scale",
    "num zeros",
    "number of skipped iterations",
    "number of nan iterations",
    "samples per second",
    "tokens per gpu per second (tgs)",
    "curriculum seqlen",
    "actual seqlen",
)


class MegatronText(StatementFormat):
    """`` iteration  10/  1000 | consumed samples: 160 | ... | lm loss: 8.1E+00 | ... |``.

    The loss is absent while the scaler of half precision skips the step.
    """

    name: ClassVar[str] = "megatron_text"
    title: ClassVar[str] = "Megatron-LM log"
    url: ClassVar[str] = "https://github.com/NVIDIA/Megatron-LM"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(
        {
            "elapsed time per iteration (ms)": ("iter_time_s", 1e-3),
            "elapsed time per iteration (s)": "iter_time_s",
            "grad norm": "grad_norm",
            "lm-loss": "lm loss",
            "lm loss value": "lm loss",
            "lm-loss value": "lm loss",
            "lm loss PPL": "ppl",
            "lm-loss PPL": "ppl",
            "lm_loss value": "lm_loss",
            "lm_loss PPL": "ppl",
            **dict.fromkeys(_COUNTERS),
        }
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"\biteration\s{1,12}(?P<step>\d{1,12})/\s{0,12}(?P<steps>\d{1,12}) "
                r"(?P<rest>\|(?=[^\n]{0,200}elapsed time per iteration)[^\n]{1,4000}\|)"
            ),
            _PAIRS,
        ),
        Pattern(
            "eval",
            re.compile(
                r"\b(?:test loss|[\w ]{0,30}results|validation loss) at "
                r"(?:iteration (?P<step>\d{1,12})|the end of training for val data)"
                r"(?: on validation set)?\s(?P<rest>\|[^\n]{1,2000}\|)"
            ),
            _PAIRS,
        ),
        Pattern(
            "eval",
            re.compile(
                r"\bvalidation loss at (?:iteration \d{1,12} on test set|the end of training "
                r"for test"
                r" data)\s(?P<rest>\|[^\n]{1,2000}\|)"
            ),
            _PAIRS,
            split="test",
        ),
        Pattern(
            "checkpoint",
            re.compile(
                r"\bsuccessfully saved checkpoint (?:at|from) iteration\s{1,9}"
                r"(?P<step>\d{1,12}) to "
                r"(?P<path>\S{1,500})"
            ),
        ),
        Pattern(
            "resume",
            re.compile(
                r"\bsuccessfully loaded checkpoint from (?P<checkpoint>\S{1,500})"
                r"[^\n]{0,60} at iteration (?P<step>[1-9]\d{0,11})"
            ),
        ),
        Pattern(
            "end",
            re.compile(r"\[after training is done\]"),
            facts={"reason": "the log says that training is done"},
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
 iteration       10/     100 | consumed samples:  160 | elapsed time per iteration (ms): 1500.5 \
| learning rate: 0.000E+00 | global batch size:    16 | loss scale: 4294967296.0 | number of \
skipped iterations:  10 | number of nan iterations:   0 |
 iteration       20/     100 | consumed samples:  320 | elapsed time per iteration (ms): 1250.5 \
| learning rate: 1.500E-04 | global batch size:    16 | lm loss: 8.250000E+00 | loss scale: \
65536.0 | grad norm: 1.250 | number of skipped iterations:   0 | number of nan iterations:   0 |
 validation loss at iteration 20 | lm loss value: 7.500000E+00 | lm loss PPL: 1.750000E+03 |
  successfully saved checkpoint at iteration      20 to toy/checkpoints
[after training is done] datetime: 2024-03-01 10:20:30
""",
            (
                Record("config", facts={"planned_steps": 100}, line=1),
                Record("train", 10, metrics={"lr": 0.0, "iter_time_s": 1.5005}, line=1),
                Record(
                    "train",
                    20,
                    metrics={"lm loss": 8.25, "lr": 1.5e-4, "grad_norm": 1.25},
                    line=2,
                ),
                Record("eval", 20, metrics={"lm loss": 7.5, "ppl": 1750.0}, line=3),
                Record("checkpoint", 20, facts={"path": "toy/checkpoints", "step": 20}, line=4),
                Record("end", line=5),
            ),
        ),
    )


FORMAT = MegatronText()
