"""The logs of training in JAX: openpi, MaxText, Trax, and what CLU's metric writer prints."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

_PAIR = rf"[A-Za-z][\w./-]{{0,60}}=\s?{NUMBER}"
_EQUAL = re.compile(rf"(?P<key>[A-Za-z][\w./-]{{0,60}})=\s?(?P<number>{NUMBER})(?![\w.])")
_MAXTEXT = re.compile(
    rf"\b(?P<key>seconds|loss|learning_rate|lm_loss|perplexity): (?P<number>{NUMBER})(?![\w.])"
)
_METRIC = rf"[A-Za-z][\w/]{{0,80}}\s{{1,40}}\|\s{{1,12}}{NUMBER}"
_STEP, _NAMED = r"^\s*Step\s{1,12}(?P<step>\d{1,12})", rf"(?P<rest>{_METRIC})\s*$"
_TRAX = re.compile(rf"(?P<key>[A-Za-z][\w/]{{0,80}})\s{{1,40}}\|\s{{1,12}}(?P<number>{NUMBER})")


class JaxText(StatementFormat):
    """``Step 100: grad_norm=1.5, loss=0.25``; ``completed step: 5, seconds: 1.2, ..., loss: 9``."""

    name: ClassVar[str] = "jax_text"
    title: ClassVar[str] = "openpi, MaxText, Trax or CLU training log"
    url: ClassVar[str] = "https://github.com/google/CommonLoopUtils"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(
        {"seconds": "iter_time_s", "steps_per_second": None, "steps_per_sec": None, "uptime": None}
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                rf"(?<![\w.])Step (?P<step>\d{{1,12}}): (?P<rest>{_PAIR}(?:, {_PAIR}){{1,60}})\s*$"
            ),
            _EQUAL,
        ),
        Pattern(
            "train",
            re.compile(r"\bcompleted step: (?P<step>\d{1,12}), (?P<rest>seconds: [^\n]{1,800})"),
            _MAXTEXT,
        ),
        Pattern(
            "train",
            re.compile(
                r"\b(?:logging_writer|local)\.py:\d{1,5}\] \[(?P<step>\d{1,12})\] "
                rf"(?P<rest>{_PAIR}(?:, {_PAIR}){{0,200}})\s*$"
            ),
            _EQUAL,
        ),
        Pattern("train", re.compile(rf"{_STEP}: train\s{{1,40}}{_NAMED}"), _TRAX),
        Pattern("eval", re.compile(rf"{_STEP}: eval\s{{1,40}}{_NAMED}"), _TRAX),
        Pattern(
            "eval",
            re.compile(r"\beval metrics after step: (?P<step>\d{1,12}), (?P<rest>[^\n]{1,800})"),
            _EQUAL,
        ),
        Pattern(
            "config",
            re.compile(
                r"\bProgress on: (?:[\d.]{1,12}[kM]?)(?:it)?/(?P<planned_steps>[\d.]{1,12}[kM]?)it "
                r"rate:"
            ),
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
10:20:30.500 [I] Progress on: 757it/20.0kit rate:1.5s/it remaining:8:02:11 elapsed:26:02 \
postfix:- (7:tqdm_logging.py:145)
Step 800: grad_norm=0.7500, loss=0.1250, param_norm=1377.5000
""",
            (
                Record("config", facts={"planned_steps": 20000}, line=1),
                Record("train", 800, metrics={"loss": 0.125, "grad_norm": 0.75}, line=2),
            ),
        ),
        Sample(
            """\
completed step: 5, seconds: 1.250, TFLOP/s/device: 99.500, Tokens/s/device: 2048.500, \
total_weights: 8192, loss: 9.125
eval metrics after step: 5, loss=9.000, total_weights=4096
""",
            (
                Record("train", 5, metrics={"loss": 9.125, "iter_time_s": 1.25}, line=1),
                Record("eval", 5, metrics={"loss": 9.0}, line=2),
            ),
        ),
        Sample(
            """\
Step    300: Ran 100 train steps in 4.25 secs
Step    300: train CrossEntropyLoss |  2.25000000
Step    300: eval  CrossEntropyLoss |  2.50000000
Step    300: eval          Accuracy |  0.12500000
""",
            (
                Record("train", 300, metrics={"CrossEntropyLoss": 2.25}, line=2),
                Record("eval", 300, metrics={"CrossEntropyLoss": 2.5}, line=3),
                Record("eval", 300, metrics={"Accuracy": 0.125}, line=4),
            ),
        ),
        Sample(
            "I0301 10:20:30.500000 7 logging_writer.py:48] [100] eval_accuracy=0.25, "
            "eval_loss=4.5\n"
            "I0301 10:20:31.500000 7 logging_writer.py:48] [110] steps_per_second=2.5, "
            "train_loss=4.25\n",
            (
                Record("eval", 100, metrics={"eval_accuracy": 0.25, "eval_loss": 4.5}, line=1),
                Record("train", 110, metrics={"train_loss": 4.25}, line=2),
            ),
        ),
    )


FORMAT = JaxText()
