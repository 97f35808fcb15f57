"""Rows of named numbers as items: what every declared format does with what it found.

A row is a training line, a JSON object, a line of a table: numbers by the keys that the log uses.
Naming says what the keys are; the axis says where the row is; what is left are metrics of the
training or of an evaluation, told apart by their names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from copilot_analytics.formats._axis import PLAN, Axis
from copilot_analytics.formats._numbers import LARGEST, in_seconds
from copilot_analytics.formats._returns import is_earned_in_training
from copilot_analytics.formats._splits import Split, split_of
from copilot_analytics.formats._stamps import Clock
from copilot_analytics.records import Block, Floats, Ints, Item, Kind, Record

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Mapping

Name: TypeAlias = str | tuple[str, float] | None
"""A canonical name or a place (``#step``); that and a factor; None for what is no metric."""

NAMES: dict[str, Name] = {
    "learning_rate": "lr",
    "learning rate": "lr",
    "LR": "lr",
    "Lr": "lr",
    "gnorm": "grad_norm",
    "grad norm": "grad_norm",
    "gradnorm": "grad_norm",
}
"""Keys that many trainers write, by canonical name."""

_ETA = {"#eta_d": 86400.0, "#eta_h": 3600.0, "#eta_m": 60.0, "#eta_s": 1.0}


@dataclass(frozen=True)
class Naming:
    """What the keys of a log are called.

    Parameters
    ----------
    names
        By key. Keys that are neither here nor in `NAMES` keep their name.
    test_is_val
        Whether results on a test split choose the checkpoint, because the trainer has no other.
    evaluations
        Finds metrics that are results of evaluations although their names tell no split.
    judges_returns
        Whether the returns of episodes are such results even where they name the training.
    """

    names: Mapping[str, Name] = field(default_factory=dict)
    test_is_val: bool = False
    evaluations: re.Pattern[str] | None = None
    judges_returns: bool = False

    def of(self, key: str) -> Name:
        """Return what a key is called; None if its number is no metric."""
        if key in self.names:
            return self.names[key]
        return NAMES.get(key, key)

    def split_of(self, name: str, otherwise: Split) -> Split:
        """Return the split that a metric counts for; `otherwise` if its name does not tell."""
        split = split_of(name)
        if split is None:
            found = self.evaluations is not None and self.evaluations.search(name)
            return "val" if found else otherwise
        if split == "train" and self.judges_returns and is_earned_in_training(name):
            return "val"
        return "val" if split == "test" and self.test_is_val else split


class RowReader:
    """Turns the rows of one log into items, in their order.

    Parameters
    ----------
    file
        Name of the log.
    axis
        Places the rows.
    naming
        What their keys are called; a table may only tell by its header.

    Examples
    --------
    >>> reader = RowReader("log", Axis(), Naming({"it": "#step"}))
    >>> columns = {"it": np.array([5.0]), "loss": np.array([0.5]), "val_acc": np.array([0.9])}
    >>> items = list(reader.rows(columns, np.array([1])))
    >>> dict(items[0].metrics), items[1].step, dict(items[1].metrics)
    ({'loss': array([0.5])}, 5, {'val_acc': 0.9})
    """

    def __init__(self, file: str, axis: Axis, naming: Naming) -> None:
        self.axis = axis
        self._file = file
        self.naming = naming
        self._clock = Clock(file)
        self._told: dict[str, Any] = {}

    def rows(self, columns: Mapping[str, Floats], lines: Ints) -> Iterator[Item]:
        """Yield what consecutive rows with the same keys say.

        Parameters
        ----------
        columns
            By key, shape ``(n,)`` each. Keys that begin with ``#`` are places and parts of time
            stamps already.
        lines
            Their lines, shape ``(n,)``.
        """
        columns = self._named(columns)
        changes = np.zeros(max(len(lines) - 1, 0), dtype=np.bool_)
        for name in PLAN:
            if name in columns:
                changes |= columns[name][1:] != columns[name][:-1]
        edges = [0, *(np.flatnonzero(changes) + 1).tolist(), len(lines)]
        for low, high in pairwise(edges):
            part = {name: column[low:high] for name, column in columns.items()}
            yield from self._stretch(part, lines[low:high])

    def evaluation(
        self, numbers: Mapping[str, float], line: int, split: Split = "val"
    ) -> Iterator[Record]:
        """Yield what one row says that is a result; `split` is for metrics that name none."""
        columns = self._named({key: np.array([number]) for key, number in numbers.items()})
        yield from self._evaluation(columns, line, split)

    def config(
        self, facts: Mapping[str, Any], line: int, time: float | None = None
    ) -> Iterator[Record]:
        """Yield facts that were not told before."""
        new = {name: fact for name, fact in facts.items() if self._told.get(name) != fact}
        if new:
            self._told.update(new)
            yield self.record("config", line, time, facts=new)

    def forget(self) -> None:
        """Forget which facts were told, because another run begins."""
        self._told.clear()

    def learned(self, line: int = 0) -> Iterator[Record]:
        """Yield what the rows so far show of the plan although none states it."""
        yield from self.config(self.axis.learned, line)

    def plan(self, line: int, time: float | None = None) -> Iterator[Record]:
        """Yield what was stated of the plan and not told yet."""
        yield from self.config(self.axis.facts, line, time)

    def time_of(self, numbers: Mapping[str, float]) -> float | None:
        """Return the time of a row; None if it has none."""
        columns = {name: np.array([number]) for name, number in numbers.items()}
        return _known(self._times(columns, 1)[0])

    def record(
        self,
        kind: Kind,
        line: int,
        time: float | None = None,
        step: int | None = None,
        epoch: float | None = None,
        metrics: Mapping[str, float] | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> Record:
        """Return a record of this log; no step is larger than floats can count."""
        if step is not None:
            step = int(min(step, LARGEST))
        return Record(kind, step, epoch, time, metrics or {}, facts or {}, line, self._file)

    def _named(self, columns: Mapping[str, Floats]) -> dict[str, Floats]:
        """Return columns by canonical name and place, the first of a name winning."""
        named: dict[str, Floats] = {}
        for key, column in columns.items():
            name = key if key[0] == "#" else self.naming.of(key)
            if name is None:
                continue
            title, factor = (name, 1.0) if isinstance(name, str) else name
            named.setdefault(title, column if factor == 1.0 else column * factor)
        return named

    def _stretch(self, columns: dict[str, Floats], lines: Ints) -> Iterator[Item]:
        """Yield rows in which the plan stays the same."""
        train, evals = self._told_apart(columns, "train")
        if evals and not train:
            for row, line in enumerate(lines.tolist()):
                one = {name: column[row : row + 1] for name, column in columns.items()}
                yield from self._evaluation(one, line, "val")
            return
        step, epoch = self.axis.place(columns, len(lines))
        time = self._times(columns, len(lines))
        yield from self.plan(int(lines[0]))
        if not evals:
            yield Block(step, epoch, time, lines, train, self._file)
            return
        for row, line in enumerate(lines.tolist()):
            one_row = slice(row, row + 1)
            cut = {name: column[one_row] for name, column in train.items()}
            yield Block(
                step[one_row], epoch[one_row], time[one_row], lines[one_row], cut, self._file
            )
            for split, metrics in evals.items():
                numbers = {name: float(column[row]) for name, column in metrics.items()}
                at, when, epochs = int(step[row]), _known(time[row]), _known(epoch[row])
                yield self.record("eval", line, when, at, epochs, numbers, {"split": split})

    def _evaluation(
        self, columns: dict[str, Floats], line: int, otherwise: Split
    ) -> Iterator[Record]:
        train, evals = self._told_apart(columns, otherwise)
        step, epoch = self.axis.place_evaluation(columns)
        time = _known(self._times(columns, 1)[0])
        yield from self.learned(line)
        yield from self.plan(line, time)
        if train:
            metrics = {name: float(column[0]) for name, column in train.items()}
            at = self.axis.last_step if step is None else step
            yield self.record("train", line, time, at, epoch, metrics)
        for split, named in evals.items():
            metrics = {name: float(column[0]) for name, column in named.items()}
            yield self.record("eval", line, time, step, epoch, metrics, {"split": split})

    def _told_apart(
        self, columns: Mapping[str, Floats], otherwise: Split
    ) -> tuple[dict[str, Floats], dict[Split, dict[str, Floats]]]:
        """Return the metrics of training, and those of evaluations by split."""
        train: dict[str, Floats] = {}
        evals: dict[Split, dict[str, Floats]] = {}
        left = eta_of(columns)
        if left is not None and otherwise == "train":
            train["eta_s"] = left
        for name, column in columns.items():
            if name[0] == "#":
                continue
            split = self.naming.split_of(name, otherwise)
            if split == "train":
                train[name] = column
            else:
                evals.setdefault(split, {})[name] = column
        return train, evals

    def _times(self, columns: Mapping[str, Floats], rows: int) -> Floats:
        if "#time_s" in columns:
            return in_seconds(columns["#time_s"])
        return self._clock.times(columns) if "#hour" in columns else np.full(rows, np.nan)


def eta_of(columns: Mapping[str, Floats]) -> Floats | None:
    """Return the time left in seconds, shape ``(n,)``; None if no column is a part of it.

    Examples
    --------
    >>> eta_of({"#eta_d": np.array([1.0]), "#eta_m": np.array([2.0])})
    array([86520.])
    """
    parts = [columns[name] * factor for name, factor in _ETA.items() if name in columns]
    return sum(parts[1:], parts[0]) if parts else None


def _known(number: float) -> float | None:
    return None if np.isnan(number) else float(number)
