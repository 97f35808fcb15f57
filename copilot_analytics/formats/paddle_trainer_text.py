"""The log of ``paddle train``, the trainer of PaddlePaddle before Fluid."""

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

_ROW = re.compile(
    r"TrainerInternal\.cpp:\d{1,5}\]\s{1,4}(?:Pass=(?P<passed>\d{1,7}) )?Batch=(?P<batch>\d{1,10}) "
    r"samples=\d{1,12} (?P<rest>AvgCost=.{1,2000})$"
)
_TEST = re.compile(r"Tester\.cpp:\d{1,5}\]\s{1,4}Test samples=\d{1,12} (?P<rest>cost=.{1,2000})$")
_SAVED = re.compile(r"\bSaving parameters to (?P<path>\S{1,400}/pass-\d{5})\s*$")
_PAIRS = re.compile(rf"(?<![\w.])(?P<key>[A-Za-z][\w.@]{{0,80}})=(?P<number>{NUMBER})(?=\s|$)")


class PaddleTrainerParser(LineByLine):
    """Counts on over the passes; a line that names its pass ends it."""

    def __init__(self, file: str, axis: Axis, naming: Naming) -> None:
        super().__init__(file, axis, naming)
        self._before = 0  # batches of the passes that are over
        self._at = 0  # batches until now

    def see(self, line: str, number: int) -> Iterator[Record]:
        """Take one line."""
        if row := _ROW.search(line):
            self._at = self._before + int(row["batch"])
            if row["passed"] is None:
                own = row["rest"].partition("CurrentEval:")[0]
                yield from one_row(self.rows, {"#step": float(self._at), **_numbers(own)}, number)
            else:
                self._before = self._at
        elif test := _TEST.search(line):
            at = {"#step": float(self._at)}
            yield from self.rows.evaluation({**at, **_numbers(test["rest"])}, number)
        elif saved := _SAVED.search(line):
            facts = {"path": saved["path"]}
            yield self.rows.record("checkpoint", number, None, self._at, facts=facts)


class PaddleTrainerText(LogFormat):
    """``TrainerInternal.cpp:165]  Batch=100 samples=12800 AvgCost=1.5 CurrentCost=1.25 ...``."""

    name: ClassVar[str] = "paddle_trainer_text"
    title: ClassVar[str] = "paddle train log (before Fluid)"
    url: ClassVar[str] = "https://github.com/PaddlePaddle/Paddle"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming()
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
I0301 10:20:30.500000 99 TrainerInternal.cpp:165]  Batch=2 samples=20 AvgCost=1.5 CurrentCost=1.25 \
Eval: error_evaluator=0.5  CurrentEval: error_evaluator=0.25
I0301 10:20:40.500000 99 TrainerInternal.cpp:181]  Pass=0 Batch=3 samples=30 AvgCost=1.5 \
Eval: error_evaluator=0.5
I0301 10:20:45.500000 99 Tester.cpp:115]  Test samples=10 cost=1.375 Eval: error_evaluator=0.375
I0301 10:20:46.500000 99 GradientMachine.cpp:112] Saving parameters to ./toy/pass-00000
I0301 10:20:50.500000 99 TrainerInternal.cpp:165]  Batch=2 samples=20 AvgCost=1.0 CurrentCost=0.75 \
Eval: error_evaluator=0.25  CurrentEval: error_evaluator=0.25
I0301 10:20:51.500000 99 Tester.cpp:115]  Test samples=10 cost=0.875 Eval: error_evaluator=0.125
""",
            (
                Record("train", 2, metrics={"AvgCost": 1.5, "error_evaluator": 0.5}, line=1),
                Record("eval", 3, metrics={"cost": 1.375, "error_evaluator": 0.375}, line=3),
                Record("checkpoint", 3, line=4),
                Record("train", 5, metrics={"AvgCost": 1.0, "CurrentCost": 0.75}, line=5),
                Record("eval", 5, metrics={"cost": 0.875}, line=6),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: a line of a batch settles it."""
        return 1.0 if any(map(_ROW.search, lines)) else 0.0

    def axis(self) -> Axis:
        """Return an axis of batches."""
        return Axis("iteration")

    def parser(self, file: str) -> PaddleTrainerParser:
        """Return a fresh parser for a log."""
        return PaddleTrainerParser(file, self.axis(), self.naming)


def _numbers(text: str) -> dict[str, float]:
    return {pair["key"]: float(pair["number"]) for pair in _PAIRS.finditer(text)}


FORMAT = PaddleTrainerText()
