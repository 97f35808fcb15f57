"""Which place on the axis the words before a number of a home-made line speak of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from copilot_analytics.formats._home_tokens import LINKING, NOT_THIS_EPOCH
from copilot_analytics.formats._home_vocabulary import (
    BATCHES,
    EPOCHS,
    GLOBAL_STEPS,
    SAMPLES,
    STEPS,
    is_quality,
    parts_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot_analytics.formats._splits import Split

MEASURED_AT = frozenset({"#count", "#step", "#epoch", "#inner"})
"""Places at which a line may tell first that something was measured, and then the value."""

_AT = frozenset({"at", "after", "for", "in", "of", "on"})
_JOINING = LINKING | {"and", "und", "et", "y"}
_ORDINAL = re.compile(r"(?:\s?/\s?\d{1,7})?\s?(?:个)?(?:(?P<epoch>轮|epoch|周期)|步|次?迭代|批)")
_ROUNDS = re.compile(r"(?:当前|训练|本次|学习)+(?:轮次|轮数|轮|周期)")  # of a training, in Chinese
_FEWEST_OF_MEASURED = 3  # "loss at step"
_AFTER_PLACE = LINKING | {"no", "no.", "nr", "nr.", "number", "index", "idx"}
_OF_ALL = frozenset({"total", "max", "num", "per", "warmup", "every"})


def names_an_epoch(words: Sequence[str]) -> bool:
    """Tell whether the last of the words says that an epoch is counted."""
    return bool(words) and words[-1].lower() in EPOCHS


def measured_at(words: Sequence[str]) -> str:
    """Return what words say was measured at a place, empty if they do not.

    Examples
    --------
    >>> (
    ...     measured_at(["Minibatch", "loss", "at", "step"]),
    ...     measured_at(["val", "loss", "after", "epoch"]),
    ... )
    ('Minibatch loss', 'val loss')
    >>> measured_at(["Minibatch", "loss", "at", "step"]), measured_at(["number", "of", "epoch"])
    ('Minibatch loss', '')
    """
    if len(words) < _FEWEST_OF_MEASURED or words[-2].lower() not in _AT:
        return ""
    measured = " ".join(words[:-2])
    return measured if words[-2].lower() == "at" or is_quality(measured) else ""


def told_at(words: Sequence[str], before: str) -> str:
    """Return what was measured at a place that words name, maybe `before` another place.

    Examples
    --------
    >>> told_at(["Loss", "at", "epoch"], ""), told_at(["and", "iteration"], "Loss")
    ('Loss', 'Loss')
    >>> told_at(["lasts", "until", "step"], "Loss")
    ''
    """
    goes_on = all(word.lower() in _JOINING for word in words[:-1])
    return measured_at(words) or (before if goes_on else "")


def ordinal_place(after: str) -> str | None:
    """Return the place that ``第 3`` names by what stands after it.

    Examples
    --------
    >>> ordinal_place("轮"), ordinal_place("/20轮"), ordinal_place("步"), ordinal_place("章")
    ('#epoch', '#epoch', '#count', None)
    """
    counted = _ORDINAL.match(after)
    return counted and ("#epoch" if counted["epoch"] else "#count")


def count_of_split(after: str, split: Split | None) -> str | None:
    """Return what the number behind the name of a split counts, by what stands after it.

    Examples
    --------
    >>> count_of_split(", l", "train"), count_of_split(": l", "train"), count_of_split(" ba", "val")
    ('#epoch', '#count', None)
    """
    if after[:1] in ({",", "/", "["} if split == "train" else {","}):
        return "#epoch"
    names_another = after[:1] == ":" and after[1:].strip().isalpha()
    return ("#count" if split == "train" else "#run") if names_another else None


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
    >>> place_of(["Epoch", "no"], whole=True, again=False)
    '#epoch'
    >>> place_of(["max", "steps"], whole=True, again=False) is None
    True
    >>> place_of(["Total", "reward", "in", "episode"], whole=True, again=False)
    '#count'
    """
    while len(words) > 1 and words[-1].lower() in _AFTER_PLACE:
        words = words[:-1]  # "Epoch is [1/60]", "Epoch no. = 1"
    last = words[-1].lower().strip("#.")
    joined = parts_of(" ".join(words))
    if last in EPOCHS or _ROUNDS.fullmatch(last):
        other = joined & NOT_THIS_EPOCH and not measured_at(words)
        if other or (last == "ep" and again):
            return None
        return "#epoch" if whole else "#progress"
    if not whole:
        return None
    if last in BATCHES:
        return "#inner"
    if last in STEPS or last in GLOBAL_STEPS:
        if last in GLOBAL_STEPS or "global" in joined:
            return "#step"
        of_all = joined & _OF_ALL and not measured_at(words)  # "total reward in episode 3 is 9"
        return None if of_all else "#count"
    return "#run" if last in SAMPLES else None


def boxes(line: str, start: int, words: Sequence[str]) -> bool:
    """Tell whether words in a bracket name what comes behind it: ``[loss] 0.31``.

    Parameters
    ----------
    line
        The line.
    start
        Where the first of the words begins.
    words
        What stands between the brackets.

    Examples
    --------
    >>> boxes("[loss] 0.31", 1, ["loss"]), boxes("[rank0]: loss", 1, ["rank0"])
    (True, False)
    """
    if not words or line[start - 1 : start] not in "[【":
        return False
    name = " ".join(words)
    if any(letter.isdigit() for letter in name):
        return False  # "[rank0]: "
    return place_of(words, whole=True, again=False) is not None or is_quality(name)
