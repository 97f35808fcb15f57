"""Parts of the training loss that are not finite, or stuck at exactly zero."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.schema import losses_among

if TYPE_CHECKING:
    from copilot_analytics.columns import Table
    from copilot_analytics.records import Floats, Ints


class LossParts:
    """Follows every loss beside the total one."""

    def __init__(self) -> None:
        self._parts: dict[str, tuple[str, int]] = {}
        self._zeros: dict[str, tuple[int, int, bool]] = {}

    @property
    def found(self) -> tuple[tuple[str, str, int], ...]:
        """Name, ``nan`` or ``zero``, and the step since when, by name."""
        return tuple((name, what, step) for name, (what, step) in sorted(self._parts.items()))

    def follow(self, log: Table, total: str, first_row: int) -> None:
        """Look at the rows from `first_row` on."""
        for name in losses_among(log.metric_names):
            if name == total:
                continue
            value, step = _rows_of(log, name, first_row)
            if not len(value):
                continue
            if not math.isfinite(value[-1]):
                bad = np.flatnonzero(np.isfinite(value))
                since = int(step[int(bad[-1]) + 1]) if len(bad) else int(step[0])
                self._parts.setdefault(name, ("nan", since))
            elif self._parts.get(name, ("", 0))[0] == "nan":
                del self._parts[name]
            self._follow_zeros(name, value, step)

    def _follow_zeros(self, name: str, value: Floats, step: Ints) -> None:
        count, since, was_positive = self._zeros.get(name, (0, 0, False))
        other = np.flatnonzero(value != 0.0)
        if len(other):
            start = int(other[-1]) + 1
            count, since = len(value) - start, int(step[start]) if start < len(step) else 0
            was_positive = True
            if self._parts.get(name, ("", 0))[0] == "zero":
                del self._parts[name]
        else:
            since = since if count else int(step[0])
            count += len(value)
        self._zeros[name] = (count, since, was_positive)
        if count >= _MANY and was_positive:
            self._parts.setdefault(name, ("zero", since))


def _rows_of(log: Table, name: str, first: int) -> tuple[Floats, Ints]:
    logged = log.was_logged(name)[first:]
    value, step = log.column(name)[first:], log.step[first:]
    return (value, step) if logged.all() else (value[logged], step[logged])


_MANY = 50
