"""Text logs that print a heading with the step, and then one number a line.

Composer and OLMo print so. The lines are statements that lack their place; the heading gives it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.formats._rows import RowReader
from copilot_analytics.formats._statements import StatementFormat, StatementParser

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Mapping, Sequence

    from copilot_analytics.formats._base import Field
    from copilot_analytics.records import Floats, Ints, Item, Record

_LONGEST_BLOCK = 200  # lines


class HeadedParser(StatementParser):
    """Reads lines of numbers at the place that the last heading named; none before the first."""

    def __init__(self, heading: re.Pattern[str], form: StatementFormat, rows: RowReader) -> None:
        super().__init__(form.patterns, rows, form.naming)
        self._heading = heading
        self._place: dict[str, float] = {}

    def fields(self, line: str) -> Sequence[Field] | None:
        """Tell where the number of a line stands."""
        return None if self._heading.search(line) else super().fields(line)

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn lines into blocks at the place of their heading."""
        if not self._place:
            return ()
        place = {name: np.full(len(lines), number) for name, number in self._place.items()}
        return super().block({**place, **columns}, lines)

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Read a heading or any other line."""
        heading = self._heading.search(line)
        if heading is None:
            return super().parse(line, number)
        places = heading.groupdict().items()
        self._place = {f"#{name}": float(text) for name, text in places if text is not None}
        return ()


class HeadedFormat(StatementFormat):
    """A text format with headings.

    Attributes
    ----------
    heading : re.Pattern
        Searched for in a line; its groups are places.
    """

    heading: ClassVar[re.Pattern[str]]

    def parser(self, file: str) -> HeadedParser:
        """Return a fresh parser for a log."""
        rows = RowReader(file, self.axis(), self.naming)
        return HeadedParser(self.heading, self, rows)

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: a number soon after a heading settles it."""
        parser = self.parser("")
        since_heading = _LONGEST_BLOCK
        for line in lines:
            since_heading = 0 if self.heading.search(line) else since_heading + 1
            if 0 < since_heading < _LONGEST_BLOCK and parser.fields(line):
                return 1.0
        return 0.0 if since_heading >= _LONGEST_BLOCK else 0.3
