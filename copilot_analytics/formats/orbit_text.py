"""The console of Orbit, the controller that the TensorFlow Model Garden trains with."""

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

_HEADING = re.compile(
    r"\b(?P<what>train|eval) \| step:\s{1,12}(?P<step>\d{1,12}) \| "
    r"(?:steps/sec|eval time|evaluation time):[^|]{1,40}\| output:\s{0,4}(?P<rest>.{0,4000})$"
)
_PLAN = re.compile(r"\btrain \| step:\s{1,12}\d{1,12} \| training until step (?P<steps>\d{1,12})\b")
_PAIR = re.compile(rf"'(?P<key>[^']{{1,100}})': (?P<number>{NUMBER})(?=\s*[,}}])")
_NAMING = Naming({"training_loss": "loss", "train_loss": "loss"})
_LONGEST = 200  # lines of one output


class OrbitParser(LineByLine):
    """Collects the numbers of an output, which may go on over several lines to its brace."""

    def __init__(self, file: str) -> None:
        super().__init__(file, Axis(), _NAMING)
        self._what = ""  # whose output is open
        self._row: dict[str, float] = {}
        self._lines = 0

    def see(self, line: str, number: int) -> Iterator[Record]:
        """Take one line."""
        if found := _HEADING.search(line):
            self._what, self._lines = found["what"], 0
            self._row = {"#step": float(found["step"])}
            for field in find_stamp(line).fields:
                self._row[field.name] = float(line[field.start : field.end])
            yield from self._read(found["rest"], number)
        elif self._what:
            yield from self._read(line, number)
        elif found := _PLAN.search(line):
            yield from self.rows.config({"planned_steps": int(found["steps"])}, number)

    def _read(self, text: str, number: int) -> Iterator[Record]:
        self._row |= {pair["key"]: float(pair["number"]) for pair in _PAIR.finditer(text)}
        self._lines += 1
        if not text.rstrip().endswith("}"):
            self._what = self._what if self._lines < _LONGEST else ""
            return
        what, self._what = self._what, ""
        if what == "train":
            yield from one_row(self.rows, self._row, number)
        else:
            yield from self.rows.evaluation(self._row, number)


class OrbitText(LogFormat):
    """``train | step:    100 | steps/sec:    3.2 | output: {'training_loss': 2.5}``."""

    name: ClassVar[str] = "orbit_text"
    title: ClassVar[str] = "TensorFlow Model Garden (Orbit) log"
    url: ClassVar[str] = "https://github.com/tensorflow/models/tree/master/orbit"
    smoothing: ClassVar[int | None] = None
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
I0301 10:20:30.500000 140 controller.py:273] train | step:      0 | training until step 200...
I0301 10:20:31.500000 140 controller.py:479] train | step:    100 | steps/sec:    3.2 | output: \
{'learning_rate': 0.001, 'training_loss': 2.5}
I0301 10:20:32.500000 140 controller.py:391] train | step:    200 | steps/sec:    3.2 | output: \

    {'learning_rate': 0.0005,
     'training_loss': 1.5}
I0301 10:20:33.500000 140 controller.py:488]  eval | step:    200 | eval time:    2.5 sec | \
output: {'accuracy': 0.75, 'validation_loss': 1.25}
""",
            (
                Record("config", facts={"planned_steps": 200}, line=1),
                Record("train", 100, metrics={"loss": 2.5, "lr": 0.001}, line=2),
                Record("train", 200, metrics={"loss": 1.5, "lr": 0.0005}, line=5),
                Record("eval", 200, metrics={"accuracy": 0.75, "validation_loss": 1.25}, line=6),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: a heading settles it."""
        return 1.0 if any(_HEADING.search(line) for line in lines) else 0.0

    def parser(self, file: str) -> OrbitParser:
        """Return a fresh parser for a log."""
        return OrbitParser(file)


FORMAT = OrbitText()
