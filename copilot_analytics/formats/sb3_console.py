"""Boxes of console metrics: Stable-Baselines3, the Baselines before it, Spinning Up, rl_zoo."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import LogFormat, Sample
from copilot_analytics.formats._line_by_line import LineByLine, one_row
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._returns import OF_BASELINES
from copilot_analytics.formats._rows import Name, Naming
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_EDGE = re.compile(r"^\s*-{10,300}\s*$")
_GROUP = re.compile(r"^\s*\|\s*(?P<group>[\w ]{1,40}/)\s*\|\s*\|\s*$")
_ROW = re.compile(
    rf"^\s*\|\s*(?P<key>[A-Za-z][^|\r\n]{{0,60}}?)\s*\|\s*(?P<number>{NUMBER})\s*\|\s*$"
)
_STEPS = (
    "time/total_timesteps",
    "total_timesteps",
    "misc/total_timesteps",
    "TotalEnvInteracts",
    "TimestepsSoFar",
    "total timesteps",
    "steps",
)
_NAMES: dict[str, Name] = {
    **dict.fromkeys(_STEPS, "#step"),
    "train/learning_rate": "lr",
    **dict.fromkeys("time/iterations time/time_elapsed time/fps fps time_elapsed Time".split()),
    **dict.fromkeys("nupdates serial_timesteps misc/nupdates misc/serial_timesteps Epoch".split()),
}


class BoxParser(LineByLine):
    """Takes every box for a row.

    Parameters
    ----------
    file
        Name of the log.
    axis, naming
        As for other rows.
    steps
        Keys of which a box has one if it is a row.
    """

    def __init__(self, file: str, axis: Axis, naming: Naming, steps: Sequence[str]) -> None:
        super().__init__(file, axis, naming)
        self._steps = steps
        self._row: dict[str, float] = {}
        self._group = ""

    def see(self, line: str, number: int) -> Iterator[Record]:
        """Take one line."""
        if found := _ROW.search(line):
            key = found["key"]
            self._row[self._group + key] = float(found["number"])
        elif found := _GROUP.search(line):
            self._group = found["group"]
        elif _EDGE.search(line):
            row, self._row, self._group = self._row, {}, ""
            if any(key in self._steps for key in row):
                yield from one_row(self.rows, row, number)
        elif "|" not in line:
            self._row, self._group = {}, ""


def boxes(lines: Sequence[str]) -> Iterator[set[str]]:
    """Yield the keys of each box, with their groups."""
    keys: set[str] = set()
    group, inside = "", False
    for line in lines:
        if _EDGE.search(line):
            if inside:
                yield keys
            keys, group, inside = set(), "", True
        elif inside and (found := _ROW.search(line)):
            keys.add(group + found["key"])
        elif inside and (found := _GROUP.search(line)):
            group = found["group"]
        elif "|" not in line:
            inside = False


class Sb3Console(LogFormat):
    """A box of names and numbers for every dump of the logger."""

    name: ClassVar[str] = "sb3_console"
    title: ClassVar[str] = "Stable-Baselines3 or Spinning Up console log"
    url: ClassVar[str] = "https://stable-baselines3.readthedocs.io"
    smoothing: ClassVar[int | None] = None
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
---------------------------------
| rollout/           |          |
|    ep_len_mean     | 22.5     |
|    ep_rew_mean     | 20.5     |
| time/              |          |
|    fps             | 1000     |
|    total_timesteps | 2048     |
| train/             |          |
|    learning_rate   | 0.0003   |
|    loss            | -0.25    |
---------------------------------
---------------------------------
| eval/              |          |
|    mean_reward     | 30.5     |
| time/              |          |
|    total_timesteps | 4096     |
---------------------------------
""",
            (
                Record("config", facts={"step_unit": "timestep"}, line=11),
                Record(
                    "train",
                    2048,
                    metrics={"lr": 0.0003, "train/loss": -0.25},
                    line=11,
                ),
                Record("eval", 2048, metrics={"rollout/ep_rew_mean": 20.5}, line=11),
                Record("eval", 4096, metrics={"eval/mean_reward": 30.5}, line=17),
            ),
        ),
        Sample(
            """\
---------------------------------------
|             Epoch |               1 |
|      AverageEpRet |            12.5 |
| TotalEnvInteracts |            4000 |
|              Time |            10.5 |
---------------------------------------
""",
            (
                Record("config", facts={"step_unit": "timestep"}, line=6),
                Record("eval", 4000, metrics={"AverageEpRet": 12.5}, line=6),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: a box that counts timesteps settles it, not one of ``steps``."""
        return 1.0 if any(len(box) > 1 and box & {*_STEPS[:-1]} for box in boxes(lines)) else 0.0

    def parser(self, file: str) -> BoxParser:
        """Return a fresh parser for a log."""
        naming = Naming(_NAMES, evaluations=OF_BASELINES)
        return BoxParser(file, Axis("timestep"), naming, _STEPS)


FORMAT = Sb3Console()
