"""Rows of a home-made log that say again what the row before them said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from copilot_analytics.records import Floats, Ints

_AXIS = ("#epoch", "#progress", "#count", "#step", "#inner", "#sample")


class Repeats:
    """Knows the last row of each kind, and which kinds have many rows at one place.

    Of those, two may be equal by chance: nothing tells them apart.

    Examples
    --------
    >>> rows = {"#epoch": np.array([1.0, 1.0, 2.0]), "loss": np.array([0.5, 0.5, 0.5])}
    >>> Repeats().without(("loss",), rows, np.array([4, 5, 6]))[1]
    array([4, 6])
    >>> rows = {"#epoch": np.array([1.0, 1.0, 1.0]), "loss": np.array([0.5, 0.25, 0.25])}
    >>> Repeats().without(("loss",), rows, np.array([4, 5, 6]))[1]
    array([4, 5, 6])
    """

    def __init__(self) -> None:
        self._last: dict[tuple[str, ...], tuple[float, ...]] = {}
        self._places: dict[tuple[str, ...], dict[str, float]] = {}
        self._many: set[tuple[str, ...]] = set()

    def forget(self) -> None:
        """Forget the rows so far: the next run may say the same."""
        self._last.clear()
        self._places.clear()

    def is_again(self, row: Mapping[str, Floats]) -> bool:
        """Tell whether a row is of the kind and at the place of one before, which is rare."""
        shape = tuple(name for name in row if name[0] != "#")
        before = None if shape in self._many else self._places.get(shape)
        return before is not None and all(before.get(n) == row[n][0] for n in _AXIS if n in row)

    def without(
        self, shape: tuple[str, ...], columns: dict[str, Floats], lines: Ints
    ) -> tuple[dict[str, Floats], Ints]:
        """Leave out rows that say again what the row before them said: other ranks print them."""
        names = [name for name in columns if name in _AXIS or name[0] != "#"]
        now = np.stack([*(columns[name] for name in names), lines.astype(float)])
        before = self._last.get(shape)
        first = np.full((len(now), 1), np.nan)
        if before is not None and len(before) == len(now):
            first = np.array(before).reshape(-1, 1)
        self._last[shape] = tuple(now[:, -1].tolist())
        then = np.concatenate((first, now[:, :-1]), axis=1)
        moved = (now != then) & ~(np.isnan(now) & np.isnan(then))
        differs = moved[:-1].any(axis=0)
        stays = ~moved[[place for place, name in enumerate(names) if name in _AXIS]].any(axis=0)
        is_next = now[-1] == then[-1] + 1
        many = np.maximum.accumulate(differs & stays & is_next) | (shape in self._many)
        if many[-1]:
            self._many.add(shape)
        self._places[shape] = {n: float(columns[n][-1]) for n in names if n in _AXIS}
        keep = differs | many
        if keep.all():
            return columns, lines
        return {name: column[keep] for name, column in columns.items()}, lines[keep]
