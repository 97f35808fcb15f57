"""The log of YOLOX."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._pairs import ANY_PAIRS, ETA
from copilot_analytics.formats._parts import PartsFormat
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern
from copilot_analytics.records import Record


class YoloxText(PartsFormat):
    """``epoch: 1/300, iter: 10/258, mem: 6100Mb, ...``, and the summary of COCO."""

    name: ClassVar[str] = "yolox_text"
    title: ClassVar[str] = "YOLOX log"
    url: ClassVar[str] = "https://github.com/Megvii-BaseDetection/YOLOX"
    smoothing: ClassVar[int | None] = 10
    naming: ClassVar[Naming] = Naming(
        {
            "iter_time": "iter_time_s",
            "data_time": "data_time_s",
            "total_loss": "loss",
            "size": None,
        }
    )
    reads_coco: ClassVar[bool] = True
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"epoch: (?P<epoch>\d{1,7})/(?P<epochs>\d{1,7}), "
                r"iter: (?P<inner>\d{1,9})/(?P<inner_of>\d{1,9}), "
                rf"(?:gpu )?mem: (?P<memory_mib>{NUMBER})Mb, (?:mem: {NUMBER}Gb, )?"
                rf"(?P<rest>iter_time: .*?)(?:, ETA: {ETA})?\s*$"
            ),
            ANY_PAIRS,
        ),
        Pattern(
            "resume",
            re.compile(
                r"loaded checkpoint '(?P<checkpoint>True|.{1,400}?)' \(epoch (?P<epoch>\d{1,7})\)"
            ),
        ),
        Pattern("checkpoint", re.compile(r"Save weights to (?P<path>\S{1,400})")),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
2024-03-01 10:00:00.500 | INFO     | yolox.core.trainer:after_iter:260 - epoch: 1/3, iter: 10/20, \
mem: 512Mb, iter_time: 0.500s, data_time: 0.125s, total_loss: 4.5, lr: 1.000e-03, size: 640, \
ETA: 1 day, 0:00:10
2024-03-01 10:00:05.500 | INFO     | yolox.core.trainer:after_iter:260 - epoch: 1/3, iter: 20/20, \
gpu mem: 512Mb, mem: 8.5Gb, iter_time: 0.500s, data_time: 0.125s, total_loss: 4.0, \
lr: 1.000e-03, size: 640, ETA: 0:00:10
 Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.125
 Average Recall     (AR) @[ IoU=0.50:0.95 | area= large | maxDets=100 ] = 0.250
2024-03-01 10:01:00.500 | INFO     | yolox.core.trainer:save_ckpt:350 - Save weights to ./toy
""",
            (
                Record("config", facts={"planned_epochs": 3, "steps_per_epoch": 20}, line=1),
                Record("train", 10, 0.5, metrics={"loss": 4.5, "eta_s": 86410.0}, line=1),
                Record("train", 20, 1.0, metrics={"loss": 4.0, "memory_mib": 512.0}, line=2),
                Record("eval", None, 1.0, metrics={"bbox_AP": 0.125, "bbox_ARl": 0.25}, line=4),
                Record("checkpoint", facts={"path": "./toy"}, line=5),
            ),
        ),
    )

    def axis(self) -> Axis:
        """Return the axis of a log: all counts from 1."""
        return Axis(epoch_base=1, inner_base=1)


FORMAT = YoloxText()
