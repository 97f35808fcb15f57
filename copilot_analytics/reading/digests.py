"""What one of several logs of a run holds, to be compared with the others."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from copilot_analytics.errors import CopilotError
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.reading.sources import read_chunks
from copilot_analytics.records import Item, Record, records_of
from copilot_analytics.wording import undated

if TYPE_CHECKING:
    from pathlib import Path

_MOST_COMPARED = 1000  # rows whose values are compared, and all evaluations
_AGREE = 2e-3  # relative: printed digits
_MOST_APART = 0.05  # of the steps
_TORN = 0.01  # of the values that one log says are no numbers, as blanks may be written
_SAME_CLOCK_S = 600.0  # zones are further apart; an epoch may lie between two rows
_WRAPPING = re.compile(r"^(train|val|valid|validation|eval|test)[_/.]|[^a-z0-9]")


@dataclass
class Digest:
    """What one log of a run holds.

    Parameters
    ----------
    path
        The log.
    items
        All that it says.
    """

    path: Path
    items: list[Item]
    values: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    spelled: dict[str, str] = field(default_factory=dict)
    points: dict[tuple[str, float], float] = field(default_factory=dict)
    first_step: int | None = None
    last_step: int = 0
    last_epoch: float = 0.0
    spacing: int = 0
    stamps: list[tuple[int, float]] = field(default_factory=list)
    _rows: int = 0

    @classmethod
    def of(cls, path: Path) -> Digest | None:
        """Read a log; None if it holds no training."""
        reader = LogReader(str(path))
        try:
            items = [item for chunk in read_chunks(path) for item in reader.feed(chunk)]
            items += reader.close()
        except CopilotError:
            return None
        found = cls.holding(path, items)
        return found if found.values else None

    @classmethod
    def holding(cls, path: Path, items: list[Item]) -> Digest:
        """Return the digest of what a log says."""
        found = cls(path, items)
        for item in items:
            found._add(item)
        return found

    def as_evaluation(self, split: str) -> Digest:
        """Return it with the rows taken for evaluations on a part of the data."""
        items: list[Item] = []
        for item in self.items:
            for record in records_of([item]):
                if record.kind == "train":
                    record = replace(record, kind="eval", facts={"split": split})
                items.append(record)
        return Digest.holding(self.path, items)

    @property
    def unit(self) -> str:
        """What its steps count."""
        return str(self.facts.get("step_unit", "iteration"))

    @property
    def tells_date(self) -> bool:
        """Whether its time stamps hold a date, and not the time since the start alone."""
        return bool(self.stamps) and undated(self.stamps[-1][1]) is None

    def is_of_the_run_of(self, other: Digest) -> bool:
        """Tell whether two logs are of one run."""
        common = self.points.keys() & other.points.keys()
        if common:
            pairs = [(self.points[key], other.points[key]) for key in common]
            torn = sum(math.isfinite(one) != math.isfinite(another) for one, another in pairs)
            if torn > _TORN * len(common):  # of two runs from one seed, one turned NaN
                return False
            return sum(near(one, another) for one, another in pairs) >= 0.8 * len(common)
        if self.unit == other.unit and self.last_step and other.last_step:
            longest = max(self.last_step, other.last_step)
            apart = max(_MOST_APART * longest, self.spacing, other.spacing, 1)
            return abs(self.last_step - other.last_step) <= apart
        return abs(self.last_epoch - other.last_epoch) <= 1.0

    def shares_clock_of(self, other: Digest) -> bool:
        """Tell whether two logs of a run print the same time at the same moment.

        One may leave out the year, or write its own zone where another writes that of the world.
        """
        if not (self.stamps and other.stamps):
            return not other.stamps
        own, its = (np.array(sorted(set(one.stamps))) for one in (self, other))
        if self.unit == other.unit:
            apart = np.abs(own[:, 1] - np.interp(own[:, 0], its[:, 0], its[:, 1]))
        else:
            apart = np.abs(own[-1:, 1] - its[-1:, 1])
        return bool(np.median(apart) <= _SAME_CLOCK_S)

    def _add(self, item: Item) -> None:
        if isinstance(item, Record) and item.kind == "config":
            self.facts.update(item.facts)
        if isinstance(item, Record):
            if item.kind in {"train", "eval"}:
                self._add_row(item)
            return
        known = max(_MOST_COMPARED - self._rows, 0)
        for record in item[:known].records():
            self._add_row(record)
        rest = item[known:]
        self._rows += len(item)
        if len(rest):
            self.values += len(rest) * len(rest.metrics)
            for name in rest.metrics:
                self._name("train", name)
            self.last_step = max(self.last_step, int(rest.step.max()))
            self.last_epoch = max(self.last_epoch, float(np.nan_to_num(rest.epoch).max()))
            timed = np.isfinite(rest.time)
            pairs = zip(rest.step[timed].tolist(), rest.time[timed].tolist(), strict=True)
            self.stamps += pairs

    def _name(self, kind: str, name: str) -> str:
        """Note a metric; return what it is called whatever names its split."""
        plain = f"{kind} {title(name)}"
        self.names.add(plain)
        self.spelled.setdefault(plain, name)
        return plain

    def _add_row(self, row: Record) -> None:
        self.values += len(row.metrics)
        if row.step is not None:
            self.first_step = row.step if self.first_step is None else self.first_step
            if row.step > self.last_step:
                self.spacing, self.last_step = row.step - self.last_step, row.step
            if row.time is not None:
                self.stamps.append((row.step, row.time))
        if row.epoch is not None:
            self.last_epoch = max(self.last_epoch, row.epoch)
        counts_epochs = self.unit == "epoch" and row.epoch is not None
        place = row.epoch if counts_epochs or row.step is None else float(row.step)
        for name, number in row.metrics.items():
            kind = self._name(row.kind, name)
            if place is not None:
                self.points[kind, place] = number


def title(name: str) -> str:
    """Return a metric without what names its split, as another log may call it.

    Examples
    --------
    >>> title("val/acc_top1"), title("Acc top1")
    ('acctop1', 'acctop1')
    """
    return _WRAPPING.sub("", name.lower())


def near(one: float, other: float) -> bool:
    """Tell whether two numbers are one, printed with more and fewer digits.

    Examples
    --------
    >>> near(0.874, 0.87406), near(0.87, float("nan"))
    (True, False)
    """
    if not (math.isfinite(one) and math.isfinite(other)):
        return not (math.isfinite(one) or math.isfinite(other))
    return abs(one - other) <= _AGREE * max(abs(one), abs(other)) + 1e-4
