"""Rows of a home-made log that name nothing but their epoch, although there are many in each.

``Epoch: 0, Loss: 9.4`` may be printed every five hundred batches. The second row tells: it stands
on the very next line and names the same epoch. What says so later is another run of one epoch, a
client or a repeated summary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.formats._home_vocabulary import is_loss, split_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from copilot_analytics.records import Floats, Ints

_Shape = tuple[str, ...]


class RowsWithin:
    """Counts the rows of each epoch where there are many.

    Attributes
    ----------
    shape : tuple of str or None
        What such rows measure; None where an epoch has one row, or nothing is known yet.

    Examples
    --------
    >>> columns = {"#epoch": np.array([0.0, 0.0, 1.0]), "loss": np.array([0.9, 0.8, 0.7])}
    >>> [part.get("#inner") for part, _ in RowsWithin().told_apart(columns, np.array([4, 5, 6]))]
    [None, array([2., 1.])]
    """

    def __init__(self) -> None:
        self.shape: _Shape | None = None
        self._first: tuple[_Shape, float, int] | None = None
        self._is_told = False
        self._epoch = np.nan
        self._count = 0

    def told_apart(
        self, columns: Mapping[str, Floats], lines: Ints
    ) -> Iterator[tuple[dict[str, Floats], Ints]]:
        """Yield rows that name their epoch alone, with the place in it if they are many."""
        shape = tuple(name for name in columns if name[0] != "#")
        rest = 0
        if "#epoch" in columns and not self._is_told:
            rest = self._learned(shape, columns["#epoch"].tolist(), lines)
        for low, high in ((0, rest), (rest, len(lines))):
            part = {name: column[low:high] for name, column in columns.items()}
            if high > low and low == rest and shape == self.shape:
                part["#inner"] = self._counted(part["#epoch"])
            if high > low:
                yield part, lines[low:high]

    def _learned(self, shape: _Shape, epochs: list[float], lines: Ints) -> int:
        """Return how many rows come before it is told whether they are many of an epoch."""
        if self._first is None:
            self._first = shape, epochs[0], int(lines[0])
            if len(epochs) == 1:
                return 1
            return 1 + self._learned(shape, epochs[1:], lines[1:])
        before, epoch, line = self._first
        is_next = shape == before and epochs[0] == epoch and int(lines[0]) == line + 1
        self._is_told = True
        if is_next and any(map(is_loss, shape)) and not {"val", "test"} & {*map(split_in, shape)}:
            self.shape, self._epoch, self._count = shape, epoch, 1
        return 0

    def _counted(self, epochs: Floats) -> Floats:
        counts = []
        for epoch in epochs.tolist():
            self._count = self._count + 1 if epoch == self._epoch else 1
            self._epoch = epoch
            counts.append(float(self._count))
        return np.array(counts)
