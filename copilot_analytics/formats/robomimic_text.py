"""The console of robomimic, which prints a JSON object over several lines for every epoch."""

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
    from collections.abc import Iterator, Sequence

_HEADING = re.compile(
    r"^\s*(?:(?P<what>Train|Validation) Epoch (?P<epoch>\d{1,9})\s*$"
    r"|Epoch (?P<played>\d{1,9}) Rollouts took )"
)
_PAIR = re.compile(rf'^\s+"(?P<key>[^"]{{1,80}})": (?P<number>{NUMBER}),?\s*$')
_PLAN = re.compile(r'^\s+"num_epochs": (?P<epochs>\d{1,9}),?\s*$')
_SAVED = re.compile(r"^save checkpoint to (?P<path>\S{1,400})\s*$")
_DONE = re.compile(r"^finished run successfully!")
_NAMING = Naming({"Loss": "loss", "Time_Epoch": None, "Horizon": None, "time": None})


class RobomimicParser(LineByLine):
    """Collects the numbers of an object that follows a heading.

    An object with others in it is the settings of another run in the same file.
    """

    def __init__(self, file: str) -> None:
        super().__init__(file, Axis("epoch", epoch_base=1), _NAMING)
        self._heading: tuple[str, float] | None = None
        self._numbers: dict[str, float] | None = None  # of the object that is open

    def see(self, line: str, number: int) -> Iterator[Record]:
        """Take one line."""
        if found := _HEADING.match(line):
            what = found["what"] or "Rollouts"
            self._heading = what, float(found["epoch"] or found["played"])
            self._numbers = None
        elif self._heading is not None and line.strip() == "{":
            self._numbers = {}
        elif self._numbers is not None and line.rstrip().endswith("{"):
            self._heading = self._numbers = None
        elif self._numbers is not None and line.strip() == "}":
            yield from self._row(number)
        elif self._numbers is not None and (found := _PAIR.match(line)):
            if not found["key"].startswith("Time"):
                self._numbers[found["key"]] = float(found["number"])
        elif found := _PLAN.match(line):
            yield from self.rows.config({"planned_epochs": int(found["epochs"])}, number)
        elif found := _SAVED.match(line):
            yield self.rows.record("checkpoint", number, facts={"path": found["path"]})
        elif _DONE.match(line):
            yield self.rows.record("end", number, facts={"reason": line.strip()})

    def _row(self, number: int) -> Iterator[Record]:
        numbers, self._numbers = self._numbers, None
        if not numbers or self._heading is None:
            return
        what, epoch = self._heading
        if what == "Train":
            yield from one_row(self.rows, {"#epoch": epoch, **numbers}, number)
        else:
            prefix = "val/" if what == "Validation" else ""
            named = {prefix + key: held for key, held in numbers.items()}
            yield from self.rows.evaluation({"#epoch": epoch, **named}, number)


class RobomimicText(LogFormat):
    """``Train Epoch 12`` and an object; ``Validation Epoch`` and rollouts likewise."""

    name: ClassVar[str] = "robomimic_text"
    title: ClassVar[str] = "robomimic console log"
    url: ClassVar[str] = "https://robomimic.github.io"
    smoothing: ClassVar[int | None] = None
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
    "train": {
        "num_epochs": 2000,
        "batch_size": 100
Train Epoch 1
{
    "Loss": -12.5,
    "Optimizer/policy0_lr": 0.0001,
    "Time_Epoch": 0.31
}
Validation Epoch 1
{
    "Loss": -11.5
}
Epoch 1 Rollouts took 13.5s (avg) with results:
Env: Toy
{
    "Horizon": 120.5,
    "Return": 0.25,
    "Success_Rate": 0.125
}
save checkpoint to /toy/model_epoch_1.pth
finished run successfully!
""",
            (
                Record("config", facts={"planned_epochs": 2000}, line=2),
                Record("config", facts={"step_unit": "epoch"}, line=9),
                Record("train", 1, 1.0, metrics={"loss": -12.5}, line=9),
                Record("eval", 1, 1.0, metrics={"val/Loss": -11.5}, line=13),
                Record("eval", 1, 1.0, metrics={"Return": 0.25, "Success_Rate": 0.125}, line=20),
                Record("checkpoint", facts={"path": "/toy/model_epoch_1.pth"}, line=21),
                Record("end", line=22),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: a heading, a brace and a number in this order settle it."""
        for heading, brace, pair in zip(lines, lines[1:], lines[2:], strict=False):
            if _HEADING.match(heading) and brace.strip() == "{" and _PAIR.match(pair):
                return 1.0
        return 0.0

    def parser(self, file: str) -> RobomimicParser:
        """Return a fresh parser for a log."""
        return RobomimicParser(file)


FORMAT = RobomimicText()
