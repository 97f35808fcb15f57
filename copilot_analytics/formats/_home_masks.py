"""Which lines of a home-made log read alike: those that differ only in the digits of numbers.

Looking at a line costs a hundred times what it costs to find one that was looked at before.
"""

from __future__ import annotations

import re
from collections import deque
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

from copilot_analytics.formats._home_tokens import ANY_RANK

if TYPE_CHECKING:
    from copilot_analytics.formats._home_readings import Reading

_MASK = str.maketrans("123456789", "0" * 9)
_MOST_MASKS = 2048
_MOST_VARIANTS = 8  # of one mask
# No clock shows 60 minutes, and a comma behind 0 divides.
_TELLING = re.compile(r"(?<=:)[6-9](?=\d)|(?<![\d.])0(?=,\d)")
_TOTALS = frozenset({"#epochs", "#steps", "#count_of", "#inner_of", "#run_of"})


def mask_of(line: str) -> str:
    """Return a line without its digits but for those whose size tells what they mean.

    Examples
    --------
    >>> mask_of("12:59 loss 0.71"), mask_of("12:75 loss 0.71"), mask_of("0,51")
    ('00:00 loss 0.00', '00:<0 loss 0.00', '<,00')
    """
    mask = line.translate(_MASK)
    for found in _TELLING.finditer(line):
        mask = f"{mask[: found.start()]}<{mask[found.end() :]}"
    return mask


@lru_cache(maxsize=_MOST_MASKS)
def readings_alike(mask: str) -> deque[tuple[list[int], str, Reading]]:
    """Return what was read of lines with a mask: where digits are fixed, these, and the reading."""
    return deque(maxlen=_MOST_VARIANTS)


def fixed_digits(line: str, reading: Reading) -> list[int]:
    """Return where digits stand that are the same in lines that read alike.

    They belong to no number, as in ``Acc@1``, or to a total, or tell the process that wrote it.
    """
    spans = [(field.start, field.end) for field in reading.stamp.fields]
    places = (parts for name, parts in reading.places.items() if name not in _TOTALS)
    metrics = (metric.parts for metric in reading.metrics)
    spans += [(part.start, part.end) for part in chain(*places, *metrics)]
    free = {place for span in (*spans, *reading.spare) for place in range(*span)}
    begin = reading.stamp.message
    rank = ANY_RANK.match(line, begin)
    free -= set(range(begin, rank.end() if rank else begin))
    return [place for place, mark in enumerate(line) if mark.isdigit() and place not in free]
