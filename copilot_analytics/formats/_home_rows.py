"""Places the rows of a home-made log, whose lines tell by themselves only half of where they are.

``Epoch 3, step 40`` may count steps of the epoch or of the training: which, the first change of
the epoch tells. Rows without an axis stand below a header that names the epoch, once or many
times, which the second row below the first header tells; or they sum up what other rows said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._home_counter import StepCounter
from copilot_analytics.formats._home_judging import JUDGING, RareMeasures
from copilot_analytics.formats._home_passes import Passes
from copilot_analytics.formats._home_repeats import Repeats
from copilot_analytics.formats._home_row_fields import parted, renamed, together
from copilot_analytics.formats._home_totals import LineTotals
from copilot_analytics.formats._home_vocabulary import is_bookkeeping, is_loss, is_quality, split_in
from copilot_analytics.formats._home_within import RowsWithin
from copilot_analytics.formats._rows import Naming, RowReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from copilot_analytics.formats._splits import Split
    from copilot_analytics.records import Floats, Ints, Item

_STEPS = frozenset({"#count", "#count_of", "#step", "#steps"})


@dataclass(frozen=True)
class HomeNaming(Naming):
    """Keeps names; results on a test split count as validation until there is a validation."""

    splits: set[Split] = field(default_factory=set)

    def split_of(self, name: str, otherwise: Split) -> Split:
        """Return the split that a metric counts for; `otherwise` if its name does not tell."""
        split = super().split_of(name, otherwise)
        if split == otherwise or split_in(name):  # not for the returns of an agent
            self.splits.add(split)
        return "val" if split == "test" and "val" not in self.splits else split


class HomeRows:
    """Turns what lines say into items, in their order.

    Parameters
    ----------
    file
        Name of the log.

    Attributes
    ----------
    header : float or None
        Number of the epoch that the last header named.
    headers_end : bool
        Whether headers name the epoch above them.
    repeats : Repeats
        Leaves out rows that say again what the row before them said.
    """

    def __init__(self, file: str) -> None:
        self.header: float | None = None
        self.axis = Axis()
        self.reader = RowReader(file, self.axis, HomeNaming(evaluations=JUDGING))
        self.has_rows = self.says_where = False  # whether anything said where training stands
        self._counter = StepCounter(self.axis)
        self._has_inner = self._strong = False
        self._furthest = 0.0  # count of a row of its own, which may be all result
        self._fine_names: set[str] = set()
        self._loss_shapes: set[tuple[str, ...]] = set()
        self.repeats = Repeats()
        self._once: dict[tuple[str, ...], tuple[dict[str, Floats], Ints]] = {}
        self._repeated: set[tuple[str, ...]] = set()
        self._waiting: tuple[tuple[str, ...], dict[str, Floats], Ints] | None = None
        self._below: str | None = None  # "one" or "many" rows below a header
        self._standing: dict[str, Floats] | None = None  # the place that a line of its own named
        self._stood: set[tuple[str, ...]] = set()  # the shapes that took it
        self.totals, self._rare = LineTotals(), RareMeasures()
        self._passes, self._within = Passes(), RowsWithin()
        self._free_base: float | None = None  # 1 if rows before any header counted from 0
        self.headers_end = self._is_headed_by_results = False
        self._told: float | None = None  # the epoch that a result named since the last row
        self._ahead: float | None = None  # of their headers rows name their epoch by that

    @property
    def counts_inner(self) -> bool:
        """Whether rows count iterations of their epoch."""
        return self._counter.counts_inner or self._has_inner

    @property
    def knows_training(self) -> bool:
        """Whether a row was of the training for sure, be it one that waits for the next."""
        return self.has_rows or any(map(is_loss, self._waiting[0] if self._waiting else ()))

    @property
    def _here(self) -> float:
        """Where rows stand that do not say it, in steps; episodes move no axis by their returns."""
        return max(float(self.axis.last_step), self._furthest)

    @property
    def counts_on(self) -> bool:
        """Whether rows name their epoch and count steps of the training all the same."""
        return self._counter.counts == "step"

    def placed(self, columns: Mapping[str, Floats], lines: Ints) -> Iterator[Item]:
        """Yield rows that say where they are."""
        self.says_where = True
        shape = tuple(name for name in columns if name[0] != "#")
        if any(is_quality(name) or split_in(name) for name in shape):
            self._strong = True
        elif self._strong:
            return
        columns, lines = self.repeats.without(shape, dict(columns), lines)
        if not len(lines):
            return
        judged = self._rare.found(shape)
        if judged:
            columns, left = parted(columns, judged)
            yield from self._stand_at(columns, lines[:1])
            if len(lines) > 1:
                yield from self.placed(left, lines[1:])
            return
        self._rare.pass_by(shape, len(lines))
        yield from self._stand_at(columns, lines)

    def _stand_at(self, columns: dict[str, Floats], lines: Ints) -> Iterator[Item]:
        shape = tuple(name for name in columns if name[0] != "#")
        total = self.totals.of(columns) if self.header is None else None
        columns.pop("#played", None)
        if total is not None:
            yield from self.reader.config({"planned_steps": total}, int(lines[0]))
        if self._passes.hold(columns):
            columns = self._passes.within(columns)
        elif "#epoch" in columns:
            columns["#epoch"] = columns["#epoch"] - self._ahead_of_header(columns["#epoch"][0])
        if self._is_result(shape):
            yield from self._results(columns, lines)
            self.tell_epoch(columns.get("#epoch", [None])[-1])
            return
        self.has_rows = True
        if any(is_loss(name) for name in shape):
            self._loss_shapes.add(shape)
        columns = self._counter.unsettled(columns)
        if "#count" in columns:
            yield from self._counted(columns, lines)
            return
        if "#step" in columns or "#inner" in columns or "#sample" in columns:
            self._note_names(shape)
            self._has_inner = self._has_inner or "#step" not in columns
            if "#epoch" not in columns and self.header is not None and "#inner" in columns:
                columns["#epoch"] = self._epoch_below(lines)
        elif (self.header is None and not self._passes.are_used) and (
            not self._fine_names or shape == self._within.shape  # others sum up what these say
        ):
            for part, at in self._within.told_apart(columns, lines):
                if "#inner" in part and not self._has_inner:
                    self._has_inner = True
                    self._note_names(shape)
                    self.axis.count_within()
                yield from self.reader.rows(part, at)
            return
        elif self._fine_names:
            columns = {self._summed(name): column for name, column in columns.items()}
            if not self.counts_inner and "#epoch" in columns:
                columns["#step"] = np.full(len(lines), float(self.axis.last_step))
                columns["#progress"] = self.axis.end(columns["#epoch"])
                yield from self.reader.rows(columns, lines)
                self.axis.enter(float(columns["#epoch"][-1]) + 1)
                return
        yield from self.reader.rows(columns, lines)

    def unplaced(
        self, columns: dict[str, Floats], lines: Ints, *, sure: bool = False
    ) -> Iterator[Item]:
        """Yield rows of a kind that do not say where they are, from the second of the kind on.

        A number that is printed once, such as a setting, is no series, unless it is `sure`.
        """
        shape = tuple(name for name in columns if name[0] != "#")
        while len(lines) > 1 and not self._is_settled(shape):
            row = {name: column[:1] for name, column in columns.items()}
            yield from self.unplaced(row, lines[:1], sure=sure)
            columns, lines = {name: column[1:] for name, column in columns.items()}, lines[1:]
        if self._standing is not None and shape not in self._stood:
            self._stood.add(shape)
            yield from self.placed({**columns, **self._standing}, lines)
            return
        if self._told is not None and self._free_base is not None and "#inner" in columns:
            yield from self.enter(self._told, None, int(lines[0]))  # it ended the rows above it
            self._told = None
        if self.headers_end and "#inner" in columns:
            yield from self._stand_at(columns, lines)
            return
        if self.header is not None and not self._fine_names:
            yield from self._below_header(shape, columns, lines)
            return
        if self._free_base is None and "#inner" in columns:
            self._free_base = float(columns["#inner"][0] == 0)
        yield from self.flush()
        if shape not in self._repeated:
            first = self._once.pop(shape, None)
            self._repeated.add(shape)
            if first is None and not (sure and self.has_rows):
                self._repeated.discard(shape)
                self._once[shape] = (columns, lines)
                return
            if first is not None and not self.has_rows:
                columns, lines = together(first, (columns, lines))
        if self._fine_names or (self.has_rows and self._loss_shapes - {shape}):
            columns = {self._summed(name): column for name, column in columns.items()}
            columns["#step"] = np.full(len(lines), self._here)
        else:
            self._loss_shapes.add(shape)
        self.has_rows = True
        yield from self.reader.rows(columns, lines)

    def _is_settled(self, shape: tuple[str, ...]) -> bool:
        """Tell whether all further rows of a kind are placed alike."""
        if self._standing is not None and shape not in self._stood:
            return False
        if self.header is not None and not self._fine_names:
            return self._below is not None
        return shape in self._repeated

    def standing(self, shape: tuple[str, ...]) -> dict[str, float]:
        """Return the place that a line of its own named for the first result of each kind."""
        if self._standing is None or shape in self._stood:
            return {}
        self._stood.add(shape)
        named = {name: float(place[0]) for name, place in self._standing.items()}
        return self._passes.of_results or named

    def stand(self, places: dict[str, Floats], line: str) -> None:
        """Take a line that names the step of the ones below it, the first of each kind."""
        self._standing = {name: place for name, place in places.items() if name in _STEPS}
        self.totals.stand(self._standing)
        self._stood.clear()
        self._passes.stand(self._standing, line, first=not self.has_rows and self.header is None)

    def enter(self, epoch: float, epochs: float | None, line: int) -> Iterator[Item]:
        """Take a header that names the epoch of what follows."""
        yield from self.flush()
        if self.header is None and self._free_base is not None:
            self.headers_end = True
            self.axis.saw_epoch(self.axis.last_step + self._free_base)
        if self._passes.are_counted:
            epoch, epochs = self._passes.place
        self.header = epoch
        self.says_where = True
        self.axis.enter(epoch, epochs)
        yield from self.reader.plan(line)

    def tell_epoch(self, epoch: float | None) -> None:
        """Take the epoch that a result named, if it named one."""
        self._told = self._told if epoch is None else epoch

    def learned(self) -> Iterator[Item]:
        """Yield what the rows showed of the length of an epoch."""
        yield from self.reader.learned()

    def flush(self) -> Iterator[Item]:
        """Yield a row that waited for the next one; it stood alone below its header."""
        if self._waiting is not None:
            waiting, self._waiting, self._below = self._waiting, None, "one"
            yield from self._ends(*waiting)

    def _below_header(
        self, shape: tuple[str, ...], columns: dict[str, Floats], lines: Ints
    ) -> Iterator[Item]:
        columns["#header"] = np.full(len(lines), self.header)
        if self._waiting is not None and self._waiting[0] == shape:
            _, first, at = self._waiting
            self._waiting, self._below = None, "many"
            first.pop("#header")
            yield from self._counting(first, at)
        if self._below == "many":
            columns.pop("#header")
            yield from self._counting(columns, lines)
        elif self._below == "one":
            yield from self._ends(shape, columns, lines)
        else:
            yield from self.flush_other(shape)
            self._waiting = (shape, columns, lines)

    def flush_other(self, shape: tuple[str, ...]) -> Iterator[Item]:
        """Yield a waiting row of another shape."""
        if self._waiting is not None and self._waiting[0] != shape:
            if any(is_loss(name) for name in shape):
                self._loss_shapes.add(shape)  # beside which the one that waits may be a result
            yield from self.flush()

    def _ends(
        self, shape: tuple[str, ...], columns: dict[str, Floats], lines: Ints
    ) -> Iterator[Item]:
        columns["#epoch"] = columns.pop("#header")
        if not self.has_rows and self._is_result(shape):
            yield from self._results(columns, lines)
            return
        self.has_rows = True
        if any(is_loss(name) for name in shape):
            self._loss_shapes.add(shape)
        yield from self.reader.rows(columns, lines)

    def _counting(self, columns: dict[str, Floats], lines: Ints) -> Iterator[Item]:
        self.has_rows = True
        yield from self.reader.rows(columns, lines)

    def _epoch_below(self, lines: Ints) -> Floats:
        """Return the epoch of rows below the last header; it named the one before if it ends it."""
        return np.full(len(lines), (self.header or 0.0) + self.headers_end)

    def _ahead_of_header(self, epoch: float) -> float:
        """Return 1 if headers count epochs from 0 and rows from 1, as the first row tells."""
        if self._ahead is None:
            self._ahead = 1.0 if self.header == 0 and epoch == 1 else 0.0
        return self._ahead

    def _is_result(self, shape: tuple[str, ...]) -> bool:
        """Tell whether rows of an epoch hold measures of quality alone, and losses stand apart."""
        if any(is_loss(name) or is_bookkeeping(name) or split_in(name) for name in shape):
            return False
        return any(is_quality(name) for name in shape) and bool(self._loss_shapes - {shape})

    def _results(self, columns: Mapping[str, Floats], lines: Ints) -> Iterator[Item]:
        for row, line in enumerate(lines.tolist()):
            numbers = {name: float(column[row]) for name, column in columns.items()}
            if self.counts_on and "#count" in numbers:
                numbers["#step"] = numbers.pop("#count")
            yield from self.reader.evaluation(numbers, line, "val")

    def _counted(self, columns: dict[str, Floats], lines: Ints) -> Iterator[Item]:
        """Yield rows whose counter counts in the epoch or in the training."""
        shape = tuple(name for name in columns if name[0] != "#")
        told, self._told = self._told, None
        is_free = "#progress" in columns or ("#epoch" not in columns and self.header is None)
        falls = is_free and columns["#count"][0] < self._furthest
        if told is not None and (falls or self._is_headed_by_results):
            self._is_headed_by_results = True  # it counts anew in each epoch
            yield from self.enter(told, None, int(lines[0]))
            is_free = "#progress" in columns
        if is_free:
            self._note_names(shape)
            if self._free_base is None:
                self._free_base = float(columns["#count"][0] == 0)
            self._furthest = max(self._furthest, float(columns["#count"].max()))
            yield from self.reader.rows(renamed(columns, "step"), lines)
            return
        if "#epoch" not in columns:
            columns["#epoch"] = self._epoch_below(lines)
        self._note_names(shape)
        if self._furthest:
            self._counter.go_on_from(self._furthest, self._free_base or 0.0)
        row = self._counter.see(columns["#epoch"], columns["#count"])
        if not self.counts_on:
            row = len(lines)
        if row:
            first = {name: column[:row] for name, column in columns.items()}
            yield from self.reader.rows(renamed(first, "inner"), lines[:row])
        if row < len(lines):
            rest = {name: column[row:] for name, column in columns.items()}
            for done, part in self._counter.counted_on(rest):
                at = lines[row + done :][: len(part["#count"])]
                yield from self.reader.rows(renamed(part, "step"), at)

    def _note_names(self, shape: tuple[str, ...]) -> None:
        self._fine_names.update(name for name in shape if not is_bookkeeping(name))

    def _summed(self, name: str) -> str:
        """Return the name of what sums an epoch up, if its iterations have it too."""
        return f"epoch {name}" if name in self._fine_names else name
