"""``progress.txt`` and ``progress.csv`` of Spinning Up, rllab, garage and rlkit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._rows import Name, Naming
from copilot_analytics.formats._table import Heading, TableFormat, counted_by
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

# In the order of preference: the first that is there counts the steps.
_STEPS = (
    "TotalEnvInteracts",
    "TotalEnvSteps",
    "exploration/num steps total",
    "Number of env steps total",
    "NumTimesteps",
    "Evaluation/Iteration",
    "Iteration",
    "Epoch",
    "Itr",
)
_TIMESTEPS = _STEPS[:5]
_NAMES: dict[str, Name] = {
    "Time": "#time_s",
    "time/total (s)": "#time_s",
    "Total Train Time (s)": "#time_s",
    "time/epoch (s)": None,
}
_RETURN = re.compile(
    r"^Average(?:Test)?EpRet$|^(?:Std|Max|Min)(?:Test)?EpRet$|^(?:Evaluation/)?\w{1,20}Return$"
    r"|^evaluation/|^(?:AverageTest|Test)|^Evaluation/SuccessRate"
)


class RlProgress(TableFormat):
    """One row an epoch of reinforcement learning, with the returns of its episodes."""

    name: ClassVar[str] = "rl_progress"
    title: ClassVar[str] = "Spinning Up, rllab or garage progress table"
    url: ClassVar[str] = "https://spinningup.openai.com/en/latest/user/saving_and_loading.html"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(_NAMES, evaluations=_RETURN)

    def is_header(self, names: Sequence[str]) -> bool:
        """Tell whether there is a return and a counter as these loggers name them."""
        told = set(names)
        returns = {
            "AverageEpRet",
            "AverageTestEpRet",
            "AverageReturn",
            "Evaluation/AverageReturn",
            "evaluation/Average Returns",
            "AverageDiscountedReturn",
        }
        return bool(told & returns) and bool(told & set(_STEPS))

    def heading(self, names: Sequence[str]) -> Heading | None:
        """Return what the columns are called; counters beside the one of the steps are none."""
        if not self.is_header(names):
            return None
        called, steps = counted_by(names, self.naming, _STEPS)
        return Heading(called, self.naming, unit="timestep" if steps in _TIMESTEPS else "iteration")

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            "Epoch\tAverageEpRet\tEpLen\tLossPi\tTotalEnvInteracts\tTime\n"
            "0\t12.5\t20.0\t-0.125\t4000\t5.5\n"
            "1\t25.0\t40.0\t-0.25\t8000\t10.5\n",
            (
                Record("config", facts={"step_unit": "timestep"}, line=2),
                Record("train", 4000, time=5.5, metrics={"LossPi": -0.125, "EpLen": 20.0}, line=2),
                Record("eval", 4000, metrics={"AverageEpRet": 12.5}, line=2),
                Record("train", 8000, time=10.5, metrics={"LossPi": -0.25}, line=3),
                Record("eval", 8000, metrics={"AverageEpRet": 25.0}, line=3),
            ),
        ),
        Sample(
            "Iteration,AverageReturn,Entropy\n0,-50.5,1.5\n",
            (
                Record("train", 0, metrics={"Entropy": 1.5}, line=2),
                Record("eval", 0, metrics={"AverageReturn": -50.5}, line=2),
            ),
        ),
    )


FORMAT = RlProgress()
