"""Passes of a home-made log, each of which trains for some epochs that are counted anew.

``--- Round 3/50 ---`` may stand above ``Epoch 1/2, loss: 0.5``: of a game that an agent plays
against itself, or of a server whose clients train. A client counts its epochs once more below the
same round, which takes nothing back.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from copilot_analytics.records import Floats

_NAMES = {"#step": "#count", "#steps": "#count_of"}
_OF_STEPS = frozenset({"#count", "#count_of", "#step", "#steps"})
_OUTER = re.compile(r"(?i)(?<![a-z])(?:iteration|round|generation)\W{0,3}\d")
_SHARED = re.compile(
    r"(?i)(?<![a-z])(?:federated|communication|comm|global|server|fed|fl)[\s_-]{1,3}round\W{0,3}\d"
)


class Passes:
    """The pass that training is in.

    Attributes
    ----------
    are_counted : bool
        Whether epochs are counted anew in each pass.
    are_used : bool
        Whether any row named such an epoch.
    """

    def __init__(self) -> None:
        self.are_counted = False
        self._are_shared = False  # by clients, each of which trains for some epochs
        self.are_used = False
        self._which = self._of = np.nan
        self._furthest = 0.0  # epoch of this pass

    def stand(self, places: Mapping[str, Floats], line: str, *, first: bool) -> None:
        """Take a line that names a place; a `first` one tells whether it counts passes."""
        named = {_NAMES.get(name, name): float(place[0]) for name, place in places.items()}
        if first and _OUTER.search(line):
            self._are_shared = _SHARED.search(line) is not None
            self.are_counted = self._are_shared or places.keys() >= {"#count", "#count_of"}
        if self.are_counted and named.get("#count") != self._which:
            self._which, self._furthest = named.get("#count", np.nan), 0.0
            self._of = named.get("#count_of", np.nan)

    @property
    def place(self) -> tuple[float, float]:
        """Number of the pass, and how many there are."""
        return self._which, self._of

    @property
    def of_results(self) -> dict[str, float]:
        """Where results of this pass stand, empty if they stand as elsewhere."""
        return {"#epoch": self._which, "#epochs": self._of} if self.are_used else {}

    def hold(self, columns: Mapping[str, Floats]) -> bool:
        """Tell whether the epochs of rows are parts of the pass."""
        if not self.are_counted or "#epoch" not in columns:
            return False
        return "#epochs" in columns or self._are_shared

    def within(self, columns: Mapping[str, Floats]) -> dict[str, Floats]:
        """Return columns whose epochs are parts of the pass."""
        self.are_used = True
        placed = {name: column for name, column in columns.items() if name not in _OF_STEPS}
        epoch = placed["#epoch"]
        if "#epochs" in placed:
            inner = np.maximum(np.maximum.accumulate(epoch), self._furthest)
            self._furthest = float(inner[-1])
            placed |= {"#inner": inner, "#inner_of": placed["#epochs"]}
        placed["#epoch"] = np.full(len(epoch), self._which)
        return placed | {"#epochs": np.full(len(epoch), self._of)}
