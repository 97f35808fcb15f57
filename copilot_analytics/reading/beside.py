"""Joins the logs that one run left beside each other.

One log gives the values: the richest. The others add what it does not tell: its plan, time stamps,
checkpoints, how it crashed or ended, and metrics that it lacks, each at its step. Logs belong to
one run if their values agree where both have them, or else if they came equally far.
"""

from __future__ import annotations

import math
import re
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from copilot_analytics.errors import CopilotError
from copilot_analytics.formats._splits import split_of
from copilot_analytics.reading.last_words import last_words
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.reading.run_folders import streams_of
from copilot_analytics.reading.settings import stated_plan
from copilot_analytics.reading.sources import read_chunks
from copilot_analytics.records import Block, Item, Record, records_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from copilot_analytics.records import Floats

RICHER = 1.2
"""So many times the values make another log of a run the main one."""

_MOST_COMPARED = 1000  # rows whose values are compared, and all evaluations
_AGREE = 2e-3  # relative: printed digits
_MOST_APART = 0.05  # of the steps
_TORN = 0.01  # of the values that one log says are no numbers, as blanks may be written
_FACTS_OF_A_FILE = frozenset({"log_format", "smoothing", "log_interval", "note", "step_unit"})
_ENDS = frozenset({"crash", "end"})
_KINDS = _ENDS | {"checkpoint", "resume"}
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
            self.names |= {f"train {title(name)}" for name in rest.metrics}
            self.last_step = max(self.last_step, int(rest.step.max()))
            self.last_epoch = max(self.last_epoch, float(np.nan_to_num(rest.epoch).max()))
            timed = np.isfinite(rest.time)
            pairs = zip(rest.step[timed].tolist(), rest.time[timed].tolist(), strict=True)
            self.stamps += pairs

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
        place = row.epoch if self.unit == "epoch" or row.step is None else float(row.step)
        for name, number in row.metrics.items():
            kind = f"{row.kind} {title(name)}"
            self.names.add(kind)
            if place is not None:
                self.points[kind, place] = number


class Beside:
    """Weaves what the other logs of a run tell into the items of the main one.

    Parameters
    ----------
    main
        The log that gives the values; None weaves nothing.
    others
        The other logs of its run.
    plan
        What the settings beside them state of the plan.
    words
        How the run died, as a file without training tells; where a log tells how it ended, that
        counts.

    Attributes
    ----------
    names : frozenset of str
        Names of the other logs.
    states_plan : bool
        Whether the settings state something of the plan.

    Examples
    --------
    >>> items = [Record("train", 1, metrics={"loss": 1.0}), Record("train", 9)]
    >>> list(Beside().see(items[0])) == items[:1]
    True
    """

    def __init__(
        self,
        main: Digest | None = None,
        others: Sequence[Digest] = (),
        plan: Mapping[str, Any] | None = None,
        words: Sequence[Record] = (),
    ) -> None:
        self.names = frozenset(other.path.name for other in others)
        self.states_plan = bool(plan)
        self._waiting: deque[tuple[float, Record]] = deque()
        self._stamps: tuple[Floats, Floats] | None = None
        self._words = [replace(word, line=0) for word in words]
        self._is_over = False
        facts: dict[str, Any] = dict(plan or {})
        if main is None:
            self._first = Record("config", facts=facts) if facts else None
            return
        for other in others:
            facts = {**other.facts, **facts}
            if not main.stamps and len(other.stamps) > 1 and other.unit == main.unit:
                known = np.array(sorted(set(other.stamps)), dtype=np.float64)
                self._stamps = known[:, 0], known[:, 1]
            self._waiting += _additions(main, other)
        self._waiting = deque(sorted(self._waiting, key=lambda pair: pair[0]))
        new = {
            name: fact
            for name, fact in facts.items()
            if name not in main.facts and name not in _FACTS_OF_A_FILE
        }
        self._first = Record("config", facts=new, file=str(main.path)) if new else None

    def see(self, item: Item) -> Iterator[Item]:
        """Take an item of the main log; yield it with what comes before it."""
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        if isinstance(item, Block):
            self._is_over = False
            yield from self._see_block(self._stamped(item))
        else:
            self._is_over = item.kind in _ENDS or (self._is_over and item.kind != "train")
            if item.step is not None:
                yield from self._due(item.step)
            yield item

    def told(self, kinds: Collection[str]) -> Iterator[Record]:
        """Yield all records of some kinds that the other logs add, in their order."""
        first = () if self._first is None else (self._first,)
        yield from (one for one in (*first, *self.close()) if one.kind in kinds)

    def close(self) -> Iterator[Record]:
        """Yield what comes after the last item of the main log."""
        left, self._waiting = self._waiting, deque()
        for _, record in left:
            self._is_over = self._is_over or record.kind in _ENDS
            yield record
        words, self._words = self._words, []
        yield from () if self._is_over else words

    def _see_block(self, block: Block) -> Iterator[Item]:
        start = 0
        highest = np.maximum.accumulate(block.step) if self._waiting else block.step
        while self._waiting and start < len(block):
            stop = int(np.searchsorted(highest, self._waiting[0][0], side="right"))
            if stop == len(block):
                break
            if stop > start:
                yield block[start:stop]
            yield from self._due(int(block.step[stop]))
            start = stop
        if start < len(block):
            yield block[start:]

    def _due(self, step: float) -> Iterator[Item]:
        while self._waiting and self._waiting[0][0] < step:
            yield self._waiting.popleft()[1]

    def _stamped(self, block: Block) -> Block:
        if self._stamps is None or np.isfinite(block.time).any():
            return block
        steps, times = self._stamps
        time = np.interp(block.step, steps, times, left=np.nan, right=np.nan)
        return replace(block, time=time)


