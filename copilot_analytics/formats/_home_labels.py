"""What a number of a home-made log is called: the words that stand before it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from copilot_analytics.formats._home_tokens import LEVELS, LINKING
from copilot_analytics.formats._home_vocabulary import base_of, is_quality

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot_analytics.formats._home_readings import Metric
    from copilot_analytics.formats._splits import Split

_QUOTES = re.compile(r"[{}\"]|(?<![^\W\d_])'|'(?![^\W\d_])")  # not the mark of "perte d'epoque"
_ARITHMETIC = re.compile(r"[*<>!&$^~?\\+]|\s[-/]\s")
_EPOCH_PAIR = re.compile(r"\[\s?\d{1,6}(?:,|\s:\s)\s{0,12}\d{1,9}\s?\]")
_OF_WHAT = re.compile(r"(?i)(?<=[a-z])\s(?:of|for)\s(?:the|our|this)\s(?:\w{1,20}\s?){1,2}$")
_ENDS_A_NAME = re.compile(r"[)\]]\s{0,3}[:=]")
_VERBS = frozenset({"is", "are", "was", "were"})
_MOST_WORDS = 6
_LONGEST = 60

MEANS = frozenset({"avg", "average", "mean"})
"""What people call the mean of what was played, without a word for the score."""


def are_linking(words: Sequence[str]) -> bool:
    """Tell whether words only link a name to its number, as in ``loss at step 9 is 0.5``."""
    return all(word.lower() in LINKING for word in words)


def label_of(line: str, words: Sequence[str], start: int, end: int) -> str:
    """Return the name of a number; empty if what stands before it is none.

    Parameters
    ----------
    line
        The line.
    words
        The words before the number.
    start, end
        Where the first of them begins, and the last of them ends.

    Examples
    --------
    >>> (
    ...     label_of("val loss is 0.5", ["val", "loss", "is"], 0, 11),
    ...     label_of("a + b: 1", ["a", "b"], 0, 5),
    ... )
    ('val loss', '')
    >>> label_of("Accuracy of the network: 1", ["Accuracy", "of", "the", "network"], 0, 23)
    'Accuracy'
    >>> line = "The result of a net trained with Adam is test acc: 0.5"
    >>> label_of(line, line[:49].split(), 0, 49)
    'test acc'
    """
    words, start = _without_preamble(line, words, start)
    count = len(words)
    while words and words[-1].lower() in LINKING:
        words = words[:-1]
    if not words or len(words) > _MOST_WORDS:
        return ""
    cut = end if len(words) == count else start + len(" ".join(words))
    text = _QUOTES.split(line[start:cut].strip())[-1]
    if text.count("(") != text.count(")"):
        text = text.rpartition("(")[2]
    text = _OF_WHAT.sub("", text.strip())
    if _ARITHMETIC.search(text):
        return ""
    return text if len(text) <= _LONGEST else ""


def _without_preamble(line: str, words: Sequence[str], start: int) -> tuple[Sequence[str], int]:
    """Return the words behind a level of logging or the verb of a sentence, and their start."""
    marks = LEVELS if len(words) <= _MOST_WORDS else LEVELS | _VERBS
    places = [place for place, word in enumerate(words[:-1]) if word in marks]
    if not places:
        return words, start
    said = words[places[-1] + 1 :]
    return said, line.find(f" {said[0]}", start) + 1


def is_pair(line: str, start: int) -> bool:
    """Tell whether a number begins a pair of an epoch and its iteration.

    Examples
    --------
    >>> [is_pair(line, 1) for line in ("[2,  300] loss", "[2 :  300] loss", "[02:30] loss")]
    [True, True, False]
    """
    return _EPOCH_PAIR.match(line, line.rfind("[", 0, start)) is not None


def is_of_a_name(line: str, words: Sequence[str], span: tuple[int, int], *, plays: bool) -> bool:
    """Tell whether a number stands in brackets between the name of a measure and its value.

    Parameters
    ----------
    line
        The line.
    words
        The words before the number.
    span
        Where it begins and ends.
    plays
        Whether the line counts what is played, so that ``Avg`` is a measure.

    Examples
    --------
    >>> is_of_a_name("Avg Reward (100): 4.2", ["Avg", "Reward"], (12, 15), plays=False)
    True
    >>> is_of_a_name("loss (0.5) acc 1", ["loss"], (6, 9), plays=False)
    False
    """
    start, end = span
    name = " ".join(words)
    is_measure = is_quality(name) or (plays and name.lower() in MEANS)
    return is_measure and line[start - 1] in "([" and _ENDS_A_NAME.match(line, end) is not None


def told_of_split(
    name: str, split: Split | None, before: Sequence[Metric], topic: str
) -> str | None:
    """Return the name of ``valid 0.5`` behind ``Loss: train 0.4`` or ``loss train 0.4``.

    Parameters
    ----------
    name
        The word that stands before the number.
    split
        The part of the data that it names.
    before
        The measures before it.
    topic
        What the line said before that it measures of several splits.
    """
    last = before[-1] if before else None
    if last is not None and last.says_split and last.split != split and not topic:
        measured = base_of(last.name)
        return f"{name} {measured}" if is_quality(measured) else None
    return f"{name} {topic}" if topic else None
