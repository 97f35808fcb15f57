"""The logs of BasicSR and of what grew from it and from its ancestor MMSR."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._pairs import ANY_PAIRS, ETA
from copilot_analytics.formats._parts import Part, PartsFormat, PartsParser
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._statements import Pattern
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from copilot_analytics.records import Floats, Ints, Item

_ITERATION = r"iter:\s{0,9}(?:(?:(?P<millions>\d{1,3}),)?(?P<thousands>\d{1,3}),)?(?P<ones>\d{1,9})"


class BasicSRParser(PartsParser):
    """Reads lines by patterns; iterations are written with commas between their thousands."""

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn the numbers of training lines into blocks."""
        rest = dict(columns)
        step = rest.pop("ones")
        for part, factor in (("thousands", 1e3), ("millions", 1e6)):
            if part in rest:
                step = step + rest.pop(part) * factor
        return super().block({"#step": step, **rest}, lines)


class BasicSRText(PartsFormat):
    """``[epoch:  0, iter:   1,400, lr:(2.000e-04,)] [eta: ...] l_pix: 5.4e-02``."""

    name: ClassVar[str] = "basicsr_text"
    title: ClassVar[str] = "BasicSR log"
    url: ClassVar[str] = "https://github.com/XPixelGroup/BasicSR"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming({"time": "iter_time_s", "epoch": None, "iter": None})
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                rf"\[(?:\w{{1,40}}\.\.\]\[)?epoch:\s{{0,9}}(?P<epoch>\d{{1,7}}), {_ITERATION}, "
                rf"lr:\((?P<lr>{NUMBER}),(?:{NUMBER},){{0,9}}\)\]\s?"
                rf"(?:\[eta: {ETA}, time \(data\): (?P<iter_time_s>{NUMBER}) "
                rf"\((?P<data_time_s>{NUMBER})\)\]\s)?(?P<rest>.*)$"
            ),
            ANY_PAIRS,
        ),
        Pattern(
            "train",
            re.compile(
                rf"(?:^|\s)epoch:(?P<epoch>\d{{1,7}}), {_ITERATION}, (?P<rest>lr: .*?)"
                rf"(?:\s{{1,3}}eta: {ETA}, time \(data\): (?P<iter_time_s>{NUMBER}))?\s*$"
            ),
            ANY_PAIRS,
        ),
        Pattern("config", re.compile(r"^\s*(?:total_iter|niter): (?P<planned_steps>\d{1,10})\s*$")),
        Pattern(
            "resume",
            re.compile(
                r"Start training from epoch: (?P<epoch>\d{1,7}), iter: (?P<step>[1-9]\d{0,9})\s*$"
            ),
        ),
        Pattern(
            "end", re.compile(r"End of training\. Time consumed"), facts={"reason": "completed"}
        ),
    )
    parts: ClassVar[tuple[Part, ...]] = (
        Part(
            Pattern(
                "eval",
                re.compile(r"# Validation # (?P<rest>\w{1,20}: .*)$"),
                ANY_PAIRS,
            ),
        ),
        Part(
            Pattern(
                "eval",
                re.compile(
                    r"(?:Validation \S{1,80}|^)\s*# "
                    rf"(?P<rest>(?!Validation)[\w-]{{1,20}}: {NUMBER})"
                    r"(?:\s{1,8}Best: .*)?\s*$"
                ),
                ANY_PAIRS,
            ),
        ),
        Part(Pattern("eval", re.compile(r"(?:^|\s)Validation \S{1,80}\s*$")), opens=True),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
    total_iter: 2000000
2024-03-01 10:00:00,500 INFO: Start training from epoch: 0, iter: 0
2024-03-01 10:00:10,500 INFO: [toy_x..][epoch:  0, iter:     900, lr:(2.000e-04,)] \
[eta: 1 day, 0:00:10, time (data): 0.500 (0.125)] l_pix: 5.0000e-01 l_g: 2.5000e-01
2024-03-01 10:00:20,500 INFO: [toy_x..][epoch:  1, iter:   1,400, lr:(1.000e-04,)] \
[eta: 23:59:50, time (data): 0.500 (0.125)] l_pix: 2.5000e-01 l_g: 1.2500e-01
2024-03-01 10:00:30,500 INFO: Validation toyset
\t # psnr: 30.5000\tBest: 31.0000 @ 900 iter
\t # ssim: 0.7500\tBest: 0.8750 @ 900 iter

2024-03-01 10:00:40,500 INFO: End of training. Time consumed: 0:00:40
""",
            (
                Record("config", facts={"planned_steps": 2_000_000}, line=1),
                Record("train", 900, metrics={"l_pix": 0.5, "lr": 2e-4, "eta_s": 86410.0}, line=3),
                Record("train", 1400, metrics={"l_pix": 0.25, "data_time_s": 0.125}, line=4),
                Record("eval", 1400, metrics={"psnr": 30.5, "ssim": 0.75}, line=7),
                Record("end", line=9),
            ),
        ),
    )

    def axis(self) -> Axis:
        """Return the axis of a log: epochs count from 0."""
        return Axis(epoch_base=0)

    def parser(self, file: str) -> BasicSRParser:
        """Return a fresh parser for a log."""
        rows = RowReader(file, self.axis(), self.naming)
        return BasicSRParser(self.patterns, self.parts, rows, self.naming)


FORMAT = BasicSRText()
