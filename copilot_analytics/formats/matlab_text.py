"""The table that ``trainNetwork`` of MATLAB prints, whose names of columns take two lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import LogFormat, Sample, judges_each_line
from copilot_analytics.formats._line_by_line import LineByLine, one_row
from copilot_analytics.formats._numbers import IS_NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_HEADER = re.compile(
    r"^\|\s{1,9}Epoch\s{1,9}\|\s{1,9}Iteration\s{1,9}\|\s{1,9}Time Elapsed\s{1,9}\|"
)
_END = re.compile(r"^\s{0,9}Training finished: (?P<reason>[^\n]{1,200})")
_CLOCK = re.compile(r"(?P<h>\d{1,5}):(?P<m>\d\d):(?P<s>\d\d)")
_LONGEST = 2000
_ELAPSED = "#time_s"
_NAMES = {
    "Epoch": "#epoch",
    "Iteration": "#step",
    "Mini-batch Loss": "loss",
    "Base Learning Rate": "lr",
}


class MatlabParser(LineByLine):
    """Reads the rows below a header; cells stay blank where nothing was validated."""

    def __init__(self, file: str) -> None:
        super().__init__(file, Axis(), Naming(_NAMES))
        self._upper: list[str] = []
        self._names: list[str] = []

    def see(self, line: str, number: int) -> Iterator[Record]:
        """Take one line."""
        if len(line) > _LONGEST:
            return
        if _HEADER.match(line):
            self._upper, self._names = _cells(line), []
            return
        end = _END.match(line)
        if end is not None and self._names:
            yield self.rows.record("end", number, facts={"reason": end["reason"].strip()})
            return
        cells = _cells(line) if line.startswith("|") and self._upper else []
        if len(cells) != len(self._upper):
            return
        if not self._names:
            self._names = [f"{a} {b}".strip() for a, b in zip(self._upper, cells, strict=True)]
            return
        row = dict(_numbers(self._names, cells))
        if {"Epoch", "Iteration"} <= row.keys():
            yield from one_row(self.rows, row, number)


class MatlabText(LogFormat):
    """``|  Epoch  |  Iteration  |  Time Elapsed  |  Mini-batch  |`` above the rows."""

    name: ClassVar[str] = "matlab_text"
    title: ClassVar[str] = "MATLAB trainNetwork table"
    url: ClassVar[str] = "https://www.mathworks.com/help/deeplearning/ref/trainnetwork.html"
    smoothing: ClassVar[int | None] = 1
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
Training on single CPU.
|=====================================================================================|
|  Epoch  |  Iteration  |  Time Elapsed  |  Mini-batch  |  Validation  |  Base Learning  |
|         |             |   (hh:mm:ss)   |     Loss     |   Accuracy   |      Rate       |
|=====================================================================================|
|       1 |           1 |       00:00:04 |       2.5000 |       12.50% |          0.0010 |
|       2 |          50 |       01:00:10 |       1.2500 |              |          0.0010 |
|=====================================================================================|
Training finished: Max epochs completed.
""",
            (
                Record("train", 1, None, 4.0, {"loss": 2.5, "lr": 0.001}, line=6),
                Record("eval", 1, None, 4.0, {"Validation Accuracy": 12.5}, line=6),
                Record("train", 50, None, 3610.0, {"loss": 1.25, "lr": 0.001}, line=7),
                Record("end", facts={"reason": "Max epochs completed."}, line=9),
            ),
        ),
        Sample(
            """\
|=======================================================================|
|  Epoch  |  Iteration  |  Time Elapsed  |  Mini-batch  |  Base Learning  |
|         |             |   (seconds)    |     RMSE     |      Rate       |
|=======================================================================|
|       1 |           1 |           0.50 |        12.50 |          1.0e-04 |
|       1 |          50 |          20.25 |         6.25 |          1.0e-04 |
""",
            (
                Record("train", 1, None, 0.5, {"Mini-batch RMSE": 12.5, "lr": 1e-4}, line=5),
                Record("train", 50, None, 20.25, {"Mini-batch RMSE": 6.25}, line=6),
            ),
        ),
    )

    @judges_each_line
    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: the first line of the header settles it."""
        return 1.0 if any(map(_HEADER.match, lines)) else 0.0

    def parser(self, file: str) -> MatlabParser:
        """Return a fresh parser for a log."""
        return MatlabParser(file)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _numbers(names: Sequence[str], cells: Sequence[str]) -> Iterator[tuple[str, float]]:
    """Yield the numbers of a row; the time since the start in seconds."""
    for name, cell in zip(names, cells, strict=True):
        clock = _CLOCK.fullmatch(cell)
        if clock is not None:
            yield _ELAPSED, float(clock["h"]) * 3600 + float(clock["m"]) * 60 + float(clock["s"])
        elif IS_NUMBER.fullmatch(cell.removesuffix("%")):
            is_time = name.startswith("Time Elapsed")
            yield _ELAPSED if is_time else name, float(cell.removesuffix("%"))


FORMAT = MatlabText()
