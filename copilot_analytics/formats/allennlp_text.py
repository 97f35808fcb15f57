"""The console log of AllenNLP."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import OUT_OF_PATIENCE, LogFormat, Sample
from copilot_analytics.formats._line_by_line import LineByLine, one_row
from copilot_analytics.formats._numbers import IS_NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._stamps import find_stamp
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_EPOCH = re.compile(r"allennlp\S{0,60} - Epoch (?P<epoch>\d{1,7})/(?P<last>\d{1,7})\s*$")
_HEADER = re.compile(r"(?:tensorboard_writer|console_logger)\S{0,20} - \s*Training \|\s*Validation")
_ROW = re.compile(
    r"(?:tensorboard_writer|console_logger)\S{0,20} - (?P<name>[\w.@/+-]{1,80})\s*\|"
    r"\s*(?P<training>\S{1,30})\s*\|\s*(?P<validation>\S{1,30})\s*$"
)
_STOPPED = re.compile(r"allennlp\S{0,60} - Ran out of patience\.")
_LEFT_OUT = re.compile(r"memory_MB$|^(?:worker|gpu|cpu)_")


class AllenNLPParser(LineByLine):
    """Gathers the table below an epoch."""

    def __init__(self, file: str) -> None:
        super().__init__(file, Axis("epoch", epoch_base=1), Naming())
        self._epoch: dict[str, float] = {}
        self._train: dict[str, float] = {}
        self._result: dict[str, float] = {}
        self._line = 0

    def see(self, line: str, number: int) -> Iterator[Record]:
        """Take one line."""
        if " - " not in line:
            return
        if found := _ROW.search(line):
            if self._epoch and not _LEFT_OUT.search(found["name"]):
                self._see_row(found, line, number)
            return
        yield from self._release()
        if found := _EPOCH.search(line):
            done, planned = float(found["epoch"]) + 1, float(found["last"]) + 1
            self._epoch = {"#epoch": done, "#epochs": planned}
        elif _STOPPED.search(line):
            yield self.rows.record("end", number, facts=OUT_OF_PATIENCE)

    def close(self) -> Iterable[Record]:
        """Say what the last table told."""
        return list(self._release())

    def _see_row(self, found: re.Match[str], line: str, number: int) -> None:
        rows = (("training", self._train), ("validation", self._result))
        for column, row in rows:
            if IS_NUMBER.fullmatch(found[column]):
                row[f"{column}_{found['name']}"] = float(found[column])
        self._line = number
        for field in find_stamp(line).fields:
            self._epoch[field.name] = float(line[field.start : field.end])

    def _release(self) -> Iterator[Record]:
        train, self._train = self._train, {}
        result, self._result = self._result, {}
        if train:
            yield from one_row(self.rows, {**self._epoch, **train}, self._line)
        if result:
            yield from self.rows.evaluation({**self._epoch, **result}, self._line)


class AllenNLPText(LogFormat):
    """A table of training and validation metrics for every epoch."""

    name: ClassVar[str] = "allennlp_text"
    title: ClassVar[str] = "AllenNLP console log"
    url: ClassVar[str] = "https://allenai.org/allennlp"
    smoothing: ClassVar[int | None] = None
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
2024-03-01 10:00:00,500 - INFO - allennlp.training.trainer - Epoch 0/4
2024-03-01 10:01:00,500 - INFO - allennlp.training.tensorboard_writer -     Training |  Validation
2024-03-01 10:01:00,500 - INFO - allennlp.training.tensorboard_writer - accuracy | 0.250 | 0.500
2024-03-01 10:01:00,500 - INFO - allennlp.training.tensorboard_writer - gpu_0_memory_MB | 9.0 | N/A
2024-03-01 10:01:00,500 - INFO - allennlp.training.tensorboard_writer - loss | 0.750 | 0.625
2024-03-01 10:01:00,500 - INFO - allennlp.training.trainer - Epoch duration: 0:01:00.500000
""",
            (
                Record("config", facts={"planned_epochs": 5, "step_unit": "epoch"}, line=5),
                Record("train", 1, 1.0, metrics={"training_loss": 0.75}, line=5),
                Record("eval", 1, 1.0, metrics={"validation_accuracy": 0.5}, line=5),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: the header of the table settles it."""
        return 1.0 if any(_HEADER.search(line) for line in lines) else 0.0

    def parser(self, file: str) -> AllenNLPParser:
        """Return a fresh parser for a log."""
        return AllenNLPParser(file)


FORMAT = AllenNLPText()
