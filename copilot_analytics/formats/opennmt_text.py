"""The training log of OpenNMT-py."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import OUT_OF_PATIENCE, Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

_PAIRS = re.compile(rf"\b(?P<key>acc|ppl|xent|lr): {{1,9}}(?P<number>{NUMBER});")


class OpenNMTText(StatementFormat):
    """``Step 50/1000; acc:  5.1; ppl: 900.1; xent: 6.8; lr: 0.00001; 3000/3200 tok/s; 30 sec``."""

    name: ClassVar[str] = "opennmt_text"
    title: ClassVar[str] = "OpenNMT-py log"
    url: ClassVar[str] = "https://github.com/OpenNMT/OpenNMT-py"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming()
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"\bStep (?P<step>\d{1,12})/\s{0,9}(?P<steps>\d{1,12}); "
                r"(?P<rest>acc: [^\n]{1,300}tok/s;)"
            ),
            _PAIRS,
        ),
        Pattern("eval", re.compile(rf"\bValidation perplexity: (?P<perplexity>{NUMBER})\s*$")),
        Pattern("eval", re.compile(rf"\bValidation accuracy: (?P<accuracy>{NUMBER})\s*$")),
        Pattern(
            "eval",
            re.compile(
                rf"\b(?:valid stats|Validation): xent: (?P<xent>{NUMBER}) "
                rf"ppl: (?P<ppl>{NUMBER}) acc: (?P<acc>{NUMBER})"
            ),
        ),
        Pattern(
            "checkpoint",
            re.compile(r"\bSaving (?:checkpoint|full state checkpoint to) (?P<path>\S{1,400})"),
        ),
        Pattern(
            "end",
            re.compile(r"\bTraining finished after not improving\. Early Stop!"),
            facts=OUT_OF_PATIENCE,
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
[2024-03-01 10:20:30,500 INFO] Step 50/ 1000; acc:   5.25; ppl: 900.50; xent: 6.75; lr: 0.00001; \
3000/3200 tok/s;     30 sec
[2024-03-01 10:20:31,500 INFO] Step 100/ 1000; acc: 6.5; ppl: 800.5; xent: 6.5; lr: 0.00002; \
sents: 3000; bsz: 300/ 200/10; 3000/3200 tok/s; 60 sec;
[2024-03-01 10:20:32,500 INFO] Validation perplexity: 700.25
[2024-03-01 10:20:32,500 INFO] Validation accuracy: 7.25
[2024-03-01 10:20:33,500 INFO] Saving checkpoint toy_step_100.pt
[2024-03-01 10:20:33,500 INFO] Training finished after not improving. Early Stop!
""",
            (
                Record("config", facts={"planned_steps": 1000}, line=1),
                Record("train", 50, metrics={"acc": 5.25, "xent": 6.75, "lr": 1e-5}, line=1),
                Record("train", 100, metrics={"acc": 6.5, "xent": 6.5, "lr": 2e-5}, line=2),
                Record("eval", 100, metrics={"perplexity": 700.25}, line=3),
                Record("eval", 100, metrics={"accuracy": 7.25}, line=4),
                Record("checkpoint", facts={"path": "toy_step_100.pt"}, line=5),
                Record("end", facts=OUT_OF_PATIENCE, line=6),
            ),
        ),
    )


FORMAT = OpenNMTText()
