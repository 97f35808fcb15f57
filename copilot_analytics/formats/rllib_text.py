"""Console of RLlib and Ray Tune: a block ``Result for TRIAL:`` an iteration, as YAML."""

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
    from collections.abc import Iterable, Iterator, Sequence

_HEADER = re.compile(r"^(?:\([\w ,=.-]{1,80}\) )?Result for (?P<trial>[\w.\-]{1,120}):\s*$")
_ROW = re.compile(rf"^(?P<indent>  {{1,20}})(?P<key>[\w/.-]{{1,80}}): (?P<number>{NUMBER})\s*$")
_DONE = re.compile(r"^  done: (?:true|True)\s*$")
_STEPS = ("timesteps_total", "num_env_steps_sampled", "agent_timesteps_total")
_ONE_RESULT = 0.6  # the next one may be of another trial
_TOP = 2  # blanks before the keys of a result
_KEPT = re.compile(r"^episode_(?:reward|len)_mean$|^episode_reward_(?:max|min)$")
_OF_LEARNER = re.compile(r"_loss$|^entropy$|^kl$|^cur_lr$|^vf_explained_var$")
_NAMES: dict[str, Name] = {"time_total_s": "#time_s", "cur_lr": "lr", "total_loss": "loss"}


class RllibParser(LineByLine):
    """Takes a block for a row when a line that is none of its own ends it."""

    def __init__(self, file: str) -> None:
        super().__init__(file, Axis("timestep"), Naming(_NAMES, evaluations=OF_BASELINES))
        self._row: dict[str, float] = {}
        self._inside = self._is_done = False
        self._line = 0

    def see(self, line: str, number: int) -> Iterator[Record]:
        """Take one line."""
        if _HEADER.match(line):
            yield from self._told()
            self._inside, self._line = True, number
        elif self._inside and line.strip() and not line.startswith(" "):
            yield from self._told()
        elif self._inside and _DONE.match(line):
            self._is_done = True
        elif self._inside and (found := _ROW.match(line)):
            self._take(found["key"], float(found["number"]), len(found["indent"]) == _TOP)

    def close(self) -> Iterable[Record]:
        """Tell the last block."""
        return list(self._told())

    def _take(self, key: str, number: float, is_top: bool) -> None:
        if is_top and (key in _STEPS or key == "time_total_s" or _KEPT.match(key)):
            self._row.setdefault(key, number)
        elif not is_top and _OF_LEARNER.search(key):
            self._row.setdefault(key, number)  # of the first policy

    def _told(self) -> Iterator[Record]:
        row, self._row, self._inside = self._row, {}, False
        done, self._is_done = self._is_done, False
        steps = next((row[key] for key in _STEPS if key in row), None)
        if steps is None:
            return
        row = {key: number for key, number in row.items() if key not in _STEPS}
        yield from one_row(self.rows, {**row, "#step": steps}, self._line)
        if done:
            facts = {"reason": "the last result says that the trial is done"}
            yield self.rows.record("end", self._line, step=int(steps), facts=facts)


class Rllib(LogFormat):
    """Returns of the episodes of an iteration, and the losses of the learner below them."""

    name: ClassVar[str] = "rllib_text"
    title: ClassVar[str] = "RLlib console log"
    url: ClassVar[str] = "https://docs.ray.io/en/latest/rllib/index.html"
    smoothing: ClassVar[int | None] = 1
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
== Status ==
Result for PPO_Toy-v0_0a1b2_00000:
  done: false
  episode_len_mean: 20.5
  episode_reward_mean: 18.25
  info:
    learner:
      default_policy:
        cur_lr: 0.001
        total_loss: 1.5
  time_total_s: 4.5
  timesteps_total: 4000
  training_iteration: 1

== Status ==
Result for PPO_Toy-v0_0a1b2_00000:
  done: true
  episode_reward_mean: 20.5
  timesteps_total: 8000
""",
            (
                Record("config", facts={"step_unit": "timestep"}, line=2),
                Record("train", 4000, time=4.5, metrics={"loss": 1.5, "lr": 0.001}, line=2),
                Record("eval", 4000, metrics={"episode_reward_mean": 18.25}, line=2),
                Record("eval", 8000, metrics={"episode_reward_mean": 20.5}, line=16),
                Record("end", 8000, line=16),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: results of one trial that count time steps; several are a search."""
        trials: list[str] = []
        counts = False
        for line in lines:
            header = _HEADER.match(line)
            if header is not None:
                trials.append(header["trial"])
            elif trials and not counts:
                counts = any(line.startswith(f"  {key}: ") for key in _STEPS)
        if not counts or len(set(trials)) > 1:
            return 0.0
        return 1.0 if len(trials) > 1 else _ONE_RESULT

    def parser(self, file: str) -> RllibParser:
        """Return a fresh parser for a log."""
        return RllibParser(file)


FORMAT = Rllib()
