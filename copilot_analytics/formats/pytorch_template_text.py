"""The log of projects made from pytorch-template: after each epoch, every name on its own line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import OUT_OF_PATIENCE, LogFormat, Sample
from copilot_analytics.formats._line_by_line import LineByLine, one_row
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._stamps import find_stamp
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# ``{:15s}: {}`` after a tab's worth of blanks; loggers put their name before it.
_ROW = re.compile(
    rf"(?:^|- INFO - )    (?P<key>[A-Za-z][\w@.() /-]{{0,60}}?)\s{{0,15}}: (?P<number>{NUMBER})\s*$"
)
_INNER = re.compile(
    r"Train Epoch: (?P<epoch>\d{1,9}) \[(?P<sample>\d{1,12})/(?P<sample_of>\d{1,12}) "
    rf"\(\d{{1,3}}%\)\] Loss: (?P<loss>{NUMBER})\s*$"
)
_OF_TRAINER = " - trainer - DEBUG - Train Epoch: "
_FIRST = re.compile(r"(?:^|- INFO - )    epoch {10}: \d{1,9}\s*$")
_STOPPED = re.compile(r"Validation performance didn't improve for \d{1,9} epochs?\. Training stops")


class PytorchTemplateParser(LineByLine):
    """Gathers the lines of an epoch."""

    def __init__(self, file: str) -> None:
        super().__init__(file, Axis(), Naming())
        self._epoch: dict[str, float] = {}
        self._line = 0
        self._prints_batches = False

    def see(self, line: str, number: int) -> Iterator[Record]:
        """Take one line."""
        if found := _INNER.search(line):
            yield from self._release()
            self._prints_batches = True
            stamp = {f.name: float(line[f.start : f.end]) for f in find_stamp(line).fields}
            row = {f"#{name}": float(text) for name, text in found.groupdict().items()}
            row["loss"] = row.pop("#loss")
            yield from one_row(self.rows, {**stamp, **row}, number)
        elif found := _ROW.search(line):
            if _FIRST.search(line):
                yield from self._release()
                self._epoch = {"#epoch": float(found["number"])}
                self._epoch |= {
                    f.name: float(line[f.start : f.end]) for f in find_stamp(line).fields
                }
                self._line = number
            elif self._epoch:
                self._epoch[found["key"]] = float(found["number"])
        else:
            yield from self._release()
            if _STOPPED.search(line):
                yield self.rows.record("end", number, facts=OUT_OF_PATIENCE)

    def close(self) -> Iterator[Record]:
        """Say what waited for the next line."""
        yield from self._release()

    def _release(self) -> Iterator[Record]:
        epoch, self._epoch = self._epoch, {}
        if len(epoch) < 2:
            return
        if self._prints_batches and "loss" in epoch:
            epoch["epoch loss"] = epoch.pop("loss")
        yield from one_row(self.rows, epoch, self._line)


class PytorchTemplateText(LogFormat):
    """``Train Epoch: 2 [640/5000 (13%)] Loss: 0.5``, then ``epoch``, ``loss``, ``val_loss``."""

    name: ClassVar[str] = "pytorch_template_text"
    title: ClassVar[str] = "log of a project made from pytorch-template"
    url: ClassVar[str] = "https://github.com/victoresque/pytorch-template"
    smoothing: ClassVar[int | None] = None
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
2024-03-01 10:20:30,500 - trainer - DEBUG - Train Epoch: 1 [0/100 (0%)] Loss: 2.500000
2024-03-01 10:20:31,500 - trainer - DEBUG - Train Epoch: 1 [50/100 (50%)] Loss: 2.250000
2024-03-01 10:20:32,500 - trainer - INFO -     epoch          : 1
2024-03-01 10:20:32,500 - trainer - INFO -     loss           : 2.375
2024-03-01 10:20:32,500 - trainer - INFO -     accuracy       : 0.25
2024-03-01 10:20:32,500 - trainer - INFO -     val_loss       : 2.125
2024-03-01 10:20:32,500 - trainer - INFO -     val_accuracy   : 0.5
2024-03-01 10:20:33,500 - trainer - INFO - Saving checkpoint: saved/checkpoint-epoch1.pth ...
""",
            (
                Record("config", facts={"steps_per_epoch": 100, "step_unit": "sample"}, line=1),
                Record("train", 0, 0.0, metrics={"loss": 2.5}, line=1),
                Record("train", 50, 0.5, metrics={"loss": 2.25}, line=2),
                Record("train", 100, 1.0, metrics={"epoch loss": 2.375, "accuracy": 0.25}, line=3),
                Record("eval", 100, 1.0, metrics={"val_loss": 2.125, "val_accuracy": 0.5}, line=3),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: the trainer has a name, and an epoch's block begins with its own."""
        return 1.0 if any(_OF_TRAINER in line or _FIRST.search(line) for line in lines) else 0.0

    def parser(self, file: str) -> PytorchTemplateParser:
        """Return a fresh parser for a log."""
        return PytorchTemplateParser(file)


FORMAT = PytorchTemplateText()
