"""The planned end where a log shows the command that started the training, whatever its format.

Launchers (``cmd = …``), shells (``+ python train.py --epochs 90``) and queues print it above the
training. What the trainer itself says of its plan comes later, and counts then.
"""

from __future__ import annotations

import re

_LONGEST = 20_000
_PROGRAM = re.compile(
    r"\S\.py(?=\s)|(?:^|[\s/])(?:python[\d.]{0,5}|torchrun|deepspeed|accelerate launch)\s"
)
# An option (--epochs 90, --max_steps=5000) or an override (trainer.max_epochs=90).
_BEFORE = r"(?<=\s)(?:--|\+{0,2}(?:\w{1,20}\.){1,4})"
_AFTER = r"(?:\s{1,3}|=)(?P<number>[1-9]\d{0,8})(?=\s|$)"
_EPOCHS = re.compile(rf"{_BEFORE}(?:(?:num[-_]train|max|n|num|train)[-_])?epochs?{_AFTER}")
_STEPS = re.compile(
    rf"{_BEFORE}(?:(?:max|total)[-_](?:train(?:ing)?[-_])?|(?:num[-_])?train[-_])"
    rf"(?:steps?|iters?|iterations){_AFTER}"
)


def commanded_plan(line: str) -> dict[str, int]:
    """Return what the command line of a training states of its plan, as facts of the schema.

    A limit of steps goes before one of epochs, as it does for those who train with both.

    Examples
    --------
    >>> commanded_plan("cmd = /usr/bin/python -u main.py --lr 0.1 --epochs 14 --seed 1")
    {'planned_epochs': 14}
    >>> commanded_plan("+ torchrun run.py --num_train_epochs 3 --max_steps=5000")
    {'planned_steps': 5000}
    >>> commanded_plan("see --epochs 14 of our recipe"), commanded_plan("python a.py --epochs -1")
    ({}, {})
    """
    line = line[:_LONGEST]
    if "epoch" not in line and "step" not in line and "iter" not in line:
        return {}
    if not _PROGRAM.search(line):
        return {}
    for name, option in (("planned_steps", _STEPS), ("planned_epochs", _EPOCHS)):
        found = option.search(line)
        if found is not None:
            return {name: int(found["number"])}
    return {}
