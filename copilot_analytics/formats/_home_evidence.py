"""How much speaks for a training among the rows that `home_text` thinks it found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.formats._home_vocabulary import is_bookkeeping

if TYPE_CHECKING:
    from copilot_analytics.records import Block, Floats, Record

_MOST_EPOCHS = 1e6
_MOST_ROWS = 200
_ERRORS = 3.0


@dataclass
class Evidence:
    """The training rows of one kind: they go on, and what they measure changes."""

    rows: int = 0
    knows_epochs: bool = False
    steps: set[int] = field(default_factory=set)
    epochs: set[float] = field(default_factory=set)
    numbers: set[tuple[float, ...]] = field(default_factory=set)

    def add_result(self, record: Record) -> None:
        """Count what says how good an agent is at one step."""
        self.rows += 1
        self.knows_epochs |= record.epoch is not None
        self.steps.add(record.step or 0)
        if record.epoch is not None:
            self.epochs.add(record.epoch)
        self.numbers.add(tuple(record.metrics.values()))

    def add(self, block: Block) -> None:
        """Count rows."""
        self.rows += len(block)
        self.knows_epochs |= not np.isnan(block.epoch).all()
        self.steps.update(block.step.tolist())
        self.numbers.update(zip(*(m.tolist() for m in block.metrics.values()), strict=True))

    def is_of_epochs(self, fewest: int, *, rounds: bool = False) -> bool:
        """Tell whether results of enough epochs differ, or of `rounds` that are no epochs."""
        told = max(len(self.epochs), len(self.steps - {0}) if rounds else 0)
        return told >= fewest and len(self.numbers) > 1

    def is_a_training(self, fewest: int) -> bool:
        """Tell whether there are enough rows at different steps; some stand at one step."""
        changes = (
            len(self.numbers) > 1 or self.knows_epochs or max(self.steps, default=0) > self.rows
        )
        return len(self.steps) >= fewest - (fewest > 2) and self.rows >= fewest and changes

    def is_a_change(self, fewest: int) -> bool:
        """Tell whether there are enough rows at different steps, and hardly two alike."""
        return self.is_a_training(fewest) and 2 * len(self.numbers) > self.rows


class Courses:
    """Tells whether something that rows measure falls, as a loss does, whatever it is called."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}
        self._epochs: list[float] = []

    def add(self, block: Block) -> bool:
        """Take rows, unless there are enough; tell whether they were taken."""
        if len(self._epochs) >= _MOST_ROWS:
            return False
        self._epochs += block.epoch.tolist()
        for name, column in block.metrics.items():
            if not is_bookkeeping(name):
                self._values.setdefault(name, []).extend(column.tolist())
        return True

    def falls(self, fewest: int) -> bool:
        """Tell whether a measure of enough rows falls from its first third to its last.

        By more than three standard errors of the difference of two means, and epochs are counted:
        those of a clock begin far from 1.
        """
        if len(self._epochs) < fewest or max(self._epochs) > _MOST_EPOCHS:
            return False
        return any(falls(np.array(v), fewest) for v in self._values.values() if len(v) >= fewest)


def falls(values: Floats, fewest: int) -> bool:
    """Tell whether finite numbers fall from their first third to their last, beyond noise."""
    if not np.isfinite(values).all() or len(np.unique(values)) < fewest / 2:
        return False
    third = len(values) // 3
    noise = float(np.std(np.diff(values))) / 2**0.5
    error = noise * (2 / third) ** 0.5
    return bool(values[:third].mean() - values[-third:].mean() > _ERRORS * error)
