"""How many steps are planned, where only lines of their own in a home-made log say it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from copilot_analytics.records import Floats

_AGREEING = 2  # rows on end that count as the line above them did


class LineTotals:
    """Finds the total where ``Round 3/50`` stands above ``Round 3, loss: 0.5`` again and again.

    Once it may be chance: the first step of the first round is 1 as well.

    Examples
    --------
    >>> import numpy as np
    >>> totals = LineTotals()
    >>> for count in (1.0, 2.0):
    ...     totals.stand({"#count": np.array([count]), "#count_of": np.array([50.0])})
    ...     print(totals.of({"#count": np.array([count]), "loss": np.array([0.5])}))
    None
    50

    Settings may name it too, which holds once rows count what is played.

    >>> totals = LineTotals()
    >>> totals.plan(300)
    >>> count = np.array([1.0])
    >>> totals.of({"#count": count}), totals.of({"#count": count, "#played": count})
    (None, 300)
    """

    def __init__(self) -> None:
        self._named: Mapping[str, Floats] | None = None  # since the last row
        self._agreeing: deque[bool] = deque(maxlen=_AGREEING)
        self._planned: int | None = None

    def plan(self, rounds: int | None) -> None:
        """Take how many episodes or rounds a line plans, if it does."""
        self._planned = rounds or self._planned

    def stand(self, places: Mapping[str, Floats]) -> None:
        """Take a line that names the step of the ones below it."""
        self._named = places if {"#count", "#count_of"} <= places.keys() else None

    def of(self, columns: Mapping[str, Floats]) -> int | None:
        """Return the total that the line above some rows named, if they count the same."""
        named, self._named = self._named, None
        if "#played" in columns and not {"#count_of", "#epoch", "#step"} & columns.keys():
            planned, self._planned = self._planned, None
            if planned is not None:
                return planned
        if named is None or "#count" not in columns or {"#count_of", "#epoch"} & columns.keys():
            return None
        self._agreeing.append(bool(columns["#count"][0] == named["#count"][0]))
        is_sure = len(self._agreeing) == _AGREEING and all(self._agreeing)
        return int(named["#count_of"][0]) if is_sure else None
