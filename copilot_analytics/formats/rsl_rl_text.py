"""Console of RSL-RL, the trainer of legged_gym and Isaac Lab: a block of lines an iteration."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import LogFormat, Sample
from copilot_analytics.formats._line_by_line import LineByLine, one_row
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_HEADER = re.compile(r"^\s*Learning iteration (?P<done>\d{1,9})/(?P<total>\d{1,9})\s*$")
_ROW = re.compile(rf"^\s*(?P<key>[A-Za-z][\w /.-]{{0,80}}?):\s{{1,40}}(?P<number>{NUMBER})s?\s*$")
_NO_METRIC = frozenset(
    {"Computation", "Total timesteps", "Iteration time", "Collection time", "Learning time"}
)
_NAMING = Naming(
    {"Total time": "#time_s", "ETA": "eta_s", "Mean total reward": "Mean reward"},
    evaluations=re.compile(r"^Mean (?:total )?reward$|^Mean success"),
)


class RslRlParser(LineByLine):
    """Takes a block for a row once the next one, or the end, shows that it is whole."""

    def __init__(self, file: str) -> None:
        super().__init__(file, Axis(), _NAMING)
        self._row: dict[str, float] = {}
        self._line = 0

    def see(self, line: str, number: int) -> Iterator[Record]:
        """Take one line."""
        header = _HEADER.match(line)
        if header is not None:
            yield from self._told()
            self._row = {"#step": float(header["done"]), "#steps": float(header["total"])}
            self._line = number
            return
        found = _ROW.match(line) if self._row else None
        if found is not None and found["key"] not in _NO_METRIC:
            self._row.setdefault(found["key"], float(found["number"]))

    def close(self) -> Iterable[Record]:
        """Tell the last block."""
        return list(self._told())

    def _told(self) -> Iterator[Record]:
        row, self._row = self._row, {}
        if len(row) > 2:  # more than its place
            yield from one_row(self.rows, row, self._line)


class RslRl(LogFormat):
    """Losses, the mean reward of the latest episodes and terms of the reward, one a line."""

    name: ClassVar[str] = "rsl_rl_text"
    title: ClassVar[str] = "RSL-RL (Isaac Lab, legged_gym) console log"
    url: ClassVar[str] = "https://github.com/leggedrobotics/rsl_rl"
    smoothing: ClassVar[int | None] = 1
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
##########################
 Learning iteration 4/50

             Computation: 900 steps/s (collection: 1.5s, learning 0.5s)
     Value function loss: 0.5000
             Mean reward: 2.25
--------------------------
         Total timesteps: 4096
              Total time: 10.50s
                     ETA: 92.0s
##########################
 Learning iteration 5/50

     Value function loss: 0.2500
             Mean reward: 2.50
""",
            (
                Record("config", facts={"planned_steps": 50}, line=2),
                Record(
                    "train",
                    4,
                    time=10.5,
                    metrics={"Value function loss": 0.5, "eta_s": 92.0},
                    line=2,
                ),
                Record("eval", 4, metrics={"Mean reward": 2.25}, line=2),
                Record("train", 5, metrics={"Value function loss": 0.25}, line=12),
                Record("eval", 5, metrics={"Mean reward": 2.5}, line=12),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: the header of a block and a row below it settle it."""
        inside = False
        for line in lines:
            if _HEADER.match(line):
                inside = True
            elif inside and _ROW.match(line):
                return 1.0
        return 0.0

    def parser(self, file: str) -> RslRlParser:
        """Return a fresh parser for a log."""
        return RslRlParser(file)


FORMAT = RslRl()
