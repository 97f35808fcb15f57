"""The table that ``trainnet`` of MATLAB prints: columns as wide as the lines below their names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import LogFormat, Sample, judges_each_line
from copilot_analytics.formats._clock_texts import seconds_of_duration
from copilot_analytics.formats._line_by_line import LineByLine, one_row
from copilot_analytics.formats._numbers import IS_NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_HEADER = re.compile(
    r"^\s{1,20}Iteration\s{2,9}(?:Epoch\s{2,9})?TimeElapsed\s{2,9}(?=\S)[A-Za-z\d ]{1,900}$"
)
_CELL = re.compile(r"\S{1,40}")
_END = re.compile(r"^\s{0,9}Training stopped: (?P<reason>[^\n]{1,200})")
_LONGEST = 1000
_NAMES = {
    "Iteration": "#step",
    "Epoch": "#epoch",
    "TrainingLoss": "loss",
    "LearnRate": "lr",
    "GradientNorm": "grad_norm",
}


class TrainnetParser(LineByLine):
    """Reads the rows below a header; cells stay blank where nothing was measured."""

    def __init__(self, file: str) -> None:
        super().__init__(file, Axis(epoch_base=1), Naming(_NAMES))
        self._names: list[str] = []
        self._columns: list[tuple[str, int, int]] = []

    def see(self, line: str, number: int) -> Iterator[Record]:
        """Take one line."""
        if len(line) > _LONGEST:
            return
        if _HEADER.match(line):
            self._names, self._columns = line.split(), []
            return
        end = _END.match(line)
        if end is not None and self._columns:
            yield self.rows.record("end", number, facts={"reason": end["reason"].strip()})
            return
        if self._names and not self._columns:
            spans = [found.span() for found in _CELL.finditer(line)]
            if set(line) <= {" ", "_"} and len(spans) == len(self._names):
                self._columns = [
                    (name, *span) for name, span in zip(self._names, spans, strict=True)
                ]
            return
        row = dict(self._numbers(line))
        if not {"Iteration", "#time_s"} < row.keys():
            return
        if "TrainingLoss" in row:
            yield from one_row(self.rows, row, number)
        else:  # what an untrained network is worth
            row.pop("LearnRate", None)
            yield from self.rows.evaluation(row, number)

    def _numbers(self, line: str) -> Iterator[tuple[str, float]]:
        """Yield the numbers of a row; each stands below the name of its column."""
        for cell in _CELL.finditer(line) if self._columns else ():
            low, high = cell.span()
            name = next((name for name, a, b in self._columns if low < b and a < high), None)
            elapsed = seconds_of_duration(cell[0])
            if elapsed is not None:
                yield "#time_s", elapsed
            elif name is not None and IS_NUMBER.fullmatch(cell[0]):
                yield name, float(cell[0])


class MatlabTrainnet(LogFormat):
    """``Iteration    Epoch    TimeElapsed    LearnRate    TrainingLoss`` above the rows."""

    name: ClassVar[str] = "matlab_trainnet"
    title: ClassVar[str] = "MATLAB trainnet table"
    url: ClassVar[str] = "https://www.mathworks.com/help/deeplearning/ref/trainnet.html"
    smoothing: ClassVar[int | None] = 1
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
    Iteration    Epoch    TimeElapsed    LearnRate    TrainingLoss    ValidationLoss
    _________    _____    ___________    _________    ____________    ______________
            0        0       00:00:02        0.001                              2.75
            1        1       00:00:02        0.001             2.5
           50        2       00:01:10        0.001            1.25               1.5
Training stopped: Max epochs completed
""",
            (
                Record("eval", 0, None, 2.0, {"ValidationLoss": 2.75}, line=3),
                Record("train", 1, 0.0, 2.0, {"loss": 2.5, "lr": 0.001}, line=4),
                Record("train", 50, 1.0, 70.0, {"loss": 1.25, "lr": 0.001}, line=5),
                Record("eval", 50, 1.0, 70.0, {"ValidationLoss": 1.5}, line=5),
                Record("end", facts={"reason": "Max epochs completed"}, line=6),
            ),
        ),
        Sample(
            """\
    Iteration    TimeElapsed    TrainingLoss    TrainingAccuracy    GradientNorm
    _________    ___________    ____________    ________________    ____________
            1       00:00:05          2.5                  12.5             0.25
          100       00:02:05          1.75                 50.5             0.125
""",
            (
                Record("train", 1, None, 5.0, {"loss": 2.5, "grad_norm": 0.25}, line=3),
                Record("train", 100, None, 125.0, {"TrainingAccuracy": 50.5}, line=4),
            ),
        ),
    )

    @judges_each_line
    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: the header settles it."""
        return 1.0 if any(_HEADER.match(line[:_LONGEST]) for line in lines) else 0.0

    def parser(self, file: str) -> TrainnetParser:
        """Return a fresh parser for a log."""
        return TrainnetParser(file)


FORMAT = MatlabTrainnet()
