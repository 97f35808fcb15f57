"""The ``MetricLogger`` of DETR, DeiT, MAE, DINO, BLIP and the references of torchvision."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._pairs import ANY_PAIRS, ETA, MEAN_PAIRS
from copilot_analytics.formats._parts import Part, PartsFormat
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern
from copilot_analytics.records import Record

_OPTIONS = (
    r"(?:Namespace\(.{0,15000}?\b|^\s{0,4})epochs(?:=|: )"
    r"(?P<planned_epochs>\d{1,7})(?:[,)]|\s*$)"
)


class DetrText(PartsFormat):
    """Medians of the last iterations, with means in brackets; results of COCO or accuracies."""

    name: ClassVar[str] = "detr_text"
    title: ClassVar[str] = "MetricLogger console log (DETR, DeiT, MAE, torchvision references)"
    url: ClassVar[str] = "https://github.com/facebookresearch/detr"
    smoothing: ClassVar[int | None] = 20
    naming: ClassVar[Naming] = Naming(
        {
            "time": "iter_time_s",
            "data": "data_time_s",
            "mem": "memory_mib",
            "eta": None,
            "img/s": None,
            "model_time": None,
            "evaluator_time": None,
        },
        test_is_val=True,
    )
    reads_coco: ClassVar[bool] = True
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"Epoch: \[(?P<epoch>\d{1,7})(?:/(?P<epochs>\d{1,7}))?\]:?\s{1,4}"
                r"\[\s{0,9}(?P<inner>\d{1,9})/(?P<inner_of>\d{1,9})\]\s{1,4}"
                rf"eta: {ETA}\s{{1,4}}(?P<rest>.*)$"
            ),
            ANY_PAIRS,
        ),
        Pattern("config", re.compile(r"^\s*Start training for (?P<planned_epochs>\d{1,7}) epochs")),
        Pattern("config", re.compile(_OPTIONS)),
        Pattern("end", re.compile(r"^\s*Training time \d"), facts={"reason": "completed"}),
    )
    parts: ClassVar[tuple[Part, ...]] = (
        Part(
            Pattern(
                "eval", re.compile(r"^\s*Averaged stats: (?!.*\blr: )(?P<rest>.*)$"), MEAN_PAIRS
            ),
            opens=True,
        ),
        Part(
            Pattern(
                "eval",
                re.compile(r"^(?:\s*\*|\s*Test: )\s*(?P<rest>(?:Acc|Prec)@1[: ].*)$"),
                ANY_PAIRS,
            )
        ),
        Part(
            Pattern(
                "eval",
                re.compile(rf"^\s*(?:global correct: {NUMBER}|(?P<rest>mean IoU: .*))$"),
                re.compile(rf"(?P<key>mean IoU): (?P<number>{NUMBER})"),
            )
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
Namespace(batch_size=2, epochs=3, lr=0.0001)
Epoch: [0]  [0/2]  eta: 0:00:08  lr: 0.0001  loss: 4.5000 (4.5000)  time: 0.5  max mem: 512
Epoch: [0]  [1/2]  eta: 0:00:04  lr: 0.0001  loss: 4.0000 (4.2500)  time: 0.5  max mem: 512
Averaged stats: lr: 0.0001  loss: 4.0000 (4.2500)
Test:  [0/1]  eta: 0:00:00  loss: 3.5000 (3.5000)  time: 0.5  max mem: 512
Averaged stats: loss: 3.5000 (3.2500)
IoU metric: bbox
 Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.125
 Average Precision  (AP) @[ IoU=0.50      | area=   all | maxDets=100 ] = 0.250
Epoch: [1]  [0/2]  eta: 0:00:04  lr: 0.0001  loss: 3.0000 (3.0000)  time: 0.5  max mem: 512
""",
            (
                Record("config", facts={"planned_epochs": 3}, line=1),
                Record("config", facts={"steps_per_epoch": 2}, line=2),
                Record("train", 1, 0.5, metrics={"loss": 4.5, "memory_mib": 512.0}, line=2),
                Record("train", 2, 1.0, metrics={"loss": 4.0, "eta_s": 4.0}, line=3),
                Record("eval", None, 1.0, metrics={"loss": 3.25, "bbox_AP50": 0.25}, line=9),
                Record("train", 3, 1.5, metrics={"loss": 3.0, "iter_time_s": 0.5}, line=10),
            ),
        ),
        Sample(
            """\
Start training for 2 epochs
Epoch: [0]  [0/1]  eta: 0:00:08  lr: 0.0001  loss: 4.5000 (4.5000)  time: 0.5
Test:  [0/1]  eta: 0:00:00  loss: 3.5000 (3.5000)  acc1: 50.0 (50.0)  time: 0.5
* Acc@1 50.125 Acc@5 75.250 loss 3.500
Accuracy of the network on the 100 test images: 50.1%
Training time 0:00:10
""",
            (
                Record("config", facts={"planned_epochs": 2}, line=1),
                Record("config", facts={"steps_per_epoch": 1}, line=2),
                Record("train", 1, 1.0, metrics={"loss": 4.5}, line=2),
                Record("eval", None, 1.0, metrics={"Acc@1": 50.125, "loss": 3.5}, line=4),
                Record("end", line=6),
            ),
        ),
    )

    def axis(self) -> Axis:
        """Return the axis of a log: iterations count from 0."""
        return Axis(inner_base=0)


FORMAT = DetrText()
