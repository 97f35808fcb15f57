"""The text log of MMEngine, which the newer OpenMMLab projects train with.

The patterns follow ``LoggerHook`` and ``LogProcessor``: two blanks between ``key: number`` pairs, a
line with ``eta`` while an evaluation is on its way, one without for its result.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._base import Field, LogFormat, Sample
from copilot_analytics.formats._numbers import IS_NUMBER, NUMBER
from copilot_analytics.formats._openmmlab import (
    BOOKKEEPING_KEYS,
    ETA,
    LONGEST_LINE,
    Pair,
    TextParser,
    eta_fields,
    metric_fields,
    metrics_of,
)
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


_COLOR = r"(?:\x1b\[[\d;]*m)*"
_STAMP = re.compile(
    r"(?<![\d/])(?:(\d{4})/)?(\d\d)/(\d\d) (\d\d):(\d\d):(\d\d) - (\S+) - "
    rf"{_COLOR}[A-Z]+{_COLOR} -(?: |$)"
)
_STAMP_NAMES = ("#year", "#month", "#day", "#hour", "#minute", "#second")
_TRAIN = re.compile(
    r"(?:Epoch\(train\)\s*\[\s*(\d{1,9})\]|Iter\(train\)\s*)\[\s*(\d{1,9})/\s*(\d{1,9})\](?=\s|$)"
)
_EVALUATION = re.compile(
    r"^(Epoch|Iter)\((val|test)\)\s*(?:\[\s*(\d{1,9})\])?\[\s*(\d{1,9})/\s*(\d{1,9})\](?=\s|$)"
)
_BEST = re.compile(
    r"^The best checkpoint with (\S+) (\S.*?) at (\d{1,9}) (epoch|iter) is saved to (\S.*?)\.?\s*$"
)
_REMOVED = re.compile(r"^The previous best checkpoint (\S.*?) is removed\.?\s*$")
_CHUNK = re.compile(r"\S+(?: \S+)*")
_RATE = re.compile(rf"(?:^|(?<= ))([\w.]*lr): ({NUMBER})(?= |$)")
_HEADER = re.compile(r"^\s*(?:System environment:|MMEngine: \d)")


def _pairs(text: str, start: int) -> list[Pair]:
    """Return the numbers named after a position.

    Neighbours are two blanks apart, several learning rates a single one.
    """
    pairs: list[Pair] = []
    for chunk in _CHUNK.finditer(text, start):
        if "lr: " in chunk[0]:
            first = chunk.start()
            pairs.extend(
                Pair(rate[1], first + rate.start(2), first + rate.end(2))
                for rate in _RATE.finditer(chunk[0])
            )
            continue
        key, separator, number = chunk[0].rpartition(": ")
        if separator and key and IS_NUMBER.fullmatch(number):
            pairs.append(Pair(key, chunk.end() - len(number), chunk.end()))
    return pairs


class MMEngineTextParser(TextParser):
    """Reads a text log of MMEngine."""

    framework: ClassVar[str] = "mmengine"
    stamp_pattern = _STAMP
    stamp_names = _STAMP_NAMES

    def fields(self, line: str) -> Sequence[Field] | None:
        """Tell where the numbers of a training line stand."""
        if "(train)" not in line or len(line) > LONGEST_LINE:
            return None
        stamp = self.stamp(line)
        found = stamp and _TRAIN.match(line, stamp.message)
        if not stamp or not found:
            return None
        metrics = metric_fields(_pairs(line, found.end()))
        if not metrics:
            return None
        groups = zip(("#epoch", "#inner", "#total"), (1, 2, 3), strict=True)
        spans = [(name, found.span(group)) for name, group in groups]
        header = [Field(name, *span) for name, span in spans if span[0] >= 0]
        eta = ETA.search(line, found.end())
        return [*stamp.fields, *header, *(eta_fields(eta) if eta else ()), *metrics]

    def evaluation(self, message: str, time: float | None, number: int) -> Iterator[Record] | None:
        """Read the result of an evaluation; its progress, with an eta or memory, is none."""
        found = _EVALUATION.match(message)
        if found is None:
            return None
        pairs = _pairs(message, found.end())
        keys = {pair.key for pair in pairs}
        under_way = "memory" in keys or ETA.search(message, found.end()) is not None
        if under_way or not keys - BOOKKEEPING_KEYS:
            return iter(())
        clock = self._clock
        epoch = None if found[3] is None else int(found[3])
        if found[1] == "Iter" or epoch is None:
            step = clock.now()
        elif epoch == 0:
            step = 0
        else:
            step = None if clock.per_epoch is None else epoch * clock.per_epoch
        clock.evaluated = step or clock.evaluated
        record = self._record(
            "eval",
            step,
            None if epoch is None else float(epoch),
            time,
            number,
            metrics=metrics_of(pairs, message),
            facts={"split": found[2]},
        )
        return iter((record,))

    def best(self, message: str, time: float | None, number: int) -> Iterator[Record] | None:
        """Read which checkpoint is the best now, and which one it replaces."""
        if found := _REMOVED.match(message):
            self._replaced = found[1]
            return iter(())
        found = _BEST.match(message)
        if found is None:
            return None
        return self._best_records(found, time, number)

    def _best_records(
        self, found: re.Match[str], time: float | None, number: int
    ) -> Iterator[Record]:
        metric, count = found[2], int(found[3])
        facts = {"path": found[5], "best_metric_name": metric}
        if IS_NUMBER.fullmatch(found[1]):
            facts["best_metric"] = float(found[1])
        if self._replaced:
            facts["replaces"], self._replaced = self._replaced, None
        yield from self._best_checkpoint(count, found[4], facts, time, number)


class MMEngineText(LogFormat):
    """The text log of MMEngine."""

    name: ClassVar[str] = "mmengine_text"
    title: ClassVar[str] = "MMEngine log"
    url: ClassVar[str] = "https://mmengine.readthedocs.io/en/latest/advanced_tutorials/logging.html"
    smoothing: ClassVar[int | None] = 10

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: a statement nearly proves it, the header alone makes it likely."""
        stamped = header = False
        for line in lines:
            found = _STAMP.search(line[:LONGEST_LINE])
            if found is None:
                header = header or _HEADER.match(line) is not None
                continue
            rest = line[found.end() : LONGEST_LINE].strip()
            if _TRAIN.match(rest) or _EVALUATION.match(rest):
                return 1.0
            stamped = stamped or found[7] == "mmengine"
        if stamped:
            return 0.9 if header else 0.7
        return 0.0

    def parser(self, file: str) -> MMEngineTextParser:
        """Return a fresh parser for a log."""
        return MMEngineTextParser(file)

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
2024/02/28 23:58:00 - mmengine - INFO -
------------------------------------------------------------
System environment:
    sys.platform: linux
    GPU 0,1: Imaginary Card 24GB
    MMEngine: 0.10.4

