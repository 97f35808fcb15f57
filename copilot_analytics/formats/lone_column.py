"""Files of a single column: ``loss``, and below it one number a line.

Nothing counts but the lines. Numbers in a column may be anything, so it is taken for a training
only where its header names a loss and the numbers fall as one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Field, LineParser, LogFormat, Sample
from copilot_analytics.formats._home_evidence import falls
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.records import Record
from copilot_analytics.schema import names_a_loss

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from copilot_analytics.records import Floats, Ints, Item

_FEWEST = 10  # rows
_MOST = 200  # that are looked at
_LIKELY = 0.6
_HEADER = re.compile(r'\s{0,9}"?(?P<name>[A-Za-z_][\w ./-]{1,40}?)"?\s{0,9}')
_ROW = re.compile(rf"\s{{0,9}}(?P<number>{NUMBER})\s{{0,9}}")


class LoneColumnParser(LineParser):
    """Reads numbers below the name of a loss."""

    def __init__(self, file: str) -> None:
        self._rows = RowReader(file, Axis(), Naming())
        self._name = "loss"

    def fields(self, line: str) -> Sequence[Field] | None:
        """Tell where the number of a row stands."""
        row = _ROW.fullmatch(line)
        return None if row is None else [Field("value", *row.span("number"))]

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn numbers into rows."""
        return list(self._rows.rows({self._name: columns["value"]}, lines))

    def parse(self, line: str, number: int) -> Iterable[Item]:
        """Take the name of the column."""
        header = _HEADER.fullmatch(line)
        if header is not None and names_a_loss(header["name"]):
            self._name = header["name"]
        return ()


class LoneColumn(LogFormat):
    """``loss`` above one number for each epoch, as pandas writes a list."""

    name: ClassVar[str] = "lone_column"
    title: ClassVar[str] = "column of losses"
    url: ClassVar[str] = "https://pandas.pydata.org/docs/reference/api/pandas.Series.to_csv.html"
    smoothing: ClassVar[int | None] = None
    is_fallback: ClassVar[bool] = True
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            "train_loss\n" + "".join(f"{2 * 0.75**n:.5f}\n" for n in range(12)),
            tuple(
                Record(
                    "train", n + 1, metrics={"train_loss": float(f"{2 * 0.75**n:.5f}")}, line=n + 2
                )
                for n in range(12)
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: a header that names a loss, and numbers alone that fall."""
        told = [line for line in lines[:_MOST] if line.strip()]
        header = _HEADER.fullmatch(told[0]) if told else None
        if header is None or not names_a_loss(header["name"]) or len(told) <= _FEWEST:
            return 0.0
        rows = [_ROW.fullmatch(line) for line in told[1:]]
        numbers = np.array([float(row["number"]) for row in rows if row is not None])
        if len(numbers) < len(rows) or (numbers == np.round(numbers)).all():
            return 0.0
        return _LIKELY if falls(numbers, _FEWEST) else 0.0

    def parser(self, file: str) -> LoneColumnParser:
        """Return a fresh parser for a log."""
        return LoneColumnParser(file)


FORMAT = LoneColumn()
