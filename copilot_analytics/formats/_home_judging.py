"""Which measures of a home-made log are those of an evaluation although nothing says it."""

from __future__ import annotations

import re
from collections import Counter

from copilot_analytics.formats._home_vocabulary import is_loss, is_quality, split_in
from copilot_analytics.formats._returns import IN_WORDS

JUDGING = re.compile(
    IN_WORDS.pattern
    + r"|^(?:hr|ndcg|mrr|hits?|r|recall|precision)@\d{1,4}$|^(?:hr|ndcg|mrr|fid|bleu)$"
    + r"|^m[aA]P(?:@?[\d.:]{1,9})?$|^(?i:knn)[-_ ]?(?i:acc)\w{0,6}$"
)
"""What ranks, detects, translates or generates is judged on held-out data, on whatever line."""

_OFTEN = 4  # rows without the measure before the first one with it


class RareMeasures:
    """Finds the accuracy in ``epoch 10 loss 0.3 | acc 0.9`` where other epochs tell a loss alone.

    It stays one of an evaluation while rows without it stand between.

    Examples
    --------
    >>> rare = RareMeasures()
    >>> rare.pass_by(("loss",), 9)
    >>> rare.found(("loss", "acc")), rare.found(("loss", "acc"))
    (('acc',), ())
    """

    def __init__(self) -> None:
        self._plain: Counter[tuple[str, ...]] = Counter()
        self._needed: dict[tuple[str, ...], int] = {}

    def pass_by(self, shape: tuple[str, ...], rows: int) -> None:
        """Take rows of the training with the names of their measures."""
        self._plain[shape] += rows

    def found(self, shape: tuple[str, ...]) -> tuple[str, ...]:
        """Return which measures of the next row are of an evaluation, although nothing says it."""
        judged = tuple(name for name in shape if _may_judge(name))
        rest = tuple(name for name in shape if name not in judged)
        if not judged or not any(map(is_loss, rest)):
            return ()
        is_rare = self._plain[rest] >= self._needed.get(rest, _OFTEN)
        self._needed[rest] = self._plain[rest] + 1
        return judged if is_rare else ()


def _may_judge(name: str) -> bool:
    if is_loss(name) or split_in(name) is not None or JUDGING.search(name):
        return False  # their names tell enough
    return is_quality(name)
