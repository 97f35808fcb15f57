"""``monitor.csv`` of Gym, Baselines and Stable-Baselines3: return and length of every episode."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._json_rows import number_in, objects_in
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._table import Columns, TableFormat, TableParser
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from copilot_analytics.records import Ints

_HEAD = re.compile(r"^#\s?\{.{0,2000}\"t_start\".{0,2000}\}\s*$")
_COLUMNS = ("r", "l", "t")


class MonitorParser(TableParser):
    """Counts the steps of the environment by the lengths of the episodes."""

    def __init__(self, form: MonitorCsv, file: str) -> None:
        rows = RowReader(file, form.axis(), form.naming)
        super().__init__(rows, form.heading, self._counted)
        self._steps = self._start = 0.0

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Take the first line, which says when the environment was made."""
        if _HEAD.match(line):
            for statement in objects_in([line.lstrip("# ")]):
                self._start = number_in(statement.get("t_start")) or 0.0
            return ()
        return super().parse(line, number)

    def _counted(self, columns: Columns, lines: Ints) -> Iterator[tuple[Columns, Ints]]:
        if "#length" not in columns:
            return
        length = columns.pop("#length")
        steps = self._steps + np.cumsum(length)
        self._steps = float(steps[-1])
        if "#time_s" in columns:
            columns["#time_s"] = columns["#time_s"] + self._start
        yield {**columns, "#step": steps, "episode_length": length}, lines


class MonitorCsv(TableFormat):
    """A commented line of JSON, then the return, length and seconds of every episode."""

    name: ClassVar[str] = "sb3_monitor"
    title: ClassVar[str] = "Stable-Baselines3 or Gym monitor.csv"
    url: ClassVar[str] = "https://stable-baselines3.readthedocs.io/en/master/common/monitor.html"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming(
        {"r": "episode_reward", "l": "#length", "t": "#time_s"},
        evaluations=re.compile(r"^episode_reward$"),
    )

    def axis(self) -> Axis:
        """Return an axis of steps of the environment."""
        return Axis("timestep")

    def is_header(self, names: Sequence[str]) -> bool:
        """Tell whether the columns are those that a monitor begins with."""
        return tuple(names[:3]) == _COLUMNS

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: the commented line settles it, or the header where it was cut."""
        if any(map(_HEAD.match, lines[:2])):
            return 1.0
        return 1.0 if lines and tuple(lines[0].strip().split(",")) == _COLUMNS else 0.0

    def parser(self, file: str) -> MonitorParser:
        """Return a fresh parser for a log."""
        return MonitorParser(self, file)

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
#{"t_start": 1600000000.5, "env_id": "Toy-v0"}
r,l,t
-12.5,20,0.5
-10.0,25,1.25
""",
            (
                Record("config", facts={"step_unit": "timestep"}, line=3),
                Record("train", 20, None, 1600000001.0, {"episode_length": 20.0}, line=3),
                Record("eval", 20, metrics={"episode_reward": -12.5}, line=3),
                Record("train", 45, None, 1600000001.75, {"episode_length": 25.0}, line=4),
                Record("eval", 45, metrics={"episode_reward": -10.0}, line=4),
            ),
        ),
    )


FORMAT = MonitorCsv()
