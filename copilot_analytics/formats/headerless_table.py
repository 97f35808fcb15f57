"""Tables without a header: rows of bare numbers, one column of which counts up.

Nothing says what the columns measure, so they are shown and not judged. Rows of data look alike;
a table is taken for a training only where its first column counts without a gap and another one
falls as losses do: far, and more at first than later.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import LONGEST_LINE, LineParser, LogFormat, Sample
from copilot_analytics.formats._home_evidence import falls
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._table_cells import key_of, numbers_of
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from copilot_analytics.formats._base import Field
    from copilot_analytics.records import Floats, Ints, Item

_FEWEST = 12  # rows
_MOST = 300  # that are looked at
_MOST_COLUMNS = 12
_FAR = 0.7  # of the first third is left in the last one
_BEND = 1.5  # times as much it falls from the first third to the second as to the last one
_LIKELY = 0.55
_ONLY_DIGITS = re.compile(r"[-+.\deE,;|\t naif]{3,2000}")
_TORN = re.compile(r"[-+.\deE,;|\t ]{1,100}")
_NOTE = (
    "the table has no header: that {axis} up is all that says where training stands, and what the "
    "other columns measure is not known, so they are not judged"
)


class HeaderlessTableParser(LineParser):
    """Reads rows of bare numbers; the first ones tell which columns count."""

    def __init__(self, file: str) -> None:
        self._rows = RowReader(file, Axis(), Naming())
        self._held: list[tuple[list[float], int]] = []
        self._names: list[str] | None = None

    def fields(self, line: str) -> Sequence[Field] | None:
        """Tell where the numbers of a row stand."""
        return numbers_of(line) if _is_bare(line) else None

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn the numbers of rows into blocks, once enough of them tell what counts."""
        keys = [key_of(name) for name in columns]
        if len(columns) != keys[0].cells or any(key.part for key in keys):
            return
        table = np.stack(list(columns.values()), axis=1)
        if self._names is not None:
            yield from self._placed(table, lines)
            return
        for row, line in zip(table.tolist(), lines.tolist(), strict=True):
            if self._names is None:
                self._held.append((row, line))
                if len(self._held) == _FEWEST:
                    yield from self._settle()
            else:
                yield from self._placed(np.array([row]), np.array([line]))

    def parse(self, line: str, number: int) -> Iterable[Item]:
        """Return nothing: no other line says anything."""
        return ()

    def close(self) -> Iterable[Item]:
        """Read what was held back."""
        return list(self._settle()) if self._names is None and self._held else []

    def _settle(self) -> Iterator[Item]:
        width = len(self._held[0][0])
        held = [(row, line) for row, line in self._held if len(row) == width]
        self._held = []
        table, lines = np.array([row for row, _ in held]), np.array([line for _, line in held])
        self._names = _named(table)
        counting = [f"column {n}" for n, name in enumerate(self._names, 1) if name[0] == "#"]
        if counting:
            axis = " and ".join(counting) + (" count" if len(counting) > 1 else " counts")
            yield from self._rows.config({"note": _NOTE.format(axis=axis)}, held[0][1])
            yield from self._placed(table, lines)

    def _placed(self, table: Floats, lines: Ints) -> Iterator[Item]:
        names = self._names or []
        if len(names) == table.shape[1] and any(name[0] == "#" for name in names):
            yield from self._rows.rows(dict(zip(names, table.T, strict=True)), lines)


def _named(table: Floats) -> list[str]:
    """Return what the columns are called, from the first rows: a counter is whole and goes on.

    Examples
    --------
    >>> _named(np.array([[0, 10, 4.5], [0, 20, 4.0], [1, 30, 3.5]]))
    ['#epoch', '#step', 'col3']
    """
    names = [f"col{n}" for n in range(1, table.shape[1] + 1)]
    if len(table) < 2 or not np.isfinite(table[:, :2]).all():
        return names
    whole = (table == np.round(table)).all(axis=0) & (table >= 0).all(axis=0)
    moves = np.diff(table, axis=0)
    rising = [n for n in range(len(names)) if whole[n] and (moves[:, n] > 0).all()]
    slow = [n for n in range(len(names)) if whole[n] and set(moves[:, n].tolist()) == {0.0, 1.0}]
    if not rising:
        return names
    step = max(rising[:2], key=lambda n: float(moves[0, n]))
    names[step] = "#step"
    other = [n for n in (*slow, *rising) if n != step][:1]
    if other and min(other[0], step) == 0:
        names[other[0]] = "#epoch"
    return names


def _is_bare(line: str) -> bool:
    return len(line) <= LONGEST_LINE and _ONLY_DIGITS.fullmatch(line) is not None


def _is_course(values: Floats) -> bool:
    """Tell whether numbers fall as a loss does: beyond noise, far, and more at first than later."""
    third = len(values) // 3
    if not falls(values, _FEWEST) or (values == np.round(values)).all() or values.min() < 0:
        return False
    first, middle, last = (float(part.mean()) for part in np.array_split(values, 3))
    bends = first - middle >= _BEND * (middle - last)
    return third > 0 and last <= _FAR * first and bends


class HeaderlessTable(LogFormat):
    """``1 4.79 5.10`` and so on: the columns are called ``col2``, ``col3`` and are not judged."""

    name: ClassVar[str] = "headerless_table"
    title: ClassVar[str] = "table without a header"
    url: ClassVar[str] = "https://numpy.org/doc/stable/reference/generated/numpy.savetxt.html"
    smoothing: ClassVar[int | None] = None
    is_fallback: ClassVar[bool] = True
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            "".join(f"{n} {n * 50} {4 * 0.75**n:.4f} 0.01\n" for n in range(1, 13)),
            (
                Record("config", line=1),
                *(
                    Record(
                        "train",
                        n * 50,
                        metrics={"col3": float(f"{4 * 0.75**n:.4f}"), "col4": 0.01},
                        line=n,
                    )
                    for n in range(1, 13)
                ),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: never more than that it is likely."""
        rows: list[list[float]] = []
        width = 0
        for line in lines[:_MOST]:
            if not line.strip() or line.lstrip()[0] == "#":
                continue
            fields = numbers_of(line) if _is_bare(line) else None
            width = width or len(fields or ())
            fits = bool(fields) and len(fields or ()) == width <= _MOST_COLUMNS
            if not fits and line is lines[-1] and _TORN.fullmatch(line):
                break
            if fields is None or not fits or any(key_of(field.name).part for field in fields):
                return 0.0
            rows.append([float(line[field.start : field.end]) for field in fields])
        if len(rows) < _FEWEST:
            return 0.0
        table = np.array(rows)
        names = _named(table)
        if "#step" not in names or names[0][0] != "#":
            return 0.0
        first = table[:, 0]
        if names[0] == "#step":
            apart = np.diff(first)
            if (apart != apart[0]).any() or first[0] not in {0.0, 1.0, apart[0]}:
                return 0.0
        measured = [n for n, name in enumerate(names) if name[0] != "#"]
        return _LIKELY if any(_is_course(table[:, n]) for n in measured) else 0.0

    def parser(self, file: str) -> HeaderlessTableParser:
        """Return a fresh parser for a log."""
        return HeaderlessTableParser(file)


FORMAT = HeaderlessTable()
