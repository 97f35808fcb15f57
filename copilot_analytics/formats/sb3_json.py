"""``progress.json`` of Stable-Baselines3: one JSON object for every dump of its logger."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._json_rows import JsonRowsFormat
from copilot_analytics.formats._returns import OF_BASELINES
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats.sb3_csv import NAMES
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from copilot_analytics.formats._base import Json

_STEPS = ("time/total_timesteps", "misc/total_timesteps", "total_timesteps")


class StableBaselinesJson(JsonRowsFormat):
    """The names of ``progress.csv`` as keys; results of evaluations stand in the same objects."""

    name: ClassVar[str] = "sb3_json"
    title: ClassVar[str] = "Stable-Baselines3 progress.json"
    url: ClassVar[str] = "https://stable-baselines3.readthedocs.io/en/master/common/logger.html"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(
        {**NAMES, **dict.fromkeys(_STEPS, "#step")}, evaluations=OF_BASELINES
    )
    required: ClassVar[frozenset[str]] = frozenset(_STEPS)

    def axis(self) -> Axis:
        """Return an axis of steps of the environment."""
        return Axis("timestep")

    def is_row(self, statement: Json) -> bool:
        """Tell whether a statement can only come from this logger."""
        if "time/total_timesteps" in statement or "misc/total_timesteps" in statement:
            return True
        return "total_timesteps" in statement and any(map(OF_BASELINES.search, statement))

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
{"rollout/ep_rew_mean": 12.5, "time/total_timesteps": 512}
{"eval/mean_reward": 20.5, "time/total_timesteps": 1000, "train/loss": 0.5}
""",
            (
                Record("config", facts={"step_unit": "timestep"}, line=1),
                Record("eval", 512, metrics={"rollout/ep_rew_mean": 12.5}, line=1),
                Record("train", 1000, metrics={"loss": 0.5}, line=2),
                Record("eval", 1000, metrics={"eval/mean_reward": 20.5}, line=2),
            ),
        ),
    )


FORMAT = StableBaselinesJson()
