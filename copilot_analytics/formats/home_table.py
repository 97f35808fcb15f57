"""Tables that people write themselves: a header, and rows of numbers.

The names of the columns tell what they are. A table is taken for a training if a column counts its
steps or epochs and another one is named after a loss, an accuracy, a reward; without a counter
there must be a loss, and the rows are counted.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import LogFormat, Sample
from copilot_analytics.formats._home_bare_splits import are_both
from copilot_analytics.formats._home_vocabulary import REMARK
from copilot_analytics.formats._numbers import first_fraction
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._splits import MEASURED_AFTER, split_of
from copilot_analytics.formats._table import (
    Columns,
    Heading,
    TableParser,
    header_of,
    named,
    places_of,
)
from copilot_analytics.formats._table_cells import (
    BLANKS,
    cells_of,
    delimiter_of,
    key_of,
    numbers_of,
    rewritten_row,
)
from copilot_analytics.formats._table_counters import Counters, counters_of
from copilot_analytics.records import Record
from copilot_analytics.schema import direction_of, names_a_loss, names_a_private_loss

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from copilot_analytics.records import Ints

_FURTHEST_HEADER = 300  # lines before a table
_MOST_HEADERS = 5  # that are looked at
_ROWS = 100  # that are looked at below a header
_SURE_ROWS = 3  # so many rows of a table that fits are no chance
_FITTING = 0.9  # of the rows below the header; others were torn or say something
_RISING = 0.7  # of the moves of a counter
_CUMULATIVE = 1.5  # a time that sums up has at least grown so much from the first row to the second
_HEADER_ONLY, _LIKELY, _SURE = 0.3, 0.6, 0.97
_SINCE_1970_S = 1e9
_EPOCH_LINE = re.compile(r"(?i)\W{0,20}epoch\W{0,4}\d{1,9}(?:\s?/\s?\d{1,9})?\W{0,20}")
_NO_TRAINING = frozenset(
    "prediction predictions pred predicted predictedlabel predlabel ypred ytrue y label labels"
    " target groundtruth gt truelabel class classname category filename imageid imgid imagepath"
    " path url link answer question text sentence threshold latency latencyms throughput"
    " threads".split()
)
_RESULTS = frozenset(
    "model method name architecture arch backbone dataset params flops trial trialid experiment id"
    " config seed optimizer fold run number value sample".split()
)
_SETTINGS = frozenset(
    "batchsize dropout weightdecay hiddensize hiddendim numlayers nlayers optimizer activation"
    " nestimators maxdepth".split()
)  # columns of a search: each row is a training of its own
_OF_DATA = frozenset(
    "year month day date country region city state name price open close high low volume age sex"
    " gender income profit revenue product customer stock symbol ticker".split()
)
_NEEDING_A_COUNTER = _RESULTS | _SETTINGS | _OF_DATA
_MEASURED_AFTER = re.compile(rf"{MEASURED_AFTER.pattern}|reward|return|success", re.IGNORECASE)
_RULE = re.compile(r"[\s|+:=\u2500-\u257f-]*")  # a line between the header and the rows
_DURATION = re.compile(r"(?:[\d:.]+\s?(?:d|h|m|min|s|sec|ms)?\s?){1,4}")  # "21m 18s" too
_OBJECT = re.compile(r"[\[{].*[\]}]")  # of JSON or Python in one cell
_NUMBERS = re.compile(r"[\[(]?[\d.eE+-]+(?:[,;\s]+[\d.eE+-]+)+[\])]?")  # of a list in one cell
_NO_WORDS = (_DURATION, _NUMBERS, _OBJECT)


class HomeTable(LogFormat):
    """A table of a training whose trainer is not known."""

    name: ClassVar[str] = "home_table"
    title: ClassVar[str] = "table with a header"
    url: ClassVar[str] = "https://www.rfc-editor.org/rfc/rfc4180"
    smoothing: ClassVar[int | None] = None
    is_fallback: ClassVar[bool] = True

    def heading(self, names: Sequence[str]) -> Heading | None:
        """Return what the columns of a table are called; None if they are no training."""
        return _heading(names)

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: by the header, and by how well the rows below fit."""
        headers = 0
        for place, line in enumerate(lines[:_FURTHEST_HEADER]):
            header = _header(line)
            if header is None:
                continue
            sure = _fit(*header, delimiter_of(line) or BLANKS, lines[place + 1 :])
            headers += 1
            if sure or headers == _MOST_HEADERS:
                return sure
        return 0.0

    def parser(self, file: str) -> TableParser:
        """Return a fresh parser for a log."""
        return TableParser(RowReader(file, Axis(), Naming()), self.heading, Counted())

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
Epoch;Train Loss;Test Acc
1;1,5;40,25
2;1,25;50,75
3;1,125;52,5
""",
            (
                Record("config", facts={"step_unit": "epoch"}, line=2),
                Record("train", 1, 1.0, metrics={"Train Loss": 1.5}, line=2),
                Record("eval", 1, 1.0, metrics={"Test Acc": 40.25}, facts={"split": "val"}, line=2),
                Record("train", 2, 2.0, metrics={"Train Loss": 1.25}, line=3),
                Record("eval", 2, 2.0, metrics={"Test Acc": 50.75}, line=3),
                Record("train", 3, 3.0, metrics={"Train Loss": 1.125}, line=4),
                Record("eval", 3, 3.0, metrics={"Test Acc": 52.5}, line=4),
            ),
        ),
        Sample(
            """\
