"""The logs of TensorFlow 2's Object Detection API, which dumps a dict of losses below each step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._base import Sample, judges_each_line
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._parts import Part, PartsFormat, PartsParser
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._statements import Pattern
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_STEP = re.compile(rf"\bStep (?P<step>\d{{1,12}}) per-step time (?P<iter_time_s>{NUMBER})s\s*$")
_PAIRS = re.compile(rf"'(?P<key>[\w/.@ -]{{1,80}})': (?P<number>{NUMBER})(?=[,}}]|$)")
_RESULT = re.compile(rf"(?P<key>[A-Za-z][\w/.@() -]{{1,80}}): (?P<number>{NUMBER})(?=\s|$)")


class TFDetectionParser(PartsParser):
    """Takes once what two loggers print one after the other."""

    _opened: tuple[str, float] | None = None

    def gather(self, part: Part, numbers: Mapping[str, float], line: int) -> Iterator[Record]:
        """Take what a part of a row tells, unless it repeats what was told."""
        if part.opens:
            opened = (part.pattern.kind, numbers["#step"])
            if opened == self._opened:
                return
            self._opened = opened
        elif "#step" not in self._row:
            return
        yield from super().gather(part, numbers, line)


class TFDetectionText(PartsFormat):
    """``Step 100 per-step time 0.5s``, then ``{'Loss/total_loss': 0.75,`` over several lines."""

    name: ClassVar[str] = "tf_detection_text"
    title: ClassVar[str] = "TensorFlow Object Detection API log"
    url: ClassVar[str] = (
        "https://github.com/tensorflow/models/tree/master/research/object_detection"
    )
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming(
        {"step": "#step", "Loss/total_loss": "loss", "learning_rate": "lr"}
    )
    patterns: ClassVar[tuple[Pattern, ...]] = ()
    parts: ClassVar[tuple[Part, ...]] = (
        Part(
            Pattern(
                "train",
                _STEP,
            ),
            opens=True,
        ),
        Part(
            Pattern("train", re.compile(r"(?:\{|^ )(?P<rest>'[^{}\n]{1,2000})\}\s*$"), _PAIRS),
            closes=True,
        ),
        Part(Pattern("train", re.compile(r"(?:\{|^ )(?P<rest>'[^{}\n]{1,2000}),\s*$"), _PAIRS)),
        Part(
            Pattern("eval", re.compile(r"\bEval metrics at step (?P<step>\d{1,12})\s*$")),
            opens=True,
        ),
        Part(Pattern("eval", re.compile(r"(?:^|[:\]]\s?)\t\+ (?P<rest>[^\n]{1,200})$"), _RESULT)),
    )

    def parser(self, file: str) -> TFDetectionParser:
        """Return a fresh parser for a log."""
        rows = RowReader(file, self.axis(), self.naming)
        return TFDetectionParser(self.patterns, self.parts, rows, self.naming)

    @judges_each_line
    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: the line above a dict settles it, for others write dicts too."""
        return 1.0 if any(map(_STEP.search, lines)) else 0.0

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
INFO:tensorflow:Step 100 per-step time 0.500s
I0304 10:20:30.500000 4711 model_lib_v2.py:705] Step 100 per-step time 0.500s
INFO:tensorflow:{'Loss/localization_loss': 0.25,
 'Loss/total_loss': 0.75,
 'learning_rate': 0.01}
I0304 10:20:30.600000 4711 model_lib_v2.py:708] {'Loss/localization_loss': 0.25,
 'Loss/total_loss': 0.75,
 'learning_rate': 0.01}
INFO:tensorflow:Step 200 per-step time 0.250s
INFO:tensorflow:{'Loss/localization_loss': 0.125,
 'Loss/total_loss': 0.5,
 'learning_rate': 0.02}
INFO:tensorflow:Eval metrics at step 200
INFO:tensorflow:\t+ DetectionBoxes_Precision/mAP: 0.375000
INFO:tensorflow:\t+ Loss/total_loss: 0.625000
""",
            (
                Record(
                    "train",
                    100,
                    metrics={"loss": 0.75, "lr": 0.01, "iter_time_s": 0.5},
                    line=5,
                ),
                Record("train", 200, metrics={"loss": 0.5, "lr": 0.02}, line=12),
                Record(
                    "eval",
                    200,
                    metrics={"DetectionBoxes_Precision/mAP": 0.375},
                    facts={"split": "val"},
                    line=15,
                ),
            ),
        ),
    )


FORMAT = TFDetectionText()
