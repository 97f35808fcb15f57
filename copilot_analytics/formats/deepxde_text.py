"""The console of DeepXDE: lists of losses for training and test, side by side."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import LogFormat, Sample
from copilot_analytics.formats._line_by_line import LineByLine, one_row
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_HEADER = re.compile(r"^\s*Step\s+Train loss\s+Test loss\s+Test metric\s*$")
_LIST = rf"\[(?:{NUMBER}(?:, |(?=\]))){{0,60}}\]"
_ROW = re.compile(
    rf"^\s{{0,8}}(?P<step>\d{{1,12}})\s+(?P<train>{_LIST})\s+(?P<test>{_LIST})\s+"
    rf"(?P<metric>{_LIST})\s*$"
)
_NUMBER = re.compile(NUMBER)
_DONE = re.compile(r"^\s{0,8}'train' took [\d.]{1,20} s")


class DeepXDEParser(LineByLine):
    """Sums the losses of a list up: the sum is what is minimised, and chooses the best model."""

    def __init__(self, file: str) -> None:
        super().__init__(file, Axis(), Naming(test_is_val=True))

    def see(self, line: str, number: int) -> Iterator[Record]:
        """Take one line."""
        if found := _ROW.match(line):
            row = {"#step": float(found["step"])}
            for name in ("train", "test"):
                losses = _numbers(found[name])
                if losses:
                    row[f"{name} loss"] = sum(losses)
            metrics = _numbers(found["metric"])
            if metrics:
                row["test metric"] = metrics[0]
            yield from one_row(self.rows, row, number)
        elif _DONE.match(line):
            yield self.rows.record("end", number, facts={"reason": line.strip()})


class DeepXDEText(LogFormat):
    """``1000      [2.54e-01, 2.40e-04]    [1.69e-02, 2.40e-04]    []``."""

    name: ClassVar[str] = "deepxde_text"
    title: ClassVar[str] = "DeepXDE console log"
    url: ClassVar[str] = "https://deepxde.readthedocs.io"
    smoothing: ClassVar[int | None] = 1
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
Step      Train loss              Test loss               Test metric
0         [1.50e+00, 5.00e-01]    [2.50e+00, 5.00e-01]    [7.50e-01]
1000      [5.00e-01, 2.50e-01]    [7.50e-01, 2.50e-01]    []
'train' took 12.5 s
""",
            (
                Record("train", 0, metrics={"train loss": 2.0}, line=2),
                Record("eval", 0, metrics={"test loss": 3.0, "test metric": 0.75}, line=2),
                Record("train", 1000, metrics={"train loss": 0.75}, line=3),
                Record("eval", 1000, metrics={"test loss": 1.0}, line=3),
                Record("end", line=4),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: the header settles it."""
        return 1.0 if any(_HEADER.match(line) for line in lines) else 0.0

    def parser(self, file: str) -> DeepXDEParser:
        """Return a fresh parser for a log."""
        return DeepXDEParser(file)


def _numbers(text: str) -> list[float]:
    return [float(found[0]) for found in _NUMBER.finditer(text)]


FORMAT = DeepXDEText()
