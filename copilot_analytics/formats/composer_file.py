"""The file logger of Composer, which also keeps what the process prints."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

# Metrics of the training come twice with the batch that ends an epoch: as its mean, and as its own.
_TRAINED = r"loss/train/|lr-|l2_norm/grad/global"
_PAIR = re.compile(rf"(?P<key>[A-Za-z][\w/.@-]{{0,160}}): (?P<number>{NUMBER})\s*$")


def _about(keys: str) -> re.Pattern[str]:
    return re.compile(
        rf"^\[metric\]\[batch=(?P<step>\d{{1,12}})\]: (?P<rest>(?:{keys})[^\r\n]{{1,200}})$"
    )


class ComposerFile(StatementFormat):
    """``[metric][batch=10]: loss/train/total: 2.5``, a line for each metric."""

    name: ClassVar[str] = "composer_file"
    title: ClassVar[str] = "Composer log file"
    url: ClassVar[str] = "https://github.com/mosaicml/composer"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming(
        {"loss/train/total": "loss", "l2_norm/grad/global": "grad_norm"}
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern("train", _about(_TRAINED), _PAIR),
        Pattern("eval", _about(r"(?:loss|metrics)/(?!train/)"), _PAIR),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
[hyperparameter]: num_nodes: 1
[stderr]: [epoch=1][batch=1/40]:
[metric][batch=10]: time/batch: 10
[metric][batch=10]: loss/train/total: 2.5000
[metric][batch=10]: metrics/train/MulticlassAccuracy: 0.2500
[metric][batch=20]: loss/train/total: 1.5000
[metric][batch=20]: metrics/eval/MulticlassAccuracy: 0.5000
""",
            (
                Record("train", 10, metrics={"loss": 2.5}, line=4),
                Record("train", 20, metrics={"loss": 1.5}, line=6),
                Record("eval", 20, metrics={"metrics/eval/MulticlassAccuracy": 0.5}, line=7),
            ),
        ),
    )


FORMAT = ComposerFile()
