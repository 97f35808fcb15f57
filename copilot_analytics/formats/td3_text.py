"""The console of TD3's authors, which most implementations of TD3 and DDPG print alike."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

_EPISODE = re.compile(
    r"\bTotal T: (?P<step>\d{1,12}),? {1,2}Episode Num: \d{1,9},? {1,2}Episode T: \d{1,9},? {1,2}"
    rf"Reward: (?P<Reward>{NUMBER})(?![\w.])"
)


class Td3Text(StatementFormat):
    """``Total T: 1000 Episode Num: 1 Episode T: 1000 Reward: 39.516``, and evaluations."""

    name: ClassVar[str] = "td3_text"
    title: ClassVar[str] = "console log of TD3 and DDPG as its authors print it"
    url: ClassVar[str] = "https://github.com/sfujim/TD3"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(
        {"evaluation": "evaluation/return"},
        evaluations=re.compile(r"^(?:Reward|evaluation/return)$"),
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern("train", _EPISODE),
        Pattern(
            "eval",
            re.compile(rf"\bEvaluation over \d{{1,6}} episodes: (?P<evaluation>{NUMBER})"),
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
---------------------------------------
Policy: TD3, Env: Toy-v2, Seed: 3
---------------------------------------
Total T: 1000 Episode Num: 1 Episode T: 1000 Reward: 11.250
Total T: 1750 Episode Num: 2 Episode T: 750 Reward: -4.500
---------------------------------------
Evaluation over 10 episodes: 20.125
---------------------------------------
Total T: 2750 Episode Num: 3 Episode T: 1000 Reward: 31.000
""",
            (
                Record("config", facts={"step_unit": "timestep"}, line=4),
                Record("eval", 1000, metrics={"Reward": 11.25}, line=4),
                Record("eval", 1750, metrics={"Reward": -4.5}, line=5),
                Record("eval", metrics={"evaluation/return": 20.125}, line=7),
                Record("eval", 2750, metrics={"Reward": 31.0}, line=9),
            ),
        ),
    )

    def axis(self) -> Axis:
        """Return an axis of steps of the environment."""
        return Axis("timestep")

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: no other trainer tells an episode so."""
        return 1.0 if any(_EPISODE.search(line) for line in lines) else 0.0


FORMAT = Td3Text()
