"""The JSON of NVIDIA's DLLogger: ``DLLL {"step": [0, 10], "data": {"train.loss": 0.5}}``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._json_rows import flattened, number_in
from copilot_analytics.formats._json_text import JsonTextFormat, JsonTextParser
from copilot_analytics.formats._numbers import is_number, moment
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._splits import split_of
from copilot_analytics.formats._table import Restarts
from copilot_analytics.records import Record, records_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from copilot_analytics.formats._base import Json
    from copilot_analytics.records import Item
_JUDGED = frozenset({"val", "test"})


class DLLoggerParser(JsonTextParser):
    """Takes averages of an epoch only where no iteration was told before."""

    def __init__(self, form: DLLoggerJson, rows: RowReader) -> None:
        super().__init__(form, rows)
        self._restarts = Restarts()
        self._tells_iterations = False

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Read a line that may hold an object."""
        statement = self._form.object_in(line)
        if statement is None or not self._form.is_own(statement):
            return ()
        numbers = flattened(statement["data"])
        place = [float(part) for part in statement["step"] if is_number(part)]
        if not place or not numbers:
            return ()
        self._tells_iterations = self._tells_iterations or len(place) > 1
        if len(place) == 1 and self._tells_iterations:
            results = {name: one for name, one in numbers.items() if split_of(name) in _JUDGED}
            return list(self._rows.evaluation(results, number)) if results else ()
        columns = {name: np.array([one]) for name, one in numbers.items()}
        columns |= dict(zip(("#epoch", "#step"), map(np.atleast_1d, place), strict=False))
        seconds = number_in(statement.get("timestamp"))
        if seconds is not None and (at := moment(seconds)) is not None:
            columns["#time_s"] = np.array([at])
        columns = self._restarts.counted_on(columns)
        return list(records_of(self._rows.rows(columns, np.array([number]))))


class DLLoggerJson(JsonTextFormat):
    """Two numbers of a step are the epoch and the iteration, one is an epoch that is over."""

    name: ClassVar[str] = "dllogger_json"
    title: ClassVar[str] = "DLLogger JSON log"
    url: ClassVar[str] = "https://github.com/NVIDIA/dllogger"
    smoothing: ClassVar[int | None] = None
    before: ClassVar[re.Pattern[str]] = re.compile(r"(?:^|\s)DLLL (?=\{)")
    naming: ClassVar[Naming] = Naming(
        {"train.loss": "loss", "step_loss": "loss", "train.lr": "lr", "learning_rate": "lr"}
    )

    def is_own(self, statement: Json) -> bool:
        """Tell whether an object tells numbers at a step."""
        return isinstance(statement.get("step"), list) and isinstance(statement.get("data"), dict)

    def read(
        self, statement: Json, time: Mapping[str, float], number: int, rows: RowReader
    ) -> Iterable[Item]:
        """Return nothing: what an object means depends on those before it."""
        return ()

    def parser(self, file: str) -> DLLoggerParser:
        """Return a fresh parser for a log."""
        return DLLoggerParser(self, RowReader(file, self.axis(), self.naming))

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
DLLL {"timestamp": "1700000000.5", "type": "LOG", "step": "PARAMETER", "data": {"lr": 0.1}}
DLLL {"timestamp": "1700000010.5", "type": "LOG", "step": [0, 5], "data": {"train.loss": 2.5}}
DLLL {"timestamp": "1700000020.5", "type": "LOG", "step": [0, 10], "data": {"train.loss": 2.25}}
DLLL {"timestamp": "1700000030.5", "type": "LOG", "step": [0], "data": {"train.loss": 2.375, \
"val.top1": 12.5}}
DLLL {"timestamp": "1700000040.5", "type": "LOG", "step": [1, 5], "data": {"train.loss": 1.5}}
DLLL {"timestamp": "1700000050.5", "type": "LOG", "step": [], "data": {"train.loss": 1.5}}
""",
            (
                Record("train", 5, 0.0, 1700000010.5, {"loss": 2.5}, line=2),
                Record("train", 10, 0.0, 1700000020.5, {"loss": 2.25}, line=3),
                Record("eval", 10, metrics={"val.top1": 12.5}, facts={"split": "val"}, line=4),
                Record("train", 15, 1.0, 1700000040.5, {"loss": 1.5}, line=5),
            ),
        ),
    )


FORMAT = DLLoggerJson()
