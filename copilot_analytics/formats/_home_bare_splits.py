"""Measures of a home-made log that are called by nothing but their split: ``train 4.79 | val 5.1``.

Numbers for each part of the data are common: shares, sizes, seconds. Decimals for the training and
for what is held out on one line, or one below the number of an epoch, are what was measured.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from copilot_analytics.formats._home_vocabulary import is_bookkeeping

if TYPE_CHECKING:
    from collections.abc import Iterable, Set

    from copilot_analytics.formats._home_readings import Reading

_TRAINED = frozenset("tr trn train training".split())
_HELD_OUT = frozenset(
    "va vl val valid validation dev eval test testing heldout held_out held-out holdout".split()
)
_SPLITS = _TRAINED | _HELD_OUT
_MEASURED = r"\s?[:=]?\s{0,4}[-+]?\d{1,6}\.\d{1,20}(?:e[-+]?\d{1,4})?%?(?![\w.])"
_TRAIN = rf"(?:{'|'.join(sorted(_TRAINED))}){_MEASURED}"
_VAL = rf"(?:{'|'.join(sorted(_HELD_OUT))}){_MEASURED}"
_BOTH = re.compile(rf"(?i)(?<![\w/.-]){_TRAIN}[^\w\n]{{1,12}}{_VAL}")
_ONE = re.compile(rf"(?i)(?:^|[^\w/.-])(?:{_TRAIN}|{_VAL})\W{{0,3}}$")
_MOST_WORDS = 2  # a level of logging and the split


def names_the_training(name: str) -> bool:
    """Tell whether a measure is called by the training alone."""
    return name.lower() in _TRAINED


def is_a_split_alone(name: str) -> bool:
    """Tell whether a word that names a split names nothing else.

    Examples
    --------
    >>> is_a_split_alone("val"), is_a_split_alone("held_out"), is_a_split_alone("val_mean")
    (True, True, False)
    """
    return "_" not in name or name.lower() in _SPLITS


def tells_both(line: str) -> bool:
    """Tell whether a line measures the training and what is held out by these names alone.

    Examples
    --------
    >>> tells_both("Train: 4.79, Val: 5.10"), tells_both("train 900 | val 100")
    (True, False)
    """
    return _BOTH.search(line) is not None


def may_tell_splits(line: str, words: Set[str]) -> bool:
    """Tell whether a line of these words may measure something by the names of splits.

    Examples
    --------
    >>> may_tell_splits("  Val: 5.10", {"val"}), may_tell_splits("test 5", {"test"})
    (True, False)
    """
    if words & _TRAINED and words & _HELD_OUT:
        return tells_both(line)
    is_short = len(words) <= _MOST_WORDS and not words.isdisjoint(_SPLITS)
    return is_short and _ONE.search(line) is not None


def are_both(names: Iterable[str]) -> bool:
    """Tell whether columns are called by the training alone and by what is held out alone.

    Examples
    --------
    >>> are_both(["Train", "Val", "time"]), are_both(["train", "test acc"])
    (True, False)
    """
    lower = {name.lower() for name in names}
    return bool(lower & _TRAINED) and bool(lower & _HELD_OUT)


def tells_splits(line: str, reading: Reading, *, below: bool) -> bool:
    """Tell whether a line measures by the names of splits alone.

    Parameters
    ----------
    line
        The line.
    reading
        What it says.
    below
        Whether a line above it named the epoch.
    """
    if reading.has_axis:
        return bool(reading.metrics) and reading.split in {"val", "test"}
    named = [m for m in reading.metrics if not is_bookkeeping(m.name)]
    if not named or any(m.whole or m.name.lower() not in _SPLITS for m in named):
        return False
    return below or tells_both(line)
