"""Tells several runs in one file apart.

People append to one log, or start a script again and again with the same output. A run that
begins anew shows its header again or falls back to its first step. A resume falls back too, but
says so, or falls to the middle; it is left to the run.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from copilot_analytics.records import Block, Item, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_HEADER_FACTS = frozenset(
    {
        "name",
        "fold",
        "framework",
        "gpus",
        "gpu_name",
        "log_interval",
        "num_classes",
        "optimizer",
        "schedule",
        "seed",
        "val_interval",
        "work_dir",
    }
)
_MOST_HELD = 10_000


class LaunchFilter:
    """Puts a ``launch`` record before each further run in a log.

    Items pass in their order. From a header that is printed again until the next training line
    they are held back, because only that line tells whether the header belongs to a new run.

    Examples
    --------
    >>> steps = [50, 100, 150, 50, 100]
    >>> records = [Record("train", step=s, line=n) for n, s in enumerate(steps, 1)]
    >>> told_apart = list(LaunchFilter().all(records))
    >>> [(record.kind, record.line) for record in told_apart][3:5]
    [('launch', 4), ('train', 4)]
    >>> told_apart[3].facts["reason"]
    'the steps fall from 150 back to 50, the beginning'
    """

    def __init__(self) -> None:
        self._held: list[Item] = []
        self._log_facts: dict[str, Any] = {}
        self._facts: dict[str, Any] = {}
        self._since_row: dict[str, Any] = {}  # facts that stand above a header, if one follows
        self._folds: set[int] = set()  # that began so far
        self._resumed = False
        self._crashed = False
        self._ended = False
        self._forget_run()

    def all(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield items with launches between them, to the end."""
        for item in items:
            yield from self.see(item)
        yield from self.close()

    def see(self, item: Item) -> Iterator[Item]:
        """Take one item; yield what can be told."""
        if isinstance(item, Block):
            yield from self._see_block(item)
        elif item.kind == "train":
            if not self._is_late(item.line):
                yield from self._before_training(item.step, item.epoch, item.line, item.file)
            self._note(item.step, item.epoch)
            yield item
        else:
            yield from self._see_other(item)

    def close(self) -> Iterator[Item]:
        """Yield what is still held back."""
        yield from self._release()

    def _forget_run(self) -> None:
        self._first: int | None = None
        self._second: int | None = None
        self._last: int | None = None
        self._first_epoch: float | None = None
        self._last_epoch: float | None = None
        self._first_result: float | None = None
        self._last_result: float | None = None
        self._rows = 0

    def _see_other(self, record: Record) -> Iterator[Item]:
        if record.kind == "eval" and not self._rows and not self._held:
            yield from self._before_result(record)
        if record.kind == "launch":
            yield from self._release()
            self._forget_run()
        elif record.kind == "resume":
            self._resumed = True
        elif record.kind == "crash":
            self._crashed = True
        elif record.kind == "end":
            self._ended = True
        elif record.kind == "config":
            if "framework" in record.facts and self._holds_framework():
                yield from self._release()  # of a start that came to nothing
                self._resumed = False
            elif "framework" in record.facts and self._holds_result():
                yield from self._release()  # of the run before: its last row was torn off
            if "log_format" in record.facts:
                self._log_facts.update(record.facts)
            told = _HEADER_FACTS & record.facts.keys()
            # Some trainers first name the run when an epoch ends.
            again = told - {"name"} or told & self._facts.keys()
            if self._rows and not self._held and again:
                self._held.append(record)
                return
        if not self._held or self._is_late_crash(record) or self._is_late(record.line):
            self._learn(record)
            yield record
            return
        self._held.append(record)
        if record.kind in {"crash", "end"} or len(self._held) > _MOST_HELD:
            yield from self._release()

    def _holds_framework(self) -> bool:
        """Tell whether the header of another process is held: each names its framework once."""
        return any(
            isinstance(item, Record) and item.kind == "config" and "framework" in item.facts
            for item in self._held
        )

    def _holds_result(self) -> bool:
        """Tell whether something is held that a process tells only while it trains."""
        return any(
            isinstance(item, Record) and item.kind in {"eval", "checkpoint"} for item in self._held
        )

    def _is_late_crash(self, record: Record) -> bool:
        """Tell whether a crash came before the header: a traceback that was torn is told late."""
        first = self._held[0]
        return isinstance(first, Record) and record.kind == "crash" and record.line < first.line

    def _is_late(self, line: int) -> bool:
        """Tell whether a line stands above the header of a fold, and was held by its parser."""
        told = [item for item in self._held if isinstance(item, Record) and "fold" in item.facts]
        return bool(told) and 0 < line < told[0].line

    def _see_block(self, block: Block) -> Iterator[Item]:
        steps = block.step
        count = len(steps)
        fell = steps[1:] < steps[:-1] if count > 1 else None
        if fell is None or not fell.any():
            if count:
                yield from self._see_rising(block)
            return
        falls = (np.flatnonzero(fell) + 1).tolist()
        start = 0
        for stop in (*falls, len(block)):
            piece = block[start:stop]
            if len(piece):
                yield from self._see_rising(piece)
            start = stop

    def _see_rising(self, block: Block) -> Iterator[Item]:
        """Take a block in which only the first row can begin a run."""
        first, first_epoch = int(block.step[0]), _known(float(block.epoch[0]))
        line = int(block.line[0])
        late = self._is_late(line)
        if not late and (self._held or self._why_new(first, first_epoch) is not None):
            yield from self._before_training(first, first_epoch, line, block.file)
        else:
            self._resumed = self._crashed = self._ended = False
        self._note(first, first_epoch)
        count = len(block.step)
        if count > 1:
            last_epoch = float(block.epoch[-1])
            if self._second is None:
                above = block.step > (self._first or 0)
                if above.any():
                    self._second = int(block.step[above.argmax()])
            self._note(int(block.step[-1]), _known(last_epoch))
            self._rows += count - 2
        yield block

    def _before_training(
        self, step: int | None, epoch: float | None, line: int, file: str
    ) -> Iterator[Item]:
        """Yield a launch if training begins anew with this line, then what was held back."""
        next_fold = self._why_fold()
        reason = next_fold or self._why_new(step, epoch)
        held, self._held = self._held, []
        if reason is not None:
            at = next((item.line for item in held if isinstance(item, Record)), line) or line
            is_told_anew = held and not next_fold  # a script states its plan once for all folds
            facts = {**(self._since_row if is_told_anew else self._facts), **self._log_facts}
            facts.pop("fold", None)  # what is held names that of the new run
            self._forget_run()
            self._facts = dict(facts)
            yield Record("launch", facts={"reason": reason}, line=at, file=file)
            if facts:
                yield Record("config", facts=dict(facts), line=at, file=file)
        for item in held:
            self._learn(item)
            yield item
        self._resumed = self._crashed = self._ended = False

    def _before_result(self, record: Record) -> Iterator[Item]:
        """Yield a launch if a log that tells nothing but results begins anew with this one."""
        epoch = record.epoch
        if epoch is None:
            return
        first, last = self._first_result, self._last_result
        if first is None or last is None:
            self._first_result = epoch
        elif not self._resumed and epoch <= first and epoch < last:
            self._forget_run()
            self._first_result = epoch
            facts = {"reason": f"the epochs fall from {last:g} back to {epoch:g}"}
            yield Record("launch", facts=facts, line=record.line, file=record.file)
            if self._facts:
                yield Record("config", facts=dict(self._facts), line=record.line, file=record.file)
        self._last_result = epoch

    def _why_new(self, step: int | None, epoch: float | None) -> str | None:
        if not self._rows or self._resumed:
            return None
        again = bool(self._held)
        if step is not None and self._last is not None and self._first is not None:
            # A run of one epoch or step may be over, and be run again.
            whole = self._ended and epoch == self._last_epoch
            fell = step < self._last or (step == self._last and (again or self._crashed or whole))
            if not fell or not self._is_beginning(step, epoch):
                return None
            where = f"the steps fall from {self._last} back to {step}, the beginning"
        elif epoch is not None and self._last_epoch is not None and self._first_epoch is not None:
            if epoch >= self._last_epoch or epoch > self._first_epoch:
                return None
            where = f"the epochs fall from {self._last_epoch:g} back to {epoch:g}"
        else:
            return None
        return f"the header is printed again and {where}" if again else where

    def _why_fold(self) -> str | None:
        """Tell whether a header that is held names a fold that has not begun before."""
        held = (item.facts for item in self._held if isinstance(item, Record))
        told = [facts["fold"] for facts in held if "fold" in facts]
        if not told or not self._rows or self._resumed or told[-1] in self._folds:
            return None
        return f"fold {told[-1]} begins"

    def _is_beginning(self, step: int, epoch: float | None) -> bool:
        """Tell whether a step is where this log begins its runs, and not the middle of one."""
        first = self._first or 0
        gap = max((self._second or first) - first, 1)
        interval = next(
            (
                item.facts["log_interval"]
                for item in self._held
                if isinstance(item, Record) and "log_interval" in item.facts
            ),
            0,
        )
        if epoch is not None and epoch > 1 and step > max(2 * gap, interval):
            return False
        # Logs that tell no length of an epoch name none before its end: what was read shows it.
        length = (self._last or 0) / self._last_epoch if self._last_epoch else math.inf
        began_first = first <= length or (self._first_epoch or math.inf) <= 1
        in_first = (step / length if epoch is None else epoch) <= 1
        if in_first and began_first and (self._last_epoch or 0) >= 2:
            # A resume begins at a checkpoint, which is hardly ever in the first epoch.
            return True
        if step <= first:
            # A log that begins with a resume may go on with a run from the start.
            return epoch is not None or min(step, first) <= 2 * gap or self._second is None
        return bool(self._held) and step <= max(2 * gap, interval)

    def _note(self, step: int | None, epoch: float | None) -> None:
        self._since_row = {}
        self._rows += 1
        if step is not None:
            if self._first is None:
                self._first = step
            elif self._second is None and step > self._first:
                self._second = step
            self._last = step
        if epoch is not None:
            if self._first_epoch is None:
                self._first_epoch = epoch
            self._last_epoch = epoch

    def _learn(self, item: Item) -> None:
        if isinstance(item, Record) and item.kind == "config":
            self._facts.update(item.facts)
            if "fold" in item.facts:
                self._folds.add(item.facts["fold"])
            self._since_row.update(item.facts)

    def _release(self) -> Iterator[Item]:
        held, self._held = self._held, []
        for item in held:
            if isinstance(item, Record) and item.kind == "config" and "fold" in item.facts:
                continue  # it never trained
            self._learn(item)
            yield item
        self._since_row = {}


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number
