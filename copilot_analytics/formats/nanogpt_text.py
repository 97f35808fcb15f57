"""The console logs of nanoGPT and of what kept its lines: llama2.c, lit-gpt and others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

_ESTIMATE = re.compile(
    rf"step (?P<step>\d{{1,12}}): train loss (?P<train_loss>{NUMBER})"
    rf"(?: [A-Za-z]{{1,8}})?, val loss (?P<val_loss>{NUMBER})"
)
_MS = rf"(?P<dt_ms>{NUMBER})\s?ms"
_MFU = rf"(?:\s?[,|] mfu:? {NUMBER}%)?"


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
                rf"\biter (?P<step>\d{{1,12}}): (?:train )?loss:? (?P<loss>{NUMBER}),"
                rf"(?: lr:? (?P<lr>{NUMBER}),)? (?:dt|time):? {_MS}{_MFU}"
            ),
        ),
        Pattern(
            "train",
            re.compile(
                rf"^(?P<step>\d{{1,12}}) \| loss (?P<loss>{NUMBER}) \| lr (?P<lr>{NUMBER}) \| "
                rf"{_MS}{_MFU}"
            ),
        ),
        Pattern(
            "train",
            re.compile(
                rf"\bEpoch \d{{1,9}} \| iter \d{{1,12}} step (?P<step>\d{{1,12}}) \| "
                rf"loss train: (?P<loss>{NUMBER}), val: [^|]{{1,30}}\| iter time: {_MS}"
            ),
        ),
        Pattern(
            "train",
            re.compile(
                rf"\biter \d{{1,12}} step (?P<step>\d{{1,12}}): loss (?P<loss>{NUMBER}), "
                rf"(?:iter|train) time: {_MS}"
            ),
        ),
        Pattern(
            "eval",
            re.compile(rf"\b{_ESTIMATE.pattern}"),
        ),
        Pattern(
            "eval",
            re.compile(
                rf"\[eval\] (?:iter|step) (?P<step>\d{{1,12}}): train (?P<train_loss>{NUMBER}),? "
                rf"val (?P<val_loss>{NUMBER})"
            ),
        ),
        Pattern(
            "eval",
            re.compile(rf"\biter \d{{1,12}}: val loss (?P<val_loss>{NUMBER}), val time: "),
        ),
        Pattern("checkpoint", re.compile(r"^[Ss]aving checkpoint to '?(?P<path>[^\s']+)'?\s*$")),
        Pattern("config", re.compile(r"^max_iters = (?P<planned_steps>\d{1,12})\s*(?:#|$)")),
        Pattern("config", re.compile(r"^Overriding: max_iters = (?P<planned_steps>\d{1,12})\s*$")),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
step 0: train loss 4.2101, val loss 4.2208
iter 0: loss 4.2153, time 1530.25ms, mfu -100.00%
iter 10: loss 3.1022, time 50.00ms, mfu 12.25%
saving checkpoint to out-toy
[eval] iter 20: train 3.0500 val 3.1100 lr 7.50e-07
""",
            (
                Record("train", 0, metrics={"train_loss": 4.2101}, line=1),
                Record("eval", 0, metrics={"val_loss": 4.2208}, facts={"split": "val"}, line=1),
                Record("train", 0, metrics={"loss": 4.2153, "iter_time_s": 1.53025}, line=2),
                Record("train", 10, metrics={"loss": 3.1022, "iter_time_s": 0.05}, line=3),
                Record("checkpoint", facts={"path": "out-toy"}, line=4),
                Record("train", 20, metrics={"train_loss": 3.05}, line=5),
                Record("eval", 20, metrics={"val_loss": 3.11}, facts={"split": "val"}, line=5),
            ),
        ),
        Sample(
            "7 | loss 6.5000 | lr 3.500000e-05 | 120.50ms | mfu 8.25%\n",
            (Record("train", 7, metrics={"loss": 6.5, "lr": 3.5e-5}, line=1),),
        ),
        Sample(
            """\
Epoch 1 | iter 8 step 2 | loss train: 1.250, val: n/a | iter time: 300.25 ms (step)
iter 8: val loss 1.1250, val time: 1500.50 ms
""",
            (
                Record("train", 2, metrics={"loss": 1.25, "iter_time_s": 0.30025}, line=1),
                Record("eval", 2, metrics={"val_loss": 1.125}, facts={"split": "val"}, line=2),
            ),
        ),
        Sample(
            "step 0: train loss 9.2500 BPC, val loss 9.5000 BPC\n",
            (
                Record("train", 0, metrics={"train_loss": 9.25}, line=1),
                Record("eval", 0, metrics={"val_loss": 9.5}, facts={"split": "val"}, line=1),
            ),
        ),
        Sample(
            "step 10: train loss 2.2500, val loss 2.5000, time 2024-03-01 10:20:30\n",
            (
                Record("train", 10, metrics={"train_loss": 2.25}, line=1),
                Record("eval", 10, metrics={"val_loss": 2.5}, facts={"split": "val"}, line=1),
            ),
        ),
        Sample(
            "iter 40 step 10: loss 2.7500, iter time: 210.50ms (optimizer.step)\n",
            (Record("train", 10, metrics={"loss": 2.75}, line=1),),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: a line of either kind settles it, whatever comes after it."""
        sure = super().confidence(lines)
        return max(sure, float(any(_ESTIMATE.match(line) for line in lines)))


FORMAT = NanoGPTText()
