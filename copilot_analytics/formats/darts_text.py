"""The logs of DARTS and of the architecture searches that grew from its code."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

_BATCH = rf"(?P<inner>\d{{3,7}}) (?P<loss>{NUMBER}) (?P<top1>{NUMBER}) (?P<top5>{NUMBER})\s*$"


class DartsText(StatementFormat):
    """``train 050 2.1e+00 25.0 75.0``: batch, mean loss and accuracies; ``valid_acc 50.0``."""

    name: ClassVar[str] = "darts_text"
    title: ClassVar[str] = "DARTS log"
    url: ClassVar[str] = "https://github.com/quark0/darts"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming()
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "config",
            re.compile(r"args = Namespace\(.{0,5000}?\bepochs=(?P<planned_epochs>\d{1,7})[,)]"),
        ),
        Pattern("epoch", re.compile(rf"(?:^|\s)epoch (?P<epoch>\d{{1,7}}) lr {NUMBER}")),
        Pattern("train", re.compile(rf"(?:^|\s)train {_BATCH}")),
        Pattern(
            "eval",
            re.compile(
                rf"(?:^|\s)valid_acc(?:_top1)?:? (?P<valid_acc>{NUMBER})"
                rf"(?: best_acc:? {NUMBER})?\s*$"
            ),
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
03/01 10:20:29 AM args = Namespace(batch_size=96, epochs=50, layers=8)
03/01 10:20:30 AM epoch 0 lr 2.500000e-02
03/01 10:20:31 AM train 000 2.500000e+00 12.500000 50.000000
03/01 10:20:32 AM train 050 2.250000e+00 25.000000 75.000000
03/01 10:20:33 AM train_acc 26.000000
03/01 10:20:34 AM valid 000 2.125000e+00 28.000000 76.000000
03/01 10:20:35 AM valid_acc 27.500000
03/01 10:20:36 AM epoch 1 lr 2.400000e-02
03/01 10:20:37 AM train 000 2.000000e+00 37.500000 80.000000
""",
            (
                Record("config", facts={"planned_epochs": 50}, line=1),
                Record("train", 1, metrics={"loss": 2.5, "top1": 12.5, "top5": 50.0}, line=3),
                Record("train", 51, metrics={"loss": 2.25}, line=4),
                Record("config", facts={"steps_per_epoch": 51}, line=7),
                Record("eval", None, 1.0, metrics={"valid_acc": 27.5}, line=7),
                Record("train", 52, 52 / 51, metrics={"loss": 2.0}, line=9),
            ),
        ),
    )


FORMAT = DartsText()
