"""The log of Detectron2, and that of maskrcnn-benchmark before it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._pairs import ANY_PAIRS, ETA
from copilot_analytics.formats._parts import Part, PartsFormat, PartsParser
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._statements import Pattern
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from copilot_analytics.records import Floats, Ints, Item

_TURN = re.compile(
    r"(?P<fell>\bException during training:)|\bStarting training from iteration"
    r"|\bRank of current process"
)
_PASTE = re.compile(r"copypaste: (?P<told>\S.{0,2000})$")
_CHECKPOINT = re.compile(r"Saving checkpoint to (?P<path>\S{1,400})")
_STEP = re.compile(r"_(?P<step>\d{5,9})\.pth$")
_TASK = re.compile(r"\('(?P<task>\w{1,20})', OrderedDict\(\[(?P<rest>[^\]]{1,2000})\]")
_TASK_PAIRS = re.compile(rf"\('(?P<key>[\w@]{{1,20}})', (?P<number>{NUMBER})\)")
_CELLS = re.compile(r"(?:\|[\w.@\t -]{1,60}){3,20}\|\s*$")
_RESULT = Part(Pattern("eval", re.compile("copypaste")))


class Detectron2Parser(PartsParser):
    """Reads lines by patterns, and results that are printed for spreadsheets."""

    _task = ""
    _names: tuple[str, ...] = ()
    _head: tuple[str, ...] = ()  # of a table of results, as FastReID prints it
    _at: int | None = None  # the step of a checkpoint since the last training line
    _fell: int | None = None  # the line of an exception, until training starts again

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn the numbers of training lines into blocks.

        The writers print once more as the hooks are closed, what was gathered until the exception.
        """
        if self._fell is not None:
            lines = np.full_like(lines, self._fell)
        items = list(super().block(columns, lines))
        self._at = None
        return items

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Read any other line."""
        if found := _TURN.search(line):
            self._fell = number if found["fell"] else None
        if found := _PASTE.search(line):
            return list(self._see_paste(found["told"].strip(), number))
        if "OrderedDict([(" in line:
            return list(self._see_results(line, number))
        if line.startswith("|"):
            return list(self._see_table(line, number))
        if found := _CHECKPOINT.search(line):
            return [*self.flush(), self._see_checkpoint(found["path"], number)]
        return super().parse(line, number)

    def flush(self) -> Iterator[Record]:
        """Say what was gathered; a result belongs to the step of the checkpoint before it."""
        if self._row and self._at is not None:
            self._row["#step"] = max(self._at, self._rows.axis.last_step)
        yield from super().flush()

    def _see_checkpoint(self, path: str, number: int) -> Record:
        found = _STEP.search(path)
        self._at = int(found["step"]) if found else self._at
        return self._rows.record("checkpoint", number, None, self._at, facts={"path": path})

    def _see_paste(self, told: str, number: int) -> Iterator[Record]:
        """Take a line of a task, of the names of its results, or of the results."""
        if told.startswith("Task: "):
            self._task, self._names = told[6:], ()
        elif "=" in told:
            name, _, text = told.partition("=")
            values = _numbers(text)
            if values is not None:
                yield from self._see_result({name: values[0]}, number)
        elif (values := _numbers(told)) is None:
            self._names = tuple(told.split(","))
        elif len(values) == len(self._names):
            names = [f"{self._task}/{name}" for name in self._names]
            yield from self._see_result(dict(zip(names, values, strict=True)), number)

    def _see_table(self, line: str, number: int) -> Iterator[Record]:
        """Take the head of a table with a row per data set, or such a row."""
        if not _CELLS.match(line):
            return
        cells = tuple(cell.strip() for cell in line.strip().strip("|").split("|"))
        if cells[0] in ("Dataset", "Datasets"):
            self._head = cells
        elif len(cells) == len(self._head) and (values := _numbers(",".join(cells[1:]))):
            names = [f"{cells[0]}/{name}" for name in self._head[1:]]
            yield from self._see_result(dict(zip(names, values, strict=True)), number)

    def _see_results(self, line: str, number: int) -> Iterator[Record]:
        for task in _TASK.finditer(line):
            pairs = _TASK_PAIRS.finditer(task["rest"])
            found = {f"{task['task']}/{pair['key']}": float(pair["number"]) for pair in pairs}
            yield from self._see_result(found, number)

    def _see_result(self, found: dict[str, float], number: int) -> Iterator[Record]:
        if found.keys() & self._row.keys():
            yield from self.flush()
        if found:
            yield from self.gather(_RESULT, found, number)


class Detectron2Text(PartsFormat):
    """``eta: 0:10:00  iter: 19  total_loss: 1.5  ...``, and results in lines to copy and paste."""

    name: ClassVar[str] = "detectron2_text"
    title: ClassVar[str] = "Detectron2 log"
    url: ClassVar[str] = "https://detectron2.readthedocs.io"
    smoothing: ClassVar[int | None] = 20
    naming: ClassVar[Naming] = Naming(
        {
            "total_loss": "loss",
            "time": "iter_time_s",
            "data_time": "data_time_s",
            "data": "data_time_s",
            "last_time": None,
            "last_data_time": None,
            "mem": "memory_mib",
        }
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                rf"(?:^|\s)(?:eta: {ETA}\s{{1,4}})?"
                r"(?:epoch/iter: (?P<epoch>\d{1,6})/|iter: )(?P<step>\d{1,10})\s{2,4}"
                r"(?P<rest>\w{1,60}: .*?)(?:\s{1,4}max_mem: (?P<memory_mib>\d{1,9})M)?\s*$"
            ),
            ANY_PAIRS,
        ),
        Pattern("config", re.compile(r"^\s*MAX_ITER: (?P<planned_steps>\d{1,10})\s*$")),
        Pattern(
            "resume", re.compile(r"Starting training from iteration (?P<step>[1-9]\d{0,9})\s*$")
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
  MAX_ITER: 60
[03/01 10:00:00] d2.engine.train_loop INFO: Starting training from iteration 0
[03/01 10:00:10] d2.utils.events INFO:  eta: 0:01:00  iter: 19  total_loss: 4.5  loss_cls: 2.5  \
time: 0.5  last_time: 0.25  data_time: 0.125  lr: 0.001  max_mem: 512M
[03/01 10:00:15] fvcore.common.checkpoint INFO: Saving checkpoint to toy/model_0000029.pth
[03/01 10:00:20] d2.evaluation.testing INFO: copypaste: Task: bbox
[03/01 10:00:20] d2.evaluation.testing INFO: copypaste: AP,AP50
[03/01 10:00:20] d2.evaluation.testing INFO: copypaste: 12.5000,25.0000
[03/01 10:00:20] d2.evaluation.testing INFO: copypaste: Task: segm
[03/01 10:00:20] d2.evaluation.testing INFO: copypaste: AP,AP50
[03/01 10:00:20] d2.evaluation.testing INFO: copypaste: 10.0000,nan
[03/01 10:00:25 d2.utils.events]:  eta: 0:00:30  iter: 39  total_loss: 4.0  loss_cls: 2.0  lr: 0.001
""",
            (
                Record("config", facts={"planned_steps": 60}, line=1),
                Record("train", 19, metrics={"loss": 4.5, "loss_cls": 2.5, "eta_s": 60.0}, line=3),
                Record("checkpoint", 29, facts={"path": "toy/model_0000029.pth"}, line=4),
                Record("eval", 29, metrics={"bbox/AP": 12.5, "segm/AP": 10.0}, line=10),
                Record("train", 39, metrics={"loss": 4.0, "lr": 0.001}, line=11),
            ),
        ),
        Sample(
            """\
[03/01 10:00:10 fastreid.utils.events]:  eta: 0:01:00  epoch/iter: 0/39  total_loss: 4.5  lr: 0.001
[03/01 10:00:20 fastreid.evaluation.testing]: Evaluation results in csv format:
| Dataset | Rank-1 | mAP |
|:--------|:-------|:----|
| Toy     | 50.00  | 25.5 |
[03/01 10:00:30 fastreid.utils.events]:  eta: 0:00:30  epoch/iter: 1/59  total_loss: 4.0  lr: 0.001
""",
            (
                Record("train", 39, 0, metrics={"loss": 4.5, "eta_s": 60.0}, line=1),
                Record("eval", 39, metrics={"Toy/Rank-1": 50.0, "Toy/mAP": 25.5}, line=5),
                Record("train", 59, 1, metrics={"loss": 4.0, "lr": 0.001}, line=6),
            ),
        ),
        Sample(
            """\
2024-03-01 10:00:00,500 maskrcnn_benchmark.trainer INFO: eta: 1 day, 0:01:00  iter: 20  \
loss: 4.5000 (5.0000)  loss_mask: 0.5000 (0.7500)  time: 0.5000 (0.6250)  data: 0.1250 (0.2500)  \
lr: 0.001000  max mem: 512
2024-03-01 10:00:09,500 maskrcnn_benchmark.inference INFO: OrderedDict([('bbox', OrderedDict(\
[('AP', 0.125), ('AP50', 0.25)])), ('segm', OrderedDict([('AP', 0.5)]))])
""",
            (
                Record("train", 20, metrics={"loss": 4.5, "memory_mib": 512.0}, line=1),
                Record("eval", 20, metrics={"bbox/AP50": 0.25, "segm/AP": 0.5}, line=2),
            ),
        ),
    )

    def parser(self, file: str) -> Detectron2Parser:
        """Return a fresh parser for a log."""
        rows = RowReader(file, self.axis(), self.naming)
        return Detectron2Parser(self.patterns, self.parts, rows, self.naming)


def _numbers(told: str) -> list[float] | None:
    """Return the numbers of a list; None if something in it is none."""
    try:
        return [float(cell) for cell in told.split(",")]
    except ValueError:
        return None


FORMAT = Detectron2Text()
