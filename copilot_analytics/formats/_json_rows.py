"""Logs of JSON objects, one a line, whose keys can be declared.

DETR, Detectron2, LLaMA-Factory and `plain_jsonl` write so. Other formats with JSON in them take
numbers and durations from here.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import JsonParser, LogFormat, judges_each_line
from copilot_analytics.formats._clock_texts import clock_seconds, seconds_of_duration
from copilot_analytics.formats._numbers import IS_NUMBER, is_number
from copilot_analytics.formats._rows import Naming, RowReader

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from copilot_analytics.formats._base import Json
    from copilot_analytics.records import Floats, Ints, Item

LONGEST_LINE = 200_000

_DEEPEST = 4


class JsonRowsParser(JsonParser):
    """Reads a log of JSON objects by the naming of its format."""

    def __init__(self, form: JsonRowsFormat, rows: RowReader) -> None:
        self._form = form
        self._rows = rows
        self._naming = form.naming

    def columns(self, keys: tuple[str, ...], statement: Json) -> Sequence[str] | None:
        """Name the keys that hold numbers, if the statement is a plain row of the log at all."""
        if not self._form.required & statement.keys() or self._form.is_nested(statement):
            return None
        named = [key for key in keys if is_number(statement[key]) and self._naming.of(key)]
        if not self._has_metrics(named):
            return None
        clocks = self._form.clocks(statement)
        return [*named, *(key for key in keys if key in clocks and _is_clock(statement[key]))]

    def numbers(self, statement: Json) -> Mapping[str, float] | None:
        """Return the numbers of a nested row."""
        if not self._form.required & statement.keys() or not self._form.is_nested(statement):
            return None
        numbers = self._form.numbers(statement)
        return numbers if self._has_metrics(numbers) else None

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn the numbers of rows into blocks and evaluations."""
        return self._rows.rows(columns, lines)

    def parse(self, statement: Json, number: int) -> Iterable[Item]:
        """Read a row without metrics; no other statement is known."""
        if not self._form.required & statement.keys():
            return ()
        return list(self._form.others(statement, number, self._rows))

    def close(self) -> Iterable[Any]:
        """Say what the rows showed of the length of an epoch."""
        return list(self._rows.learned())

    def _has_metrics(self, keys: Iterable[str]) -> bool:
        named = [key if key[0] == "#" else self._naming.of(key) for key in keys if key]
        return any(name is not None and not str(name).startswith("#") for name in named)


class JsonRowsFormat(LogFormat):
    """A format of JSON lines that is declared by its keys.

    Attributes
    ----------
    naming : Naming
        What the keys are called.
    required : frozenset of str
        A statement with none of these keys is no row of the log.
    nests : bool
        Whether rows may hold numbers in objects and arrays, see `numbers`.
    """

    naming: ClassVar[Naming] = Naming()
    required: ClassVar[frozenset[str]]
    nests: ClassVar[bool] = False

    def axis(self) -> Axis:
        """Return the axis of a log of this format, before its first line."""
        return Axis()

    @abstractmethod
    def is_row(self, statement: Json) -> bool:
        """Tell whether a statement can only come from this trainer."""

    def is_nested(self, statement: Json) -> bool:
        """Tell whether a row is to be read by `numbers`; by keys and by what is no number."""
        return self.nests and any(isinstance(held, (dict, list)) for held in statement.values())

    def numbers(self, statement: Json) -> dict[str, float]:
        """Return the numbers of a nested row by key; keys that begin with ``#`` are places."""
        return flattened(statement)

    def clocks(self, statement: Json) -> Collection[str]:
        """Name the keys whose texts are durations or time stamps that a row is told by."""
        return ()

    def others(self, statement: Json, number: int, rows: RowReader) -> Iterable[Item]:
        """Read a statement with one of the required keys but no metrics."""
        return ()

    def parser(self, file: str) -> JsonRowsParser:
        """Return a fresh parser for a log."""
        return JsonRowsParser(self, RowReader(file, self.axis(), self.naming))

    @judges_each_line
    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: one row that can only come from this trainer settles it."""
        return 1.0 if any(map(self.is_row, objects_in(lines))) else 0.0


def flattened(statement: Json, *, texts: bool = False) -> dict[str, float]:
    """Return the numbers of a statement, those in objects by the path to them.

    Parameters
    ----------
    statement
        A JSON object. Arrays in it hold no metrics: classes, indices, histograms.
    texts
        Whether texts that are a number count as one.

    Examples
    --------
    >>> flattened({"step": 5, "val": {"loss": 0.5, "ok": True}, "lr": "1e-3", "ids": [1]})
    {'step': 5.0, 'val/loss': 0.5}
    >>> flattened({"loss": "1.5", "eta": "0:10"}, texts=True)
    {'loss': 1.5}
    """
    numbers: dict[str, float] = {}
    left = [("", statement, 0)]
    while left:
        path, level, depth = left.pop(0)
        for key, held in level.items():
            number = number_in(held) if texts else held
            if is_number(number):
                numbers.setdefault(path + key, float(number))
            elif isinstance(held, dict) and depth < _DEEPEST and "_type" not in held:
                left.append((f"{path}{key}/", held, depth + 1))
    return numbers


def _is_clock(held: Any) -> bool:
    return isinstance(held, str) and clock_seconds(held) is not None


def number_in(held: Any) -> float | None:
    """Return a JSON value as a number, also where it is the text of one; None if it is none.

    Examples
    --------
    >>> number_in(2), number_in("2.50"), number_in("1/4"), number_in(True)
    (2.0, 2.5, None, None)
    """
    if isinstance(held, str):
        text = held.strip()
        return float(text) if IS_NUMBER.fullmatch(text) else None
    return float(held) if is_number(held) else None


def seconds_in(held: Any) -> float | None:
    """Return a duration such as ``1 day, 2:03:04``, in seconds; None if it is none.

    Examples
    --------
    >>> seconds_in("0:01:05"), seconds_in("2 days, 1:00:00.5"), seconds_in("soon"), seconds_in(7)
    (65.0, 176400.5, None, 7.0)
    """
    seconds = seconds_of_duration(held) if isinstance(held, str) else None
    return number_in(held) if seconds is None else seconds


def objects_in(lines: Iterable[str]) -> Iterable[Json]:
    """Yield the JSON objects among some lines."""
    for line in lines:
        if len(line) > LONGEST_LINE or not line.lstrip().startswith("{"):
            continue
        try:
            statement = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(statement, dict):
            yield statement
