"""The console log of Coqui's trainer for speech models."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import LogFormat, Sample
from copilot_analytics.formats._line_by_line import LineByLine, one_row
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_EPOCH = re.compile(r"^\s*> EPOCH: (?P<epoch>\d{1,7})/(?P<epochs>\d{1,7})\s*$")
_STEP = re.compile(
    r"^\s*--> (?:TIME: [\d: .-]{1,40} -- )?STEP: \d{1,9}/-?\d{1,9} "
    r"-- GLOBAL_STEP: (?P<step>\d{1,10})\s*$"
)
_RESULT = re.compile(r"^\s*--> EVAL PERFORMANCE\s*$")
_OTHER = re.compile(r"^\s*(?:-->|> TRAINING|> EVALUATION)")
_METRIC = re.compile(
    rf"^\s*\| > (?P<key>[\w.@/-]{{1,80}}):\s{{1,3}}(?P<number>{NUMBER})"
    r"(?:\s{1,4}\(.{1,40}\))?\s*$"
)
_TARGET = re.compile(r"avg_loss(?:_\d)?")
_BEST = re.compile(r"^\s*> BEST MODEL : (?P<path>\S{1,400})")


class CoquiParser(LineByLine):
    """Gathers the metrics below a header."""

    def __init__(self, file: str) -> None:
        names = {
            "current_lr": "lr",
            "current_lr_0": "lr",
            "step_time": "iter_time_s",
            "loader_time": "data_time_s",
            "avg_loader_time": None,
        }
        super().__init__(file, Axis(epoch_base=0), Naming(names))
        self._place: dict[str, float] = {}
        self._row: dict[str, float] = {}
        self._of = ""
        self._line = 0

    def see(self, line: str, number: int) -> Iterator[Record]:
        """Take one line."""
        if self._of and (found := _METRIC.search(line)):
            self._row[found["key"]] = float(found["number"])
            self._line = number
            return
        if ">" not in line[:20]:
            return
        if found := _EPOCH.search(line):
            yield from self._release()
            self._place = {"#epoch": float(found["epoch"])}
            self.rows.axis.enter(float(found["epoch"]), float(found["epochs"]))
            yield from self.rows.plan(number)
        elif found := _STEP.search(line):
            yield from self._release()
            self._of = "train"
            self._row = {**self._place, "#step": float(found["step"])}
        elif _RESULT.search(line):
            yield from self._release()
            self._of = "eval"
        elif found := _BEST.search(line):
            yield from self._release()
            yield self.rows.record("checkpoint", number, facts={"path": found["path"]})
        elif _OTHER.search(line):
            yield from self._release()

    def close(self) -> Iterable[Record]:
        """Say what the last lines told."""
        return list(self._release())

    def _release(self) -> Iterator[Record]:
        row, of = self._row, self._of
        self._row, self._of = {}, ""
        if all(name[0] == "#" for name in row):
            return
        if of == "train":
            yield from one_row(self.rows, row, self._line)
        elif of == "eval":
            # The best model is chosen by the total loss, or by those of all optimizers.
            losses = sorted(name for name in row if _TARGET.fullmatch(name))
            if losses:
                best = "avg_loss" if "avg_loss" in losses else losses[-1]
                facts = {"save_best": best, "save_best_direction": "min"}
                yield from self.rows.config(facts, self._line)
            yield from self.rows.evaluation(row, self._line)


class CoquiText(LogFormat):
    """A header for every printed step, and below it a line for every metric."""

    name: ClassVar[str] = "coqui_text"
    title: ClassVar[str] = "Coqui trainer console log"
    url: ClassVar[str] = "https://github.com/coqui-ai/Trainer"
    smoothing: ClassVar[int | None] = 1
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
 > EPOCH: 0/10
 > TRAINING (2024-03-01 10:00:00)
   --> STEP: 4/8 -- GLOBAL_STEP: 100
     | > loss_gen: 1.50000  (1.75000)
     | > current_lr_0: 0.00025
     | > step_time: 0.50000  (0.62500)
   --> TIME: 2024-03-01 10:00:00 -- STEP: 8/8 -- GLOBAL_STEP: 104
     | > loss_gen: 1.25000  (1.50000)
 > EVALUATION
   --> STEP: 0
     | > loss_gen: 1.00000  (1.00000)
  --> EVAL PERFORMANCE
     | > avg_loader_time: 0.12500 (+0.00000)
     | > avg_loss_gen: 1.25000 (+0.00000)
     | > avg_loss_1: 2.25000 (+0.00000)
 > BEST MODEL : toy/best_model_104.pth
""",
            (
                Record("config", facts={"planned_epochs": 10}, line=1),
                Record("train", 100, metrics={"loss_gen": 1.5, "lr": 0.00025}, line=6),
                Record("train", 104, metrics={"loss_gen": 1.25}, line=8),
                Record("config", facts={"save_best": "avg_loss_1"}, line=15),
                Record("eval", 104, metrics={"avg_loss_gen": 1.25}, line=15),
                Record("checkpoint", facts={"path": "toy/best_model_104.pth"}, line=16),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: the header of a step settles it."""
        return 1.0 if any(_STEP.search(line) for line in lines) else 0.0

    def parser(self, file: str) -> CoquiParser:
        """Return a fresh parser for a log."""
        return CoquiParser(file)


FORMAT = CoquiText()
