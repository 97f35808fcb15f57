"""How many iterations an epoch has, from rows that count epochs and iterations but never say it.

`_axis` learns it for every declared format, the JSON logs of MMEngine and mmcv by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.formats._numbers import whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from copilot_analytics.records import Floats, Ints


class EpochLength:
    """Iterations of an epoch, learned from training lines; a lower bound until they are certain.

    Attributes
    ----------
    low : int
        No epoch is shorter; 0 before anything is known.
    length : int
        The length as far as it is known: `low`, or what the lines show by where they repeat.
    closed : bool
        Whether an epoch was seen from its last line to the first of the next: until then the
        lower bound says nothing.
    exact : bool
        Whether `length` is certain.
    first_epoch : float or None
        Epoch of the first line.
    launches : int
        How often the counters began again.

    Examples
    --------
    >>> length = EpochLength()
    >>> step, epoch = length.of_inner(np.array([1.0, 1.0, 2.0]), np.array([50.0, 100.0, 50.0]))
    >>> step, epoch
    (array([ 50, 100, 150]), array([nan, nan, 1.5]))
    >>> length.low, length.exact
    (100, False)
    """

    def __init__(self) -> None:
        self.launches = 0
        self.first_epoch: float | None = None
        self._epoch: float | None = None
        self._forget()

    def _forget(self) -> None:
        self.low = self.length = 0
        self.closed = False
        self.exact = False
        self._high = np.inf
        self._first = self._stride = np.nan
        self._now = 0.0
        self._agree = False

    def settle(self, length: int) -> None:
        """Take the length from a line that states it."""
        self.low = self.length = length
        self.closed = self.exact = True

    @property
    def is_told(self) -> bool:
        """Whether enough was seen to say how long an epoch is, or at least is."""
        from_the_start = self.first_epoch is not None and self.first_epoch <= 1
        return self.length > 0 and (self.closed or from_the_start)

    def may_be(self, length: int) -> bool:
        """Tell whether lines that count from the start of the training bear a length out.

        Examples
        --------
        >>> length = EpochLength()
        >>> _ = length.of_global(np.array([1.0, 1.0, 2.0]), np.array([10.0, 20.0, 30.0]))
        >>> length.may_be(25), length.may_be(40)
        (True, False)
        """
        return self.closed and self.low <= length <= self._high

    def of_inner(self, epoch: Floats, inner: Floats) -> tuple[Ints, Floats]:
        """Return step and progress of lines that count iterations from the start of the epoch.

        Parameters
        ----------
        epoch, inner
            Epoch from 1 and iteration within it, shape ``(n,)``.
        """
        steps, progress = [], []
        epoch, inner = whole(epoch).astype(np.float64), whole(inner).astype(np.float64)
        for piece in self._pieces(epoch):
            now, within = epoch[piece], inner[piece]
            closed = self._enter(now)
            low = np.maximum.accumulate(np.maximum(within, self.low))
            steps.append((now - 1) * np.where(closed, low, 0) + within)
            progress.append(np.where(closed, now - 1 + within / np.maximum(low, 1), np.nan))
            self.exact = self.exact and int(low[-1]) == self.low
            self.low = self.length = int(low[-1])
        return whole(np.concatenate(steps)), np.concatenate(progress)

    def of_global(self, epoch: Floats, step: Floats) -> Floats:
        """Return the progress of lines that count iterations from the start of the training.

        A line of epoch e at step s says that (e - 1) n < s <= e n for epochs of n iterations.
        """
        progress = []
        epoch, step = whole(epoch).astype(np.float64), whole(step).astype(np.float64)
        for piece in self._pieces(epoch):
            now, at = np.maximum(epoch[piece], 1), step[piece]
            closed = self._enter(now)
            least = np.ceil(at / now)
            with np.errstate(divide="ignore", invalid="ignore"):
                most = np.where(now > 1, np.floor((at - 1) / (now - 1)), np.inf)
            low = np.maximum.accumulate(np.maximum(least, self.low))
            high = np.minimum.accumulate(np.minimum(most, self._high))
            stride = self._strides(now, at)
            length = np.where((low <= stride) & (stride <= high), stride, low)
            known = np.clip(at / np.maximum(length, 1), now - 1, now)
            progress.append(np.where(closed, known, np.nan))
            self.low, self._high = int(low[-1]), float(high[-1])
            self.length = int(length[-1])
            sure = self._agree and self.length == self._stride
            self.exact = sure or self.low == self._high
        return np.concatenate(progress)

    def _strides(self, epoch: Floats, step: Floats) -> Floats:
        """Return for each line how far the first lines of the last two epochs are apart.

        Lines come at the same iterations of every epoch, so that this is its length; NaN before.
        """
        before = np.concatenate(([self._now], epoch[:-1]))
        starts = np.flatnonzero((epoch == before + 1) | ((epoch != before) & (epoch == 1)))
        firsts = np.concatenate(([self._first], step[starts]))
        apart = np.where(epoch[starts] == 1, np.nan, np.diff(firsts))
        strides = np.concatenate(([self._stride], apart))
        if len(starts):
            self._first, self._stride = float(step[starts[-1]]), float(apart[-1])
            self._agree = bool(strides[-2] == strides[-1])
        self._now = float(epoch[-1])
        found: Floats = strides[np.searchsorted(starts, np.arange(len(epoch)), side="right")]
        return found

    def _pieces(self, epoch: Floats) -> list[slice]:
        """Cut where the epoch goes back to the first one: another launch, with its own length."""
        before = np.concatenate(([epoch[0] if self._epoch is None else self._epoch], epoch[:-1]))
        cuts = np.flatnonzero((epoch < before) & (epoch <= 1)).tolist()
        return [slice(a, b) for a, b in zip([0, *cuts], [*cuts, len(epoch)], strict=True) if b > a]

    def _enter(self, epoch: Floats) -> NDArray[np.bool_]:
        """Tell for each line of a piece whether the end of an epoch was seen before it."""
        if self._epoch is not None and epoch[0] < self._epoch and epoch[0] <= 1:
            self._forget()
            self.launches += 1
            self._epoch = self.first_epoch = None
        first = epoch[0] if self._epoch is None else self._epoch
        if self.first_epoch is None:
            self.first_epoch = float(first)
        before = np.concatenate(([first], epoch[:-1]))
        closed: NDArray[np.bool_] = np.logical_or.accumulate((epoch > before) | self.closed)
        self._epoch, self.closed = float(epoch[-1]), bool(closed[-1])
        return closed
