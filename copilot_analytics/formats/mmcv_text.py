"""The text log of mmcv before version 2, which the older OpenMMLab projects trained with.

The patterns follow ``TextLoggerHook``: a tab after the brackets, commas between ``key: number``
pairs, and an evaluation whose bracket holds the iterations of a training epoch in older versions
and the batches of the evaluation in newer ones.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

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
from copilot_analytics.formats._splits import MEASURED_AFTER
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


_STAMP = re.compile(
    r"(?<!\d)(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:,(\d{3}))? - (?:\S+ - )?[A-Z]+ -(?: |$)"
)
_STAMP_NAMES = ("#year", "#month", "#day", "#hour", "#minute", "#second", "#milli")
_TRAIN = re.compile(r"(?:Epoch \[(\d{1,9})\]|Iter )\[(\d{1,9})/(\d{1,9})\]\s(?=\s*\S)")
_EVALUATION = re.compile(r"^(Epoch|Iter)\((train|val|test)\) (?:\[(\d{1,9})\])?\[(\d{1,9})\]\s")
_NOW_BEST = re.compile(r"^Now best checkpoint is saved as (\S.*?)\.?\s*$")
_BEST = re.compile(r"^Best (\S.*?) is (\S+) at (\d{1,9}) (epoch|iter)\.?\s*$")
_REMOVED = re.compile(r"^The previous best checkpoint (\S.*?) (?:was|is) removed\.?\s*$")
_ITEM = re.compile(r"[^,\t]+")
_RATE = re.compile(rf"([A-Za-z_][\w./@-]*): +({NUMBER})(?= |$)")
_MORE = re.compile(rf": +{NUMBER} +[A-Za-z_]")
_HEADER = re.compile(
    r"^(?:Environment info:|workflow: \[\('|Start running, (?:host|work_dir)|Set random seed to \d"
    r"|Hooks will be executed in the following order)"
)


def _pairs(text: str, start: int) -> list[Pair]:
    """Return the numbers named after a position; neighbours are a comma apart, in forks a blank."""
    pairs: list[Pair] = []
    for item in _ITEM.finditer(text, start):
        lead = len(item[0]) - len(item[0].lstrip())
        content = item[0].strip()
        begin = item.start() + lead
        if content.startswith("lr") or _MORE.search(content):
            pairs.extend(_rates(content, begin))
            continue
        key, separator, number = content.rpartition(": ")
        if separator and key and key != "eta" and IS_NUMBER.fullmatch(number):
            end = begin + len(content)
            pairs.append(Pair(key, end - len(number), end))
    return pairs


def _rates(content: str, begin: int) -> Iterator[Pair]:
    """Yield the rates of one or several optimizers, blanks apart; the first is ``lr``.

    Forks write no commas, so that measures follow a rate that is named by itself.
    """
    found = list(_RATE.finditer(content))
    by_itself = bool(found) and (found[0][1].startswith("lr") or not content.startswith("lr"))
    key = "lr"
    for rate in found:
        span = (begin + rate.start(2), begin + rate.end(2))
        name = rate[1].removeprefix("lr_")
        if by_itself and not rate[1].startswith("lr"):
            yield Pair(name, *span)
        else:
            yield Pair(key if key == "lr" or name == "lr" else f"lr_{name}", *span)
            key = ""


def _is_training(pairs: Sequence[Pair]) -> bool:
    """Tell a training line from a result that old versions print in the same shape."""
    return any(pair.key == "time" or "loss" in pair.key for pair in pairs)


def _is_result(field: Field) -> bool:
    return field.name[0] != "#" and MEASURED_AFTER.search(field.name) is not None


class MMCVTextParser(TextParser):
    """Reads a text log of mmcv."""

    framework: ClassVar[str] = "mmcv"
    stamp_pattern = _STAMP
    stamp_names = _STAMP_NAMES

    def fields(self, line: str) -> Sequence[Field] | None:
        """Tell where the numbers of a training line stand, unless it tells results as well."""
        fields = self._row(line)
        return None if fields is None or any(map(_is_result, fields)) else fields

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Read any other line; runners that log a last partial interval add the results to it."""
        fields = self._row(line)
        if fields is None:
            return super().parse(line, number)
        results = {f.name: float(line[f.start : f.end]) for f in fields if _is_result(f)}
        rest = (field for field in fields if not _is_result(field))
        columns = {f.name: np.array([float(line[f.start : f.end])]) for f in rest}
        (row,) = self.block(columns, np.array([number])).records()
        facts = {"split": "val"}
        result = self._record(
            "eval", row.step, row.epoch, row.time, number, metrics=results, facts=facts
        )
        return [row, result]

    def _row(self, line: str) -> Sequence[Field] | None:
        if ("Epoch [" not in line and "Iter [" not in line) or len(line) > LONGEST_LINE:
            return None
        stamp = self.stamp(line)
        found = stamp and _TRAIN.match(line, stamp.message)
        if not stamp or not found:
            return None
        pairs = _pairs(line, found.end())
        if not _is_training(pairs):
            return None
        groups = zip(("#epoch", "#inner", "#total"), (1, 2, 3), strict=True)
        spans = [(name, found.span(group)) for name, group in groups]
        header = [Field(name, *span) for name, span in spans if span[0] >= 0]
        eta = ETA.search(line, found.end())
        return [*stamp.fields, *header, *(eta_fields(eta) if eta else ()), *metric_fields(pairs)]

    def evaluation(self, message: str, time: float | None, number: int) -> Iterator[Record] | None:
        """Read the result of an evaluation."""
        split, step, epoch = "val", None, None
        if found := _EVALUATION.match(message):
            if found[2] == "train":
                return iter(())
            split = found[2]
            epoch = None if found[3] is None else float(found[3])
            bracket = int(found[4])
        elif found := _TRAIN.match(message):
            epoch = None if found[1] is None else float(found[1])
            bracket = int(found[2])
        else:
            return None
        pairs = _pairs(message, found.end())
        if not {pair.key for pair in pairs} - BOOKKEEPING_KEYS - {"lr"}:
            return iter(())
        clock = self._clock
        if epoch is None:
            step = self._iteration(bracket)
        else:
            step, epoch = self._position(epoch)
        clock.evaluated = step or clock.evaluated
        metrics = metrics_of(pairs, message)
        record = self._record(
            "eval", step, epoch, time, number, metrics=metrics, facts={"split": split}
        )
        return iter((record,))

    def _iteration(self, bracket: int) -> int | None:
        """Return the step of a result in a log that counts iterations.

        Old versions print the step itself, newer ones the batches of the evaluation.
        """
        clock = self._clock
        every = clock.val_interval
        itself = clock.last > 0 and clock.fits(bracket) and (not every or bracket % every == 0)
        return bracket if itself else clock.now()

    def _position(self, epoch: float) -> tuple[int | None, float]:
        """Return step and epoch of a result that names its epoch, which as a rule is over."""
        clock = self._clock
        if clock.per_epoch is None:
            return None, epoch
        left = 0 if clock.inner is None else clock.per_epoch - clock.inner
        if clock.epoch == epoch and clock.val_interval and left > 2 * clock.gap:
            step = clock.now()
            if step is not None:
                return step, step / clock.per_epoch
        return round(epoch * clock.per_epoch), epoch

    def best(self, message: str, time: float | None, number: int) -> Iterator[Record] | None:
        """Read which checkpoint is the best now: a line names the file, the next the metric."""
        if found := _REMOVED.match(message):
            self._replaced = found[1]
            return iter(())
        if found := _NOW_BEST.match(message):
            earlier = list(self._best_so_far())
            facts: dict[str, Any] = {"path": found[1]}
            if self._replaced:
                facts["replaces"], self._replaced = self._replaced, None
            self._best = self._record("checkpoint", None, None, time, number, facts=facts)
            return iter(earlier)
        if found := _BEST.match(message):
            return self._best_records(found, time, number)
        return None

    def _best_records(
        self, found: re.Match[str], time: float | None, number: int
    ) -> Iterator[Record]:
        metric, count = found[1], int(found[3])
        waiting, self._best = self._best, None
        facts = {"best_metric_name": metric, **(waiting.facts if waiting else {})}
        if IS_NUMBER.fullmatch(found[2]):
            facts["best_metric"] = float(found[2])
        yield from self._best_checkpoint(count, found[4], facts, time, number)


