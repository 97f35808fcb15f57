"""The console of CNTK, of its scripts and of its BrainScript alike."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

_PAIRS = re.compile(
    rf"(?<![\w.])(?P<key>[A-Za-z_]\w{{0,40}}) = (?P<number>{NUMBER})(?=%? \* \d|\s*;|$)"
)


class CNTKText(StatementFormat):
    """``Finished Epoch[ 1 of 8]: [Training] ce = 0.77274927 * 36007; errs = 15.344% * 36007``."""

    name: ClassVar[str] = "cntk_text"
    title: ClassVar[str] = "CNTK console log"
    url: ClassVar[str] = "https://docs.microsoft.com/cognitive-toolkit/"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(
        {
            "learningRatePerSample": "lr",
            "totalSamplesSeen": None,
            "epochTime": None,
        }
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"\bFinished Epoch\[\s{0,6}(?P<epoch>\d{1,7}) of (?P<epochs>\d{1,7})\]: "
                r"\[Training\] (?P<rest>.{1,600})$"
            ),
            _PAIRS,
        ),
        Pattern(
            "eval",
            re.compile(
                r"\bFinished Epoch\[\s{0,6}(?P<epoch>\d{1,7}) of \d{1,7}\]: "
                r"\[Validate\] (?P<rest>.{1,600})$"
            ),
            _PAIRS,
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
Finished Epoch[ 1 of 2]: [Training] ce = 1.5 * 400; errs = 50.250% * 400; \
totalSamplesSeen = 400; learningRatePerSample = 0.001; epochTime=1.5s
Finished Epoch[ 1 of 2]: [Validate] ce = 1.25 * 100; errs = 40.500% * 100
""",
            (
                Record("config", facts={"step_unit": "epoch", "planned_epochs": 2}, line=1),
                Record("train", 1, 1.0, metrics={"ce": 1.5, "errs": 50.25, "lr": 0.001}, line=1),
                Record("eval", 1, 1.0, metrics={"ce": 1.25, "errs": 40.5}, line=2),
            ),
        ),
    )

    def axis(self) -> Axis:
        """Return an axis of epochs."""
        return Axis("epoch", epoch_base=1)


FORMAT = CNTKText()
