"""Lines of MMEngine and MMCV, and their records."""

from __future__ import annotations

import json
from typing import Any

from statements import read_text

from copilot_analytics.records import Block, Record

STAMP = "2024/05/01 10:00:00 - mmengine - INFO - "
MMCV = "2021-05-01 10:00:00,000 - mmdet - INFO - "
PAIRS = "lr: 1.0000e-02  eta: 0:10:00  time: 0.1000  data_time: 0.0100  loss: 1.0000"
CONFIG_BY_STEPS = (
    STAMP + "Config:",
    "train_cfg = dict(type='IterBasedTrainLoop', max_iters=1100, val_interval=250)",
    "default_hooks = dict(logger=dict(type='LoggerHook', interval=100))",
    STAMP + "Checkpoints will be saved to work_dirs/toy.",
)
RESULT = STAMP + "Iter(val) [5/5]    mIoU: 30.0000  data_time: 0.1000  time: 0.1000"


def records(log_format: Any, *lines: str, file: str = "") -> list[Record]:
    """Return what a format reads in lines."""
    found = []
    for item in read_text(log_format, "\n".join(lines), file):
        found.extend(item.records() if isinstance(item, Block) else (item,))
    return found


def kinds(found: list[Record], kind: str) -> list[Record]:
    """Return the records of one kind."""
    return [record for record in found if record.kind == kind]


def dumped(lines: list[dict[str, Any]]) -> list[str]:
    """Return rows as lines of JSON."""
    return [json.dumps(line) for line in lines]


def result_at(step: int) -> dict[str, Any]:
    """Return a result of MMEngine."""
    return {"acc": 0.5, "data_time": 0.0, "time": 0.1, "step": step}


def in_epoch(epoch: int, iteration: int, mode: str = "train") -> dict[str, Any]:
    """Return a row of MMCV that counts the iterations of its epoch."""
    return {"mode": mode, "epoch": epoch, "iter": iteration, "lr": 0.1, "loss": 1.0}
