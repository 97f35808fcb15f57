"""What ``fit`` of Paddle's high-level API prints: a line or a bar for every few iterations.

The evaluation after an epoch prints the same lines; only what stands before them tells which of
both they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import OUT_OF_PATIENCE, LogFormat, Sample
from copilot_analytics.formats._line_by_line import LineByLine, one_row
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_EPOCH = re.compile(r"^\s{0,40}Epoch (?P<epoch>\d{1,9})/(?P<epochs>\d{1,9})\s*$")
_FRAME = re.compile(
    r"^\s{0,40}step\s{1,9}(?P<at>\d{1,9})(?:/(?P<of>\d{1,9}))?(?: \[[=>.]{5,80}\])?"
    r"(?P<rest> - .{1,20000}) - \d{1,9}(?:s|ms|us)/(?:step|sample)\s*$"
)
_PAIRS = re.compile(rf" - (?P<key>[^:\s][^:]{{0,80}}?): (?P<number>{NUMBER})(?=\s|$)")
_BEGIN = re.compile(r"^\s{0,40}(?P<what>Eval|Predict) begin\.\.\.\s*$")
_EVALUATED = re.compile(r"^\s{0,40}Eval samples: \d{1,12}\s*$")
_SAVED = re.compile(r"^\s{0,40}save checkpoint at (?P<path>\S{1,400})\s*$")
_STOPPED = re.compile(r"^\s{0,40}Epoch \d{1,9}: Early stopping\.\s*$")


class PaddleHapiParser(LineByLine):
    """Reads what ``fit`` prints."""

    def __init__(self, file: str) -> None:
        super().__init__(file, Axis(epoch_base=1, inner_base=1), _NAMING)
        self._epoch: tuple[float, float] | None = None
        self._doing = ""  # what goes on; empty before the first epoch
        self._result: tuple[dict[str, float], int] | None = None  # of the evaluation so far
        self._evaluated = False  # after the epoch that was trained last

    def see(self, line: str, number: int) -> Iterator[Record]:
        """Take one line."""
        if found := _FRAME.match(line):
            yield from self._see_frame(found, number)
        elif found := _EPOCH.match(line):
            yield from self._release()
            self._epoch = float(found["epoch"]), float(found["epochs"])
            self._doing, self._evaluated = "Train", False
            self.rows.axis.enter(*self._epoch)
            yield from self.rows.plan(number)
        elif found := _BEGIN.match(line):
            yield from self._release()
            self._doing = found["what"] if self._epoch is not None else ""
        elif _EVALUATED.match(line):
            yield from self._release()
        elif found := _SAVED.match(line):
            yield self.rows.record("checkpoint", number, facts={"path": found["path"]})
        elif _STOPPED.match(line):
            yield self.rows.record("end", number, facts=OUT_OF_PATIENCE)

    def close(self) -> Iterable[Record]:
        """Say what an evaluation told whose end the log lacks."""
        return list(self._release())

    def _see_frame(self, found: re.Match[str], number: int) -> Iterator[Record]:
        numbers = {pair["key"]: float(pair["number"]) for pair in _PAIRS.finditer(found["rest"])}
        if not numbers:
            return
        if self._doing == "Eval" and found["of"] in {None, found["at"]}:
            self._result = numbers, number
        elif self._doing == "Train" and self._epoch is not None:
            places = {"#epoch": self._epoch[0], "#inner": float(found["at"])}
            if found["of"] is not None:
                places["#inner_of"] = float(found["of"])
            yield from one_row(self.rows, {**places, **numbers}, number)

    def _release(self) -> Iterator[Record]:
        """Yield the result of the evaluation that is over; a second one is by ``evaluate``."""
        if self._result is not None:
            numbers, number = self._result
            yield from self.rows.evaluation(numbers, number, "test" if self._evaluated else "val")
            self._result, self._evaluated = None, True


class PaddleHapi(LogFormat):
    """Lines and bars of ``paddle.Model``."""

    name: ClassVar[str] = "paddle_hapi"
    title: ClassVar[str] = "Paddle Model.fit console log"
    url: ClassVar[str] = "https://www.paddlepaddle.org.cn"
    smoothing: ClassVar[int | None] = None
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
The loss value printed in the log is the current step, and the metric is the average value of \
previous steps.
Epoch 1/2
step 10/15 - loss: 2.5000 - acc: 0.1250 - 12ms/step
step 15/15 - loss: 2.2500 - acc: 0.2500 - 12ms/step
save checkpoint at /home/me/toy/0
Eval begin...
step 4/5 - loss: 2.2500 - acc: 0.2500 - 4ms/step
step 5/5 - loss: 2.1250 - acc: 0.3750 - 4ms/step
Eval samples: 40
Epoch 2/2
step 10/15 - loss: 2.0000 - acc: 0.5000 - 12ms/step
Epoch 2: Early stopping.
""",
            (
                Record("config", facts={"planned_epochs": 2}, line=2),
                Record("config", facts={"steps_per_epoch": 15}, line=3),
                Record("train", 10, metrics={"loss": 2.5, "acc": 0.125}, line=3),
                Record("train", 15, 1.0, metrics={"loss": 2.25, "acc": 0.25}, line=4),
                Record("checkpoint", facts={"path": "/home/me/toy/0"}, line=5),
                Record(
                    "eval",
                    epoch=1.0,
                    metrics={"loss": 2.125, "acc": 0.375},
                    facts={"split": "val"},
                    line=8,
                ),
                Record("train", 25, metrics={"loss": 2.0, "acc": 0.5}, line=11),
                Record("end", facts=OUT_OF_PATIENCE, line=12),
            ),
        ),
        Sample(
            """\
Epoch 1/1
step  5/10 [=======>......................] - loss: 2.5000 - ETA: 1s - 9ms/step
step 10/10 [==============================] - loss: 1.2500e-01 - 9ms/step
Predict begin...
step 5/5 [==============================] - 2ms/step
Eval begin...
step 5/5 [==============================] - loss: 0.5000 - 2ms/step
Eval samples: 5
""",
            (
                Record("config", facts={"planned_epochs": 1}, line=1),
                Record("config", facts={"steps_per_epoch": 10}, line=2),
                Record("train", 5, metrics={"loss": 2.5}, line=2),
                Record("train", 10, 1.0, metrics={"loss": 0.125}, line=3),
                Record("eval", epoch=1.0, metrics={"loss": 0.5}, line=7),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: an epoch and an iteration with its pace settle it."""
        begun = False
        for line in lines:
            begun = begun or _EPOCH.match(line) is not None
            if begun and _FRAME.match(line):
                return 1.0
        return 0.0

    def parser(self, file: str) -> PaddleHapiParser:
        """Return a fresh parser for a log."""
        return PaddleHapiParser(file)


_NAMING = Naming()

FORMAT = PaddleHapi()
