"""Which part of the data a metric was measured on, by its name: one rule for all formats."""

from __future__ import annotations

import re
from typing import Literal

Split = Literal["train", "val", "test"]

_SPLIT = re.compile(
    r"(?:^|[\s_/.\-@(]|(?-i:(?<=[a-z])(?=[A-Z])))"
    r"(?:(?P<val>val|vali|vld|valid|validation|validate|dev|eval|evaluation|heldout|held_out|holdout)"
    r"|(?P<test>test|testing|te)|(?P<train>train|training|trn|tr))"
    r"(?:(?=$|[\s_/.\-@)\d:]|loss|acc)|(?-i:(?<=[a-z])(?=[A-Z])))",
    re.IGNORECASE,
)


def split_of(name: str) -> Split | None:
    """Return the part of the data that a name speaks of; None if it names none.

    Examples
    --------
    >>> split_of("val_loss"), split_of("train/box_loss"), split_of("validation acc")
    ('val', 'train', 'val')
    >>> split_of("loss"), split_of("value_loss"), split_of("Test Acc@1")
    (None, None, 'test')
    >>> split_of("valLoss"), split_of("lossTrain"), split_of("testacc"), split_of("VALUE_LOSS")
    ('val', 'train', 'test', None)
    """
    found = _SPLIT.search(name)
    if found is None:
        return None
    return "val" if found["val"] else "test" if found["test"] else "train"
