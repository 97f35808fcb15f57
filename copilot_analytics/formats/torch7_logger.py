"""Tables of Torch 7's ``optim.Logger``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import LONGEST_LINE, Field, LineParser, LogFormat, Sample
from copilot_analytics.formats._home_vocabulary import is_quality
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._splits import split_of
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from copilot_analytics.records import Floats, Ints, Item

_ROW = re.compile(r"(?:(?:[ -]\d\.\d{4}e[+-]\d\d|[ -]{7,8}(?:nan|inf))\t){1,40}")
_NUMBER = re.compile(r"-?(?:\d\.\d{4}e[+-]\d\d|nan|inf)")
_FEWEST_ROWS = 2
_TRAINED, _TESTED = (f"% mean class accuracy ({part} set)" for part in ("train", "test"))


def names_in(line: str) -> list[str] | None:
    r"""Return what a header names; None if the line is none. A tab stands behind each name.

    Examples
    --------
    >>> names_in("training error\ttest error\t"), names_in("training error\ttest error")
    (['training error', 'test error'], None)
    """
    if not line.endswith("\t") or len(line) > LONGEST_LINE or _ROW.fullmatch(line):
        return None
    names = [name.strip() for name in line[:-1].split("\t")]
    if not all(any(map(str.isalpha, name)) for name in names) or len({*names}) < len(names):
        return None
    return names


class Torch7Logger(LogFormat):
    """``%11.4e`` and a tab for each number, below a line of names; nothing counts the rows."""

    name: ClassVar[str] = "torch7_logger"
    title: ClassVar[str] = "table of Torch 7's optim.Logger"
    url: ClassVar[str] = "https://github.com/torch/optim/blob/master/doc/logger.md"
    smoothing: ClassVar[int | None] = None
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            f"{_TRAINED}\t{_TESTED}\t\n 4.2500e+01\t 4.0000e+01\t\n 5.5000e+01\t 4.7500e+01\t\n",
            (
                Record("config", facts={"step_unit": "epoch"}, line=2),
                Record("train", 1, 1.0, metrics={_TRAINED: 42.5}, line=2),
                Record("eval", 1, 1.0, metrics={_TESTED: 40.0}, facts={"split": "val"}, line=2),
                Record("train", 2, 2.0, metrics={_TRAINED: 55.0}, line=3),
                Record("eval", 2, 2.0, metrics={_TESTED: 47.5}, line=3),
            ),
        ),
        Sample(
            "avg loss\t\n 2.5000e+00\t\n 1.2500e+00\t\n        nan\t\n 1.0000e+00\t\n",
            (
                Record("train", 1, metrics={"avg loss": 2.5}, line=2),
                Record("train", 2, metrics={"avg loss": 1.25}, line=3),
                Record("train", 3, metrics={"avg loss": float("nan")}, line=4),
                Record("train", 4, metrics={"avg loss": 1.0}, line=5),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: rows in the one way of writing them, below what names a measure."""
        names: list[str] = []
        rows = 0
        for line in lines:
            found = names_in(line)
            if found is not None:
                names, rows = found, 0
            elif names and _ROW.fullmatch(line) and line.count("\t") == len(names):
                rows += 1
                if rows == _FEWEST_ROWS and any(map(is_quality, names)):
                    return 1.0
        return 0.0

    def parser(self, file: str) -> Torch7Parser:
        """Return a fresh parser for a log."""
        return Torch7Parser(file)


class Torch7Parser(LineParser):
    """Reads the rows below the names, which sum epochs up where a name tells its set."""

    def __init__(self, file: str) -> None:
        self._rows = RowReader(file, Axis(epoch_base=1), Naming(test_is_val=True))
        self._names: list[str] = []
        self._row = 0

    def fields(self, line: str) -> Sequence[Field] | None:
        """Tell where the numbers of a row stand."""
        if len(line) > LONGEST_LINE or not _ROW.fullmatch(line):
            return None
        found = enumerate(_NUMBER.finditer(line))
        return [Field(str(place), *number.span()) for place, number in found]

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn the numbers of rows into blocks and evaluations."""
        if len(columns) != len(self._names):
            return ()
        named = dict(zip(self._names, columns.values(), strict=True))
        count = "#epoch" if any(map(split_of, self._names)) else "#step"
        named[count] = np.arange(1.0, len(lines) + 1) + self._row
        self._row += len(lines)
        return list(self._rows.rows(named, lines))

    def parse(self, line: str, number: int) -> Iterable[Item]:
        """Take the names, which another run begins with again."""
        names = names_in(line)
        if names is not None:
            self._names, self._row = names, 0
        return ()


FORMAT = Torch7Logger()
