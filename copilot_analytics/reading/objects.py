"""Reads JSON lines: numbers by their layouts, all other lines parsed in batches."""

from __future__ import annotations

import json
import math
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from copilot_analytics.formats._clock_texts import clock_seconds
from copilot_analytics.reading.gathering import BLANK, OTHER, Gathered, Names, Reader
from copilot_analytics.reading.lines import Lines, clean
from copilot_analytics.reading.object_layouts import ObjectLayouts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from copilot_analytics.formats._base import JsonParser
    from copilot_analytics.records import Ints, Item

Statement: TypeAlias = dict[str, Any]
_Rows: TypeAlias = "dict[Names, tuple[list[int], list[Sequence[float]]]]"

_BATCH = 256
_NUMBERS = {int, float}
_FIRST_PRINTABLE = 32


class ObjectReader(Reader):
    """Reads the lines of a log of JSON objects."""

    _parser: JsonParser

    def __init__(self, parser: JsonParser, file: str) -> None:
        super().__init__(parser, file)
        self._layouts = ObjectLayouts()

    def read(self, lines: Lines) -> list[Item]:
        """Return what complete lines say."""
        gathered = Gathered(lines.size)
        left = self._layouts.gather(lines, self._parser, gathered)
        texts = _texts(lines, left)
        parsed = read_objects(texts)
        self._gather(parsed, left, gathered)
        statements = dict(zip(left.tolist(), parsed, strict=True))
        for text, (place, statement) in zip(texts, statements.items(), strict=True):
            if statement is None and not text.strip():
                gathered.kind[place] = BLANK
        items: list[Item] = []
        for kind, places, columns in gathered.runs():
            numbers = lines.numbers[places]
            if kind != OTHER:
                items += self._block(columns, numbers)
                continue
            for place, number in zip(places.tolist(), numbers.tolist(), strict=True):
                items += self._other(statements[place], number)
        return items

    def read_cut(self, lines: Lines) -> list[Item]:
        """Return what a last line says; an object that is cut off is none."""
        return self.read(lines)

    def _gather(
        self, statements: Sequence[Statement | None], places: Ints, gathered: Gathered
    ) -> None:
        """Gather the numbers of training statements, alike neighbours together."""
        rows: _Rows = {}
        place = 0
        while place < len(statements):
            statement = statements[place]
            named = None if statement is None else self._parser.columns(tuple(statement), statement)
            if statement is None or not named:
                numbers = None if statement is None else self._parser.numbers(statement)
                if numbers:
                    _add_row(rows, int(places[place]), numbers)
                place += 1
                continue
            stop = _last_alike(statements, place, set(named)) + 1
            if stop == place + 1:  # texts that change in every line
                row = _read_clocks([statement[name] for name in named])
                if set(map(type, row)) <= _NUMBERS:
                    _add_row(rows, int(places[place]), dict(zip(named, row, strict=True)))
                place = stop
                continue
            self._gather_alike(statements[place:stop], tuple(named), places[place:stop], gathered)
            place = stop
        gathered.add_rows(rows)

    def _gather_alike(
        self, statements: Sequence[Any], names: Names, places: Ints, gathered: Gathered
    ) -> None:
        """Put the numbers of statements with the same keys at their places."""
        pick = _picker(names)
        rows = list(map(pick, statements))
        flat = _read_clocks(list(chain.from_iterable(rows)))
        if set(map(type, flat)) <= _NUMBERS:
            try:
                table = np.array(flat, dtype=np.float64).reshape(len(rows), len(names))
            except OverflowError:  # a whole number beyond the largest float
                table = np.array([_as_float(number) for number in flat]).reshape(len(rows), -1)
            gathered.add(names, places, np.ascontiguousarray(table.T))
            return
        for place, statement in zip(places.tolist(), statements, strict=True):
            named = tuple(self._parser.columns(tuple(statement), statement) or ())
            row = _read_clocks([statement.get(name) for name in named])
            if row and set(map(type, row)) <= _NUMBERS:
                numbers = np.array([[_as_float(number)] for number in row])
                gathered.add(named, np.array([place], dtype=np.int64), numbers)

    def _other(self, statement: Statement | None, number: int) -> list[Item]:
        items: list[Item] = []
        if statement is not None:
            try:
                items = list(self._parser.parse(statement, number))
            except Exception as error:
                raise self._broken(number, error) from error
        self.skipped += not items
        return items


