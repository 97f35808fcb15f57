"""Tables that name a metric in each row: ``step,metric,value``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import LogFormat, Sample
from copilot_analytics.formats._line_by_line import LineByLine, one_row
from copilot_analytics.formats._numbers import IS_NUMBER
from copilot_analytics.formats._returns import IN_WORDS
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._splits import split_of
from copilot_analytics.formats._table import header_of
from copilot_analytics.formats._table_cells import cells_of, delimiter_of
from copilot_analytics.formats._table_counters import Counters, counters_of
from copilot_analytics.records import Record
from copilot_analytics.schema import direction_of, names_a_loss

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_METRIC = frozenset("metric metrics metricname metrickey name tag key variable measure".split())
_VALUE = frozenset("value values metricvalue".split())
_SPLIT = frozenset("split phase mode stage set subset partition".split())
_RUN = frozenset("run runid runname runuuid seed".split())
_FURTHEST_HEADER = 20
_ROWS = 100  # that are looked at
_SURE_ROWS = 3

Place = tuple[tuple[str, float], ...]


class Layout:
    """Where a long table holds what.

    Parameters
    ----------
    names
        Names of its columns.
    mark
        Its delimiter.
    """

    def __init__(self, names: Sequence[str], mark: str) -> None:
        plain = [re.sub(r"[^a-z0-9]", "", name.lower()) for name in names]
        self.mark = mark
        self.width = len(names)
        self.counters: Counters = counters_of(names)
        self.metric = _first(plain, _METRIC)
        self.value = _first(plain, _VALUE)
        self.split = _first(plain, _SPLIT)
        self.run = _first(plain, _RUN)
        self._places = {
            number: self.counters.names[name]
            for number, name in enumerate(names)
            if isinstance(self.counters.names.get(name), str)
        }

    @property
    def is_one(self) -> bool:
        """Whether there are metrics, values and something that counts."""
        return None not in {self.metric, self.value} and self.counters.unit is not None

    def row(self, line: str) -> tuple[Place, str, float, str] | None:
        """Return place, metric, value and run of a row; None if it is none."""
        cells = [cell.text for cell in cells_of(line, self.mark)]
        if len(cells) != self.width or self.metric is None or self.value is None:
            return None
        places = {str(name): cells[at] for at, name in self._places.items() if cells[at]}
        value, metric = cells[self.value], cells[self.metric]
        if not metric or not IS_NUMBER.fullmatch(value):
            return None
        place = tuple((n, float(text)) for n, text in places.items() if IS_NUMBER.fullmatch(text))
        if not {"#step", "#epoch"} & dict(place).keys():
            return None
        if self.split is not None and cells[self.split] and split_of(metric) is None:
            metric = f"{cells[self.split]}/{metric}"
        return place, metric, float(value), "" if self.run is None else cells[self.run]


class LongTableParser(LineByLine):
    """Puts the metrics of one place together.

    Where the first two rows measure the same, the table may be sorted by metric, so that its rows
    wait for the end.
    """

    def __init__(self, file: str) -> None:
        super().__init__(file, Axis(), Naming(evaluations=IN_WORDS, judges_returns=True))
        self._layout: Layout | None = None
        self._run = ""
        self._rows: dict[Place, tuple[int, dict[str, float]]] = {}
        self._is_sorted: bool | None = None

    def see(self, line: str, number: int) -> Iterator[Record]:
        """Take one line."""
        if self._layout is None:
            self._layout = layout_of(line)
            if self._layout is not None and self._layout.counters.unit not in {
                "iteration",
                "epoch",
            }:
                self.rows.axis.facts["step_unit"] = self._layout.counters.unit
            return
        row = self._layout.row(line)
        if row is None:
            return
        place, metric, value, run = row
        if run != self._run:
            yield from self._told()
            self._run, self._is_sorted = run, None
        here = tuple(part for part in place if part[0] != "#time_s")
        if self._rows and here not in self._rows:
            if self._is_sorted is None:
                (_, first), *_ = self._rows.values()
                self._is_sorted = len(first) == 1 and metric in first
            if not self._is_sorted:
                yield from self._told()
        self._rows.setdefault(here, (number, {}))[1][metric] = value

    def close(self) -> Iterator[Record]:
        """Say what waited."""
        yield from self._told()
        yield from self.rows.learned()

    def _told(self) -> Iterator[Record]:
        rows, self._rows = self._rows, {}
        for place, (number, metrics) in sorted(rows.items()) if self._is_sorted else rows.items():
            yield from one_row(self.rows, {**dict(place), **metrics}, number)


class LongTable(LogFormat):
    """One row for each number: a step, the name of a metric, its value."""

    name: ClassVar[str] = "long_table"
    title: ClassVar[str] = "table with a row for each metric"
    url: ClassVar[str] = "https://www.rfc-editor.org/rfc/rfc4180"
    smoothing: ClassVar[int | None] = None
    is_fallback: ClassVar[bool] = True
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
step,metric,value
10,train/loss,1.5
10,lr,0.25
20,train/loss,1.25
20,val/acc,0.5
""",
            (
                Record("train", 10, metrics={"train/loss": 1.5, "lr": 0.25}, line=2),
                Record("train", 20, metrics={"train/loss": 1.25}, line=4),
                Record("eval", 20, metrics={"val/acc": 0.5}, facts={"split": "val"}, line=4),
            ),
        ),
        Sample(
            """\
"epoch";"phase";"metric";"value"
"1";"train";"loss";"0.75"
"2";"train";"loss";"0.5"
"1";"val";"loss";"0.875"
"2";"val";"loss";"0.625"
""",
            (
                Record("config", facts={"step_unit": "epoch"}, line=2),
                Record("train", 1, 1.0, metrics={"train/loss": 0.75}, line=2),
                Record("eval", 1, 1.0, metrics={"val/loss": 0.875}, facts={"split": "val"}, line=2),
                Record("train", 2, 2.0, metrics={"train/loss": 0.5}, line=3),
                Record("eval", 2, 2.0, metrics={"val/loss": 0.625}, line=3),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: by the header, and by rows whose metrics are those of a training."""
        for at, line in enumerate(lines[:_FURTHEST_HEADER]):
            layout = layout_of(line)
            if layout is None:
                continue
            rows = [layout.row(row) for row in lines[at + 1 : at + 1 + _ROWS] if row.strip()]
            found = [row for row in rows if row is not None]
            if len(found) < len(rows) or not any(_is_measured(metric) for _, metric, *_ in found):
                return 0.0
            return 0.97 if len(found) >= _SURE_ROWS else 0.6
        return 0.0

    def parser(self, file: str) -> LongTableParser:
        """Return a fresh parser for a log."""
        return LongTableParser(file)


def layout_of(line: str) -> Layout | None:
    """Return the layout of a long table by its header; None if a line is none.

    Examples
    --------
    >>> layout_of("step,metric,value").row("5,loss,0.5")
    ((('#step', 5.0),), 'loss', 0.5, '')
    >>> layout_of("step,loss") is None
    True
    """
    names = header_of(line)
    mark = delimiter_of(line)
    if names is None or mark is None:
        return None
    layout = Layout(names, mark)
    return layout if layout.is_one else None


def _first(names: Sequence[str], wanted: frozenset[str]) -> int | None:
    return next((place for place, name in enumerate(names) if name in wanted), None)


def _is_measured(metric: str) -> bool:
    return names_a_loss(metric) or direction_of(metric)[0] is not None


FORMAT = LongTable()
