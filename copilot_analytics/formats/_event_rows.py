"""Puts the scalars of an event file into rows: what was logged together at one step.

Each tag has a counter of its own. Most count the same; but many a script counts its losses by
iterations and its evaluations by epochs. The axis is that of the training: a tag whose steps rise
far below it, or lead far ahead of it, counts something else, and stands where training was when
it was written. A tag whose steps fall back begins again, as the folds of a cross-validation do.

A row is complete once a scalar of the next one is there. So nothing depends on how much of a file
is read at once; the last row of a growing file waits for the next one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.formats._event_tags import Tag, Tags
from copilot_analytics.formats._event_wire import Scalars
from copilot_analytics.formats._numbers import in_seconds
from copilot_analytics.records import Block, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from copilot_analytics.records import Floats, Ints, Item

_LATE = 0.5  # an evaluation of an earlier checkpoint is not older than half of the training
_AHEAD = 2  # intervals of logging by which an evaluation may lead
_BY_EPOCH, _OF_KERAS = "train/box_loss", "epoch_"  # YOLO and Keras count epochs
_TIMES = frozenset({"iter_time_s", "data_time_s"})
_OF_NO_TAG = -1

_NOTHING = Scalars._make(
    np.zeros(0, dtype=kind) for kind in (np.int64, np.int64, np.float64, np.int64, np.float64)
)


class EventRows:
    """Turns scalars into items.

    Parameters
    ----------
    file
        Name of the event file.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._names = Tags(file)
        self._tags: list[Tag] = []
        self._by_epoch: list[bool] = []  # whether steps are epochs, by each tag
        self._place = _Places()
        self._open = _NOTHING  # scalars of the row that may go on
        self._open_step = 0
        self._said: tuple[int | None, bool] = None, False  # newest step, and whether of results
        self._begun = False
        self._first_step: int | None = None  # if steps are epochs
        self._epoch_base: float | None = None

    def add(self, scalars: Scalars, tags: Sequence[str]) -> Iterator[Item]:
        """Take more scalars; yield the rows that are complete."""
        for tag in tags[len(self._tags) :]:
            self._tags.append(self._names.meaning(tag))
            self._by_epoch.append(tag == _BY_EPOCH or tag.startswith(_OF_KERAS))
        if not len(scalars.event):
            return
        starts, steps = self._cut(scalars)
        if not starts:
            return
        whole = Scalars._make(map(np.concatenate, zip(self._open, scalars, strict=True)))
        self._open = Scalars._make(column[starts[-1] :] for column in whole)
        self._open_step = steps[-1]
        yield from self._rows(whole, starts, steps[:-1])

    def close(self) -> Iterator[Item]:
        """Yield the row that is still open."""
        whole, self._open = self._open, _NOTHING
        if len(whole.event):
            yield from self._rows(whole, [0, len(whole.event)], [self._open_step])

    def _cut(self, scalars: Scalars) -> tuple[list[int], list[int]]:
        """Return where rows begin, the open one being the first, and their steps.

        What a trainer writes in one go has one step, also if that counts something else. Times
        among results are those of the evaluation, and count for nothing, as repetitions do.
        """
        held = len(self._open.event)
        seen = set(self._open.tag.tolist())
        now = self._open_step
        starts, steps = ([0], [now]) if held else ([], [])
        places = self._place
        places.know(self._tags)
        last, is_time = places.last, [tag.name in _TIMES for tag in self._tags]
        is_repeated = [tag.role == "repetition" for tag in self._tags]
        said, of_result = self._said
        pairs = zip(scalars.step.tolist(), scalars.tag.tolist(), strict=True)
        for number, (step, tag) in enumerate(pairs, held):
            if step != said:
                said, of_result = step, False
            if (of_result and is_time[tag]) or is_repeated[tag]:
                scalars.tag[number - held] = _OF_NO_TAG
                continue
            if step != now or tag in seen or not starts:
                at = places.of(step, tag)
                if at != now or tag in seen or not starts:
                    starts.append(number)
                    steps.append(at)
                    seen, now = set(), at
            of_result = of_result or self._tags[tag].is_result
            seen.add(tag)
            last[tag] = step
        self._said = said, of_result
        return starts, steps

    def _rows(self, whole: Scalars, starts: list[int], steps: list[int]) -> Iterator[Item]:
        """Yield rows, neighbours with the same tags together."""
        tags = whole.tag.tolist()
        if steps and not self._begun:
            self._begun = True
            facts: dict[str, object] = {"time_is_utc": True}
            if any(self._by_epoch[tag] for tag in tags[: starts[1]] if tag >= 0):
                facts["step_unit"] = "epoch"
                self._first_step = steps[0]
            yield Record("config", facts=facts, line=int(whole.event[0]), file=self._file)
        step = np.array(steps, dtype=np.int64) + (1 if self._first_step == 0 else 0)
        row, count = 0, len(steps)
        while row < count:
            low, stop = starts[row], starts[row + 1]
            alike, first = tags[low:stop], row
            width = stop - low
            row += 1
            while row < count and tags[starts[row] : starts[row + 1]] == alike:
                row += 1
            part = slice(low, low + (row - first) * width, width)
            table = whole.value[low : starts[row]].reshape(row - first, width)
            columns = dict(zip(alike, table.T, strict=True))
            time = in_seconds(whole.time[part])
            yield from self._alike(step[first:row], time, whole.event[part], columns)

    def _alike(
        self, step: Ints, time: Floats, event: Ints, columns: dict[int, Floats]
    ) -> Iterator[Item]:
        """Yield rows with the same tags."""
        epoch, is_fraction = np.full(len(step), np.nan), False
        split: dict[str, dict[str, Floats]] = {"train": {}, "val": {}, "test": {}}
        for number, column in columns.items():
            if number == _OF_NO_TAG:
                continue
            tag = self._tags[number]
            if tag.role == "metric":
                split[tag.split][tag.name] = np.ascontiguousarray(column)
            elif tag.role != "nothing":
                is_fraction = tag.role == "progress"
                epoch = column - (0.0 if is_fraction else self._base(column))
        train = split.pop("train")
        results = {name: metrics for name, metrics in split.items() if metrics}
        if not results:
            if train:
                yield Block(step, epoch, time, event, train, self._file)
            return
        file = self._file
        told = [
            (name, list(metrics), list(zip(*(c.tolist() for c in metrics.values()), strict=True)))
            for name, metrics in results.items()
        ]
        heads = zip(step.tolist(), epoch.tolist(), time.tolist(), event.tolist(), strict=True)
        for row, (at, progress, when, line) in enumerate(heads):
            if train:
                cut = slice(row, row + 1)
                one = {name: column[cut] for name, column in train.items()}
                yield Block(step[cut], epoch[cut], time[cut], event[cut], one, file)
            known = None if when != when else when  # NaN alone differs from itself
            done = progress if is_fraction and math.isfinite(progress) else None
            for name, names, rows in told:
                numbers = dict(zip(names, rows[row], strict=True))
                yield Record("eval", at, done, known, numbers, {"split": name}, line, file)

    def _base(self, column: Floats) -> float:
        """Return what the first epoch is called."""
        if self._epoch_base is None:
            self._epoch_base = 1.0 if column[0] == 1 else 0.0
        return self._epoch_base


