"""The console of ElegantRL: a table whose cells have fixed widths and may touch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEADER = re.compile(
    r"^\s*ID\s+Step\s+(?:Time|maxR) \|\s+avgR\s+stdR\s+avgS\s+stdS \|\s+expR\s+objC"
)


class ElegantRLText(StatementFormat):
    """``0  9.48e+03     423 |   22.63    5.7   4739     0 |   -2.83   1.89   0.00  -0.02``."""

    name: ClassVar[str] = "elegantrl_text"
    title: ClassVar[str] = "ElegantRL console log"
    url: ClassVar[str] = "https://github.com/AI4Finance-Foundation/ElegantRL"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(evaluations=re.compile(r"^(?:avg|std)R$"))
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"^\s{0,12}\d{1,6}\s{1,4}(?P<step>\d\.\d\de[+-]\d\d)[ \d.+-]{8} "
                r"\|\s{0,8}(?P<avgR>-?\d{1,9}\.\d\d)\s{0,7}(?P<stdR>\d{1,9}\.\d)"
                r"\s{0,7}\d{1,9}\s{0,6}\d{1,9} "
                r"\|\s{0,8}(?P<expR>-?\d{1,9}\.\d\d)\s{0,7}(?P<objC>-?\d{1,9}\.\d\d)"
            ),
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
ID     Step    Time |    avgR   stdR   avgS  stdS |    expR   objC   objA   etc.
0  3.20e+03       4 |-1463.02   44.1    200     0 |   -7.02   2.31 -21.30
0  3.20e+03       4 |-1463.02
0  2.40e+04      34 |-1049.32   21.9    200     0 |   -7.57   1.80-103.58
""",
            (
                Record("config", facts={"step_unit": "timestep"}, line=2),
                Record("train", 3200, metrics={"expR": -7.02, "objC": 2.31}, line=2),
                Record("eval", 3200, metrics={"avgR": -1463.02, "stdR": 44.1}, line=2),
                Record("train", 24000, metrics={"objC": 1.8}, line=4),
                Record("eval", 24000, metrics={"avgR": -1049.32}, line=4),
            ),
        ),
    )

    def axis(self) -> Axis:
        """Return an axis of steps of the environment."""
        return Axis("timestep")

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: the header settles it."""
        return 1.0 if any(_HEADER.search(line) for line in lines) else 0.0


FORMAT = ElegantRLText()
