"""Steps of the Trainer's lines where neither a bar nor a header tells them.

The Trainer writes every ``logging_steps`` steps, and scripts print its arguments before they train.
Where they do not, lines are all that can be counted; their epochs are true in either case.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from copilot_analytics.formats._hf_steps import rounding_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_ARGUMENT = re.compile(
    r"(?<!\w)(?P<name>logging_steps|logging_first_step|logging_strategy|num_train_epochs"
    r"|num_epochs|max_steps)['\"]?\s{0,3}[=:]\s{0,3}['\"]?(?P<text>[\w.+-]{1,40})"
)
_WORDS = ("logging_", "_epochs", "max_steps")
_SURE = 0.02  # of the length of an epoch: as exactly as a plan must be known to tell the time left


class CountedLines:
    """Counts lines of the training, as many steps each as the printed arguments say.

    Examples
    --------
    >>> lines = CountedLines()
    >>> lines.see("TrainingArguments(logging_steps=10, max_steps=-1, num_train_epochs=3.0)")
    >>> step = lines.step_after(0, 10 / 613)
    >>> step, lines.facts["steps_per_epoch"], lines.facts["planned_steps"]
    (10, 613, 1839)
    >>> lines = CountedLines()
    >>> lines.step_after(0, 0.25), lines.facts["step_unit"]
    (1, 'line')
    """

    def __init__(self) -> None:
        self._arguments: dict[str, str] = {}
        self.begin()

    def begin(self) -> None:
        """Take that another training begins."""
        self._low, self._high = 0.0, math.inf  # steps of an epoch
        self._length: Mapping[str, Any] = {}
        self._middle = 0.0  # of that range, when the length was told

    def see(self, line: str) -> None:
        """Take the arguments that a line prints, if it prints any."""
        if any(word in line for word in _WORDS):
            self._arguments.update(
                (found["name"], found["text"]) for found in _ARGUMENT.finditer(line)
            )

    @property
    def counts_steps(self) -> bool:
        """Whether it is known how many steps a line stands for."""
        return self._interval is not None

    def step_after(self, last: int, epoch: float | None) -> int:
        """Return the step of the line behind that of a step, 0 for the first one."""
        interval = self._interval or 1
        first = last == 0 and self._arguments.get("logging_first_step") in {"True", "true"}
        step = 1 if first else last + interval - last % interval
        if epoch is not None and 0 < epoch < math.inf:
            self._learn(step, epoch)
        return step

    def step_at(self, epoch: float | None, last: int) -> int | None:
        """Return the step of an epoch that no line of the training tells; None if it is untold.

        `last` is the step of the last line of the training, 0 before the first.
        """
        if epoch is None or not self._length.get("steps_per_epoch_exact"):
            return last or None
        return max(round(epoch * int(self._length["steps_per_epoch"])), last)

    @property
    def facts(self) -> dict[str, Any]:
        """What is known of the plan, as facts of the schema."""
        interval, most = self._interval, self._number("max_steps") or 0
        facts: dict[str, Any] = {"log_interval": interval} if interval else {"step_unit": "line"}
        epochs = self._number("num_train_epochs") or self._number("num_epochs")
        if most > 0:
            return {**facts, "planned_steps": most, **self._length} if interval else facts
        if epochs is None or epochs <= 0:
            return {**facts, **self._length}
        facts |= {"planned_epochs": epochs, **self._length}
        if self._length:
            facts["planned_steps"] = round(epochs * self._middle)
        return facts

    @property
    def _interval(self) -> int | None:
        strategy = self._arguments.get("logging_strategy", "steps").lower()
        interval = self._number("logging_steps") if strategy.endswith("steps") else None
        return interval if interval is not None and interval > 0 else None

    def _number(self, name: str) -> int | None:
        """Return an argument that is a whole number; None if it is none."""
        try:
            number = float(self._arguments.get(name, ""))
        except ValueError:
            return None
        return int(number) if number.is_integer() and abs(number) < 1e12 else None

    def _learn(self, step: int, epoch: float) -> None:
        """Narrow the length of an epoch down until it is known for certain."""
        if self._length.get("steps_per_epoch_exact"):
            return
        rounding = rounding_of(epoch)
        self._low = max(self._low, step / (epoch + rounding))
        self._high = min(self._high, step / (epoch - rounding) if epoch > rounding else math.inf)
        middle, width = (self._low + self._high) / 2, self._high - self._low
        if width < 0:  # lines do not come every so many steps: nothing is learned from them
            self._low, self._high = 0.0, math.inf
            return
        exact = width < 1 and math.ceil(self._low) == math.floor(self._high)
        if exact or (not self._length and middle >= 1 / _SURE and width <= _SURE * middle):
            self._middle = math.floor(self._high) if exact else middle
            self._length = {
                "steps_per_epoch": round(self._middle),
                "steps_per_epoch_exact": exact,
            }
