"""Steps of the Hugging Face Trainer's console lines, which print an epoch and no step.

The bar does: it is drawn again right after a line is written, so the next frame tells its step.
Standard output that goes into a file is held back by Python and comes in heaps of lines; a heap is
written out when its last line does not fit any more, so the next frame tells the step of that one.
Something else may set a heap free later: a step is at most what the next frame says. The Trainer
writes every so many steps, and all lines say their epoch.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_TOLD = re.compile(r"\[Rank 0\] step=(?P<step>\d{1,12}), skipped=\d")
_ROUNDING = 0.005  # epochs were printed with two decimals,
_FINER_ROUNDING = 0.0005  # later with four digits
_NO_ROUNDING = 1e-12  # or all of them: floats themselves are rounded
_FEW_DECIMALS = 6


class Pace:
    """Learns how many steps an epoch has, to tell frames that come too late.

    Examples
    --------
    >>> pace = Pace()
    >>> [pace.step_at(epoch, frame) for epoch, frame in ((0.125, 10), (0.25, 20), (0.875, 74))]
    [10, 20, 70]
    """

    def __init__(self) -> None:
        self._most = math.inf  # steps of an epoch
        self._seen = (0.0, 0)

    def step_at(self, epoch: float | None, frame: int) -> int:
        """Return the step of a line by its epoch and the next frame of the bar."""
        if epoch is None or not 0 < epoch < math.inf:
            return frame
        rounding = rounding_of(epoch)
        expected = (epoch + rounding) * self._most + 1
        if frame > expected:
            return round(epoch * self._seen[1] / self._seen[0])
        most = frame / (epoch - rounding) if epoch > rounding else math.inf
        if most <= self._most:
            self._most, self._seen = most, (epoch, frame)
        return frame


class ToldSteps:
    """Places lines by the steps that DeepSpeed writes between them, where no bar is drawn.

    It writes every so many steps, before the Trainer does: the first line after one is of its step.

    Examples
    --------
    >>> told = ToldSteps()
    >>> told.see("[INFO] [logging.py:96:log_dist] [Rank 0] step=10, skipped=0, lr=[0.001]")
    >>> [told.step_of(0.08, 0), told.step_of(0.12, 10)]
    [10, 15]
    """

    def __init__(self) -> None:
        self._told: int | None = None
        self._known: tuple[float, int] | None = None
        self._lines = 0  # since a step was known
        self._every: int | None = None  # steps between two lines

    def see(self, line: str) -> None:
        """Take a line, which may tell a step."""
        found = _TOLD.search(line)
        if found is not None:
            self._told = int(found["step"])

    def forget(self) -> None:
        """Take that another training begins, whose epochs may have other steps."""
        self._known, self._lines = None, 0

    def step_of(self, epoch: float, last: int) -> int | None:
        """Return the step of a line of the training after step `last`; None if none was told."""
        told, self._told = self._told, None
        self._lines += 1
        if told is not None and epoch > 0:
            every, rest = divmod(told - (self._known[1] if self._known else 0), self._lines)
            self._every = None if rest or every <= 0 else every
            self._known, self._lines = (epoch, told), 0
            return told
        if self._known is None:
            return None
        per_epoch = self._known[1] / self._known[0]
        by_epoch = max(round(epoch * per_epoch), last + 1)
        if self._every is None:
            return by_epoch
        counted = last + self._every
        slack = 2 * rounding_of(epoch) * per_epoch + 1
        return counted if abs(counted - epoch * per_epoch) <= slack else by_epoch


def rounding_of(epoch: float) -> float:
    """Return how far a printed epoch may be from the true one.

    Examples
    --------
    >>> rounding_of(0.25), rounding_of(0.256), rounding_of(1 / 613)
    (0.005, 0.0005, 1e-12)
    """
    hundredths = epoch * 100
    if abs(hundredths - round(hundredths)) < 1e-6:
        return _ROUNDING
    digits = epoch * 10**_FEW_DECIMALS
    return _FINER_ROUNDING if abs(digits - round(digits)) < 1e-6 else _NO_ROUNDING


def steps_up_to(
    step: int, epochs: Sequence[float | None], last: int, trains: Sequence[bool] | None = None
) -> list[int]:
    """Return the steps of lines whose last one stands at a known step.

    Parameters
    ----------
    step
        Step of the last line.
    epochs
        Epochs that the lines print, in their order, None where one prints none.
    last
        Step of the last line before them.
    trains
        Which of the lines are of the training: two of them never share a step, although so few
        decimals may be printed that they share an epoch. None if no two do.

    Examples
    --------
    >>> steps_up_to(30, [0.1, 0.2, 0.2, 0.3], 0)
    [10, 20, 20, 30]
    >>> steps_up_to(107, [0.5, 1.0, 1.07], 0)
    [50, 100, 107]
    >>> steps_up_to(8, [0.02, 0.02, 0.02], 1, [True] * 3)
    [3, 5, 8]
    """
    one_an_epoch = [False] * len(epochs)
    moments = _moments(epochs, one_an_epoch if trains is None else trains)
    total = moments[-1] + 1
    crowded = total > _moments(epochs, one_an_epoch)[-1] + 1
    final = epochs[-1]
    gap = step - last
    even = [last + gap * (moment + 1) // total for moment in moments]
    evenly = gap % total == 0 or (crowded and total <= gap)
    if gap >= 0 and evenly and _agree(even, epochs):
        return even
    if not final:
        return [step] * len(epochs)
    by_epoch = [step if e is None else round(step * e / final) for e in epochs]
    return [min(max(at, min(last, step)), step) for at in by_epoch]


def _moments(epochs: Sequence[float | None], trains: Sequence[bool]) -> list[int]:
    """Return numbers of lines from 0, the same for lines of the same step."""
    moments: list[int] = []
    previous: float | None = None
    trained = False
    for epoch, train in zip(epochs, trains, strict=True):
        same = bool(moments) and epoch is not None and epoch == previous
        same = same and not (train and trained)
        trained = train or (same and trained)
        moments.append((moments[-1] + (not same)) if moments else 0)
        previous = epoch
    return moments


def _agree(steps: Sequence[int], epochs: Sequence[float | None]) -> bool:
    """Tell whether steps and epochs rise together, as far as the epochs are printed."""
    step, epoch = steps[-1], epochs[-1]
    if not epoch:
        return True
    slack = 2 * max(rounding_of(e) for e in epochs if e is not None) * step / epoch + 1
    return all(
        e is None or abs(step - at - (epoch - e) * step / epoch) <= slack
        for at, e in zip(steps, epochs, strict=True)
    )
