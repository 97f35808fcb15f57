"""The training logs of VITS and of so-vits-svc, which print losses as a list without names."""

from __future__ import annotations

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
    from collections.abc import Iterator, Sequence

_PLACE = re.compile(r"(?:^|\s)Train Epoch: (?P<epoch>\d{1,7}) \[\s?\d{1,3}(?:\.\d{1,9})?%\]\s*$")
_LIST = re.compile(r"(?:^|\s)\[(?P<numbers>[-+\d.e, naif]{3,500})\]\s*$")
_LOSSES = re.compile(
    r"Losses: \[(?P<numbers>[-+\d.e, naif]{3,500})\], step: (?P<step>\d{1,10}), "
    rf"lr: (?P<lr>{NUMBER})(?:, reference_loss: (?P<loss>{NUMBER}))?"
)
_OF_GAN = ("loss_disc", "loss_gen", "loss_fm", "loss_mel", "loss_dur", "loss_kl")
_OF_CONVERSION = ("loss_disc", "loss_gen", "loss_fm", "loss_mel", "loss_kl", "loss_lf0")


class VitsParser(LineByLine):
    """Reads the list below a line that tells the epoch."""

    def __init__(self, file: str) -> None:
        super().__init__(file, Axis(epoch_base=1), Naming())
        self._epoch: float | None = None

    def see(self, line: str, number: int) -> Iterator[Record]:
        """Take one line."""
        if found := _PLACE.search(line):
            self._epoch = float(found["epoch"])
            return
        if self._epoch is None:
            return
        row = {"#epoch": self._epoch}
        if found := _LOSSES.search(line):
            row["#step"] = float(found["step"])
            row["lr"] = float(found["lr"])
            if found["loss"] is not None:
                row["loss"] = float(found["loss"])
            row |= _named(_numbers(found["numbers"]), _OF_CONVERSION)
        elif found := _LIST.search(line):
            numbers = _numbers(found["numbers"])
            if len(numbers) < 3:
                return
            row["#step"], row["lr"] = numbers[-2:]
            row |= _named(numbers[:-2], _OF_GAN)
        else:
            return
        self._epoch = None
        for field in find_stamp(line).fields:
            row[field.name] = float(line[field.start : field.end])
        yield from one_row(self.rows, row, number)


class VitsText(LogFormat):
    """``Train Epoch: 1 [25%]``, and below it the losses, the step and the learning rate."""

    name: ClassVar[str] = "vits_text"
    title: ClassVar[str] = "VITS training log"
    url: ClassVar[str] = "https://github.com/jaywalnut310/vits"
    smoothing: ClassVar[int | None] = 1
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
2024-03-01 10:00:00,500\ttoy\tINFO\tTrain Epoch: 1 [25%]
2024-03-01 10:00:00,500\ttoy\tINFO\t[2.5, 1.5, 0.5, 30.5, 1.25, 0.75, 200, 0.0002]
2024-03-01 10:00:09,500\ttoy\tINFO\t====> Epoch: 1
""",
            (Record("train", 200, metrics={"loss_disc": 2.5, "loss_kl": 0.75}, line=2),),
        ),
        Sample(
            """\
2024-03-01 10:00:00,500\ttoy\tINFO\tTrain Epoch: 2 [50.5%]
2024-03-01 10:00:00,500\ttoy\tINFO\tLosses: [2.5, 1.5, 0.5, 30.5, 1.25, 0.0], step: 400, \
lr: 0.0001, reference_loss: 36.25
""",
            (Record("train", 400, metrics={"loss": 36.25, "loss_lf0": 0.0}, line=2),),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: such a pair of lines settles it."""
        place = False
        for line in lines:
            if place and (_LIST.search(line) or _LOSSES.search(line)):
                return 1.0
            place = bool(_PLACE.search(line))
        return 0.0

    def parser(self, file: str) -> VitsParser:
        """Return a fresh parser for a log."""
        return VitsParser(file)


def _numbers(text: str) -> list[float]:
    """Return the numbers of a list; empty if something in it is none."""
    try:
        return [float(cell) for cell in text.split(",")]
    except ValueError:
        return []


def _named(losses: list[float], names: tuple[str, ...]) -> dict[str, float]:
    """Return losses by name, by number where there are others than the trainer's own."""
    if len(losses) != len(names):
        names = tuple(f"loss_{number}" for number in range(1, len(losses) + 1))
    return dict(zip(names, losses, strict=True))


FORMAT = VitsText()