Runtime environment:
    seed: 11
    Distributed training: True
    GPU number: 2
------------------------------------------------------------

2024/02/28 23:58:01 - mmengine - INFO - Config:
optim_wrapper = dict(optimizer=dict(lr=0.02, momentum=0.9, type='SGD'))
param_scheduler = [
    dict(begin=0, by_epoch=False, end=500, start_factor=0.001, type='LinearLR'),
    dict(by_epoch=True, gamma=0.1, milestones=[8, 11], type='MultiStepLR'),
]
default_hooks = dict(
    checkpoint=dict(interval=1, rule='greater', save_best='auto', type='CheckpointHook'),
    logger=dict(interval=50, type='LoggerHook'))
train_cfg = dict(max_epochs=12, type='EpochBasedTrainLoop', val_interval=1)
2024/02/28 23:58:05 - mmengine - INFO - Hooks will be executed in the following order:
2024/02/28 23:59:00 - mmengine - INFO - Epoch(train)  [1][ 50/120]  base_lr: 2.0000e-03 \
lr: 1.0000e-03  eta: 1 day, 0:00:10  time: 0.5000  data_time: 0.1000  memory: 2048  \
grad_norm: 3.5000  loss: 1.2500  loss_cls: 1.0000  loss_bbox: 0.2500
2024/03/01 00:00:00 - mmengine - INFO - Exp name: toy_20240228_235800
2024/03/01 00:00:01 - mmengine - INFO - Saving checkpoint at 1 epochs
2024/03/01 00:00:02 - mmengine - INFO - Epoch(val)  [1][10/20]    eta: 0:00:02  time: 0.2000  \
data_time: 0.0100  memory: 512
2024/03/01 00:00:04 - mmengine - INFO - Epoch(val) [1][20/20]    coco/bbox_mAP: 0.1250  \
coco/AP .5: 0.3000  coco/AR (M): -1.0000  data_time: 0.0100  time: 0.2000
2024/03/01 00:00:05 - mmengine - INFO - The best checkpoint with 0.1250 coco/bbox_mAP at 1 epoch \
is saved to best_coco_bbox_mAP_epoch_1.pth.
""",
            (
                Record(
                    "config",
                    facts={"framework": "mmengine 0.10.4", "gpus": 2, "seed": 11},
                    line=1,
                ),
                Record(
                    "config",
                    facts={
                        "planned_epochs": 12,
                        "val_interval": 1,
                        "val_unit": "epoch",
                        "log_interval": 50,
                        "smoothing": 10,
                        "optimizer": "SGD(lr=0.02, momentum=0.9)",
                        "save_best_direction": "max",
                    },
                    line=14,
                ),
                Record(
                    "train",
                    50,
                    50 / 120,
                    1709164740.0,
                    {
                        "base_lr": 0.002,
                        "lr": 0.001,
                        "eta_s": 86410.0,
                        "iter_time_s": 0.5,
                        "data_time_s": 0.1,
                        "memory_mib": 2048.0,
                        "grad_norm": 3.5,
                        "loss": 1.25,
                        "loss_bbox": 0.25,
                    },
                    line=25,
                ),
                Record("config", facts={"steps_per_epoch": 120}, line=26),
                Record("config", facts={"name": "toy_20240228_235800"}, line=26),
                Record("checkpoint", 120, 1.0, facts={"path": "epoch_1.pth"}, line=27),
                Record(
                    "eval",
                    120,
                    1.0,
                    1709251204.0,
                    {"coco/bbox_mAP": 0.125, "coco/AP .5": 0.3, "coco/AR (M)": -1.0},
                    {"split": "val"},
                    line=29,
                ),
                Record("config", facts={"save_best": "coco/bbox_mAP"}, line=30),
                Record(
                    "checkpoint",
                    120,
                    1.0,
                    facts={
                        "path": "best_coco_bbox_mAP_epoch_1.pth",
                        "best_metric": 0.125,
                        "best_metric_name": "coco/bbox_mAP",
                    },
                    line=30,
                ),
            ),
        ),
        Sample(
            """\
