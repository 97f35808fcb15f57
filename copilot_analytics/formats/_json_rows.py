"""Logs of JSON objects, one a line, whose keys can be declared."""

from __future__ import annotations

import json
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import JsonParser, LogFormat
from copilot_analytics.formats._numbers import is_number
from copilot_analytics.formats._rows import Naming, RowReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from copilot_analytics.formats._base import Json
    from copilot_analytics.records import Floats, Ints, Item

LONGEST_LINE = 200_000


class JsonRowsParser(JsonParser):
    """Reads a log of JSON objects by the naming of its format."""

    def __init__(self, rows: RowReader, naming: Naming, required: frozenset[str]) -> None:
        self._rows = rows
        self._naming = naming
        self._required = required

    def columns(self, keys: tuple[str, ...], statement: Json) -> Sequence[str] | None:
        """Name the keys that hold numbers, if the statement is a row of the log at all."""
        if not self._required & statement.keys():
            return None
        named = [key for key in keys if is_number(statement[key]) and self._naming.of(key)]
        metrics = [key for key in named if not str(self._naming.of(key)).startswith("#")]
        return named if metrics else None

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn the numbers of rows into blocks and evaluations."""
        return self._rows.rows(columns, lines)

    def parse(self, statement: Json, number: int) -> Iterable[Item]:
        """Read any other statement: none that is known."""
        return ()

    def close(self) -> Iterable[Any]:
        """Say what the rows showed of the length of an epoch."""
        return list(self._rows.learned())


class JsonRowsFormat(LogFormat):
    """A format of JSON lines that is declared by its keys.

    Attributes
    ----------
    naming : Naming
        What the keys are called.
    required : frozenset of str
        A statement with none of these keys is no row of the log.
    """

    naming: ClassVar[Naming] = Naming()
    required: ClassVar[frozenset[str]]

    def axis(self) -> Axis:
        """Return the axis of a log of this format, before its first line."""
        return Axis()

    @abstractmethod
    def is_row(self, statement: Json) -> bool:
        """Tell whether a statement can only come from this trainer."""

    def parser(self, file: str) -> JsonRowsParser:
        """Return a fresh parser for a log."""
        return JsonRowsParser(RowReader(file, self.axis(), self.naming), self.naming, self.required)

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: one row that can only come from this trainer settles it."""
        return 1.0 if any(map(self.is_row, objects_in(lines))) else 0.0


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
