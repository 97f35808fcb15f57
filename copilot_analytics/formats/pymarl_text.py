"""The console of PyMARL and of what was built on it (EPyMARL, SMAC)."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._headed import HeadedFormat
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern
from copilot_analytics.records import Record

_PAIRS = re.compile(rf"(?P<key>[A-Za-z]\w{{0,60}}):\s{{1,40}}(?P<number>{NUMBER})(?=\s|$)")


class PyMarlText(HeadedFormat):
    """``Recent Stats | t_env: 10000 | Episode: 200`` and four numbers a line below it."""

    name: ClassVar[str] = "pymarl_text"
    title: ClassVar[str] = "PyMARL console log"
    url: ClassVar[str] = "https://github.com/oxwhirl/pymarl"
    smoothing: ClassVar[int | None] = None
    heading: ClassVar[re.Pattern[str]] = re.compile(
        r"\bRecent Stats \| t_env:\s{1,20}(?P<step>\d{1,12}) \| Episode:\s{1,20}\d{1,12}"
    )
    naming: ClassVar[Naming] = Naming(
        test_is_val=True, evaluations=re.compile(r"^(?:return|battle_won)_mean$")
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "config",
            re.compile(r"\bmy_main t_env: \d{1,12} / (?P<planned_steps>[1-9]\d{0,11})\s*$"),
        ),
        Pattern(
            "checkpoint",
            re.compile(r"\bmy_main Saving models to (?P<path>\S{1,300}/(?P<step>\d{1,12}))\s*$"),
        ),
        Pattern(
            "end",
            re.compile(r"\bmy_main Finished Training\b"),
            facts={"reason": "the log says that training finished"},
        ),
        Pattern(
            "train",
            re.compile(rf"^(?P<rest>[A-Za-z]\w{{0,60}}:\s{{1,40}}{NUMBER}(?:\s.{{0,300}})?)$"),
            _PAIRS,
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
[INFO 10:20:30] my_main t_env: 1000 / 20000
[INFO 10:20:31] my_main Recent Stats | t_env:       1000 | Episode:       10
battle_won_mean:           0.1250 ep_length_mean:           40.5000 loss:                      0.5
return_mean:               2.5000\ttest_return_mean:          3.5000
[INFO 10:20:40] my_main Finished Training
""",
            (
                Record("config", facts={"planned_steps": 20000}, line=1),
                Record("config", facts={"step_unit": "timestep"}, line=3),
                Record("train", 1000, metrics={"loss": 0.5, "ep_length_mean": 40.5}, line=3),
                Record("eval", 1000, metrics={"battle_won_mean": 0.125}, line=3),
                Record("eval", 1000, metrics={"return_mean": 2.5}, line=4),
                Record("end", line=5),
            ),
        ),
    )

    def axis(self) -> Axis:
        """Return an axis of steps of the environment."""
        return Axis("timestep")


FORMAT = PyMarlText()