05/02 10:00:00 - mmengine - INFO - Load checkpoint from work_dirs/toy/iter_200.pth
05/02 10:00:01 - mmengine - INFO - resumed epoch: 0, iter: 200
05/02 10:00:10 - mmengine - INFO - Iter(train) [ 250/1000]  lr: 1.0000e-02  eta: 0:10:00  \
time: 0.1000  data_time: 0.0100  loss: nan  decode.loss_ce: inf
05/02 10:00:20 - mmengine - INFO - Saving checkpoint at 300 iterations
05/02 10:00:25 - mmengine - INFO - Iter(val) [5/5]    mIoU: 33.2500  data_time: 0.0100  time: 0.2000
05/02 10:00:30 - mmengine - INFO - Iter(test) [5/5]    mIoU: 30.0000  data_time: 0.0100  \
time: 0.2000
""",
            (
                Record("config", line=1),
                Record(
                    "resume",
                    200,
                    0.0,
                    facts={"checkpoint": "work_dirs/toy/iter_200.pth"},
                    line=2,
                ),
                Record(
                    "train",
                    250,
                    metrics={"lr": 0.01, "loss": math.nan, "decode.loss_ce": math.inf},
                    line=3,
                ),
                Record("config", facts={"planned_steps": 1000}, line=4),
                Record("checkpoint", 300, facts={"path": "iter_300.pth"}, line=4),
                Record("eval", 300, metrics={"mIoU": 33.25}, facts={"split": "val"}, line=5),
                Record("eval", 300, metrics={"mIoU": 30.0}, facts={"split": "test"}, line=6),
            ),
        ),
    )


FORMAT = MMEngineText()
