"""The logs of modded-nanogpt and of the speed-runs made after it."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._pairs import COLON_PAIRS
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

_STEP = r"(?<![\w{])step:(?P<step>\d{1,12})/(?P<steps>\d{1,12}) "
_AVERAGE = r"(?:[^\n]{0,300}?\bstep_avg:(?P<step_avg>\d{1,9}(?:\.\d{1,6})?)ms)?"


class ModdedNanoGPTText(StatementFormat):
    """``step:1/100 train_time:73ms step_avg:73.04ms`` after the training's own source code."""

    name: ClassVar[str] = "modded_nanogpt_text"
    title: ClassVar[str] = "modded-nanogpt log"
    url: ClassVar[str] = "https://github.com/KellerJordan/modded-nanogpt"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming(
        {
            "step_avg": ("iter_time_s", 1e-3),
            "train_time": None,
            "t": None,
            "swa_n": None,
            "lr_scale": None,
        }
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "eval",
            re.compile(
                rf"{_STEP}val_loss:(?P<val_loss>{NUMBER})(?: val_bpb:(?P<val_bpb>{NUMBER}))?"
            ),
        ),
        Pattern(
            "train",
            re.compile(rf"{_STEP}(?=(?:train_)?loss:)(?P<rest>[^\n]{{0,400}})"),
            COLON_PAIRS,
        ),
        Pattern("train", re.compile(rf"{_STEP}train_time:[^\s]{{1,20}}{_AVERAGE}")),
        Pattern(
            "train",
            re.compile(rf"^s:(?P<step>\d{{1,12}}) train_loss:(?P<loss>{NUMBER})"),
        ),
        Pattern(
            "end",
            re.compile(
                r"^stopping_early: wallclock_cap train_time:[^\s]{1,20} step:(?P<step>\d+)/"
            ),
            facts={"reason": "the training stopped at its time limit"},
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
import torch
step:0/100 val_loss:10.5000 train_time:0ms step_avg:nanms
step:1/100 train_time:75ms step_avg:75.25ms
step:2/100 train_time:150ms step_avg:75.50ms
step:2/100 val_loss:9.7500 val_bpb:3.2500 train_time:151ms step_avg:75.50ms
""",
            (
                Record("config", facts={"planned_steps": 100}, line=2),
                Record("eval", 0, metrics={"val_loss": 10.5}, facts={"split": "val"}, line=2),
                Record("train", 1, metrics={"iter_time_s": 0.07525}, line=3),
                Record("train", 2, metrics={"iter_time_s": 0.0755}, line=4),
                Record("eval", 2, metrics={"val_loss": 9.75, "val_bpb": 3.25}, line=5),
            ),
        ),
        Sample(
            "step:7/100 train_loss:8.250000 lr_scale:1.0000 train_time:150ms mem:100MiB\n"
            "step:8/100 loss:8.1250 t:170ms\n"
            "stopping_early: wallclock_cap train_time:171ms step:8/100\n",
            (
                Record("config", facts={"planned_steps": 100}, line=1),
                Record("train", 7, metrics={"train_loss": 8.25}, line=1),
                Record("train", 8, metrics={"loss": 8.125}, line=2),
                Record("end", 8, line=3),
            ),
        ),
    )


FORMAT = ModdedNanoGPTText()