class MMCVText(LogFormat):
    """The text log of mmcv 1.x."""

    name: ClassVar[str] = "mmcv_text"
    title: ClassVar[str] = "mmcv log (OpenMMLab before MMEngine)"
    url: ClassVar[str] = "https://mmcv.readthedocs.io/en/1.x/understand_mmcv/runner.html"
    smoothing: ClassVar[int | None] = None

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: a statement nearly proves it, the header alone makes it likely."""
        header = 0
        for line in lines:
            found = _STAMP.search(line[:LONGEST_LINE])
            if found is None:
                header += line.startswith("MMCV: ")
                continue
            rest = line[found.end() : LONGEST_LINE]
            if _EVALUATION.match(rest) and _pairs(rest, 0):
                return 1.0
            if _TRAIN.match(rest) and _is_training(_pairs(rest, 0)):
                return 1.0
            header += _HEADER.match(rest) is not None
        return 0.9 if header > 1 else 0.6 * header

    def parser(self, file: str) -> MMCVTextParser:
        """Return a fresh parser for a log."""
        return MMCVTextParser(file)

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
2020-12-31 23:59:58,250 - toy - INFO - Environment info:
------------------------------------------------------------
GPU 0,1: Imaginary Card 24GB
MMCV: 1.7.0
------------------------------------------------------------

2020-12-31 23:59:58,500 - toy - INFO - Config:
total_epochs = 3
optimizer = dict(type='AdamW', lr=0.001)
lr_config = dict(policy='CosineAnnealing', min_lr=0, warmup='linear', warmup_iters=10)
evaluation = dict(interval=1, save_best='auto')
gpu_ids = range(0, 2)

2020-12-31 23:59:58,750 - toy - INFO - Set random seed to 5, deterministic: False
2020-12-31 23:59:59,000 - toy - INFO - load checkpoint from local path: work/epoch_1.pth
2020-12-31 23:59:59,250 - toy - INFO - resumed epoch 1, iter 100
2020-12-31 23:59:59,500 - toy - INFO - workflow: [('train', 1)], max: 3 epochs
2021-01-01 00:00:00,500 - toy - INFO - Epoch [2][50/100]\tlr: 9.900e-04, eta: 1 day, 10:30:11, \
time: 0.690, data_time: 0.371, memory: 3719, loss_cls: 0.6500, loss: 1.2500
2021-01-01 00:00:01,000 - toy - INFO - Saving checkpoint at 2 epochs
2021-01-01 00:00:02,000 - toy - INFO - Now best checkpoint is saved as best_bbox_mAP_epoch_2.pth.
2021-01-01 00:00:02,250 - toy - INFO - Best bbox_mAP is 0.2750 at 2 epoch.
2021-01-01 00:00:02,500 - toy - INFO - Epoch(val) [2][30]\tbbox_mAP: 0.2750, AP (M): -1.0000, \
bbox_mAP_copypaste: 0.275 0.500 0.300 -1.000 0.200 0.400
""",
            (
                Record(
                    "config",
                    facts={"framework": "mmcv 1.7.0", "gpu_name": "Imaginary Card 24GB"},
                    line=1,
                ),
                Record(
                    "config",
                    facts={
                        "planned_epochs": 3,
                        "optimizer": "AdamW(lr=0.001)",
                        "gpus": 2,
                        "base_lr": 0.001,
                    },
                    line=7,
                ),
                Record("config", facts={"seed": 5}, line=14),
                Record("resume", 100, 1.0, facts={"checkpoint": "work/epoch_1.pth"}, line=16),
                Record(
                    "train",
                    150,
                    1.5,
                    1609459200.5,
                    {"lr": 0.00099, "eta_s": 124211.0, "loss": 1.25, "iter_time_s": 0.69},
                    line=18,
                ),
                Record("config", facts={"steps_per_epoch": 100}, line=19),
                Record("checkpoint", 200, 2.0, facts={"path": "epoch_2.pth"}, line=19),
                Record("config", facts={"save_best": "bbox_mAP"}, line=21),
                Record(
                    "checkpoint",
                    200,
                    2.0,
                    facts={"path": "best_bbox_mAP_epoch_2.pth", "best_metric": 0.275},
                    line=21,
                ),
                Record(
                    "eval",
                    200,
                    2.0,
                    1609459202.5,
                    {"bbox_mAP": 0.275, "AP (M)": -1.0},
                    {"split": "val"},
                    22,
                ),
            ),
        ),
        Sample(
            """\
2021-05-05 10:00:00,000 - toy - INFO - workflow: [('train', 1)], max: 400 iters
2021-05-05 10:00:10,000 - toy - INFO - Iter [100/400]\tlr_generator: 1.000e-04 \
lr_critic: 2.000e-04, eta: 0:01:00, time: 0.100, data_time: 0.001, loss_g: -0.5000
2021-05-05 10:00:12,000 - toy - INFO - Iter(val) [25]\taAcc: 0.5000, mIoU: 0.2500
""",
            (
                Record("config", facts={"planned_steps": 400}, line=1),
                Record(
                    "train",
                    100,
                    None,
                    None,
                    {"lr": 1e-4, "lr_critic": 2e-4, "loss_g": -0.5},
                    line=2,
                ),
                Record("eval", 100, None, None, {"mIoU": 0.25}, {"split": "val"}, 3),
            ),
        ),
        Sample(
            """\
2021-05-05 10:00:10,000 - toy - INFO - Epoch [1][10/15]\tlr: 1.000e-04, eta: 0:00:01, \
time: 0.500, data_time: 0.001, loss: 1.5000
2021-05-05 10:00:12,000 - toy - INFO - Epoch [1][15/15]\tlr: 1.000e-04, eta: 0:00:00, \
time: 0.500, data_time: 0.001, loss: 1.2500, AP50: 0.5000, mAP: 0.2500
""",
            (
                Record("train", 10, 10 / 15, metrics={"loss": 1.5}, line=1),
                Record("train", 15, 1.0, metrics={"loss": 1.25, "lr": 1e-4}, line=2),
                Record("eval", 15, 1.0, None, {"AP50": 0.5, "mAP": 0.25}, {"split": "val"}, 2),
                Record("config", facts={"steps_per_epoch": 15}),
            ),
        ),
    )


FORMAT = MMCVText()
