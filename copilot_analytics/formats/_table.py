"""Tables with a header: CSV, TSV and their relatives, delimited or aligned by blanks.

A line is cut at its own delimiter, so that where its numbers stand depends on the line alone; what
the columns are called is known from the header by the time that rows are turned into records.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Field, LineParser, LogFormat
from copilot_analytics.formats._home_line_kinds import end_of, says_the_end
from copilot_analytics.formats._home_plan import stated_plan
from copilot_analytics.formats._numbers import IS_NUMBER
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._table_cells import (
    BLANKS,
    cells_of,
    delimiter_of,
    key_of,
    numbers_of,
    rewritten,
    rewritten_row,
)
from copilot_analytics.records import records_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from copilot_analytics.formats._rows import Name
    from copilot_analytics.records import Floats, Ints, Item, Record

LONGEST_LINE = 200_000
_COMMENT = re.compile(r"^\s*(?:#|//|%)+\s?(?=\s*[A-Za-z\"])")
_LEARNING_RATE = re.compile(
    r"(?:^|[/ ]|train_|cur_|current_)(?:lrs?|learning[ _]?rate|lr_?0|currentlr)$"
    r"|^lr[-/][\w/.-]{1,40}$",
    re.IGNORECASE,
)
_MEASURED = re.compile(r"\d\.\d{4}")  # a result in a sentence; ``AP@0.75`` is a name
_PLANNED = {"#epoch": "#epochs", "#step": "#steps"}

Columns: TypeAlias = dict[str, "Floats"]


def header_of(line: str) -> list[str] | None:
    """Return the names of a header line; None if the line is none.

    A header has at least two cells, at least one name, and no number. It may be commented out. A
    name that is there twice gets a number.

    Examples
    --------
    >>> header_of(" epoch, train/loss "), header_of("1,0.5"), header_of("done")
    (['epoch', 'train/loss'], None, None)
    >>> header_of("# epoch  train loss  val loss"), header_of("epoch loss")
    (['epoch', 'train loss', 'val loss'], ['epoch', 'loss'])
    """
    if len(line) > LONGEST_LINE:
        return None
    line = _COMMENT.sub("", line).strip(" ")
    mark = delimiter_of(line)
    if mark is None:
        return None
    names = [cell.text for cell in cells_of(line, mark, aligned=mark == BLANKS)]
    if mark == BLANKS and len(names) < 2:
        names = [cell.text for cell in cells_of(line, mark)]
    told = [name for name in names if name]
    if len(names) < 2 or any(IS_NUMBER.fullmatch(name) or rewritten(name, mark) for name in told):
        return None
    if any(_MEASURED.search(name) for name in told):
        return None
    if len(set(told)) < len(told):
        if mark == BLANKS:
            return None
        names = _numbered(names)
    return names if any(re.search(r"[A-Za-z]", name) for name in told) else None


def _numbered(names: Sequence[str]) -> list[str]:
    """Return names as pandas calls those that stand in a header again."""
    seen: Counter[str] = Counter()
    numbered = []
    for name in names:
        again = seen[name] if name else 0
        numbered.append(f"{name}.{again}" if again else name)
        seen[name] += 1
    return numbered


class Restarts:
    """Counts steps on where a column counts them anew in every epoch.

    Examples
    --------
    >>> columns = {"#epoch": np.array([1.0, 1.0, 2.0]), "#step": np.array([0.0, 10.0, 0.0])}
    >>> Restarts().counted_on(columns)["#step"]
    array([ 0., 10., 20.])
    """

    def __init__(self) -> None:
        self._epoch = self._printed = self._step = np.nan
        self._gap = 1.0
        self._before = 0.0  # what the epochs before count

    def counted_on(self, columns: Columns) -> Columns:
        """Return the columns with steps that go on where the epoch rises and they fall."""
        if "#step" not in columns or "#epoch" not in columns:
            return columns
        steps = columns["#step"].copy()
        rows = zip(columns["#epoch"].tolist(), columns["#step"].tolist(), strict=True)
        for row, (epoch, printed) in enumerate(rows):
            if epoch < self._epoch:
                self._before = 0.0
            elif epoch > self._epoch and printed < self._printed:
                self._before = self._step + self._gap - printed
            elif printed > self._printed:
                self._gap = printed - self._printed
            self._epoch, self._printed = epoch, printed
            self._step = steps[row] = printed + self._before
        return {**columns, "#step": steps}


class Heading:
    """What the columns of a table are called.

    Parameters
    ----------
    names
        By column: a metric, a place (``#step``), a name and a factor, or None.
    naming
        How their splits are told.
    unit
        What a step is, None if the axis of the format knows.
    rows_are_epochs
        Whether every row sums an epoch up and no column counts them.
    """

    def __init__(
        self,
        names: Sequence[Name],
        naming: Naming,
        *,
        unit: str | None = None,
        rows_are_epochs: bool = False,
    ) -> None:
        self.names = list(names)
        self.naming = naming
        self.unit = unit
        self.rows_are_epochs = rows_are_epochs


class TableParser(LineParser):
    """Reads a table by the naming of its format.

    Parameters
    ----------
    rows
        Turns the numbers into records.
    heading
        Tells of the names of a header what the columns are called, None if they are none of this
        format.
    prepare
        Works on the named columns of consecutive rows and their lines, and may part them.
    """

    def __init__(
        self,
        rows: RowReader,
        heading: Callable[[Sequence[str]], Heading | None],
        prepare: Callable[[Columns, Ints], Iterable[tuple[Columns, Ints]]] | None = None,
    ) -> None:
        self._rows = rows
        self._heading = heading
        self._prepare = prepare
        self._restarts = Restarts()
        self._names: list[Name] = []
        self._header: list[str] = []
        self._counts_rows = False
        self._row = self._headed_at = 0

    def fields(self, line: str) -> Sequence[Field] | None:
        """Tell where the numbers of a row stand."""
        return None if len(line) > LONGEST_LINE else numbers_of(line)

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn the numbers of rows into blocks and evaluations."""
        named = self._named(columns)
        if not any(name[0] != "#" for name in named):
            return ()
        if self._counts_rows:
            named["#epoch"] = np.arange(len(lines), dtype=np.float64) + self._row
            self._row += len(lines)
        named = self._restarts.counted_on(named)
        parts = [(named, lines)] if self._prepare is None else self._prepare(named, lines)
        return [item for part, at in parts for item in self._rows.rows(part, at)]

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Take the header, which a table that is appended to repeats; or a row of odd numbers."""
        if self._header and says_the_end(line):
            return [self._rows.record("end", number, facts=end_of(line))]
        header = header_of(line)
        heading = None if header is None else self._heading(header)
        if header is not None and heading is not None:
            self._begin(header, heading)
            return ()
        if len(line) > LONGEST_LINE:
            return ()
        row = rewritten_row(line) if self._header and header is None else {}
        if not row:
            return list(self._rows.config(stated_plan(line), number))
        items = self.block({n: np.array([value]) for n, value in row.items()}, np.array([number]))
        return list(records_of(items))

    def close(self) -> Iterable[Record]:
        """Say what the rows showed of the length of an epoch."""
        return list(self._rows.learned())

    def _begin(self, header: list[str], heading: Heading) -> None:
        # Written above each row it heads no new table.
        is_above_each = header == self._header and self._row - self._headed_at == 1
        self._row = self._row if is_above_each else 0
        self._header, self._headed_at = header, self._row
        self._names = heading.names
        self._counts_rows = heading.rows_are_epochs
        self._rows.naming = heading.naming
        if heading.unit not in {None, "iteration", "epoch"}:  # the axis knows epochs by itself
            self._rows.axis.facts["step_unit"] = heading.unit

    def _named(self, columns: Mapping[str, Floats]) -> Columns:
        """Return the columns by their names, the first of a name winning."""
        named: Columns = {}
        places = places_of(columns, len(self._names))
        if places is None:
            return {}
        for name, column in columns.items():
            key = key_of(name)
            cell, part, split = places[key.cell], key.part, key.split
            called = part if part[:1] == "#" else self._names[cell]
            if called is None:
                continue
            title, factor = (called, 1.0) if isinstance(called, str) else called
            if part == "of":
                title = _PLANNED.get(title, "")
            elif split and title[0] != "#":
                title = f"{split}/{title}"
            if title:
                named.setdefault(title, column if factor == 1.0 else column * factor)
        return named


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

    def heading(self, names: Sequence[str]) -> Heading | None:
        """Return what the columns of a table of this format are called; None if it is none."""
        if not self.is_header(names):
            return None
        return Heading(named(names, self.naming), self.naming)

    def parser(self, file: str) -> TableParser:
        """Return a fresh parser for a log."""
        rows = RowReader(file, self.axis(), self.naming)
        return TableParser(rows, self.heading)

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: the header, which comes first, settles it."""
        return 1.0 if any(map(self.is_header, _headers(lines))) else 0.0


def places_of(fields: Iterable[str], columns: int) -> dict[int, int] | None:
    """Return the columns of the cells of a row; None if it is none of a table so wide.

    A row may lack its last cell. Where more cells than columns are there, blank ones between the
    others are no cells: people align columns by several tabs, and Flair writes one too many.

    Examples
    --------
    >>> places_of(["0|4||", "2|4||"], 2), places_of(["0|1||"], 2), places_of(["0|3||"], 2)
    ({0: 0, 2: 1}, {0: 0}, None)
    >>> places_of(["0|4|||0|3", "3|4|||2|3"], 3)
    {0: 0, 3: 2}
    """
    keys = [key_of(name) for name in fields]
    filled = sorted({key.cell for key in keys})
    if keys and 0 <= columns - keys[0].cells <= 1:
        return {cell: cell for cell in filled}
    if keys and keys[0].cells > columns == len(filled):
        return {cell: place for place, cell in enumerate(filled)}
    if keys and keys[0].cells > columns == keys[0].told:
        return {key.cell: key.place for key in keys}
    return None


def named(names: Sequence[str], naming: Naming) -> list[Name]:
    """Return what columns are called; the first of several learning rates is the one.

    Examples
    --------
    >>> named(["step", "lr-Adam/pg1", "lr-Adam/pg2", "loss"], Naming({"step": "#step"}))
    ['#step', 'lr', 'lr-Adam/pg2', 'loss']
    """
    called: list[Any] = [naming.of(name) if name else None for name in names]
    if "lr" not in called:
        rate = next((i for i, name in enumerate(names) if _LEARNING_RATE.search(name)), None)
        if rate is not None and called[rate] == names[rate]:
            called[rate] = "lr"
    return called


def counted_by(
    names: Sequence[str], naming: Naming, counters: Sequence[str]
) -> tuple[list[Name], str]:
    """Return what columns are called, and the counter that counts the steps.

    Parameters
    ----------
    names, naming
        As for `named`.
    counters
        Columns that count something, in the order of preference. The first that is there counts
        the steps, the others are no metrics.

    Examples
    --------
    >>> counted_by(["loss", "updates", "steps"], Naming(), ["steps", "updates"])
    (['loss', None, '#step'], 'steps')
    """
    steps = next(name for name in counters if name in names)
    places: dict[str, Name] = {**dict.fromkeys(counters, None), steps: "#step"}
    both = zip(names, named(names, naming), strict=True)
    return [places.get(name, title) for name, title in both], steps


def _headers(lines: Sequence[str]) -> Iterator[list[str]]:
    """Yield the header with which a table begins, blank lines and comments left out."""
    for line in lines:
        if line.strip():
            header = header_of(line)
            if header is not None:
                yield header
            if not _COMMENT.match(line):
                return
