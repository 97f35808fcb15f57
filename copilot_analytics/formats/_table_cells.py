"""Cells of tables: where a line is cut, and what a cell may hold beside a plain number.

All tables are cut by it (`_table`); `home_table` also reads headers by it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from copilot_analytics.formats._base import Field
from copilot_analytics.formats._numbers import NUMBER

if TYPE_CHECKING:
    from collections.abc import Iterator

BLANKS = " "
"""The delimiter of tables that are only aligned by blanks."""

_PLAIN = re.compile(
    rf"(?P<number>{NUMBER})(?:\s?%|\s?(?:\+-|\+/-|±)\s?{NUMBER}\s?%?|/(?P<of>\d{{1,12}}))?"
)
_SAID = re.compile(
    r"(?i:epoch|iteration|iter|step|episode|round)s?[ _#:-]{0,2}"
    r"(?P<number>\d{1,12})(?:/(?P<of>\d{1,12}))?"
    rf"|(?:tensor|array|np\.float\d\d|float)\(\[?(?P<tensor>{NUMBER})"
    r"[^()]{0,40}(?:\([^()]{0,40}\))?[^()]{0,60}\)"
    rf"|\[(?P<alone>{NUMBER})\]"
)  # a number in words: ``Epoch 3/20``, ``tensor(0.5, device='cuda:0')``, ``[0.5]``
_PARTS = {"number": "", "of": "of", "tensor": "", "alone": ""}
_STAMP = re.compile(
    r"(?P<year>\d{4})[-/](?P<month>\d{1,2})[-/](?P<day>\d{1,2})[ T_]"
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d):(?P<second>\d\d)"
    r"(?:[.,](?:(?P<micro>\d{6})|(?P<milli>\d{3}))?\d{0,9})?\s?(?:Z|UTC|[+-]\d\d:?\d\d)?"
)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3}){1,6}(?:\.\d{1,20})?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d{1,20},\d{1,20}(?:[eE][+-]?\d{1,3})?\s?%?")
_SPLIT_WORD = re.compile(
    r"(?:(?P<train>train|training)|(?P<test>test|testing)|val|valid|validation|eval|dev)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r'"(?:[^"]|"")*"')  # two quotes stand for one of the text
_AROUND = "\"' \t*`"  # quotes, and what Markdown sets in bold or as code
_NO_VALUE = frozenset({"-", "--"})
_WORD = re.compile(r"\S+")
_COLUMN = re.compile(r"\S+(?: \S+)*")


class Cell(NamedTuple):
    """A cell of a line without blanks and quotes around it, and where it starts."""

    start: int
    text: str


class CellKey(NamedTuple):
    """What the name of a field of a table tells.

    Parameters
    ----------
    cell
        Number of its cell, from 0.
    cells
        How many cells the line has, a blank one at its end left out.
    part
        ``""`` for the number, ``"of"`` for the planned one behind a slash, or a part of a time
        stamp.
    split
        The part of the data that another cell of the line names, ``""`` if none does.
    place, told
        Number of its cell and how many there are, blank cells left out; -1 where none is blank.
    """

    cell: int
    cells: int
    part: str
    split: str
    place: int = -1
    told: int = -1

    @property
    def name(self) -> str:
        """The name of the field."""
        return "|".join(map(str, self if self.told >= 0 else self[:4]))


def key_of(name: str) -> CellKey:
    """Return what the name of a field tells.

    Examples
    --------
    >>> key_of(CellKey(3, 12, "", "val", 2, 11).name)
    CellKey(cell=3, cells=12, part='', split='val', place=2, told=11)
    """
    cell, cells, part, split, *others = name.split("|")
    return CellKey(int(cell), int(cells), part, split, *map(int, others))


_RULES = ("|", "\u2502", "\u2503", "\u2551")  # rich and others draw boxes around their tables


def delimiter_of(line: str) -> str | None:
    """Return what separates the cells of a line; None if it has a single one.

    Examples
    --------
    >>> delimiter_of("epoch,loss"), delimiter_of("1;0,5"), delimiter_of("| 3 | 4 |")
    (',', ';', '|')
    >>> delimiter_of("epoch 3"), delimiter_of("epoch")
    (' ', None)
    """
    if '"' in line:
        line = re.sub(r'"[^"]*"', "", line)
    text = line.strip(" ")
    for mark in ("\t", *_RULES, ";", ","):
        if mark in text:
            return mark
    return BLANKS if " " in text else None


def cells_of(line: str, mark: str, *, aligned: bool = False) -> list[Cell]:
    """Cut a line into cells.

    Parameters
    ----------
    line
        A line of a table.
    mark
        Its delimiter.
    aligned
        Whether single blanks belong to the cells of a table without a delimiter.

    Examples
    --------
    >>> [cell.text for cell in cells_of('1, "1,400",,0.5 ', ",")]
    ['1', '1,400', '', '0.5']
    >>> [cell.text for cell in cells_of("| 1 | 0.5 |", "|")]
    ['1', '0.5']
    >>> [cell.text for cell in cells_of('1,"{""a"": 2, ""b"": 3}",4', ",")]
    ['1', '{""a"": 2, ""b"": 3}', '4']
    """
    if mark == BLANKS:
        words = _COLUMN if aligned else _WORD
        return [Cell(found.start(), found[0]) for found in words.finditer(line)]
    cells = list(_delimited(line, mark))
    if mark in _RULES and cells and not cells[0].text:
        del cells[0]
    if len(cells) > 1 and not cells[-1].text:
        del cells[-1]
    return cells


def numbers_of(line: str) -> list[Field] | None:
    """Tell where the numbers of a row stand, each called by a `CellKey`.

    None means that the line has no number, or some that ``float()`` does not take as they stand.

    Examples
    --------
    >>> [key_of(field.name)[:3] for field in numbers_of("3/99,81.5 %,cat,0.5 ± 0.1")]
    [(0, 4, ''), (0, 4, 'of'), (1, 4, ''), (3, 4, '')]
    >>> numbers_of('1,"1,400"') is None
    True
    """
    row = _read(line)
    return None if row is None or row.odd else row.fields or None


def rewritten_row(line: str) -> dict[str, float]:
    """Return the numbers of a row that `numbers_of` cannot point at, by the same names.

    Examples
    --------
    >>> rewritten_row("3;0,75"), rewritten_row("3;0.75")
    ({'0|2||': 3.0, '1|2||': 0.75}, {})
    """
    row = _read(line)
    if row is None or not row.odd:
        return {}
    numbers = {field.name: float(line[field.start : field.end]) for field in row.fields}
    return {**numbers, **row.odd}


def rewritten(text: str, mark: str) -> str | None:
    """Return a number with a decimal comma or with separated thousands as ``float()`` takes it.

    Examples
    --------
    >>> rewritten("1,234.5", ","), rewritten("0,75", ";"), rewritten("1,234", ";")
    ('1234.5', '0.75', '1.234')
    >>> rewritten("cat", ",") is None
    True
    """
    thousands = _THOUSANDS.fullmatch(text) and (mark != ";" or text.count(",") > 1)
    if thousands:
        return text.replace(",", "")
    if _DECIMAL_COMMA.fullmatch(text):
        return text.rstrip("% ").replace(",", ".")
    return None


class _Row(NamedTuple):
    """The numbers of a row: where they stand, or what they are once they are rewritten."""

    fields: list[Field]
    odd: dict[str, float]


def _read(line: str) -> _Row | None:
    """Read a row; None if it is none, because of words in a table without a delimiter."""
    mark = delimiter_of(line)
    if mark is None:
        return None
    cells = cells_of(line, mark)
    split = _split_of(cells)
    row = _Row([], {})
    told = sum(1 for cell in cells if cell.text)
    place = -1
    for number, (start, text) in enumerate(cells):
        key = CellKey(number, len(cells), "", split)
        if text:
            place += 1
        if told < len(cells):
            key = key._replace(place=place, told=told)
        plain = _PLAIN.fullmatch(text) or _STAMP.fullmatch(text) or _SAID.fullmatch(text)
        if plain is not None:
            for group, found in plain.groupdict().items():
                if found is not None:
                    low, high = plain.span(group)
                    name = key._replace(part=_PARTS.get(group, f"#{group}")).name
                    row.fields.append(Field(name, start + low, start + high))
        elif (other := rewritten(text, mark)) is not None:
            row.odd[key.name] = float(other)
        elif mark == BLANKS and text not in _NO_VALUE:
            return None
    return row


def _split_of(cells: list[Cell]) -> str:
    """Return the part of the data that a cell names."""
    found = next(filter(None, (_SPLIT_WORD.fullmatch(cell.text) for cell in cells)), None)
    if found is None:
        return ""
    return "train" if found["train"] else "test" if found["test"] else "val"


def _delimited(line: str, mark: str) -> Iterator[Cell]:
    at = 0
    while True:
        begin = at
        while line[begin : begin + 1] == " ":
            begin += 1
        if line[begin : begin + 1] == '"':
            quoted = _QUOTED.match(line, begin)
            end = line.find(mark, len(line) if quoted is None else quoted.end())
        else:
            end = line.find(mark, at)
        end = len(line) if end < 0 else end
        text = line[begin:end]
        inner = text.lstrip(_AROUND)
        yield Cell(begin + len(text) - len(inner), inner.rstrip(_AROUND))
        if end == len(line):
            return
        at = end + 1
