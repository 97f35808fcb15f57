"""Finds in many events at once which tag they are of: by the bytes around time, step and number.

Sums of the bytes, each by a weight of its own, find the one known key that may be meant; then the
bytes themselves are compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from copilot_analytics.records import Ints

    Texts = NDArray[np.uint8]

_WEIGHTS = np.array([pow(3, 2 * n + 1, 1 << 64) for n in range(509)], dtype=np.uint64)


def keys_of(raw: Texts, start: Ints, stop: Ints, size: int, tail: int) -> Texts:
    """Return what stands before and behind the numbers of some events, a row each."""
    texts = np.empty((len(start), size + tail), dtype=np.uint8)
    texts[:, :size] = raw[start[:, None] + np.arange(size)]
    texts[:, size:] = raw[stop[:, None] + np.arange(tail)]
    return texts


def looked_up(texts: Texts, keys: list[bytes]) -> Ints:
    """Return which of some keys of one length each row is, -1 for none.

    Examples
    --------
    >>> texts = np.frombuffer(b"lossrate????", dtype=np.uint8).reshape(3, 4)
    >>> looked_up(texts, [b"rate", b"loss"])
    array([ 1,  0, -1])
    """
    table = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(len(keys), -1)
    weights = _WEIGHTS[np.arange(table.shape[1]) % len(_WEIGHTS)]
    with np.errstate(over="ignore"):
        sums, known = (part.astype(np.uint64) @ weights for part in (texts, table))
    order = np.argsort(known)
    place = np.minimum(np.searchsorted(known, sums, sorter=order), len(keys) - 1)
    which = order[place]
    which[(texts != table[which]).any(axis=1)] = -1
    return which
