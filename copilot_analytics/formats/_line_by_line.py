"""Text logs whose lines mean something only beside their neighbours.

A progress bar that is drawn again and again, a table whose header names the columns: such lines
are read one after the other, and the parser remembers what the next ones need.

Keras, YOLO, Stable-Baselines3, nnU-Net, VITS, Coqui, AllenNLP and `console_table` print so.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.formats._base import LONGEST_LINE, Field, LineParser
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.records import records_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from copilot_analytics.formats._axis import Axis
    from copilot_analytics.records import Floats, Ints, Item, Record


def one_row(rows: RowReader, numbers: Mapping[str, float], line: int) -> Iterator[Record]:
    """Return the records that one row of numbers means, training and evaluations."""
    columns = {key: np.array([number]) for key, number in numbers.items()}
    return records_of(rows.rows(columns, np.array([line])))


class LineByLine(LineParser):
    """Reads a log line by line; `see` gets all lines in their order.

    Parameters
    ----------
    file
        Name of the log.
    axis
        Places its rows.
    naming
        What their keys are called.
    """

    def __init__(self, file: str, axis: Axis, naming: Naming) -> None:
        self.rows = RowReader(file, axis, naming)

    @abstractmethod
    def see(self, line: str, number: int) -> Iterator[Record]:
        """Take one line; yield what it says, or what is now known of lines before."""

    def fields(self, line: str) -> Sequence[Field] | None:
        """Tell that no line is a training line of its own."""
        return None

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Return nothing: no line has fields."""
        return ()

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Read a line."""
        return list(self.see(line, number)) if len(line) <= LONGEST_LINE else ()
