"""``progress.csv`` of Stable-Baselines3, and of the Baselines that it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._returns import OF_BASELINES
from copilot_analytics.formats._rows import Name, Naming
from copilot_analytics.formats._table import Heading, TableFormat, counted_by
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

# In the order of preference: the first that is there counts the steps.
_STEPS = (
    "time/total_timesteps",
    "total_timesteps",
    "misc/total_timesteps",
    "total/steps",
    "TimestepsSoFar",
    "total timesteps",
    "serial_timesteps",
    "misc/serial_timesteps",
    "steps",
)
NAMES: dict[str, Name] = {
    "time/time_elapsed": "#time_s",
    "time_elapsed": "#time_s",
    "misc/time_elapsed": "#time_s",
    "TimeElapsed": "#time_s",
    "total/duration": "#time_s",
    "time/iterations": None,
    "time/episodes": None,
    "time/fps": "fps",
    "misc/nupdates": None,
    "nupdates": None,
    "n_updates": None,
    "train/n_updates": None,
    "eval/n_updates": None,
    "rollout/episodes": None,
    "total/episodes": None,
    "EpisodesSoFar": None,
    "EpThisIter": None,
    "train/loss": "loss",
    "train/learning_rate": "lr",
}


class StableBaselinesCsv(TableFormat):
    """One row a rollout: returns of its episodes, and the update that followed."""

    name: ClassVar[str] = "sb3_csv"
    title: ClassVar[str] = "Stable-Baselines3 progress.csv"
    url: ClassVar[str] = "https://stable-baselines3.readthedocs.io/en/master/common/logger.html"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(NAMES, evaluations=OF_BASELINES)

    def axis(self) -> Axis:
        """Return an axis of steps of the environment."""
        return Axis("timestep")

    def is_header(self, names: Sequence[str]) -> bool:
        """Tell whether timesteps are counted in one of the ways of the Baselines."""
        told = set(names)
        if {"time/total_timesteps", "misc/total_timesteps", "TimestepsSoFar"} & told:
            return True
        old = {"nupdates", "n_updates", "eprewmean", "ep_rewmean", "serial_timesteps"}
        off_policy = {"total/steps", "total/episodes"} <= told
        return off_policy or ("total_timesteps" in told and bool(old & told))

    def heading(self, names: Sequence[str]) -> Heading | None:
        """Return what the columns are called; counters beside the one of the steps are none."""
        if not self.is_header(names):
            return None
        called, _ = counted_by(names, self.naming, _STEPS)
        return Heading(called, self.naming)

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
rollout/ep_rew_mean,time/total_timesteps,time/time_elapsed,train/explained_variance,train/loss
-12.5,1024,3,,
-10.0,2048,7,nan,0.75
""",
            (
                Record("config", facts={"step_unit": "timestep"}, line=2),
                Record(
                    "eval",
                    1024,
                    time=3.0,
                    metrics={"rollout/ep_rew_mean": -12.5},
                    facts={"split": "val"},
                    line=2,
                ),
                Record(
                    "train",
                    2048,
                    time=7.0,
                    metrics={"train/explained_variance": float("nan"), "loss": 0.75},
                    line=3,
                ),
                Record("eval", 2048, metrics={"rollout/ep_rew_mean": -10.0}, line=3),
            ),
        ),
        Sample(
            """\
eplenmean,eprewmean,fps,loss/policy_loss,misc/serial_timesteps,misc/total_timesteps
50.5,1.25,300,0.125,128,1024
""",
            (
                Record("config", facts={"step_unit": "timestep"}, line=2),
                Record("train", 1024, metrics={"loss/policy_loss": 0.125}, line=2),
                Record("eval", 1024, metrics={"eprewmean": 1.25}, line=2),
            ),
        ),
    )


FORMAT = StableBaselinesCsv()