def joined(paths: Sequence[Path]) -> tuple[Path, Beside]:
    """Return the main one of the logs of a run, and what the others add to it.

    Parameters
    ----------
    paths
        Logs that stand beside each other, the preferred one first: it is of the run in question.

    Returns
    -------
    path : Path
        The richest log of that run; the preferred one unless another holds a fifth more values.
    beside : Beside
        To be woven into its items.
    """
    plan = stated_plan(paths[0].parent)
    if len(paths) < 2:
        return paths[0], Beside(plan=plan, words=said_beside(paths))
    digests = [digest for path in paths if (digest := Digest.of(path)) is not None]
    if not digests or digests[0].path != paths[0]:
        return paths[0], Beside(plan=plan, words=said_beside(paths[:1]))
    digests = _by_split(digests)
    preferred = digests[0]
    same = [one for one in digests if one is preferred or one.is_of_the_run_of(preferred)]
    main = max(same, key=lambda one: one.values)
    if main.values < RICHER * preferred.values:
        main = preferred
    others = [one for one in same if one is not main]
    return main.path, Beside(main, others, plan, said_beside([one.path for one in same]))


def said_beside(logs: Collection[Path]) -> list[Record]:
    """Return how a run died, as what its process printed beside its logs tells.

    Parameters
    ----------
    logs
        The logs of the run.
    """
    return [word for path in streams_of(logs) for word in last_words(path)]


def _by_split(digests: list[Digest]) -> list[Digest]:
    """Take what ``val_log.csv`` says beside ``train_log.csv`` for evaluations; the latter is first.

    Files of a split each hold the same measures, whose names tell no split.
    """
    trained = {_without_split(one.path): one for one in digests if _split_of(one.path) == "train"}
    first, found = digests[0], []
    for one in digests:
        twin = trained.get(_without_split(one.path))
        if twin is None or twin is one or not twin.names & one.names:
            found.append(one)
            continue
        found.append(one.as_evaluation(str(_split_of(one.path))))
        first = twin if one is first else first
    return sorted(found, key=lambda one: one is not first)


def _split_of(path: Path) -> str | None:
    return split_of(path.stem)


def _without_split(path: Path) -> tuple[Path, str]:
    words = re.split(r"[\W_]+", path.name.lower())
    return path.parent, " ".join(word for word in words if split_of(word) is None)


def _additions(main: Digest, other: Digest) -> Iterator[tuple[float, Record]]:
    """Yield records of another log that the main one lacks, each with its step."""
    for record in records_of(other.items):
        step = record.step
        if record.kind in _KINDS:
            yield (np.inf if step is None else float(step)), _placed(record, other)
        elif record.kind in {"train", "eval"}:
            missing = {
                name: number
                for name, number in record.metrics.items()
                if f"{record.kind} {title(name)}" not in main.names
                or (step is not None and step < (main.first_step or 0))
            }
            same_axis = other.unit == main.unit and step is not None
            if missing and (same_axis or record.kind == "eval"):
                kept = replace(record, metrics=missing, step=step if same_axis else None)
                at = float(step) if step is not None and same_axis else _step_of(main, record)
                yield at, _placed(kept, other)


def _placed(record: Record, log: Digest) -> Record:
    """Return a record of another log; its line is none of the main one's."""
    return replace(record, line=0, file=str(log.path))


def _step_of(main: Digest, record: Record) -> float:
    per_epoch = main.facts.get("steps_per_epoch")
    if record.epoch is None or not per_epoch:
        return np.inf
    return float(record.epoch) * float(per_epoch)


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
