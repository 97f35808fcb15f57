"""The console log of ``train.py`` of timm."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._pairs import ANY_PAIRS, MEAN_PAIRS
from copilot_analytics.formats._parts import Part, PartsFormat
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern
from copilot_analytics.records import Record


class TimmText(PartsFormat):
    """Training lines, and validations whose last line has the means in brackets."""

    name: ClassVar[str] = "timm_text"
    title: ClassVar[str] = "timm console log"
    url: ClassVar[str] = "https://github.com/huggingface/pytorch-image-models"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming(
        {"Loss": "loss", "Time": "iter_time_s", "Data": "data_time_s"}, test_is_val=True
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"Train: (?P<epoch>\d{1,7})(?:/\d{1,7})? "
                r"\[\s{0,9}(?P<inner>\d{1,9})/(?P<inner_of>\d{1,9}) \(\s{0,3}\d{1,3}%\)\]\s{1,4}"
                r"(?P<rest>.*)$"
            ),
            ANY_PAIRS,
        ),
        Pattern("config", re.compile(r"Scheduled epochs: (?P<planned_epochs>\d{1,7})(?:[. ]|$)")),
        Pattern("end", re.compile(r"\*\*\* Best metric: "), facts={"reason": "completed"}),
    )
    parts: ClassVar[tuple[Part, ...]] = (
        Part(
            Pattern(
                "eval",
                re.compile(r"Test: \[\s{0,9}(\d{1,9})/\1\]\s{1,4}Time: (?P<rest>.*)$"),
                re.compile(MEAN_PAIRS.pattern.replace("[A-Za-z_]", "(?!Time|Data)[A-Za-z_]")),
            ),
            closes=True,
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
Scheduled epochs: 10. LR stepped per epoch.
Train: 0 [   0/4 (  0%)]  Loss: 4.500 (4.50)  Time: 0.500s, 64/s  LR: 1.000e-03  Data: 0.250 (0.250)
Train: 0 [   3/4 (100%)]  Loss: 4.250 (4.38)  Time: 0.250s, 64/s  LR: 1.000e-03  Data: 0.125 (0.188)
Test: [   0/1]  Time: 0.500 (0.500)  Loss:   4.000 ( 4.000)  Acc@1:  25.000 ( 25.000)
Test: [   1/1]  Time: 0.500 (0.500)  Loss:   3.000 ( 3.500)  Acc@1:  75.000 ( 50.000)
*** Best metric: 50.0 (epoch 0)
""",
            (
                Record("config", facts={"planned_epochs": 10}, line=1),
                Record("config", facts={"steps_per_epoch": 4}, line=2),
                Record("train", 1, 0.25, metrics={"loss": 4.5, "lr": 0.001}, line=2),
                Record("train", 4, 1.0, metrics={"loss": 4.25, "iter_time_s": 0.25}, line=3),
                Record("eval", None, 1.0, metrics={"loss": 3.5, "Acc@1": 50.0}, line=5),
                Record("end", line=6),
            ),
        ),
    )

    def axis(self) -> Axis:
        """Return the axis of a log: all counts from 0."""
        return Axis(epoch_base=0, inner_base=0)


FORMAT = TimmText()
