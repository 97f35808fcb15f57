"""Whether ``Epoch 3, step 40`` counts steps of the epoch or of the training."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from copilot_analytics.formats._axis import Axis
    from copilot_analytics.records import Floats

_PAIR = frozenset({"#epoch", "#epochs", "#inner", "#inner_of"})
_AS_COUNT = {"#inner": "#count", "#inner_of": "#count_of"}
_FEWEST_EPOCHS, _FEWEST_OF_AN_EPOCH = 2, 2


class StepCounter:
    """Learns from the first change of the epoch what a step counts.

    Parameters
    ----------
    axis
        Places the rows; it learns how long an epoch is where steps go on and on.

    Attributes
    ----------
    counts : {"inner", "step"} or None
        Steps of the epoch or of the training; None while only one epoch was seen.

    Examples
    --------
    >>> from copilot_analytics.formats._axis import Axis
    >>> counter = StepCounter(Axis())
    >>> counter.see(np.array([1.0, 1.0, 2.0]), np.array([5.0, 10.0, 15.0])), counter.counts
    (2, 'step')
    """

    def __init__(self, axis: Axis) -> None:
        self.counts: Literal["inner", "step"] | None = None
        self._axis = axis
        self._epoch: float | None = None
        self._base = self._first = self._last = 0.0
        self._each: float | None = None  # steps of an epoch, if a pair may be of the training

    @property
    def counts_inner(self) -> bool:
        """Whether rows count steps of the epoch, as far as is known."""
        return self._epoch is not None and self.counts != "step"

    def unsettled(self, columns: dict[str, Floats]) -> dict[str, Floats]:
        """Return rows with their ``[20/600]`` as a count that may be of the training.

        It may where the total can be shared out among the planned epochs.
        """
        if not columns.keys() >= _PAIR or {"#count", "#step"} & columns.keys():
            return columns
        each, rest = divmod(columns["#inner_of"][0], columns["#epochs"][0])
        if rest or each < _FEWEST_OF_AN_EPOCH or columns["#epochs"][0] < _FEWEST_EPOCHS:
            return columns
        self._each = each
        return {_AS_COUNT.get(name, name): column for name, column in columns.items()}

    def go_on_from(self, count: float, base: float) -> None:
        """Take how far rows counted that stood above any epoch: that goes on, or begins again."""
        if self._epoch is None:
            self._epoch, self._last, self._base = np.nan, count, base

    def see(self, epochs: Floats, counts: Floats) -> int:
        """Take rows; return how many of them come before the one that tells what is counted."""
        if self.counts is not None:
            return 0
        if self._epoch is None:
            self._epoch = float(epochs[0])
            self._base = float(counts[0] == 0)
            self._first = self._last = float(counts[0])
        for row, (epoch, count) in enumerate(zip(epochs.tolist(), counts.tolist(), strict=True)):
            if epoch != self._epoch:
                goes_on = (
                    self._last < count
                    if self._each is None
                    else (self._last + self._base <= self._each < count + self._base)
                )
                self.counts = "step" if goes_on else "inner"
                if self.counts == "step":
                    seen = np.array([self._first, self._last]) + self._base
                    self._axis.count_on(self._epoch, seen)
                return row
            self._last = count
        return len(counts)

    def counted_on(self, columns: Mapping[str, Floats]) -> Iterator[tuple[int, dict[str, Floats]]]:
        """Yield rows whose steps go on over epochs, with how many come before them.

        They come an epoch at a time until the length of an epoch is known.
        """
        counts, epochs = columns["#count"] + self._base, columns["#epoch"]
        turns = (np.flatnonzero(np.diff(epochs)) + 1).tolist()
        for low, turn in pairwise([0, *turns, len(epochs)]):
            high = len(epochs) if self._axis.is_measured else turn
            part = {name: column[low:high] for name, column in columns.items()}
            part["#count"] = counts[low:high]
            if "#count_of" in part and part["#count"][0] > part["#count_of"][0]:
                part["#inner_of"] = part.pop("#count_of")  # "[50/44]" in the second epoch
            yield low, part
            if high == len(epochs):
                return