class _Places:
    """Tells at which step of the training a scalar stands.

    Attributes
    ----------
    last : list of int or None
        Newest step of each tag as logged.
    """

    def __init__(self) -> None:
        self.last: list[int | None] = []
        self._is_result: list[bool] = []
        self._counts_otherwise: set[int] = set()
        self._now: int | None = None  # step of the training
        self._interval = 0

    def know(self, tags: Sequence[Tag]) -> None:
        """Take the tags that appeared meanwhile."""
        self._is_result += [tag.is_result for tag in tags[len(self._is_result) :]]
        self.last += [None] * (len(tags) - len(self.last))

    def of(self, step: int, tag: int) -> int:
        """Return the place of a scalar that does not simply follow in its row."""
        now = self._now
        if self._is_result[tag]:
            return step if now is None else self._of_result(step, tag, now)
        if now is None or step >= now:
            self._counts_otherwise.discard(tag)
            self._interval = max(self._interval, step - now if now is not None else 0)
            self._now = step
            return step
        last = self.last[tag]
        if tag not in self._counts_otherwise and last is not None and step < last:
            self.last[:] = [None] * len(self.last)
            self._counts_otherwise.clear()
            self._now = step
            return step
        self._counts_otherwise.add(tag)
        return now

    def _of_result(self, step: int, tag: int, now: int) -> int:
        last = self.last[tag]
        if tag in self._counts_otherwise:
            return now
        if step >= now:
            leads = 0 < _AHEAD * self._interval < step - now and step > now / _LATE
        else:
            leads = step < now * _LATE or (last is not None and step <= last)
        if leads:
            self._counts_otherwise.add(tag)
            return now
        return step
