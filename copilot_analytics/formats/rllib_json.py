"""``result.json`` of RLlib and Ray Tune: one JSON object for every iteration of a trial."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._json_rows import JsonRowsFormat, flattened
from copilot_analytics.formats._rows import Naming
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from copilot_analytics.formats._base import Json

# In the order of preference: the first that is there counts the steps.
_STEPS = ("num_env_steps_sampled_lifetime", "timesteps_total", "agent_timesteps_total")
_RETURN = re.compile(r"^(?:evaluation/)?episode_(?:reward|return)_(?:mean|max|min)$")
_LEARNER = re.compile(r"^(?:info/)?learners?/[^/]{1,60}/(?:learner_stats/)?(?P<name>[^/]{1,60})$")
_LEARNER_NAMES = {"total_loss": "loss", "cur_lr": "lr"}


class RllibJson(JsonRowsFormat):
    """Returns of the episodes of an iteration, and the losses of the learner deep in it."""

    name: ClassVar[str] = "rllib_json"
    title: ClassVar[str] = "RLlib result.json"
    url: ClassVar[str] = "https://docs.ray.io/en/latest/rllib/index.html"
    smoothing: ClassVar[int | None] = 1
    nests: ClassVar[bool] = True
    naming: ClassVar[Naming] = Naming({"time_total_s": "#time_s"}, evaluations=_RETURN)
    required: ClassVar[frozenset[str]] = frozenset({"training_iteration"})

    def axis(self) -> Axis:
        """Return an axis of steps of the environments."""
        return Axis("timestep")

    def is_row(self, statement: Json) -> bool:
        """Tell whether a statement counts iterations, and the steps of an agent."""
        counts = "training_iteration" in statement and "time_this_iter_s" in statement
        return counts and any(key in statement for key in _STEPS)

    def is_nested(self, statement: Json) -> bool:
        """Tell that few of the many numbers are metrics."""
        return True

    def numbers(self, statement: Json) -> dict[str, float]:
        """Return the returns, the numbers of the learner, and the place."""
        row = flattened(statement)
        numbers: dict[str, float] = {}
        for key, number in row.items():
            learnt = _LEARNER.match(key)
            inner = key.removeprefix("sampler_results/").removeprefix("env_runners/")
            if learnt is not None:
                name = learnt["name"]
                numbers.setdefault(_LEARNER_NAMES.get(name, name), number)
            elif _RETURN.match(inner) or inner in {"episode_len_mean", "time_total_s"}:
                numbers.setdefault(inner, number)
        steps = next((row[key] for key in _STEPS if key in row), None)
        return {} if steps is None else {"#step": steps, **numbers}

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
{"episode_reward_mean": 12.5, "episode_len_mean": 20.5, "training_iteration": 1, \
"timesteps_total": 4000, "time_this_iter_s": 4.5, "time_total_s": 4.5, \
"info": {"learner": {"default_policy": {"learner_stats": {"total_loss": 1.5, "cur_lr": 0.001}}}}, \
"config": {"lr": 0.5}}
{"env_runners": {"episode_return_mean": 20.5}, "training_iteration": 2, \
"num_env_steps_sampled_lifetime": 8000, "time_this_iter_s": 4.5, "time_total_s": 9.0, \
"learners": {"default_policy": {"total_loss": 1.25}}}
""",
            (
                Record("config", facts={"step_unit": "timestep"}, line=1),
                Record("train", 4000, time=4.5, metrics={"loss": 1.5, "lr": 0.001}, line=1),
                Record("eval", 4000, metrics={"episode_reward_mean": 12.5}, line=1),
                Record("train", 8000, time=9.0, metrics={"loss": 1.25}, line=2),
                Record("eval", 8000, metrics={"episode_return_mean": 20.5}, line=2),
            ),
        ),
    )


FORMAT = RllibJson()