# step  total loss  lr
100     2.5         1e-3
200     1.5         5e-4
""",
            (
                Record("train", 100, metrics={"total loss": 2.5, "lr": 1e-3}, line=2),
                Record("train", 200, metrics={"total loss": 1.5, "lr": 5e-4}, line=3),
            ),
        ),
        Sample(
            """\
date,phase,epoch,elapsed,loss
2024-01-01 10:00:00,train,1,60.5,"1,400.5"
2024-01-01 10:01:00,val,1,121.0,2.25
""",
            (
                Record("config", facts={"step_unit": "epoch"}, line=2),
                Record("train", 1, 1.0, metrics={"train/loss": 1400.5}, line=2),
                Record("eval", 1, 1.0, metrics={"val/loss": 2.25}, line=3),
            ),
        ),
    )


class Counted:
    """Tells from row to row what a counter of epochs and a column of times mean.

    Epochs with a fraction are progress; then the rows are counted as steps, if nothing else counts
    them. A column of seconds is the time of the rows if it sums up or counts from 1970; the time
    that each epoch took is not.

    Examples
    --------
    >>> columns = {"#epoch": np.array([0.5, 1.0]), "#time_s": np.array([30.0, 60.0])}
    >>> [part for part, _ in Counted()(columns, np.array([1, 2]))]
    [{'#time_s': array([nan, 60.]), '#progress': array([0.5, 1. ]), '#step': array([1., 2.])}]
    """

    def __init__(self) -> None:
        self._is_fraction = False
        self._rows = 0
        self._first_s: float | None = None
        self._sums_up: bool | None = None

    def __call__(self, columns: Columns, lines: Ints) -> Iterator[tuple[Columns, Ints]]:
        """Yield the columns of consecutive rows with the same meaning, and their lines."""
        if "#time_s" in columns:
            columns = {**columns, "#time_s": np.array([*map(self._time, columns["#time_s"])])}
        whole = len(lines)
        if "#epoch" in columns:
            whole = 0 if self._is_fraction else first_fraction(columns["#epoch"])
        counted = np.arange(1.0, len(lines) + 1) + self._rows
        self._rows += len(lines)
        if whole:
            yield {name: column[:whole] for name, column in columns.items()}, lines[:whole]
        if whole == len(lines):
            return
        self._is_fraction = True
        rest = {name: column[whole:] for name, column in columns.items()}
        rest["#progress"] = rest.pop("#epoch")
        rest.setdefault("#step", counted[whole:])
        yield rest, lines[whole:]

    def _time(self, seconds: float) -> float:
        if seconds >= _SINCE_1970_S:
            return seconds
        if self._first_s is None:
            self._first_s = seconds
        elif self._sums_up is None:
            self._sums_up = seconds > _CUMULATIVE * self._first_s
        return seconds if self._sums_up else np.nan


def _heading(names: Sequence[str]) -> Heading | None:
    """Return what the columns of a table are called; None if they are no training."""
    counters = counters_of(names)
    metrics = [name for name in names if name and name not in counters.names]
    if not _is_training(metrics, counters):
        return None
    splits = {split_of(name) for name in metrics if names_a_loss(name) or _is_judged(name)}
    evaluated = splits & {"val", "test"}
    found = _told_once(metrics) if evaluated else _results(metrics)
    pattern = re.compile("|".join(rf"^{re.escape(name)}$" for name in found)) if found else None
    naming = Naming(test_is_val="val" not in splits, evaluations=pattern, judges_returns=True)
    both = zip(names, named(names, Naming()), strict=True)
    called = [counters.names.get(name, title) for name, title in both]
    rows_are_epochs = counters.unit is None and bool(evaluated)
    return Heading(called, naming, unit=counters.unit, rows_are_epochs=rows_are_epochs)


@lru_cache(maxsize=512)  # a log that grows is looked at again from its first line on
def _header(line: str) -> tuple[list[str], Heading] | None:
    """Return the names and the meaning of columns that a line heads; None if it heads none."""
    names = header_of(line)
    heading = None if names is None else _heading(names)
    return None if names is None or heading is None else (names, heading)


def _is_judged(name: str) -> bool:
    return direction_of(name)[0] is not None


def _says_of_training(name: str) -> bool:
    """Tell whether a column is a metric or belongs beside one."""
    return (
        names_a_loss(name)
        or _is_judged(name)
        or split_of(name) is not None
        or named([name], Naming()) != [name]
    )


def _is_training(metrics: Sequence[str], counters: Counters) -> bool:
    """Tell whether columns can be those of a training, and not of results or data."""
    plain = {re.sub(r"[^a-z0-9]", "", name.lower()) for name in metrics}
    if plain & _NO_TRAINING:
        return False
    has_loss = any(names_a_loss(name) for name in metrics)
    if counters.unit is None:
        if not has_loss or plain & _NEEDING_A_COUNTER:
            return False
        told = [name for name in metrics if _says_of_training(name)]
        return 2 * len(told) >= len(metrics)
    private = sum(map(names_a_private_loss, metrics))
    steers = any(name in {"lr", "grad_norm"} for name in named(metrics, Naming()))
    is_told = any(map(_is_judged, metrics)) or (private and private + steers > 1)
    is_told = is_told or are_both(metrics)
    return has_loss or (not counters.is_weak and bool(is_told))


def _results(metrics: Sequence[str]) -> list[str]:
    """Find the results of evaluations in a table whose names tell none."""
    trained = [name for name in metrics if names_a_loss(name) or split_of(name) == "train"]
    bare = {re.sub(r"(?i)^train(ing)?[_\s/]", "", name) for name in trained}
    both = bare & (set(metrics) - set(trained))
    return [
        name
        for name in metrics
        if (_is_judged(name) and (not trained or name in both)) or _MEASURED_AFTER.search(name)
    ]


def _told_once(metrics: Sequence[str]) -> list[str]:
    """Find metrics of the evaluation where only the loss is told for training and evaluation.

    fastai and the notebooks of Transformers write ``train_loss,valid_loss,accuracy``.
    """
    losses = {split_of(name) for name in metrics if names_a_loss(name)}
    others = [name for name in metrics if not names_a_loss(name) and _is_judged(name)]
    if "train" not in losses or any(map(split_of, others)):
        return []
    return others


def _fit(names: Sequence[str], heading: Heading, mark: str, lines: Sequence[str]) -> float:
    """Tell how sure the rows below a header make it that this is the table of a training.

    Lines without its delimiter that tell of a checkpoint or of patience stand between the rows,
    and those that name the epoch of the next one.
    """
    rows, fitting = 0, 0
    counters = _counters_in(heading)
    counted: dict[int, list[float]] = {counter: [] for counter in counters}
    texts: dict[int, list[str]] = {}
    for line in lines:
        if _RULE.fullmatch(line) or header_of(line) == names:
            continue
        if mark != BLANKS and mark not in line and REMARK.search(line):
            continue
        if rows == _ROWS:
            break
        numbers = _numbers(line)
        places = places_of(numbers, len(names))
        if places is None and (_EPOCH_LINE.fullmatch(line) or REMARK.match(line.lstrip())):
            continue
        rows += 1
        if places is None:
            continue
        fitting += 1
        in_columns = {places[key_of(name).cell]: number for name, number in numbers.items()}
        for counter in counted.keys() & in_columns.keys():
            counted[counter].append(in_columns[counter])
        own = delimiter_of(line)
        for place, cell in enumerate([] if own is None else cells_of(line, own)):
            is_word = not any(kind.fullmatch(cell.text) for kind in _NO_WORDS)
            if cell.text and place not in places and is_word:
                texts.setdefault(place, []).append(cell.text.lower())
    if not rows:
        return _HEADER_ONLY
    if fitting < _FITTING * rows or any(_names_rows(said, fitting) for said in texts.values()):
        return 0.0
    if not counters:
        return _SURE if fitting >= _SURE_ROWS else _HEADER_ONLY
    if fitting >= _SURE_ROWS and not any(map(_is_rising, counted.values())):
        return 0.0
    return _SURE if fitting >= _SURE_ROWS else _LIKELY


def _counters_in(heading: Heading) -> list[int]:
    """Return the columns that count epochs or steps."""
    places = [name if isinstance(name, str) or name is None else name[0] for name in heading.names]
    return [place for place, name in enumerate(places) if name in {"#epoch", "#step"}]


def _is_rising(counted: Sequence[float]) -> bool:
    """Tell whether a counter goes on; epochs may begin again, and steps stay."""
    moves = np.diff(counted)
    return bool(moves.any() and np.sum(moves >= 0) >= _RISING * len(moves))


def _numbers(line: str) -> dict[str, float]:
    """Return the numbers of a row by the names of their fields, planned ones left out."""
    fields = {field.name: float(line[field.start : field.end]) for field in numbers_of(line) or ()}
    found = fields or rewritten_row(line)
    return {name: number for name, number in found.items() if key_of(name).part != "of"}


def _names_rows(texts: Sequence[str], rows: int) -> bool:
    """Tell whether a column of text names what each row is about, as in a table of results."""
    return len(set(texts)) > max(2, rows / 3)


FORMAT = HomeTable()
