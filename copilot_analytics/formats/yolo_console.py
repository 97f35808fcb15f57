"""What the trainers of the YOLO family print: Ultralytics v3, v5 and v8 on, YOLOv6, YOLOv7.

A header names the columns of the bar below it, whose last frame is the point of the epoch; another
header names those of the row ``all``, the result of the validation.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import OUT_OF_PATIENCE, LogFormat, Sample
from copilot_analytics.formats._line_by_line import LineByLine, one_row
from copilot_analytics.formats._numbers import IS_NUMBER
from copilot_analytics.formats._rows import Name, Naming
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_TRAIN_HEADER = re.compile(
    r"^\s*Epoch\s+(?P<columns>(?:(?:gpu_mem|lr|iou_loss)\s.*|mem\s.*))$", re.IGNORECASE
)
_TEST_HEADER = re.compile(
    r"^\s*(?:Class\s+Images\s+\w+|classes)\s+(?P<columns>[^|%]{1,300}?):?(?:\s{1,20}\d{1,3}%|\s*$)"
)
_ROW = re.compile(
    r"^\s*(?P<epoch>\d{1,7})/(?P<of>\d{1,7})\s+"
    r"(?P<cells>(?:[\w.+-]{1,30}\s+){0,14}[\w.+-]{1,30})(?P<bar>\s?:.*)?\s*$"
)
_COUNT = re.compile(r"\s(?P<at>\d{1,9})/(?P<of>\d{1,9})(?:\s|$)")
_ALL = re.compile(r"(?:^|\s)all\s+(?P<cells>(?:[\w.+-]{1,30}\s+){0,18}[\w.+-]{1,30})\s*$")
_START = re.compile(r"^\s*Starting training for (?P<epochs>\d{1,7}) epochs")
_RESUME = re.compile(
    r"^\s*Resuming training (?:from )?(?P<path>\S.{0,400}?) from epoch (?P<epoch>\d{1,7}) to"
)
_OPTIONS = re.compile(
    r"^\s*(?:engine[/\\]trainer|train): .*?(?<![\w])epochs=(?P<epochs>\d{1,7})(?!\w)"
)
_VERSION = re.compile(r"^\s*(?P<framework>Ultralytics \S{1,20}|YOLOv\d\S{0,6}) 🚀.{0,60}torch-")
_COMPLETED: Mapping[str, Any] = {"reason": "completed"}
_EARLY = re.compile(r"(?:Training stopped early|Stopping training early) as no improvement")
_DONE = re.compile(
    r"^\s*(?:\d{1,7} epochs completed in [\d.]{1,20} hours|Training completed in [\d.]{1,20} hours)"
)

_V6_RESULT = re.compile(
    r"^\s*Epoch: \d{1,7} \| mAP@0\.5: (?P<loose>[\d.]{1,25}) \| "
    r"mAP@0\.50:0\.95: (?P<strict>[\d.]{1,25})"
)

_GIGABYTE_MIB = 1e9 / 2**20
_BOOKKEEPING: dict[str, Name] = {
    "gpu_mem": ("memory_mib", _GIGABYTE_MIB),
    "lr": "lr",
    "total": "loss",
    **dict.fromkeys("instances labels targets img_size size".split()),
}
_RESULTS = {
    "P": "precision",
    "R": "recall",
    "mAP@.5": "mAP_0.5",
    "mAP@.5:.95": "mAP_0.5:0.95",
    "mAP@0.5": "mAP_0.5",
    "mAP@0.5:0.95": "mAP_0.5:0.95",
    "top1_acc": "accuracy_top1",
    "top5_acc": "accuracy_top5",
}
# What a narrow terminal leaves of the last title of a header; six characters are another title.
_CUT_MAP = frozenset("mAP@.5:.95"[:cut] for cut in range(1, 10) if cut != 6)
_DETECTION = ("Box(P", "R", "mAP50", "mAP50-95)")  # what a terminal may have swallowed
_OLD_DETECTION = ("P", "R", "mAP@.5", "mAP@.5:.95")
_CUT_OFF = frozenset("instances labels targets img_size size".split())
_OF_CLASSIFIERS = {  # whose bars show the results too
    "train_loss": "train/loss",
    "val_loss": "val/loss",
    "test_loss": "val/loss",
    "top1_acc": "metrics/accuracy_top1",
    "top5_acc": "metrics/accuracy_top5",
}
_COUNTED_FROM_0 = frozenset({"obj", "obj_loss", "giou", "iou_loss"})


class YoloConsoleParser(LineByLine):
    """Reads bars and results below their headers."""

    def __init__(self, file: str) -> None:
        super().__init__(
            file,
            Axis("epoch", epoch_base=1),
            Naming(_BOOKKEEPING, evaluations=re.compile(r"^metrics/")),
        )
        self._columns: tuple[str, ...] = ()
        self._results: tuple[str, ...] = ()
        self._base: int | None = None
        self._epochs: int | None = None
        self._said: int | None = None  # the epoch whose point is told
        self._begun = 0  # epochs whose header was printed
        self._is_told = False  # whether the bar below the last header was read
        self._is_validated = True
        self._end = _COMPLETED

    def see(self, line: str, number: int) -> Iterator[Record]:
        """Take one line."""
        if (found := _ROW.search(line)) is not None:
            yield from self._see_row(found, number)
            return
        if (found := _TEST_HEADER.search(line)) is not None:
            self._results = _result_names(found["columns"].split())
        elif (found := _TRAIN_HEADER.search(line)) is not None:
            self._columns = tuple(found["columns"].split())
            self._begun += 1
            self._is_told = self._is_validated = False
            return
        if (found := _ALL.search(line)) is not None:
            yield from self._see_result(found["cells"].split(), number)
        else:
            yield from self._see_other(line, number)

    def _see_other(self, line: str, number: int) -> Iterator[Record]:
        rows = self.rows
        if (found := _START.search(line)) or (found := _OPTIONS.search(line)):
            self._epochs = int(found["epochs"])
            self._base = self._said = None
            self._is_validated, self._end, self._begun = True, _COMPLETED, 0
            plan = {"planned_epochs": self._epochs, "step_unit": "epoch"}
            yield from rows.config(plan, number)
        elif found := _RESUME.search(line):
            facts = {
                "checkpoint": found["path"],
                "epoch": int(found["epoch"]) - 1,
            }
            self._begun = int(found["epoch"]) - 1
            yield rows.record("resume", number, facts=facts)
        elif found := _VERSION.search(line):
            yield from rows.config({"framework": found["framework"]}, number)
        elif found := _V6_RESULT.search(line):
            self._results = ("metrics/mAP_0.5", "metrics/mAP_0.5:0.95")
            yield from self._see_result([found["loose"], found["strict"]], number)
        elif _EARLY.search(line):
            self._end = OUT_OF_PATIENCE
        elif _DONE.search(line):
            self._is_validated = True
            yield rows.record("end", number, facts=self._end)

    def _see_row(self, found: re.Match[str], number: int) -> Iterator[Record]:
        cells, epoch, last = found["cells"].split(), int(found["epoch"]), int(found["of"])
        if not self._are_all(cells, found["bar"]) or epoch > last or epoch == self._said:
            return
        self._said, self._is_told, self._is_validated = epoch, True, False
        base = self._counted_from(epoch, last)
        self._begun = epoch + 1 - base
        row: dict[str, float] = {"#epoch": epoch + 1 - base, "#epochs": last + 1 - base}
        for column, cell in zip(self._columns, cells, strict=False):
            name, value = _train_name(column), _value(cell)
            if value is not None and (name != "gpu_mem" or value):
                row[name] = value
        yield from one_row(self.rows, row, number)

    def _are_all(self, cells: list[str], bar: str | None) -> bool:
        """Tell whether a bar is at its end and shows all losses.

        A narrow terminal cuts the counts off first, and then what stands before them.
        """
        if bar is None:
            lost = self._columns[len(cells) :]
            return bool(cells) and all(name.lower() in _CUT_OFF for name in lost)
        if len(cells) != len(self._columns):
            return False
        counts = list(_COUNT.finditer(bar))
        return counts[-1]["at"] == counts[-1]["of"] if counts else "100%" in bar

    def _counted_from(self, epoch: int, last: int) -> int:
        """Return what the first epoch is called: 0 up to v7, 1 later."""
        if self._base is None:
            if self._epochs is not None:
                self._base = int(last == self._epochs)
            else:
                columns = {column.lower() for column in self._columns}
                self._base = int(bool(epoch) and not columns & _COUNTED_FROM_0)
        return self._base

    def _see_result(self, cells: list[str], number: int) -> Iterator[Record]:
        """Take the first result after an epoch: later ones are of other weights or data."""
        counts = 0 if len(cells) == len(self._results) else 2
        numbers = [_value(cell) for cell in cells[counts:]]
        if not self._results and len(numbers) == len(_DETECTION):
            is_old = _COUNTED_FROM_0.intersection(column.lower() for column in self._columns)
            self._results = _result_names(_OLD_DETECTION if is_old else _DETECTION)
        if self._is_validated or not numbers or len(numbers) != len(self._results):
            return
        named = {
            name: value
            for name, value in zip(self._results, numbers, strict=True)
            if value is not None
        }
        if named:
            self._is_validated = True
            if not self._is_told:
                named["#epoch"] = self._begun
            yield from self._see_judged_by(number)
            yield from self.rows.evaluation(named, number)

    def _see_judged_by(self, number: int) -> Iterator[Record]:
        """Say which result chooses the best checkpoint: the strictest mAP has nearly all weight."""
        judges = [name for name in self._results if "mAP" in name]
        boxes = [name for name in judges if not name.endswith(")") or name.endswith("(B)")]
        if judges:
            facts = {"save_best": (boxes or judges)[-1], "save_best_direction": "max"}
            yield from self.rows.config(facts, number)


class YoloConsole(LogFormat):
    """Bars of the epochs and the result for all classes."""

    name: ClassVar[str] = "yolo_console"
    title: ClassVar[str] = "Ultralytics YOLO console log"
    url: ClassVar[str] = "https://docs.ultralytics.com"
    smoothing: ClassVar[int | None] = None
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
     Epoch   GPU_mem  train_loss    val_loss    top1_acc    top5_acc
       1/2     0.41G         2.5         2.25         0.5         0.75: 100%|██| 40/40 [00:05<00:00]
""",
            (
                Record("config", facts={"step_unit": "epoch", "planned_epochs": 2}, line=2),
                Record("train", 1, 1.0, metrics={"train/loss": 2.5}, line=2),
                Record(
                    "eval",
                    1,
                    1.0,
                    metrics={"val/loss": 2.25, "metrics/accuracy_top1": 0.5},
                    line=2,
                ),
            ),
        ),
        Sample(
            """\
Ultralytics 8.3.1 🚀 Python-3.11.1 torch-2.4.0 CUDA:0 (Toy, 8000MiB)
Starting training for 2 epochs...
      Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances    Size
        1/2    2.62G    2.625    2.5    1.125    20    640:  50%|█ | 1/2 [00:01<00:01]
        1/2    2.62G    2.125    2.25    1.125    20    640: 100%|██| 2/2 [00:02<00:00]
      Class    Images  Instances    Box(P    R    mAP50  mAP50-95): 100%|██| 1/1
      all    10    20    0.5    0.25    0.375    0.125
      Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances    Size
        2/2    2.62G    2.0    1.875    1    20    640: 100%|██| 2/2 [00:02<00:00]
      Class    Images  Instances    Box(P    R    mAP50  mAP50-95): 100%|██| 1/1
      all    10    20    0.75    0.5    0.625    0.25
2 epochs completed in 0.002 hours.
Optimizer stripped from runs/toy/weights/last.pt, 6.2MB
Validating runs/toy/weights/best.pt...
      Class    Images  Instances    Box(P    R    mAP50  mAP50-95): 100%|██| 1/1
      all    10    20    0.75    0.5    0.625    0.25
      cat    10    20    0.75    0.5    0.625    0.25
""",
            (
                Record("config", facts={"framework": "Ultralytics 8.3.1"}, line=1),
                Record("config", facts={"planned_epochs": 2, "step_unit": "epoch"}, line=2),
                Record("train", 1, 1.0, metrics={"train/box_loss": 2.125}, line=5),
                Record("config", facts={"save_best": "metrics/mAP50-95(B)"}, line=7),
                Record("eval", 1, 1.0, metrics={"metrics/mAP50-95(B)": 0.125}, line=7),
                Record("train", 2, 2.0, metrics={"train/dfl_loss": 1.0}, line=9),
                Record("eval", 2, 2.0, metrics={"metrics/precision(B)": 0.75}, line=11),
                Record("end", facts={"reason": "completed"}, line=12),
            ),
        ),
        Sample(
            """\
     Epoch   gpu_mem    box    obj    cls    labels  img_size
       0/2    1.25G    0.0625    0.05    0.025    45    640: 100%|██| 4/4 [00:09<00:00]
      Class    Images    Labels    P    R    mAP@.5 mAP@.5:.95: 100%|██| 1/1
      all    58    213    0.5    0.4    0.45    0.125
""",
            (
                Record("config", facts={"planned_epochs": 3}, line=2),
                Record("train", 1, metrics={"train/obj_loss": 0.05}, line=2),
                Record("config", facts={"save_best": "metrics/mAP_0.5:0.95"}, line=4),
                Record("eval", 1, metrics={"metrics/mAP_0.5:0.95": 0.125}, line=4),
            ),
        ),
        Sample(
            """\
Starting training for 50 epochs...
     Epoch   gpu_mem    box    obj    cls    labels  img_size
      0/49    1.25G    0.0625    0.05    0.025    45    640: 100%|█|
      Class    Images    Labels    P    R    mAP@.5 mAP@
      all    58    213    0.5    0.4    0.45    0.125
     Epoch   gpu_mem    box    obj    cls    labels  img_size
      1/49    1.25G    0.05    0.04    0.025    4
     Epoch   gpu_mem    box    obj    cls    labels  img_size
      all    58    213    0.5    0.4    0.45    0.25
""",
            (
                Record("config", facts={"planned_epochs": 50}, line=1),
                Record("train", 1, 1.0, metrics={"train/obj_loss": 0.05}, line=3),
                Record("config", facts={"save_best": "metrics/mAP_0.5:0.95"}, line=5),
                Record("eval", 1, 1.0, metrics={"metrics/mAP_0.5:0.95": 0.125}, line=5),
                Record("train", 2, 2.0, metrics={"train/box_loss": 0.05}, line=7),
                Record("eval", 3, 3.0, metrics={"metrics/mAP_0.5:0.95": 0.25}, line=9),
            ),
        ),
        Sample(
            """\
      Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances    Size
      all    10    20    0.5    0.25    0.375    0.125
""",
            (
                Record("config", facts={"save_best": "metrics/mAP50-95(B)"}, line=2),
                Record("config", facts={"step_unit": "epoch"}, line=2),
                Record("eval", None, 1.0, metrics={"metrics/mAP50-95(B)": 0.125}, line=2),
            ),
        ),
        Sample(
            """\
     Epoch  iou_loss  dfl_loss  cls_loss
      0/9     0.125      0.25       0.5: 100%|██| 4/4 [00:09<00:00]
Epoch: 0 | mAP@0.5: 0.5 | mAP@0.50:0.95: 0.25
""",
            (
                Record("config", facts={"planned_epochs": 10}, line=2),
                Record("train", 1, metrics={"train/iou_loss": 0.125}, line=2),
                Record("config", facts={"save_best": "metrics/mAP_0.5:0.95"}, line=3),
                Record("eval", 1, metrics={"metrics/mAP_0.5": 0.5}, line=3),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: the header of the bars is enough."""
        for line in lines:
            if _TRAIN_HEADER.search(line) or _OPTIONS.search(line):
                return 1.0
        return 0.0

    def parser(self, file: str) -> YoloConsoleParser:
        """Return a fresh parser for a log."""
        return YoloConsoleParser(file)


def _train_name(column: str) -> str:
    """Return the name of a column of a bar, as results.csv calls it."""
    lower = column.lower()
    if lower in _BOOKKEEPING or lower in _OF_CLASSIFIERS:
        return _OF_CLASSIFIERS.get(lower, lower)
    return f"train/{column}" if "loss" in lower else f"train/{column}_loss"


def _result_names(columns: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the results below a header, as results.csv calls them."""
    names: list[str] = []
    kind = ""
    for column in columns:
        opens, bracket, name = column.rpartition("(")
        kind = f"({opens[0]})" if bracket and opens else kind
        name = name.rstrip(")")
        if names and name in _CUT_MAP:
            name = "mAP@.5:.95"
        names.append(f"metrics/{_RESULTS.get(name, name)}{kind}")
    return tuple(names)


def _value(cell: str) -> float | None:
    """Return the number of a cell; ``4.2G`` is one, a name is none."""
    found = IS_NUMBER.match(cell)
    if found is None or cell[found.end() :] not in {"", "G", "GB"}:
        return None
    return float(found[0])


FORMAT = YoloConsole()
