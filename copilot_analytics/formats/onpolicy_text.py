"""The console log of on-policy, the code of MAPPO, and of what kept its runners."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record


class OnPolicyText(StatementFormat):
    """``... updates 5/625 episodes, total num timesteps 1200/150000, FPS 340.``."""

    name: ClassVar[str] = "onpolicy_text"
    title: ClassVar[str] = "MAPPO (on-policy) console log"
    url: ClassVar[str] = "https://github.com/marlbenchmark/on-policy"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(
        {"rewards": "average episode rewards", "eval_rewards": "eval average episode rewards"}
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"updates \d{1,9}/\d{1,9} episodes, total num timesteps "
                rf"(?P<step>\d{{1,12}})/(?P<steps>\d{{1,12}}), FPS (?P<fps>{NUMBER})"
            ),
        ),
        Pattern("eval", re.compile(rf"^\s*average episode rewards is:? (?P<rewards>{NUMBER})")),
        Pattern(
            "eval",
            re.compile(
                r"^\s*eval average episode rewards (?:is|of agents?\d{0,3}):? "
                rf"(?P<eval_rewards>{NUMBER})"
            ),
        ),
        Pattern("eval", re.compile(rf"^\s*incre win rate is (?P<win_rate>{NUMBER})")),
        Pattern("eval", re.compile(rf"^\s*eval win rate is (?P<eval_win_rate>{NUMBER})")),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
 Scenario toy Algo rmappo Exp a updates 0/30 episodes, total num timesteps 50/1500, FPS 340.

average episode rewards is -12.5

 Scenario toy Algo rmappo Exp a updates 5/30 episodes, total num timesteps 300/1500, FPS 350.

average episode rewards is -10.25
eval average episode rewards of agent: -9.5
""",
            (
                Record("config", facts={"step_unit": "timestep", "planned_steps": 1500}, line=1),
                Record("train", 50, metrics={"fps": 340.0}, line=1),
                Record("eval", 50, metrics={"average episode rewards": -12.5}, line=3),
                Record("train", 300, metrics={"fps": 350.0}, line=5),
                Record("eval", 300, metrics={"average episode rewards": -10.25}, line=7),
                Record("eval", 300, metrics={"eval average episode rewards": -9.5}, line=8),
            ),
        ),
    )

    def axis(self) -> Axis:
        """Return the axis of a log, which counts the steps of the environments."""
        return Axis("timestep")


FORMAT = OnPolicyText()
