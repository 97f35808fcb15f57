"""The logs of llm.c, build-nanogpt and nanochat: columns between bars, or one word a number."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

_STEP = r"\bstep\s{1,9}(?P<step>\d{1,12})(?:/(?P<steps>\d{1,12}))?(?: \(\d{1,3}\.\d\d%\))?"
_COLUMNS = re.compile(
    rf"[|(]\s{{0,3}}(?P<key>(?:train(?:ing)? )?loss|lr|lrm|norm|dt|mfu|val loss):?\s{{1,9}}"
    rf"(?P<number>{NUMBER})(?!\d)",
    re.IGNORECASE,
)


class LlmCText(StatementFormat):
    """``step 7/100 | loss 4.5 | norm 1.2 | lr 6e-05 | 100 ms`` and ``s:250 tel:6.46``."""

    name: ClassVar[str] = "llmc_text"
    title: ClassVar[str] = "llm.c, build-nanogpt or nanochat log"
    url: ClassVar[str] = "https://github.com/karpathy/llm.c"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming(
        {
            "train loss": "loss",
            "Training loss": "loss",
            "norm": "grad_norm",
            "dt": ("iter_time_s", 1e-3),
            "ms": ("iter_time_s", 1e-3),
            "mfu": None,
            "lrm": None,
        }
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                rf"{_STEP}(?=[^\n]{{0,300}}?(?:\bnorm\b|\bdt\b| ms\b))"
                rf"(?P<rest>\s{{1,3}}\| (?:train |training )?loss:?\s{{1,9}}{NUMBER}"
                rf"[^\n]{{0,300}}?)(?:[|(] ?(?P<ms>\d{{1,9}}(?:\.\d{{1,6}})?) "
                rf"ms\b[^\n]{{0,200}})?$",
                re.IGNORECASE,
            ),
            _COLUMNS,
        ),
        Pattern(
            "train",
            re.compile(
                rf"\bstep (?P<step>\d{{1,12}}): train loss (?P<loss>{NUMBER}) "
                rf"\(took (?P<ms>{NUMBER}) ms\)"
            ),
        ),
        Pattern(
            "train",
            re.compile(
                rf"^s:(?P<step>\d{{1,12}}) trl:(?P<loss>{NUMBER}) lr:(?P<lr>{NUMBER}) "
                rf"norm:(?P<norm>{NUMBER})"
            ),
        ),
        Pattern("train", re.compile(rf"^(?P<step>\d{{1,12}}) train (?P<loss>{NUMBER})\s*$")),
        Pattern(
            "eval",
            re.compile(
                rf"\bStep (?P<step>\d{{1,12}}) \| Validation (?:bpb: (?P<val_bpb>{NUMBER})"
                rf"|loss: (?P<val_loss>{NUMBER}))"
            ),
        ),
        Pattern(
            "eval",
            re.compile(rf"\bStep (?P<step>\d{{1,12}}) \| CORE metric: (?P<core_metric>{NUMBER})"),
        ),
        Pattern("eval", re.compile(rf"^val(?:idation)? loss:? (?P<val_loss>{NUMBER})\s*$")),
        Pattern(
            "eval",
            re.compile(
                r"^HellaSwag(?: accuracy)?: \d{1,9}/\d{1,9}\s?=\s?"
                rf"(?P<hellaswag_accuracy>{NUMBER})\s*$"
            ),
        ),
        Pattern("eval", re.compile(rf"^s:(?P<step>\d{{1,12}}) tel:(?P<val_loss>{NUMBER})\s*$")),
        Pattern(
            "eval", re.compile(rf"^s:(?P<step>\d{{1,12}}) eval:(?P<hellaswag_accuracy>{NUMBER})")
        ),
        Pattern("eval", re.compile(rf"^(?P<step>\d{{1,12}}) val (?P<val_loss>{NUMBER})\s*$")),
        Pattern(
            "eval", re.compile(rf"^(?P<step>\d{{1,12}}) hella (?P<hellaswag_accuracy>{NUMBER})\s*$")
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
validation loss: 9.7500
HellaSwag accuracy: 25/100=0.2500
step     5 | loss: 9.500000 | lr 8.3916e-07 | norm: 15.2500 | dt: 250.50ms | tok/sec: 1000000.25
""",
            (
                Record("eval", metrics={"val_loss": 9.75}, facts={"split": "val"}, line=1),
                Record("eval", metrics={"hellaswag_accuracy": 0.25}, line=2),
                Record(
                    "train",
                    5,
                    metrics={
                        "loss": 9.5,
                        "lr": 8.3916e-7,
                        "grad_norm": 15.25,
                        "iter_time_s": 0.2505,
                    },
                    line=3,
                ),
            ),
        ),
        Sample(
            """\
step   10/100 | loss 4.500000 (+0.10z)| norm 1.2500 (-0.05z)| lr 6.00e-05 | 100.50 ms | 30.5% \
bf16 MFU | 9000 tok/s
val loss 4.250000
""",
            (
                Record("config", facts={"planned_steps": 100}, line=1),
                Record(
                    "train",
                    10,
                    metrics={"loss": 4.5, "lr": 6e-5, "grad_norm": 1.25, "iter_time_s": 0.1005},
                    line=1,
                ),
                Record("eval", 10, metrics={"val_loss": 4.25}, facts={"split": "val"}, line=2),
            ),
        ),
        Sample(
            """\
step 00010/00100 (10.00%) | loss: 5.250000 | lrm: 1.00 | dt: 500.00ms | tok/sec: 1,000,000 | \
mfu: 45.00
Step 00010 | Validation bpb: 1.1250
""",
            (
                Record("config", facts={"planned_steps": 100}, line=1),
                Record("train", 10, metrics={"loss": 5.25, "iter_time_s": 0.5}, line=1),
                Record("eval", 10, metrics={"val_bpb": 1.125}, facts={"split": "val"}, line=2),
            ),
        ),
        Sample(
            "s:0 tel:9.5000\ns:1 trl:9.2500 lr:0.000001 norm:12.50\ns:250 eval:0.2500\n",
            (
                Record("eval", 0, metrics={"val_loss": 9.5}, facts={"split": "val"}, line=1),
                Record("train", 1, metrics={"loss": 9.25, "lr": 1e-6}, line=2),
                Record("eval", 250, metrics={"hellaswag_accuracy": 0.25}, line=3),
            ),
        ),
        Sample(
            "0 val 9.5000\n0 hella 0.2500\n0 train 9.250000\n",
            (
                Record("eval", 0, metrics={"val_loss": 9.5}, facts={"split": "val"}, line=1),
                Record("eval", 0, metrics={"hellaswag_accuracy": 0.25}, line=2),
                Record("train", 0, metrics={"loss": 9.25}, line=3),
            ),
        ),
        Sample(
            "step 3: train loss 4.500000 (took 1500.250000 ms)\n",
            (Record("train", 3, metrics={"loss": 4.5, "iter_time_s": 1.50025}, line=1),),
        ),
    )


FORMAT = LlmCText()
