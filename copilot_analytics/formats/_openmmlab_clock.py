"""The step at which something happened whose line carries none, in logs of MMEngine and mmcv."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from copilot_analytics.records import Ints


def count_up(last: int, every: float) -> int:
    """Return the first multiple of `every` at or after `last`."""
    width = max(int(every), 1)
    return -(-last // width) * width


class StepClock:
    """Tells at which step something happens whose line carries no step.

    Attributes
    ----------
    last, before : int
        Steps of the last two training lines, 0 before there were any.
    per_epoch, inner, epoch : int or None
        Iterations of an epoch and where the last training line stood in its epoch.
    """

    def __init__(self) -> None:
        self.last = 0
        self.before = 0
        self.per_epoch: int | None = None
        self.inner: int | None = None
        self.epoch: int | None = None
        self.saved = 0
        self.evaluated = 0
        self.val_interval: float | None = None
        self.log_interval: int | None = None
        self.planned: int | None = None

    def learn(self, facts: Mapping[str, Any]) -> None:
        """Take from the plan what helps."""
        if facts.get("val_unit") == "step":
            self.val_interval = facts.get("val_interval", self.val_interval)
        self.log_interval = facts.get("log_interval", self.log_interval)
        self.planned = facts.get("planned_steps", self.planned)

    def advance(self, steps: Ints) -> None:
        """Note the steps of training lines; at least one."""
        self.before = int(steps[-2]) if len(steps) > 1 else self.last
        self.last = int(steps[-1])
        if self.last <= self.before:
            self.before = 0
            self.saved = min(self.saved, self.last)
            self.evaluated = min(self.evaluated, self.last)

    @property
    def gap(self) -> int:
        """Steps from one training line to the next."""
        return self.log_interval or max(self.last - self.before, 1)

    def fits(self, step: int) -> bool:
        """Tell whether a step lies between the last training line and the next."""
        return self.last <= step < self.last + self.gap

    def place(self, count: int, unit: str) -> tuple[int | None, float | None]:
        """Return step and epoch after so many epochs or iterations, None where unknown.

        Examples
        --------
        >>> clock = StepClock()
        >>> clock.place(3, "epochs"), clock.place(40, "iterations")
        ((None, 3.0), (40, None))
        >>> clock.per_epoch = 100
        >>> clock.place(3, "epoch")
        (300, 3.0)
        """
        if not unit.startswith("epoch"):
            return count, None
        return None if self.per_epoch is None else count * self.per_epoch, float(count)

    def now(self) -> int | None:
        """Return the step of an evaluation that comes now, None if nothing tells."""
        if self.val_interval:
            base = self.last if self.evaluated < self.last else self.evaluated + 1
            due = count_up(max(base, 1), self.val_interval)
            if self.fits(due):
                return due
            if self.planned is not None and due > self.planned and self.fits(self.planned):
                return self.planned
        if self.fits(self.saved):
            return self.saved
        return self.last or None
