"""The console log of Catalyst, versions 19 to 22."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Name, Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

_OLD = r"(?P<epoch>\d{1,7})/(?P<epochs>\d{1,7}) \* Epoch (?:\d{1,7} )?"
_NEW = r" \((?P<epoch>\d{1,7})/(?P<epochs>\d{1,7})\)(?P<rest> .*)$"
_PAIRS = re.compile(
    rf"(?:(?<=\s)|(?<=\|))(?P<key>[A-Za-z_][\w/@.-]{{0,60}})[:=]\s?(?P<number>{NUMBER})(?=\s|$)"
)
_NAMES: dict[str, Name] = {
    "_base/lr": "lr",
    **dict.fromkeys("_base/momentum momentum fps _fps _timers/_fps _timer/_fps".split()),
}


class CatalystText(StatementFormat):
    """``1/10 * Epoch 1 (train): loss=0.5`` and ``train (1/10) loss: 0.5 | lr: 0.001``."""

    name: ClassVar[str] = "catalyst_text"
    title: ClassVar[str] = "Catalyst console log"
    url: ClassVar[str] = "https://github.com/catalyst-team/catalyst"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(_NAMES)
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern("train", re.compile(_OLD + r"\(?(?:_base|train)\)?:(?P<rest> .*loss.*)$"), _PAIRS),
        Pattern("eval", re.compile(_OLD + r"\(?valid\w{0,20}\)?:(?P<rest> .*)$"), _PAIRS),
        Pattern("train", re.compile(r"^train\w{0,20}" + _NEW), _PAIRS),
        Pattern("eval", re.compile(r"^valid\w{0,20}" + _NEW), _PAIRS),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
[2024-03-01 10:00:00,500] 1/3 * Epoch 1 (_base): lr=0.0010 | momentum=0.9000
[2024-03-01 10:00:00,500] 1/3 * Epoch 1 (train): accuracy01=25.5000 | loss=0.7500
[2024-03-01 10:00:00,500] 1/3 * Epoch 1 (valid): accuracy01=50.5000 | loss=0.5000
""",
            (
                Record("config", facts={"planned_epochs": 3, "step_unit": "epoch"}, line=2),
                Record("train", 1, 1.0, metrics={"loss": 0.75, "accuracy01": 25.5}, line=2),
                Record("eval", 1, 1.0, metrics={"loss": 0.5}, line=3),
            ),
        ),
        Sample(
            """\
train (1/3) accuracy01: 0.25 | loss: 0.75 | lr: 0.001 | momentum: 0.9
valid (1/3) accuracy01: 0.5 | loss: 0.625 | lr: 0.001 | momentum: 0.9
* Epoch (1/3) lr: 0.001 | momentum: 0.9
""",
            (
                Record("config", facts={"planned_epochs": 3}, line=1),
                Record("train", 1, 1.0, metrics={"loss": 0.75, "lr": 0.001}, line=1),
                Record("eval", 1, 1.0, metrics={"loss": 0.625, "accuracy01": 0.5}, line=2),
            ),
        ),
    )

    def axis(self) -> Axis:
        """Return the axis of a log, which counts epochs from 1."""
        return Axis("epoch", epoch_base=1)


FORMAT = CatalystText()
