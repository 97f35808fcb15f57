"""What a log said, one statement at a time.

A :class:`Record` is one statement. A :class:`Block` is a run of consecutive ``train`` records
with the same metric names, kept as columns so that a million of them cost little; it *means*
its records, one after the other, and nothing may depend on where blocks begin or end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Kind: TypeAlias = Literal[
    "launch",  # a new training begins in the same file: what came before was another run
    "config",  # the log states facts about the run: plan, schedule, names
    "resume",  # training continues from a checkpoint
    "train",  # training metrics at a step
    "eval",  # the result of one evaluation
    "checkpoint",  # a checkpoint was saved
    "gpu",  # a sample of a device's telemetry
    "tick",  # silence: nothing was logged for a while, or the file ends here
    "seen",  # a live watch saw the log grow: when, where the log has no time stamps
    "crash",  # the log shows the failure that ended the process
    "end",  # the log says that training has finished
]
KINDS: frozenset[str] = frozenset(get_args(Kind))
WATCHED: frozenset[str] = frozenset({"gpu", "tick", "seen"})
"""Kinds that the log itself does not hold: a live watch adds them."""

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that the log said.

    Parameters
    ----------
    kind
        What is said.
    step
        Optimizer updates so far; None if the log does not tell.
    epoch
        Progress in epochs, 2.5 being the middle of the third; None if unknown.
    time
        Seconds since 1970-01-01; naive time stamps are read as if they were UTC. None if unknown.
    metrics
        Numbers by canonical name. A metric that was not logged is absent; NaN means that the log
        said NaN.
    facts
        What is said beside numbers; the names per kind stand in :mod:`copilot_analytics.schema`.
    line
        Line of the file, from 1; 0 if there is none.
    file
        The file that said it.

    Examples
    --------
    >>> Record("train", step=50, metrics={"loss": 1.5}, line=7).metrics["loss"]
    1.5
    """

    kind: Kind
    step: int | None = None
    epoch: float | None = None
    time: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    line: int = 0
    file: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive ``train`` records with the same metric names, as columns.

    Parameters
    ----------
    step, line
        Whole numbers, shape ``(n,)``.
    epoch, time
        Shape ``(n,)``; NaN where the log does not tell.
    metrics
        Columns of shape ``(n,)`` by canonical name, every one logged in every row.
    file
        The file that said it.

    Examples
    --------
    >>> block = Block(
    ...     np.array([10, 20]),
    ...     np.array([0.5, 1.0]),
    ...     np.array([np.nan, np.nan]),
    ...     np.array([1, 2]),
    ...     {"loss": np.array([2.0, 1.0])},
    ... )
    >>> [(r.step, r.time, r.metrics["loss"]) for r in block.records()]
    [(10, None, 2.0), (20, None, 1.0)]
    """

    step: Ints
    epoch: Floats
    time: Floats
    line: Ints
    metrics: Mapping[str, Floats] = field(default_factory=dict)
    file: str = ""

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.step)

    def __getitem__(self, rows: slice) -> Block:
        """Return the block of some consecutive rows, as views."""
        cut = {name: column[rows] for name, column in self.metrics.items()}
        return Block(
            self.step[rows], self.epoch[rows], self.time[rows], self.line[rows], cut, self.file
        )

    def records(self) -> Iterator[Record]:
        """Yield the records that the block means."""
        names = list(self.metrics)
        columns = [column.tolist() for column in self.metrics.values()]
        rows = zip(*columns, strict=True) if columns else iter([()] * len(self))
        heads = (self.step.tolist(), self.epoch.tolist(), self.time.tolist(), self.line.tolist())
        for step, epoch, time, line, row in zip(*heads, rows, strict=True):
            yield Record(
                "train",
                step=step,
                epoch=None if math.isnan(epoch) else epoch,
                time=None if math.isnan(time) else time,
                metrics=dict(zip(names, row, strict=True)),
                line=line,
                file=self.file,
            )


Item: TypeAlias = Record | Block


def records_of(items: Iterable[Item]) -> Iterator[Record]:
    """Yield what items mean, one record after the other.

    Parameters
    ----------
    items
        Records and blocks.

    Examples
    --------
    >>> rows = np.arange(2)
    >>> block = Block(rows, rows / 1, rows / 1, rows, {"loss": rows / 4})
    >>> [record.kind for record in records_of([Record("config"), block])]
    ['config', 'train', 'train']
    """
    for item in items:
        if isinstance(item, Block):
            yield from item.records()
        else:
            yield item


def last_line(item: Item) -> int:
    """Return the line of an item, the last one of a block.

    Examples
    --------
    >>> last_line(Record("train", step=50, line=7))
    7
    """
    return int(item.line[-1]) if isinstance(item, Block) else item.line
