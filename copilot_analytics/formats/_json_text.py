"""Text logs in which some lines end with a JSON object (`mlperf_text`, `slowfast_json`).

Such lines are few, so each is read for itself.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import LONGEST_LINE, LineParser, LogFormat
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._stamps import find_stamp
from copilot_analytics.records import records_of

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Mapping, Sequence

    from copilot_analytics.formats._base import Field, Json
    from copilot_analytics.records import Floats, Ints, Item, Record


class JsonTextParser(LineParser):
    """Reads the objects in a text log by its format."""

    def __init__(self, form: JsonTextFormat, rows: RowReader) -> None:
        self._form = form
        self._rows = rows

    def fields(self, line: str) -> Sequence[Field] | None:
        """Return None: numbers of objects are not taken from their places."""
        return None

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Return nothing, for no line has fields."""
        return ()

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Read a line that may hold an object."""
        statement = self._form.object_in(line)
        if statement is None:
            return ()
        stamp = find_stamp(line)
        parts = {part.name: float(line[part.start : part.end]) for part in stamp.fields}
        return list(records_of(self._form.read(statement, parts, number, self._rows)))

    def close(self) -> Iterable[Record]:
        """Say what the rows showed of the length of an epoch."""
        return list(self._rows.learned())


class JsonTextFormat(LogFormat):
    """A text format that is declared by what stands before its objects.

    Attributes
    ----------
    before : re.Pattern
        Matches the start of a line up to the object.
    naming : Naming
        What the keys are called.
    """

    before: ClassVar[re.Pattern[str]]
    naming: ClassVar[Naming] = Naming()

    def axis(self) -> Axis:
        """Return the axis of a log of this format, before its first line."""
        return Axis()

    @abstractmethod
    def read(
        self, statement: Json, time: Mapping[str, float], number: int, rows: RowReader
    ) -> Iterable[Item]:
        """Read an object; `time` holds the parts of the time stamp of its line."""

    def is_own(self, statement: Json) -> bool:
        """Tell whether an object behind the mark can only come from this trainer."""
        return True

    def object_in(self, line: str) -> Json | None:
        """Return the object of a line; None if it has none."""
        found = self.before.search(line) if len(line) <= LONGEST_LINE else None
        if found is None:
            return None
        try:
            statement, _ = json.JSONDecoder().raw_decode(line, found.end())
        except (ValueError, RecursionError):
            return None
        return statement if isinstance(statement, dict) else None

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: one object behind its mark settles it."""
        objects = map(self.object_in, lines)
        return 1.0 if any(one is not None and self.is_own(one) for one in objects) else 0.0

    def parser(self, file: str) -> LineParser:
        """Return a fresh parser for a log."""
        return JsonTextParser(self, RowReader(file, self.axis(), self.naming))
