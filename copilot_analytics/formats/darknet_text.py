"""The console log of Darknet.

With ``-map`` it says of every iteration what the last evaluation gave and when the next one is
due; a log may keep these lines and not those of the evaluation itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._statements import Pattern, StatementFormat, StatementParser
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

_FINAL = re.compile(r"^\s*Saving weights to \S{1,400}_final\.weights\s*$")
_NEXT = re.compile(r"^\s*\(next mAP calculation at (?P<step>\d{1,9}) iterations\)")
_LAST = re.compile(
    rf"^\s*Last accuracy (?P<name>mAP@[\d.]{{1,6}}) = (?P<percent>{NUMBER}) ?%, best = "
)


class DarknetParser(StatementParser):
    """Takes the last accuracy for a new one where the next evaluation is due later than before."""

    _due: int | None = None  # when the next evaluation is, as the last such line said,
    _is_new = False  # and whether it said so for the first time after another
    _evaluated = False  # whether the evaluation itself is in the log

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Read any line but a training line."""
        if found := _NEXT.match(line):
            due = int(found["step"])
            self._is_new = self._due is not None and due > self._due
            self._due = due
            return ()
        if found := _LAST.match(line):
            is_new, self._is_new = self._is_new and not self._evaluated, False
            if not is_new:
                return ()
            return list(self._rows.evaluation({found["name"]: float(found["percent"])}, number))
        told = list(super().parse(line, number))
        if _FINAL.search(line):
            why = "the final weights are saved"
            told.append(self._rows.record("end", number, facts={"reason": why}))
        self._evaluated = self._evaluated or any(record.kind == "eval" for record in told)
        return told


class DarknetText(StatementFormat):
    """``3000: 1.387448, 0.973583 avg, 0.001000 rate, 5.1 seconds, 192000 images``."""

    name: ClassVar[str] = "darknet_text"
    title: ClassVar[str] = "Darknet console log"
    url: ClassVar[str] = "https://github.com/AlexeyAB/darknet"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming({"hours_left": ("eta_s", 3600.0)})
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                rf"^\s{{0,9}}(?P<step>\d{{1,9}}): (?P<loss>{NUMBER}), "
                rf"(?P<avg_loss>{NUMBER}) avg(?: loss)?, (?P<lr>{NUMBER}) rate, "
                rf"(?P<iter_time_s>{NUMBER}) seconds, \d{{1,12}} images"
                rf"(?:, (?P<hours_left>\d{{1,9}}(?:\.\d+)?) hours left)?"
            ),
        ),
        Pattern(
            "eval",
            re.compile(r"^\s*mean average precision \((?P<rest>mAP@[\d.]{1,6}\) = .*)$"),
            re.compile(rf"(?P<key>mAP@[\d.]{{1,6}})\) = (?P<number>{NUMBER})"),
        ),
        Pattern("checkpoint", re.compile(r"^\s*Saving weights to (?P<path>\S{1,400})\s*$")),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
Region 82 Avg IOU: -nan, Class: -nan, Obj: -nan, No Obj: 0.5, .5R: -nan, .75R: -nan,  count: 0
 1: 1.500000, 2.500000 avg loss, 0.001000 rate, 0.500000 seconds, 64 images, 1.500000 hours left
2: 1.250000, 2.250000 avg, 0.001000 rate, 0.500000 seconds, 128 images
 mean average precision (mAP@0.50) = 0.125000, or 12.50 %
Saving weights to backup/toy_2.weights
Saving weights to backup/toy_final.weights
""",
            (
                Record("train", 1, metrics={"loss": 1.5, "avg_loss": 2.5, "eta_s": 5400.0}, line=2),
                Record("train", 2, metrics={"loss": 1.25, "iter_time_s": 0.5}, line=3),
                Record("eval", 2, metrics={"mAP@0.50": 0.125}, line=4),
                Record("checkpoint", facts={"path": "backup/toy_2.weights"}, line=5),
                Record("checkpoint", facts={"path": "backup/toy_final.weights"}, line=6),
                Record("end", line=6),
            ),
        ),
        Sample(
            """\
 (next mAP calculation at 2 iterations)
 2: 1.500000, 2.500000 avg loss, 0.001000 rate, 0.500000 seconds, 128 images, 1.500000 hours left
 (next mAP calculation at 3 iterations)
 Last accuracy mAP@0.50 = 12.50 %, best = 12.50 %
 3: 1.250000, 2.250000 avg loss, 0.001000 rate, 0.500000 seconds, 192 images, 1.250000 hours left
 (next mAP calculation at 3 iterations)
 Last accuracy mAP@0.50 = 12.50 %, best = 12.50 %
""",
            (
                Record("train", 2, metrics={"loss": 1.5}, line=2),
                Record("eval", 2, metrics={"mAP@0.50": 12.5}, line=4),
                Record("train", 3, metrics={"loss": 1.25}, line=5),
            ),
        ),
    )

    def parser(self, file: str) -> DarknetParser:
        """Return a fresh parser for a log."""
        return DarknetParser(self.patterns, RowReader(file, self.axis(), self.naming), self.naming)


FORMAT = DarknetText()
