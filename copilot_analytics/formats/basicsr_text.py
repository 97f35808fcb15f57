"""The logs of BasicSR and of what grew from it and from its ancestor MMSR."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample, judges_each_line
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._pairs import ANY_PAIRS, ETA
from copilot_analytics.formats._parts import Part, PartsFormat, PartsParser
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._statements import Pattern
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from copilot_analytics.records import Floats, Ints, Item

_ITERATION = r"iter:\s{0,9}(?:(?:(?P<millions>\d{1,3}),)?(?P<thousands>\d{1,3}),)?(?P<ones>\d{1,9})"

_IN_BRACKETS = rf"<epoch:\s{{0,9}}(?P<epoch>\d{{1,7}}), {_ITERATION}"
_RESULT = re.compile(
    rf"{_IN_BRACKETS}(?:> (?P<rest>[a-zA-Z]\w{{0,20}}: {NUMBER})\.?|"
    rf", Average PSNR : (?P<PSNR>{NUMBER})dB)\s*$"
)


class BasicSRParser(PartsParser):
    """Reads lines by patterns; iterations are written with commas between their thousands."""

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn the numbers of training lines into blocks."""
        return super().block(_with_step(columns), lines)

    def gather(self, part: Part, numbers: Mapping[str, float], line: int) -> Iterator[Record]:
        """Take what a part of a row tells."""
        return super().gather(part, _with_step(numbers), line)


def _with_step(columns: Mapping[str, Any]) -> dict[str, Any]:
    rest = dict(columns)
    if "ones" not in rest:
        return rest
    step = rest.pop("ones")
    for part, factor in (("thousands", 1e3), ("millions", 1e6)):
        if part in rest:
            step = step + rest.pop(part) * factor
    return {"#step": step, **rest}


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
        Pattern(  # MMSR, ESRGAN and KAIR
            "train",
            re.compile(
                rf"{_IN_BRACKETS}, "
                rf"lr:\(?(?P<lr>{NUMBER})(?:,{NUMBER}){{0,9}},?\)?>\s(?P<rest>.*)$"
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
            "end",
            re.compile(r"End of training\.(?: Time consumed|\s*$)"),
            facts={"reason": "completed"},
        ),
    )
    parts: ClassVar[tuple[Part, ...]] = (
        Part(Pattern("eval", _RESULT, ANY_PAIRS), opens=True),
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
        Sample(
            """\
24-03-01 10:00:10.500 - INFO: <epoch:  2, iter:     900, lr:2.000e-04> l_pix: 5.0000e-01
24-03-01 10:00:20.500 - INFO: <epoch:  3, iter:   1,400, lr:1.000e-04> l_pix: 2.5000e-01
24-03-01 10:00:30.500 - INFO: <epoch:  3, iter:   1,400> psnr: 3.0500e+01.
24-03-01 10:00:40.500 : <epoch:  4, iter:   1,500, Average PSNR : 31.25dB
""",
            (
                Record("train", 900, metrics={"l_pix": 0.5, "lr": 2e-4}, line=1),
                Record("train", 1400, metrics={"l_pix": 0.25}, line=2),
                Record("eval", 1400, metrics={"psnr": 30.5}, line=3),
                Record("eval", 1500, metrics={"PSNR": 31.25}, line=4),
            ),
        ),
    )

    @judges_each_line
    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: a log of validations alone has no training line."""
        results = any(_RESULT.search(line) for line in lines)
        return 1.0 if results else super().confidence(lines)

    def axis(self) -> Axis:
        """Return the axis of a log: epochs count from 0."""
        return Axis(epoch_base=0)

    def parser(self, file: str) -> BasicSRParser:
        """Return a fresh parser for a log."""
        rows = RowReader(file, self.axis(), self.naming)
        return BasicSRParser(self.patterns, self.parts, rows, self.naming)


FORMAT = BasicSRText()
