"""The console logger of Composer, which LLM Foundry uses."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._headed import HeadedFormat
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern
from copilot_analytics.records import Record

_KEY = r"(?:loss|metrics|lr|trainer|l2_norm)[\w/.@-]{0,100}|[A-Za-z]{1,30}Loss[\w/]{0,60}"
_PAIR = re.compile(rf"(?P<key>{_KEY}): (?P<number>{NUMBER})\s*$")
_START, _ONE = r"(?:^|: )\s{1,8}", rf"(?P<rest>(?:{_KEY}): {NUMBER})\s*$"
_NO_METRIC = ("trainer/device_train_microbatch_size", "trainer/global_step", "trainer/batch_idx")


class ComposerText(HeadedFormat):
    r"""``[batch=10/100]:``, then a line ``\t Train loss/train/total: 2.5`` for each metric."""

    name: ClassVar[str] = "composer_text"
    title: ClassVar[str] = "Composer console log"
    url: ClassVar[str] = "https://github.com/mosaicml/composer"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming(
        {
            "loss/train/total": "loss",
            "l2_norm/grad/global": "grad_norm",
            **dict.fromkeys(_NO_METRIC),
        }
    )
    heading: ClassVar[re.Pattern[str]] = re.compile(
        r"(?:^|composer\.loggers\.console_logger: )"
        r"\[(?:epoch=(?P<epoch>\d{1,9})(?:/(?P<epochs>\d{1,9}))?\]\["
        r"batch=(?P<inner>\d{1,12})/(?P<inner_of>\d{1,12})"
        r"|batch=(?P<step>\d{1,12})/(?P<steps>\d{1,12}))\]:?\s*$"
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern("train", re.compile(rf"{_START}Train {_ONE}"), _PAIR),
        Pattern("eval", re.compile(rf"{_START}Eval {_ONE}"), _PAIR),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
[batch=10/100]:
\t Train time/batch: 9
\t Train loss/train/total: 9.5
\t Train metrics/train/LanguageCrossEntropy: 9.25
[Eval batch=2/2] Eval on eval data:
\t Eval metrics/eval/LanguageCrossEntropy: 9.125
""",
            (
                Record("config", facts={"planned_steps": 100}, line=3),
                Record("train", 10, metrics={"loss": 9.5}, line=3),
                Record("train", 10, metrics={"metrics/train/LanguageCrossEntropy": 9.25}, line=4),
                Record("eval", 10, metrics={"metrics/eval/LanguageCrossEntropy": 9.125}, line=6),
            ),
        ),
        Sample(
            """\
[epoch=1/2][batch=5/10]:
\t Train loss/train/total: 1.5
""",
            (
                Record("config", facts={"planned_epochs": 2, "steps_per_epoch": 10}, line=2),
                Record("train", 5, 0.5, metrics={"loss": 1.5}, line=2),
            ),
        ),
    )


FORMAT = ComposerText()
