"""The training logs of nnU-Net, versions 1 and 2."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import LogFormat, Sample
from copilot_analytics.formats._line_by_line import LineByLine, one_row
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._stamps import find_stamp
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_EPOCH = re.compile(r"(?:^|: )\s{0,4}(?:epoch:  ?|Epoch )(?P<epoch>\d{1,7})\s*$")
_LOSS = re.compile(
    rf"(?:^|\s)(?P<name>train loss|validation loss|train_loss|val_loss)\s{{0,2}}:?\s{{1,3}}"
    rf"(?P<number>{NUMBER})\s*$"
)
_DICE = re.compile(
    r"(?:^|\s)(?P<name>Average global foreground Dice|Pseudo dice):? \[(?P<numbers>.{0,15000})\]"
)
_LR = re.compile(rf"(?:^|\s)(?:lr|Current learning rate): (?P<lr>{NUMBER})\s*$")
_TOOK = re.compile(r"(?:^|\s)(?:This epoch took|Epoch time:) ")
_LOADED = re.compile(r"(?:^|\s)loading checkpoint (?P<path>\S{1,400}) train= ?True")
_DONE = re.compile(r"(?:^|\s)(?:Training done\.|finished prediction)\s*$")
_NUMBER_IN_LIST = re.compile(rf"(?<![\w.])(?:np\.float\d\d\()?(?P<number>{NUMBER})")


class NnUNetParser(LineByLine):
    """Gathers the lines of an epoch."""

    def __init__(self, file: str) -> None:
        super().__init__(file, Axis("epoch", epoch_base=0), Naming())
        self._train: dict[str, float] = {}
        self._result: dict[str, float] = {}
        self._lr: float | None = None
        self._line = 0

    def see(self, line: str, number: int) -> Iterator[Record]:
        """Take one line."""
        if found := _EPOCH.search(line):
            yield from self._release()
            self._train = {"#epoch": float(found["epoch"])}
            if self._lr is not None:
                self._train["lr"] = self._lr
        elif found := _LR.search(line):
            # Version 1 prints the rate of the next epoch, version 2 first that of this one.
            self._lr = float(found["lr"])
            if self._train and not self._result:
                self._train["lr"] = self._lr
        elif found := _LOADED.search(line):
            yield self.rows.record("resume", number, facts={"checkpoint": found["path"]})
        elif _DONE.search(line):
            yield from self._release()
            yield self.rows.record("end", number, facts={"reason": "completed"})
        elif self._train:
            yield from self._see_result(line, number)

    def close(self) -> Iterable[Record]:
        """Say what the last lines told."""
        return list(self._release())

    def _see_result(self, line: str, number: int) -> Iterator[Record]:
        if found := _LOSS.search(line):
            row = self._train if found["name"].startswith("train") else self._result
            row[found["name"]] = float(found["number"])
        elif found := _DICE.search(line):
            self._result[found["name"]] = _mean(found["numbers"])
        else:
            if _TOOK.search(line):
                yield from self._release()
            return
        self._line = number
        for field in find_stamp(line).fields:
            self._train[field.name] = float(line[field.start : field.end])

    def _release(self) -> Iterator[Record]:
        train, self._train = self._train, {}
        result, self._result = self._result, {}
        if any("loss" in name for name in train):
            yield from one_row(self.rows, train, self._line)
        if result:
            stamp = {name: part for name, part in train.items() if name[0] == "#"}
            for name in result:
                if "loss" not in name:
                    facts = {"save_best": name, "save_best_direction": "max"}
                    yield from self.rows.config(facts, self._line)
            yield from self.rows.evaluation({**stamp, **result}, self._line)


class NnUNetText(LogFormat):
    """Losses and the Dice of every class, epoch by epoch; the metric is their mean."""

    name: ClassVar[str] = "nnunet_text"
    title: ClassVar[str] = "nnU-Net training log"
    url: ClassVar[str] = "https://github.com/MIC-DKFZ/nnUNet"
    smoothing: ClassVar[int | None] = None
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
Starting...
2024-03-01 10:00:00.500000: lr: 0.01
2024-03-01 10:00:00.500000:
epoch:  0
2024-03-01 10:01:00.500000: train loss : -0.2500
2024-03-01 10:01:10.500000: validation loss: -0.1250
2024-03-01 10:01:10.500000: Average global foreground Dice: [0.25, 0.75]
2024-03-01 10:01:20.500000: lr: 0.009
2024-03-01 10:01:20.500000: This epoch took 80.000000 s
""",
            (
                Record("config", facts={"step_unit": "epoch"}, line=7),
                Record("train", 1, 1.0, metrics={"train loss": -0.25, "lr": 0.01}, line=7),
                Record("config", facts={"save_best": "Average global foreground Dice"}, line=7),
                Record(
                    "eval",
                    1,
                    1.0,
                    1709287270.0,
                    {"validation loss": -0.125, "Average global foreground Dice": 0.5},
                    line=7,
                ),
            ),
        ),
        Sample(
            """\
2024-03-01 10:00:00.500000: Epoch 0
2024-03-01 10:00:00.500000: Current learning rate: 0.01
2024-03-01 10:01:00.500000: train_loss -0.25
2024-03-01 10:01:10.500000: val_loss -0.125
2024-03-01 10:01:10.500000: Pseudo dice [np.float32(0.25), nan, 0.75]
2024-03-01 10:01:20.500000: Epoch time: 80.0 s
2024-03-01 10:01:20.500000: Yayy! New best EMA pseudo Dice: 0.5
2024-03-01 10:01:20.500000: Training done.
""",
            (
                Record("config", facts={"step_unit": "epoch"}, line=5),
                Record("train", 1, 1.0, metrics={"train_loss": -0.25, "lr": 0.01}, line=5),
                Record("config", facts={"save_best": "Pseudo dice"}, line=5),
                Record("eval", 1, metrics={"val_loss": -0.125, "Pseudo dice": 0.5}, line=5),
                Record("end", line=8),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: only nnU-Net calls its results so."""
        return 1.0 if any(_DICE.search(line) for line in lines) else 0.0

    def parser(self, file: str) -> NnUNetParser:
        """Return a fresh parser for a log."""
        return NnUNetParser(file)


def _mean(numbers: str) -> float:
    """Return the mean of a list as the trainer takes it: classes that are not there left out."""
    found = [float(number["number"]) for number in _NUMBER_IN_LIST.finditer(numbers)]
    known = [number for number in found if not math.isnan(number)]
    return math.fsum(known) / len(known) if known else math.nan


FORMAT = NnUNetText()
