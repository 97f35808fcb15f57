"""The console log of AllenNLP.

The first versions print a line for every metric, ``Training loss : 0.5    Validation loss : 0.6``,
later ones a table, whose columns some forks part by ``&``.
"""

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
_WRITER = r"allennlp\.training\.(?:trainer|tensorboard_writer|\S{0,60}console_logger)\S{0,20} - "
_HEADER = re.compile(_WRITER + r"\s*Training [|&]\s*Validation")
_ROW = re.compile(
    _WRITER + r"\s*(?P<name>[\w.@/+-]{1,80})\s*[|&]"
    r"\s*(?P<training>\S{1,30})\s*[|&]\s*(?P<validation>\S{1,30})\s*$"
)
_PAIR = re.compile(
    _WRITER + r"Training (?P<name>[\w.@/+-]{1,80}) : (?P<training>\S{1,30})"
    r"\s{1,9}Validation (?P=name) : (?P<validation>\S{1,30})\s*$"
)
_STOPPED = re.compile(r"allennlp\S{0,60} - Ran out of patience\.")
_LEFT_OUT = re.compile(r"memory_MB$|^(?:worker|gpu|cpu)_")


class AllenNLPParser(LineByLine):
    """Gathers the table below an epoch."""

    def __init__(self, file: str) -> None:
        super().__init__(file, Axis("epoch", epoch_base=1), Naming())
        self._epoch: dict[str, float] = {}
        self._named = (0.0, 0.0)  # this epoch and the last one, as the log counts them
        self._first: float | None = None  # epoch that the log names first
        self._train: dict[str, float] = {}
        self._result: dict[str, float] = {}
        self._line = 0

    def see(self, line: str, number: int) -> Iterator[Record]:
        """Take one line."""
        if " - " not in line:
            return
        in_pairs = None
        if found := _ROW.search(line) or (in_pairs := _PAIR.search(line)):
            if self._epoch and not _LEFT_OUT.search(found["name"]):
                if in_pairs and self._first:  # these versions counted from 1 at first
                    self._epoch |= {"#epoch": self._named[0], "#epochs": self._named[1]}
                self._see_row(found, line, number)
            return
        yield from self._release()
        if found := _EPOCH.search(line):
            self._named = float(found["epoch"]), float(found["last"])
            self._epoch = {"#epoch": self._named[0] + 1, "#epochs": self._named[1] + 1}
            self._first = self._named[0] if self._first is None else self._first
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
        Sample(
            """\
2019-03-01 10:00:00 - INFO - allennlp.training.trainer - Epoch 0/4
03/01/2019 10:01:00 - INFO - allennlp.training.trainer -                Training &  Validation
03/01/2019 10:01:00 - INFO - allennlp.training.trainer -   f1-overall & 0.250 & 0.500
03/01/2019 10:01:00 - INFO - allennlp.training.trainer -   loss       & 0.750 & 0.625
""",
            (
                Record("config", facts={"planned_epochs": 5, "step_unit": "epoch"}, line=4),
                Record("train", 1, 1.0, metrics={"training_loss": 0.75}, line=4),
                Record("eval", 1, 1.0, metrics={"validation_f1-overall": 0.5}, line=4),
            ),
        ),
        Sample(
            """\
2017-03-01 10:00:00,500 - INFO - allennlp.training.trainer - Epoch 1/6
accuracy: 0.25, loss: 0.75 ||: 100%|##########| 125/125 [00:30<00:00,  2.03it/s]
accuracy: 0.50, loss: 0.63 ||: 100%|##########| 32/32 [00:06<00:00,  4.96it/s]
2017-03-01 10:01:00,500 - INFO - allennlp.training.trainer - Training accuracy : 0.250000    \
Validation accuracy : 0.500000
2017-03-01 10:01:00,500 - INFO - allennlp.training.trainer - Training loss : 0.750000    \
Validation loss : 0.625000
""",
            (
                Record("config", facts={"planned_epochs": 6, "step_unit": "epoch"}, line=5),
                Record("train", 1, 1.0, metrics={"training_loss": 0.75}, line=5),
                Record("eval", 1, 1.0, metrics={"validation_accuracy": 0.5}, line=5),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: the header of the table settles it, or a line of two results."""
        return 1.0 if any(_HEADER.search(line) or _PAIR.search(line) for line in lines) else 0.0

    def parser(self, file: str) -> AllenNLPParser:
        """Return a fresh parser for a log."""
        return AllenNLPParser(file)


FORMAT = AllenNLPText()
