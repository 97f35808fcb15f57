"""The console of NeMo, where it prints lines and no bar."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

_PAIRS = re.compile(rf"\| (?P<key>[A-Za-z][\w/ .-]{{0,60}}?): (?P<number>{NUMBER})(?=\s|$)")
_NO_METRIC = ("global_batch_size", "global_step", "consumed_samples", "validation_step")


class NeMoText(StatementFormat):
    """``Training epoch 0, iteration 9/99 | lr: 1e-05 | global_step: 9 | reduced_train_loss: 9``."""

    name: ClassVar[str] = "nemo_text"
    title: ClassVar[str] = "NeMo console log"
    url: ClassVar[str] = "https://github.com/NVIDIA/NeMo"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming(
        {
            "train_step_timing in s": "iter_time_s",
            "reduced_train_loss": "loss",
            **dict.fromkeys(_NO_METRIC),
        }
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"\bTraining epoch \d{1,9}, iteration \d{1,12}/\d{1,12} "
                r"(?P<rest>\|[^\n]{1,600}?\| global_step: (?P<step>\d{1,12}) \|[^\n]{1,600})$"
            ),
            _PAIRS,
        ),
        Pattern(
            "end",
            re.compile(r"`Trainer\.fit` stopped: `max_\w{1,20}=[^`]{1,40}` reached"),
            facts={"reason": "the planned end was reached"},
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
Training epoch 0, iteration 8/99 | lr: 1e-05 | global_batch_size: 4 | global_step: 8 | \
reduced_train_loss: 9.75 | train_step_timing in s: 1.25
Training epoch 0, iteration 9/99 | lr: 2e-05 | global_batch_size: 4 | global_step: 9 | \
reduced_train_loss: 9.5 | train_step_timing in s: 1.25 | val_loss: 9.25
""",
            (
                Record("train", 8, metrics={"loss": 9.75, "lr": 1e-5, "iter_time_s": 1.25}, line=1),
                Record("train", 9, metrics={"loss": 9.5, "lr": 2e-5}, line=2),
                Record("eval", 9, metrics={"val_loss": 9.25}, line=2),
            ),
        ),
    )


FORMAT = NeMoText()