def read_objects(texts: Sequence[str]) -> list[Statement | None]:
    """Return the JSON object of each line; None for a line that is none.

    Flat objects are parsed many at a time. Each such line begins with the only brace that it
    opens, ends with the only one that it closes, and no string of JSON spans lines; so the batch
    is read as its lines are, or not at all.

    Examples
    --------
    >>> read_objects(['{"a": NaN, "b": [1]}', "[1]", '{"a": ', '{"a": {"b": 1}}'])
    [{'a': nan, 'b': [1]}, None, None, {'a': {'b': 1}}]
    """
    found: list[Statement | None] = [None] * len(texts)
    for start in range(0, len(texts), _BATCH):
        batch = texts[start : start + _BATCH]
        together = ",\n".join(batch)
        alone = True
        if together.count("{") == len(batch) == together.count("}") and all(map(_is_flat, batch)):
            try:
                found[start : start + len(batch)] = json.loads(f"[{together}]")
                alone = False
            except (ValueError, RecursionError):
                pass
        if alone:
            found[start : start + len(batch)] = map(read_object, batch)
    return found


def read_object(line: str) -> Statement | None:
    """Return the JSON object of a line; None if it is none, or nested beyond reason.

    Examples
    --------
    >>> read_object('{"a": NaN, "b": [1]}'), read_object("[1]"), read_object('{"a": ')
    ({'a': nan, 'b': [1]}, None, None)
    """
    if not line.lstrip().startswith("{"):
        return None
    try:
        try:
            statement = json.loads(line)
        except json.JSONDecodeError:
            return None
        except ValueError:  # a whole number of more digits than int() takes
            statement = json.loads(line, parse_int=float)
    except (ValueError, RecursionError):
        return None
    return statement if isinstance(statement, dict) else None


def _read_clocks(held: list[Any]) -> list[Any]:
    """Return values with the seconds of those that are texts of a clock."""
    if str not in set(map(type, held)):
        return held
    return [_seconds(entry) if isinstance(entry, str) else entry for entry in held]


def _seconds(text: str) -> float | str:
    seconds = clock_seconds(text)
    return text if seconds is None else seconds


def _is_flat(line: str) -> bool:
    return line[:1] == "{" and line[-1:] == "}"


def _last_alike(statements: Sequence[Statement | None], first: int, named: set[str]) -> int:
    """Return the last of the neighbours with the same keys and the same texts beside numbers."""
    model = statements[first]
    assert model is not None  # noqa: S101  # for the type checker
    keys = list(model)
    fixed = [key for key in keys if key not in named]
    pick = _picker(fixed)
    texts = pick(model)
    if any(not isinstance(text, str) for text in texts):
        return first
    last = first
    for place in range(first + 1, len(statements)):
        other = statements[place]
        if other is None or list(other) != keys or (fixed and pick(other) != texts):
            break
        last = place
    return last


def _picker(names: Sequence[str]) -> Callable[[Statement], tuple[Any, ...]]:
    """Return what picks the values of some keys as a tuple."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda statement: tuple([statement[name] for name in names])


def _add_row(rows: _Rows, place: int, numbers: Mapping[str, float]) -> None:
    places, values = rows.setdefault(tuple(numbers), ([], []))
    places.append(place)
    values.append(list(map(_as_float, numbers.values())))


def _as_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return -math.inf if number < 0 else math.inf


def _texts(lines: Lines, places: Ints) -> list[str]:
    """Return the characters of some lines."""
    if len(places) < lines.size:
        spans = zip(lines.starts[places].tolist(), lines.ends[places].tolist(), strict=True)
        return [clean(lines.text[start:end]) for start, end in spans]
    codes = np.frombuffer(lines.text, dtype=np.uint8)
    controls = np.count_nonzero(codes < _FIRST_PRINTABLE) > lines.size or b"\x7f" in lines.text
    if lines.text.isascii() and not controls:
        texts = lines.text.decode("ascii").split("\n")
        del texts[-1]
        return texts
    return [text for _, text in lines.cleaned()]
