"""The logs of the Paddle toolkits: detection, OCR, segmentation, classification, PaddleViT."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._pairs import ANY_PAIRS
from copilot_analytics.formats._parts import PartsFormat, PartsParser
from copilot_analytics.formats._rows import Name, Naming, RowReader
from copilot_analytics.formats._statements import Pattern
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from copilot_analytics.records import Floats, Ints, Item

_SHOWY_PAIRS = re.compile(
    rf"(?P<key>(?:Avg|Train|Validation) [A-Z][\w@]{{0,40}}): (?P<number>{NUMBER})(?![\w.])"
)
_BEGUN = re.compile(r"\bppocr INFO:\s+(?:train dataloader has|train with paddle) ")
_NAMES: dict[str, Name] = {
    "batch_cost": "iter_time_s",
    "avg_batch_cost": "iter_time_s",
    "data_cost": "data_time_s",
    "reader_cost": "data_time_s",
    "avg_reader_cost": "data_time_s",
    **dict.fromkeys("ips avg_samples eta fps max_mem_reserved max_mem_allocated ETA".split()),
}


_LATEST = re.compile(
    r"INFO:\s{1,4}(?:save model in \S{1,400}/latest\s*$"
    r"|inference model is saved to \S{1,400}/latest/)"  # PaddleX
)


class PaddleParser(PartsParser):
    """Reads lines by patterns; what is saved as the latest ends an epoch of PaddleOCR."""

    _epoch = -1.0  # as the last training line prints it,
    _epochs = 0.0  # and how many it says there are

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn the numbers of training lines into blocks."""
        if {"#epoch", "#epochs"} <= columns.keys() and len(lines):
            self._epoch, self._epochs = float(columns["#epoch"][-1]), float(columns["#epochs"][-1])
        return super().block(columns, lines)

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Read any other line."""
        told = super().parse(line, number)
        if self._epoch != self._epochs or not _LATEST.search(line):
            return told
        self._epoch = -1.0
        why = "the latest model is saved after the last epoch"
        return [*told, self._rows.record("end", number, facts={"reason": why})]


class PaddleText(PartsFormat):
    """Every toolkit has its own lines; results of the validation are named or stand apart."""

    name: ClassVar[str] = "paddle_text"
    title: ClassVar[str] = "PaddlePaddle console log"
    url: ClassVar[str] = "https://github.com/PaddlePaddle"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(_NAMES)
    reads_coco: ClassVar[bool] = True
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(  # PaddleDetection
            "train",
            re.compile(
                r"(?:\d{1,12}/(?P<steps>\d{1,12}) iters )?Epoch: \[(?P<epoch>\d{1,7})\] "
                r"\[\s{0,9}(?P<inner>\d{1,9})/(?P<inner_of>\d{1,9})\] "
                r"(?P<rest>learning_rate: .*)$"
            ),
            ANY_PAIRS,
        ),
        Pattern(  # of boxes in the manner of PASCAL VOC
            "eval",
            re.compile(rf"INFO: mAP\([\d.]{{1,6}}, \w{{1,20}}\) = (?P<mAP>{NUMBER})%?\s*$"),
        ),
        Pattern(  # PaddleOCR
            "train",
            re.compile(
                r"epoch: \[(?P<epoch>\d{1,7})/(?P<epochs>\d{1,7})\], "
                r"(?:global_step|iter): (?P<step>\d{1,10}), (?P<rest>.*)$"
            ),
            ANY_PAIRS,
        ),
        Pattern("eval", re.compile(r"INFO:\s{1,4}cur metric, (?P<rest>.*)$"), ANY_PAIRS),
        Pattern("config", re.compile(r"train dataloader has (?P<steps_per_epoch>\d{1,9}) iters")),
        Pattern("config", re.compile(r"INFO:\s{1,9}epoch_num : (?P<planned_epochs>\d{1,7})\s*$")),
        Pattern(  # PaddleSeg
            "train",
            re.compile(
                r"\[TRAIN\] epoch[:=] ?(?P<epoch>\d{1,7}), "
                r"iter[:=] ?(?P<step>\d{1,10})/(?P<steps>\d{1,10}), (?P<rest>.*)$"
            ),
            ANY_PAIRS,
        ),
        Pattern("eval", re.compile(r"\[EVAL\] #Images: \d{1,9},? (?P<rest>\w.*)$"), ANY_PAIRS),
        Pattern(  # PaddleClas
            "train",
            re.compile(
                r"\[Train\]\s?\[Epoch (?P<epoch>\d{1,7})/(?P<epochs>\d{1,7})\]\s?"
                r"\[Iter: (?P<inner>\d{1,9})/(?P<inner_of>\d{1,9})\]\s?"
                rf"lr(?:\(\w{{1,40}}\))?: (?P<lr>{NUMBER}), (?P<rest>.*)$"
            ),
            ANY_PAIRS,
        ),
        Pattern(
            "eval",
            re.compile(
                r"\[Eval\]\s?\[Epoch (?P<epoch>\d{1,7})(?:/\d{1,7})?\]\s?\[Avg\]\s?(?P<rest>.*)$"
            ),
            ANY_PAIRS,
        ),
        Pattern(  # PaddleViT
            "train",
            re.compile(
                r"(?:^|\s)Epoch\[(?P<epoch>\d{1,7})/(?P<epochs>\d{1,7})\], "
                r"Step\[(?P<inner>\d{1,9})/(?P<inner_of>\d{1,9})\], (?P<rest>.*)$"
            ),
            _SHOWY_PAIRS,
        ),
        Pattern(
            "train",
            re.compile(
                r"-{5} Epoch\[(?P<epoch>\d{1,7})/(?P<epochs>\d{1,7})\], (?P<rest>Train Loss: .*)$"
            ),
            _SHOWY_PAIRS,
        ),
        Pattern(
            "eval",
            re.compile(r"-{5} Epoch\[(?P<epoch>\d{1,7})/\d{1,7}\], (?P<rest>Validation Loss: .*)$"),
            _SHOWY_PAIRS,
        ),
        Pattern("checkpoint", re.compile(r"INFO:\s{1,4}save model in (?P<path>\S{1,400})\s*$")),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
[03/01 10:00:00] ppdet.engine INFO: Epoch: [0] [0/4] learning_rate: 0.001 loss_cls: 0.5 loss: 1.5 \
eta: 0:00:10 batch_cost: 0.5 data_cost: 0.125 ips: 4.0 images/s
[03/01 10:00:04] ppdet.engine INFO: Epoch: [0] [3/4] learning_rate: 0.001 loss_cls: 0.5 loss: 1.25 \
eta: 1 day, 0:00:10 batch_cost: 0.5 data_cost: 0.125 ips: 4.0 images/s
 Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.125
""",
            (
                Record("config", facts={"steps_per_epoch": 4}, line=1),
                Record("train", 1, 0.25, metrics={"loss": 1.5, "iter_time_s": 0.5}, line=1),
                Record("train", 4, 1.0, metrics={"loss": 1.25, "lr": 0.001}, line=2),
                Record("eval", None, 1.0, metrics={"bbox_AP": 0.125}, line=3),
            ),
        ),
        Sample(
            """\
[03/01 10:00:00] ppdet.engine INFO: Epoch: [0] [0/1] learning_rate: 0.001 loss: 1.5 \
eta: 0:00:10 batch_cost: 0.5 data_cost: 0.125 ips: 4.0 images/s
[03/01 10:00:04] ppdet.metrics.metrics INFO: mAP(0.50, 11point) = 12.50%
""",
            (
                Record("config", facts={"steps_per_epoch": 1}, line=1),
                Record("train", 1, 1.0, metrics={"loss": 1.5}, line=1),
                Record("eval", None, 1.0, metrics={"mAP": 12.5}, line=2),
            ),
        ),
        Sample(
            """\
[2024/03/01 10:00:00] ppocr INFO:     epoch_num : 5
[2024/03/01 10:00:00] ppocr INFO: train dataloader has 10 iters
[2024/03/01 10:00:00] ppocr INFO: epoch: [1/5], global_step: 10, lr: 0.001000, acc: 0.250000, \
loss: 4.500000, avg_reader_cost: 0.12500 s, avg_batch_cost: 0.50000 s, ips: 16.0 samples/s
[2024/03/01 10:00:04] ppocr INFO: cur metric, acc: 0.5, norm_edit_dis: 0.75, fps: 100.0
[2024/03/01 10:00:04] ppocr INFO: best metric, acc: 0.5, is_float16: False, best_epoch: 1
[2024/03/01 10:00:04] ppocr INFO: save model in ./toy/latest
""",
            (
                Record("config", facts={"planned_epochs": 5}, line=1),
                Record("config", facts={"steps_per_epoch": 10}, line=2),
                Record("train", 10, metrics={"loss": 4.5, "acc": 0.25}, line=3),
                Record("eval", 10, metrics={"acc": 0.5, "norm_edit_dis": 0.75}, line=4),
                Record("checkpoint", facts={"path": "./toy/latest"}, line=6),
            ),
        ),
        Sample(
            """\
[2024/03/01 10:00:00] root INFO: epoch: [1/2], iter: 10, lr: 0.001000, loss: 4.5, acc: 0.25
[2024/03/01 10:00:04] root INFO: save model in ./toy/latest
[2024/03/01 10:00:10] root INFO: epoch: [2/2], iter: 20, lr: 0.000500, loss: 4.0, acc: 0.5
[2024/03/01 10:00:14] root INFO: save model in ./toy/latest
""",
            (
                Record("config", facts={"planned_epochs": 2}, line=1),
                Record("train", 10, metrics={"loss": 4.5}, line=1),
                Record("checkpoint", facts={"path": "./toy/latest"}, line=2),
                Record("train", 20, metrics={"loss": 4.0}, line=3),
                Record("checkpoint", facts={"path": "./toy/latest"}, line=4),
                Record("end", line=4),
            ),
        ),
        Sample(
            """\
[2024/03/01 10:00:10] ppocr INFO: epoch: [1/1], global_step: 20, lr: 0.000500, loss: 4.0, acc: 0.5
[2024/03/01 10:00:14] ppocr INFO: inference model is saved to ./toy/latest/inference/inference
""",
            (
                Record("config", facts={"planned_epochs": 1}, line=1),
                Record("train", 20, metrics={"loss": 4.0}, line=1),
                Record("end", line=2),
            ),
        ),
        Sample(
            """\
2024-03-01 10:00:00 [INFO]\t[TRAIN] epoch: 1, iter: 10/40, loss: 0.7500, lr: 0.010000, \
batch_cost: 0.5000, reader_cost: 0.00125, ips: 4.0 samples/sec | ETA 00:00:15
2024-03-01 10:00:09 [INFO]\t[EVAL] #Images: 10 mIoU: 0.2500 Acc: 0.5000 Kappa: 0.1250
""",
            (
                Record("config", facts={"planned_steps": 40}, line=1),
                Record("train", 10, metrics={"loss": 0.75, "data_time_s": 0.00125}, line=1),
                Record("eval", 10, metrics={"mIoU": 0.25, "Acc": 0.5}, line=2),
            ),
        ),
        Sample(
            """\
[2024/03/01 10:00:00] ppcls INFO: [Train][Epoch 1/3][Iter: 0/2]lr(Cosine): 0.10000000, \
top1: 0.25000, CELoss: 4.50000, loss: 4.50000, batch_cost: 0.50000s, ips: 8.0 samples/s
[2024/03/01 10:00:09] ppcls INFO: [Eval][Epoch 1][Avg]CELoss: 4.00000, loss: 4.00000, top1: 0.50000
""",
            (
                Record("config", facts={"planned_epochs": 3, "steps_per_epoch": 2}, line=1),
                Record("train", 1, 0.5, metrics={"loss": 4.5, "lr": 0.1}, line=1),
                Record("eval", 1, metrics={"loss": 4.0, "top1": 0.5}, line=2),
            ),
        ),
        Sample(
            """\
2024-03-01 10:00:00,500 Epoch[001/003], Step[0000/0002], Avg Loss: 4.5000, Avg Acc: 0.2500
2024-03-01 10:00:01,500 Epoch[001/003], Step[0001/0002], Avg Loss: 4.0000, Avg Acc: 0.2500
2024-03-01 10:00:02,500 ----- Epoch[001/003], Train Loss: 4.2500, Train Acc: 0.2500, time: 2.00
2024-03-01 10:00:02,500 ----- Epoch[001/003], Validation Loss: 3.5000, Validation Acc@1: 0.5000
""",
            (
                Record("config", facts={"planned_epochs": 3, "steps_per_epoch": 2}, line=1),
                Record("train", 1, 0.5, metrics={"Avg Loss": 4.5, "Avg Acc": 0.25}, line=1),
                Record("train", 2, 1.0, metrics={"Avg Loss": 4.0}, line=2),
                Record("train", 2, 1.0, metrics={"Train Loss": 4.25}, line=3),
                Record("eval", None, 1.0, metrics={"Validation Acc@1": 0.5}, line=4),
            ),
        ),
    )

    def parser(self, file: str) -> PaddleParser:
        """Return a fresh parser for a log."""
        rows = RowReader(file, self.axis(), self.naming)
        return PaddleParser(self.patterns, self.parts, rows, self.naming, reads_coco=True)

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: a training line settles it, or how PaddleOCR begins one."""
        begun = any(_BEGUN.search(line) for line in lines)
        return 1.0 if begun else super().confidence(lines)


FORMAT = PaddleText()
