"""Delimited tables with a header: CSV, TSV and their relatives.

A line is cut at its own delimiter, so that where its numbers stand depends on the line alone; what
the columns are called is known from the header by the time that rows are turned into records.
"""

from __future__ import annotations

import csv
import re
from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Field, LineParser, LogFormat
from copilot_analytics.formats._numbers import IS_NUMBER
from copilot_analytics.formats._rows import Naming, RowReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from copilot_analytics.records import Floats, Ints, Item, Record

LONGEST_LINE = 200_000


def delimiter_of(line: str) -> str | None:
    """Return what separates the cells of a line; None if it has a single one.

    Examples
    --------
    >>> delimiter_of("epoch,loss"), delimiter_of("epoch;loss"), delimiter_of("epoch 3") is None
    (',', ';', True)
    """
    return next((mark for mark in ("\t", ";", ",") if mark in line), None)


def header_of(line: str) -> list[str] | None:
    """Return the names of a header line; None if the line is none.

    A header has at least two cells, at least one name, and no number.

    Examples
    --------
    >>> header_of(" epoch, train/loss "), header_of("1,0.5"), header_of("done")
    (['epoch', 'train/loss'], None, None)
    """
    mark = delimiter_of(line)
    if mark is None or len(line) > LONGEST_LINE:
        return None
    cells = [cell.strip() for cell in next(csv.reader([line], delimiter=mark), [])]
    if len(cells) < 2 or any(IS_NUMBER.fullmatch(cell) for cell in cells if cell):
        return None
    if len({cell for cell in cells if cell}) < len([cell for cell in cells if cell]):
        return None
    return cells if any(re.search(r"[A-Za-z]", cell) for cell in cells) else None


class TableParser(LineParser):
    """Reads a table by the naming of its format."""

    def __init__(self, rows: RowReader, naming: Naming) -> None:
        self._rows = rows
        self._naming = naming
        self._header: list[str] = []

    def fields(self, line: str) -> Sequence[Field] | None:
        """Tell where the numbers of a row stand; they are called by the number of their cell."""
        mark = delimiter_of(line)
        if mark is None or len(line) > LONGEST_LINE or header_of(line) is not None:
            return None
        found, start = [], 0
        for number, cell in enumerate(line.split(mark)):
            text = cell.strip().strip('"')
            if IS_NUMBER.fullmatch(text):
                at = start + cell.index(text)
                found.append(Field(str(number), at, at + len(text)))
            start += len(cell) + 1
        return found or None

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn the numbers of rows into blocks and evaluations."""
        named = {}
        for cell, column in columns.items():
            place = int(cell)
            if place < len(self._header) and self._header[place]:
                named[self._header[place]] = column
        return self._rows.rows(named, lines) if self._has_metrics(named) else ()

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Take the header; a table that is appended to repeats it."""
        self._header = header_of(line) or self._header
        return ()

    def close(self) -> Iterable[Record]:
        """Say what the rows showed of the length of an epoch."""
        return list(self._rows.learned())

    def _has_metrics(self, names: Iterable[str]) -> bool:
        called = [self._naming.of(name) for name in names]
        return any(name is not None and not str(name).startswith("#") for name in called)


class TableFormat(LogFormat):
    """A table that is declared by the names of its columns.

    Attributes
    ----------
    naming : Naming
        What the columns are called.
    """

    naming: ClassVar[Naming] = Naming()

    def axis(self) -> Axis:
        """Return the axis of a log of this format, before its first line."""
        return Axis()

    @abstractmethod
    def is_header(self, names: Sequence[str]) -> bool:
        """Tell whether these columns can only be a table of this trainer."""

    def parser(self, file: str) -> TableParser:
        """Return a fresh parser for a log."""
        return TableParser(RowReader(file, self.axis(), self.naming), self.naming)

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: the header, which comes first, settles it."""
        return 1.0 if any(map(self.is_header, _headers(lines))) else 0.0


def _headers(lines: Sequence[str]) -> Iterator[list[str]]:
    """Yield the header with which a table begins, blank lines and comments left out."""
    for line in lines:
        if line.strip() and not line.startswith("#"):
            header = header_of(line)
            if header is not None:
                yield header
            return
