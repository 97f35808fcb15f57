"""The ``train_log.txt`` of the RWKV-LM trainer."""

from __future__ import annotations

import math
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

_ROW = re.compile(
    rf"^(?P<epoch>\d{{1,6}}) (?P<loss>{NUMBER}) (?P<perplexity>{NUMBER}) (?P<lr>{NUMBER})"
    r" \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})? \d{1,6}\s*$"
)
_NEAR = 0.01  # between the loss and the logarithm of the perplexity, which is rounded


class RwkvParser(LineByLine):
    """Takes each line for one row."""

    def see(self, line: str, number: int) -> Iterator[Record]:
        """Take one line."""
        if row := _row(line):
            yield from one_row(self.rows, row, number)


class RwkvText(LogFormat):
    """``0 6.0 403.43 0.0006 2024-03-01 10:20:30.5 0``: epoch, loss, perplexity, learning rate."""

    name: ClassVar[str] = "rwkv_text"
    title: ClassVar[str] = "RWKV-LM train_log.txt"
    url: ClassVar[str] = "https://github.com/BlinkDL/RWKV-LM"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming()
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
NEW RUN 2024-03-01-10-20-00
0 2.500000 12.1825 0.00060000 2024-03-01 10:20:30.500000 0
1 2.000000 7.3891 0.00050000 2024-03-01 11:20:30.500000 1
2 nan nan 0.00040000 2024-03-01 12:20:30.500000 2
""",
            (
                Record("config", facts={"step_unit": "epoch"}, line=2),
                Record("train", 1, 1.0, metrics={"loss": 2.5, "lr": 0.0006}, line=2),
                Record("train", 2, 2.0, metrics={"loss": 2.0, "perplexity": 7.3891}, line=3),
                Record("train", 3, 3.0, metrics={"loss": math.nan, "lr": 0.0004}, line=4),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: a line whose perplexity is that of its loss settles it."""
        return 1.0 if any(map(_row, lines)) else 0.0

    def axis(self) -> Axis:
        """Return an axis of epochs."""
        return Axis("epoch", epoch_base=0)

    def parser(self, file: str) -> RwkvParser:
        """Return a fresh parser for a log."""
        return RwkvParser(file, self.axis(), self.naming)


def _row(line: str) -> dict[str, float] | None:
    found = _ROW.match(line)
    if found is None:
        return None
    row = {key: float(text) for key, text in found.groupdict().items()}
    loss, shown = row["loss"], row["perplexity"]
    both_nan = math.isnan(loss) and math.isnan(shown)
    if not both_nan and not (shown > 0.0 and abs(math.log(shown) - loss) <= _NEAR):
        return None
    return {"#epoch": row.pop("epoch"), **row}


FORMAT = RwkvText()
