"""The log of ParallelWaveGAN and of what was built on its trainer."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

_PAIR = re.compile(rf"(?P<key>(?:train|eval)/[\w/]{{1,80}}) = (?P<number>{NUMBER})(?=\.?\s*$)")


class ParallelWaveGanText(StatementFormat):
    """``(Steps: 100) train/generator_loss = 2.5000.``, a line a metric."""

    name: ClassVar[str] = "parallel_wavegan_text"
    title: ClassVar[str] = "ParallelWaveGAN log"
    url: ClassVar[str] = "https://github.com/kan-bayashi/ParallelWaveGAN"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming()
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"\(Steps: (?P<step>\d{1,12})\) (?P<rest>train/[\w/]{1,80} = "
                rf"{NUMBER}\.?)\s*$"
            ),
            _PAIR,
        ),
        Pattern(
            "eval",
            re.compile(
                rf"\(Steps: (?P<step>\d{{1,12}})\) (?P<rest>eval/[\w/]{{1,80}} = {NUMBER}\.?)\s*$"
            ),
            _PAIR,
        ),
        Pattern("config", re.compile(r"\bINFO: train_max_steps = (?P<planned_steps>\d{1,12})\s*$")),
        Pattern(
            "checkpoint",
            re.compile(
                r"\bSuccessfully saved checkpoint @ (?P<step>\d{1,12}) ?steps\.\s*$",
            ),
        ),
        Pattern(
            "end",
            re.compile(r"\bFinished training\.\s*$"),
            facts={"reason": "the log says that training finished"},
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
2024-03-01 10:20:30,500 (train:1000) INFO: train_max_steps = 400
[train]:   0%|          | 99/400 [00:35<01:50,  3.80it/s]2024-03-01 10:21:30,500 (train:500) INFO: \
(Steps: 100) train/generator_loss = 2.5000.
2024-03-01 10:21:30,500 (train:500) INFO: (Steps: 100) train/discriminator_loss = 0.5000.
2024-03-01 10:21:40,500 (train:500) INFO: (Steps: 100) eval/generator_loss = 2.7500.
2024-03-01 10:21:50,500 (train:300) INFO: Successfully saved checkpoint @ 100 steps.
""",
            (
                Record("config", facts={"planned_steps": 400}, line=1),
                Record("train", 100, metrics={"train/generator_loss": 2.5}, line=2),
                Record("train", 100, metrics={"train/discriminator_loss": 0.5}, line=3),
                Record("eval", 100, metrics={"eval/generator_loss": 2.75}, line=4),
                Record("checkpoint", 100, line=5),
            ),
        ),
    )


FORMAT = ParallelWaveGanText()
