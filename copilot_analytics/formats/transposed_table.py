"""Tables with a row for each metric: its name, and its numbers from epoch to epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import LogFormat, Sample
from copilot_analytics.formats._line_by_line import LineByLine, one_row
from copilot_analytics.formats._numbers import IS_NUMBER
from copilot_analytics.formats._returns import IN_WORDS
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._splits import split_of
from copilot_analytics.formats._table_cells import BLANKS, cells_of, delimiter_of
from copilot_analytics.records import Record
from copilot_analytics.schema import direction_of, names_a_loss

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FEWEST = 5  # numbers of a metric; a row of fewer may sum something up
_LEAST_ROWS = 2
_COUNTERS = {"epoch": "#epoch", "epochs": "#epoch", "step": "#step", "steps": "#step"}


def series_of(line: str) -> tuple[str, list[float]] | None:
    """Return the name and the numbers of a row; None if it is none.

    Examples
    --------
    >>> series_of("loss,3,2,1,0.5,0.25"), series_of("1,2,3,4,5,6")
    (('loss', [3.0, 2.0, 1.0, 0.5, 0.25]), None)
    """
    mark = delimiter_of(line)
    if mark is None or mark == BLANKS:
        return None
    name, *cells = (cell.text for cell in cells_of(line, mark))
    if not name or IS_NUMBER.fullmatch(name) or len(cells) < _FEWEST:
        return None
    if not all(map(IS_NUMBER.fullmatch, cells)):
        return None
    return name, [float(cell) for cell in cells]


class TransposedParser(LineByLine):
    """Collects the metrics; all of an epoch are known at the end."""

    def __init__(self, file: str) -> None:
        super().__init__(file, Axis(), Naming(evaluations=IN_WORDS, judges_returns=True))
        self._series: dict[str, tuple[int, list[float]]] = {}

    def see(self, line: str, number: int) -> Iterator[Record]:
        """Take a row; say nothing yet."""
        found = series_of(line)
        if found is not None:
            name = _COUNTERS.get(found[0].lower(), found[0])
            self._series.setdefault(name, (number, found[1]))
        yield from ()

    def close(self) -> Iterator[Record]:
        """Say what each epoch measured."""
        counted = [name for name in _COUNTERS.values() if name in self._series]
        longest = max((len(numbers) for _, numbers in self._series.values()), default=0)
        line = min((number for number, _ in self._series.values()), default=0)
        for at in range(longest):
            row = {n: numbers[at] for n, (_, numbers) in self._series.items() if at < len(numbers)}
            if not counted:
                row["#epoch"] = at + 1.0
            yield from one_row(self.rows, row, line)


class TransposedTable(LogFormat):
    """A training whose epochs are columns."""

    name: ClassVar[str] = "transposed_table"
    title: ClassVar[str] = "table with a row for each metric and a column for each epoch"
    url: ClassVar[str] = "https://www.rfc-editor.org/rfc/rfc4180"
    smoothing: ClassVar[int | None] = None
    is_fallback: ClassVar[bool] = True
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            "train_loss,1.5,1.25,1.0,0.75,0.5\nval_acc,0.1,0.2,0.3,0.4,0.5\n",
            (
                Record("config", facts={"step_unit": "epoch"}, line=1),
                *(
                    record
                    for e, loss, acc in ((1, 1.5, 0.1), (2, 1.25, 0.2), (3, 1.0, 0.3))
                    for record in (
                        Record("train", e, float(e), metrics={"train_loss": loss}, line=1),
                        Record(
                            "eval",
                            e,
                            float(e),
                            metrics={"val_acc": acc},
                            facts={"split": "val"} if e == 1 else {},
                            line=1,
                        ),
                    )
                ),
                Record("train", 4, 4.0, metrics={"train_loss": 0.75}, line=1),
                Record("eval", 4, 4.0, metrics={"val_acc": 0.4}, line=1),
                Record("train", 5, 5.0, metrics={"train_loss": 0.5}, line=1),
                Record("eval", 5, 5.0, metrics={"val_acc": 0.5}, line=1),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: all rows but headers are series, and one is a loss of a split."""
        rows = [series_of(line) for line in lines if line.strip()]
        found = [row for row in rows if row is not None]
        if len(found) < _LEAST_ROWS or len(found) + 1 < len(rows):
            return 0.0
        names = [name for name, _ in found if name.lower() not in _COUNTERS]
        judged = [n for n in names if names_a_loss(n) or direction_of(n)[0] or split_of(n)]
        lengths = {len(numbers) for _, numbers in found}
        sure = any(map(names_a_loss, names)) and len(judged) == len(names) and len(lengths) == 1
        return 0.97 if sure else 0.0

    def parser(self, file: str) -> TransposedParser:
        """Return a fresh parser for a log."""
        return TransposedParser(file)


FORMAT = TransposedTable()
