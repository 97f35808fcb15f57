"""Results of evaluations, apart from what a validation prints while it runs.

``Sample: 141, Validation pixAcc: 0.026`` is no result: the last such line of a validation is, or
the line that sums it up. So a line that counts within a validation is held until another comes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from copilot_analytics.formats._home_row_fields import number_of, numbers_of
from copilot_analytics.formats._home_vocabulary import base_of, is_bookkeeping, split_in
from copilot_analytics.records import Block
from copilot_analytics.schema import direction_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from copilot_analytics.formats._home_readings import Reading
    from copilot_analytics.formats._home_rows import HomeRows
    from copilot_analytics.formats._splits import Split
    from copilot_analytics.records import Item

_RUNNING = ("#run", "#inner", "#sample", "#count")
_NO_PLACE = frozenset({*_RUNNING, "#run_of", "#inner_of", "#sample_of", "#count_of"})
_NEARLY_ALL = 0.9
_OFTEN = 3
_FEWEST_DIGITS = 3  # behind the point, of numbers that agree by no chance


@dataclass(slots=True)
class Result:
    """One line of measures on held-out data.

    Parameters
    ----------
    numbers
        Places and parts of its time stamp.
    metrics
        By split and name.
    line
        Its number.
    """

    numbers: dict[str, float]
    metrics: dict[Split, dict[str, float]]
    line: int

    @property
    def counter(self) -> str | None:
        """Name of the place that may count within a validation."""
        return next((name for name in _RUNNING if name in self.numbers), None)

    @property
    def is_underway(self) -> bool:
        """Whether it says that the validation is not at its end."""
        total = self.numbers.get(f"{self.counter}_of")
        return total is not None and self.numbers[str(self.counter)] < _NEARLY_ALL * total

    @property
    def shape(self) -> tuple[str, ...]:
        """What is the same in lines of one kind."""
        names = [name for metrics in self.metrics.values() for name in metrics]
        return (*(name for name in self.numbers if name in _NO_PLACE), *names)

    @property
    def bases(self) -> set[str]:
        """Names of its metrics without the words that tell a split."""
        return {_plain(name) for metrics in self.metrics.values() for name in metrics}


def result_of(line: str, reading: Reading, number: int, split: Split | None) -> Result:
    """Return what a line measured on held-out data; `split` is that of metrics that name none."""
    numbers = numbers_of(line, reading.places)
    numbers |= {f.name: float(line[f.start : f.end]) for f in reading.stamp.fields}
    by_split: dict[Split, dict[str, float]] = {}
    for metric in reading.metrics:
        if not is_bookkeeping(metric.name):
            of = metric.split or split or "val"
            by_split.setdefault(of, {})[metric.name] = number_of(line, metric.parts)
    return Result(numbers, by_split, number)


class Evaluations:
    """Yields the results of one log.

    Attributes
    ----------
    section : Split or None
        The split of a validation that goes on.
    splits : set of Split
        The parts of the data that results were of so far.
    is_over : bool
        Whether the log said that the training is over; results below sum it up.
    """

    def __init__(self, rows: HomeRows) -> None:
        self.section: Split | None = None
        self.splits: set[Split] = set()
        self._rows = rows
        self._held: Result | None = None
        self._chain = 0
        self._furthest = 0.0
        self._kinds: dict[tuple[str, ...], int] = {}
        self._latest: dict[str, float] = {}
        self._here: dict[tuple[Split, str], float] = {}  # told since training went on
        self._here_shapes: set[tuple[str, ...]] = set()
        self._place: tuple[int, float | None] = (-1, None)  # step and epoch of that
        self._chosen_by: str | None = None
        self._best: float | None = None  # the first that was told of that measure
        self._beside_rows = 0  # results that training rows carried along
        self.is_over = False

    def take(self, result: Result) -> Iterator[Item]:
        """Take a line; yield what is certain now."""
        self.splits.update(result.metrics)
        held = self._held
        if held is not None:
            if held.counter and self._continues(held, result):
                self._held = result
                self._chain += 1
                self.section = next(iter(result.metrics))
                return
            self._held = None
            is_summed = result.counter is None and bool(held.bases & result.bases)
            runs = self._chain > 1 or held.counter == "#run" or held.is_underway
            if not (is_summed and runs):
                yield from self._told(held)
        if result.counter is None:
            yield from self._told(result)
            return
        self._held, self._chain = result, 1

    def release(self) -> Iterator[Item]:
        """Yield the result that training after it shows to be the last of its validation."""
        self.section = None
        if self._held is not None:
            held, self._held = self._held, None
            self._furthest = max(self._furthest, held.numbers.get("#run", 0.0))
            yield from self._told(held)

    def close(self) -> Iterator[Item]:
        """Yield the last result, unless the log ends in the middle of a validation."""
        if self._held is not None:
            numbers = self._held.numbers
            counter = self._held.counter or "#run"
            total = numbers.get(f"{counter}_of", self._furthest)
            if self._chain == 1 or numbers[counter] >= _NEARLY_ALL * total:
                yield from self.release()

    def choice(self, called: str, printed: Sequence[float]) -> dict[str, str]:
        """Return by which measure checkpoints are kept, the first time that it is certain.

        Which way it is better is said too, by the next best, if its name does not tell.

        Parameters
        ----------
        called
            What a line that speaks of the best result calls the measure; it may be empty.
        printed
            What it prints: the latest of that measure.
        """
        if self._held is not None and self._chain == 1:
            self._note(self._held)
        chosen = self._chosen_by
        if chosen is None:
            plain = base_of(called)
            told = (
                [name for name, number in self._latest.items() if number in printed],
                [name for name in self._latest if plain and base_of(name) == plain],
                [n for n, last in self._latest.items() if any(_rounds(last, p) for p in printed)],
            )
            chosen = self._chosen_by = next((ns[0] for ns in told if len(ns) == 1), None)
            if chosen is None:
                return {}
            self._best = self._latest[chosen]
            return {"save_best": chosen}
        latest, best = self._latest[chosen], self._best
        if best is None or latest == best or direction_of(chosen)[0] is not None:
            return {}
        if len(printed) != 1 or not (latest == printed[0] or _rounds(latest, printed[0])):
            return {}  # of several bests, each may have its own time
        self._best = None  # one is enough
        return {"save_best_direction": "max" if latest > best else "min"}

    def learn(self, items: Sequence[Item]) -> None:
        """Note the latest measures that training rows carried along."""
        told = [item for item in items if not isinstance(item, Block) and item.kind == "eval"]
        if told:
            self._latest.update(told[-1].metrics)
            self._beside_rows += len(told)
        if items:
            self.is_over = False

    def _note(self, result: Result) -> None:
        for metrics in result.metrics.values():
            self._latest.update(metrics)

    def _is_summary(self, result: Result) -> bool:
        """Tell whether a line is the first of its kind although other kinds come again and again.

        What a log prints once, at its end as a rule, is the sum of what it said.
        """
        kind = result.shape
        self._kinds[kind] = self._kinds.get(kind, 0) + 1
        if self.is_over and self._beside_rows >= _OFTEN:
            return True
        if self._kinds[kind] > 1 or {"#epoch", "#step", "#progress"} & result.numbers.keys():
            return False
        return any(count >= _OFTEN for other, count in self._kinds.items() if other != kind)

    def _is_repeated(self, result: Result) -> bool:
        """Tell whether a line says in other words what was said since training went on."""
        step, epoch = self._rows.axis.last_step, result.numbers.get("#epoch")
        here, of = self._place
        if step != here or (None not in {epoch, of} and epoch != of):
            of = None
            self._here.clear()
            self._here_shapes.clear()
        self._place = step, of if epoch is None else epoch
        told = {(s, n): v for s, named in result.metrics.items() for n, v in named.items()}
        again = result.shape not in self._here_shapes and told.items() <= self._here.items()
        self._here.update(told)
        self._here_shapes.add(result.shape)
        return again

    def _continues(self, held: Result, result: Result) -> bool:
        same = held.shape == result.shape and result.counter == held.counter
        if not same or held.counter is None:
            return False
        epoch = held.numbers.get("#epoch")
        rises = result.numbers[held.counter] > held.numbers[held.counter]
        return rises and epoch == result.numbers.get("#epoch") and self._may_run(held)

    def _may_run(self, held: Result) -> bool:
        """Tell whether the counter may be that of a validation: it is no step of the training."""
        if held.counter != "#count":
            return True
        behind = held.numbers["#count"] < self._rows.axis.last_step
        return "#epoch" in held.numbers or self._rows.counts_inner or behind

    def _told(self, result: Result) -> Iterator[Item]:
        if self._is_summary(result) or self._is_repeated(result):
            return
        self._note(result)
        numbers = {k: v for k, v in result.numbers.items() if k not in _NO_PLACE}
        count = result.numbers.get("#count")
        own_step = "#epoch" not in numbers and not self._rows.counts_inner
        if (
            (own_step or self._rows.counts_on)
            and count is not None
            and count >= self._rows.axis.last_step
        ):
            numbers["#step"] = count
        for split, metrics in result.metrics.items():
            yield from self._rows.reader.evaluation({**numbers, **metrics}, result.line, split)


def _rounds(one: float, other: float) -> bool:
    """Tell whether two numbers are the same one, printed with more and with fewer digits."""
    digits = min(len(repr(number).partition(".")[2]) for number in (one, other))
    return digits >= _FEWEST_DIGITS and round(one, digits) == round(other, digits)


def _plain(name: str) -> str:
    words = re.split(r"[\s_/.-]+", name.lower())
    kept = [w for w in words if split_in(w) is None and w not in {"overall", "average", "avg"}]
    return "".join(kept)
