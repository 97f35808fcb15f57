"""Which place on the axis the words before a number of a home-made line speak of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.formats._home_tokens import LINKING, NOT_THIS_EPOCH
from copilot_analytics.formats._home_vocabulary import (
    BATCHES,
    EPOCHS,
    GLOBAL_STEPS,
    SAMPLES,
    STEPS,
    parts_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_OF_ALL = frozenset({"total", "max", "num", "per", "warmup", "every"})


def names_an_epoch(words: Sequence[str]) -> bool:
    """Tell whether the last of the words says that an epoch is counted."""
    return bool(words) and words[-1].lower() in EPOCHS


def measured_at(words: Sequence[str]) -> str:
    """Return what words say was measured at a place, empty if they do not.

    Examples
    --------
    >>> measured_at(["Minibatch", "loss", "at", "step"])
    'Minibatch loss'
    """
    return " ".join(words[:-2]) if len(words) > 2 and words[-2].lower() == "at" else ""


def ordinal_place(after: str) -> str | None:
    """Return the place that ``第 3`` names by what stands after it."""
    if after.startswith(("轮", "个epoch", "epoch")):
        return "#epoch"
    return "#count" if after.startswith(("步", "次迭代")) else None


def place_of(words: Sequence[str], *, whole: bool, again: bool) -> str | None:
    """Return the place that words name; None if they name none.

    Parameters
    ----------
    words
        What stands before the number.
    whole
        Whether it is printed without a decimal point.
    again
        Whether the line named its epoch before.

    Examples
    --------
    >>> place_of(["Epoch", "is"], whole=True, again=False)
    '#epoch'
    >>> place_of(["max", "steps"], whole=True, again=False) is None
    True
    """
    while len(words) > 1 and words[-1].lower() in LINKING:
        words = words[:-1]  # "Epoch is [1/60]"
    last = words[-1].lower().strip("#.")
    joined = parts_of(" ".join(words))
    if last in EPOCHS:
        if joined & NOT_THIS_EPOCH or (last == "ep" and again):
            return None
        return "#epoch" if whole else "#progress"
    if not whole:
        return None
    if last in BATCHES:
        return "#inner"
    if last in STEPS or last in GLOBAL_STEPS:
        if last in GLOBAL_STEPS or "global" in joined:
            return "#step"
        return None if joined & _OF_ALL else "#count"
    return "#run" if last in SAMPLES else None
