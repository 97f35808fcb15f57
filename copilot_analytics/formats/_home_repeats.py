"""Rows of a home-made log that say again what the row before them said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from copilot_analytics.records import Floats, Ints

_AXIS = ("#epoch", "#progress", "#count", "#step", "#inner", "#sample")


class Repeats:
    """Knows the last row of each kind."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, ...], tuple[float, ...]] = {}

    def forget(self) -> None:
        """Forget the rows so far: the next run may say the same."""
        self._last.clear()

    def without(
        self, shape: tuple[str, ...], columns: dict[str, Floats], lines: Ints
    ) -> tuple[dict[str, Floats], Ints]:
        """Leave out rows that say again what the row before them said: other ranks print them."""
        now = np.stack([c for name, c in columns.items() if name in _AXIS or name[0] != "#"])
        before = self._last.get(shape)
        first = np.full((len(now), 1), np.nan)
        if before is not None and len(before) == len(now):
            first = np.array(before).reshape(-1, 1)
        self._last[shape] = tuple(now[:, -1].tolist())
        keep = (now != np.concatenate((first, now[:, :-1]), axis=1)).any(axis=0)
        if keep.all():
            return columns, lines
        return {name: column[keep] for name, column in columns.items()}, lines[keep]
