"""The JSON log of mmcv before version 2, ``<time stamp>.log.json``.

The first line holds the environment and the printed configuration, which is the only plan; a
notebook's log may lack it. The others are training lines and results, told apart by ``mode``.
``iter`` counts from the start of the epoch, or of the training where it runs by iterations.
"""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from copilot_analytics.formats._base import Json, JsonParser, LogFormat, Sample
from copilot_analytics.formats._epoch_length import EpochLength
from copilot_analytics.formats._json_rows import objects_in
from copilot_analytics.formats._numbers import is_count, is_number, whole
from copilot_analytics.formats._openmmlab import (
    LONGEST_LINE,
    canonical,
    environment_facts,
)
from copilot_analytics.formats._openmmlab_clock import StepClock
from copilot_analytics.formats._openmmlab_config import Config, read_config
from copilot_analytics.formats._openmmlab_facts import config_facts, type_name
from copilot_analytics.records import Block, Floats, Ints, Item, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_PLACE = frozenset({"mode", "epoch", "iter"})
_RATE = "lr"
_NOTHING_TOLD = (-1, False, 0)
_HEADER = frozenset({"env_info", "config", "exp_name", "seed", "hook_msgs"})
_VERSION = re.compile(r"^MMCV: (\d+)\.(\d+)", re.MULTILINE)


def _rates(rate: Any) -> dict[str, float]:
    """Return the rates of all groups; the first is ``lr``.

    Examples
    --------
    >>> _rates({"generator": 0.1, "critic": [0.2]}), _rates([0.1, 0.2])
    ({'lr': 0.1, 'lr_critic': 0.2}, {'lr': 0.1, 'lr_1': 0.2})
    """
    if isinstance(rate, dict):
        named = [
            (key, part[0] if isinstance(part, list) and part else part)
            for key, part in rate.items()
        ]
    elif isinstance(rate, list):
        named = [(str(group), part) for group, part in enumerate(rate)]
    else:
        named = [("", rate)]
    numbers = [(key, float(part)) for key, part in named if is_number(part)]
    return {_RATE if not i else f"{_RATE}_{key}": part for i, (key, part) in enumerate(numbers)}


class MMCVJsonParser(JsonParser):
    """Reads a JSON log of mmcv."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._clock = StepClock()
        self._length = EpochLength()
        self._told = _NOTHING_TOLD
        self._inner: bool | None = None  # whether `iter` counts from the start of the epoch
        self._states_length = False  # whether a result's `iter` is the length of an epoch
        self._place: tuple[float, float] | None = None
        self._before: tuple[float, float] | None = None  # epoch and iteration of the last line
        self._is_headed = self._begins_anew = False
        self._facts: dict[str, Any] = {}

    def columns(self, keys: tuple[str, ...], statement: Json) -> Sequence[str] | None:
        """Name the keys that hold the numbers of a training statement."""
        if statement.get("mode") != "train":
            return None
        if _RATE in statement and not is_number(statement[_RATE]):
            return None
        numbers = [key for key in keys if is_number(statement[key])]
        return numbers if {"epoch", "iter"} <= set(numbers) else None

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn the numbers of training statements into blocks, one for each launch."""
        clear = self._undecided(columns["epoch"], columns["iter"]) + 1
        if self._inner is None and clear < len(lines):
            first, rest = ({k: c[part] for k, c in columns.items()} for part in _parted(clear))
            return [*self.block(first, lines[:clear]), *self.block(rest, lines[clear:])]
        items: list[Item] = []
        edges = [0, *self._launches(columns["epoch"], columns["iter"]), len(lines)]
        for low, high in pairwise(edges):
            part = {key: column[low:high] for key, column in columns.items()}
            if low or self._begins_anew:
                items += self._launch(int(lines[low]))
            if high > low:
                items.append(self._stretch(part, lines[low:high]))
        return items

    def _launches(self, epoch: Floats, iteration: Floats) -> list[int]:
        """Return the lines in which the first epoch begins again: no checkpoint leads into it.

        A header says so itself, and the logs that count on and on may go back to a checkpoint.
        """
        before = self._before or (np.inf, np.inf)
        epochs = np.concatenate(([before[0]], epoch))
        places = np.concatenate(([before[1]], iteration))
        again = (epochs[1:] == 1) & (epochs[:-1] == 1) & (places[1:] <= places[:-1])
        if self._inner is None:
            again &= places[1:] == places[:-1]
        elif not self._inner:
            again[:] = False
        again[0] &= not self._is_headed
        self._before, self._is_headed = (float(epoch[-1]), float(iteration[-1])), False
        self._begins_anew = bool(again[0])
        return (np.flatnonzero(again[1:]) + 1).tolist()

    def _launch(self, line: int) -> Iterator[Record]:
        facts = {"reason": "the first epoch begins again"}
        yield Record("launch", facts=facts, line=line, file=self._file)
        if self._facts:
            yield Record("config", facts=dict(self._facts), line=line, file=self._file)

    def _stretch(self, columns: Mapping[str, Floats], lines: Ints) -> Block:
        epoch, iteration = columns["epoch"], columns["iter"]
        cut = self._undecided(epoch, iteration)
        steps, progress = [], []
        if cut:
            step, done = self._length.of_inner(epoch[:cut], iteration[:cut])
            steps.append(step)
            progress.append(done)
            self._place = float(epoch[cut - 1]), float(iteration[cut - 1])
        if cut < len(epoch):
            if self._inner is None and self._place is not None:
                self._inner = bool(iteration[cut] <= self._place[1])
                self._length = self._length if self._inner else EpochLength()
            if self._inner:
                step, done = self._length.of_inner(epoch[cut:], iteration[cut:])
            else:
                step = whole(iteration[cut:])
                done = self._length.of_global(epoch[cut:], iteration[cut:])
            steps.append(step)
            progress.append(done)
        step = np.concatenate(steps)
        self._clock.epoch = int(whole(epoch)[-1])
        self._clock.advance(step)
        names = canonical([key for key in columns if key not in _PLACE])
        metrics = {name: columns[key] for key, name in names.items()}
        unknown = np.full(len(step), np.nan)
        return Block(step, np.concatenate(progress), unknown, lines, metrics, self._file)

    def parse(self, statement: Json, number: int) -> Iterable[Item]:
        """Read the header, a result, or a training line whose rate is no single number."""
        mode = statement.get("mode")
        if mode == "train":
            return self._train(statement, number)
        if mode in ("val", "test"):
            return self._evaluation(statement, str(mode), number)
        return self._header(statement, number) if _HEADER & statement.keys() else ()

    def close(self) -> Iterable[Record]:
        """Tell what the training lines showed of the length of an epoch."""
        return self._plan(0)

    def _train(self, statement: Json, number: int) -> list[Item]:
        plain = {key: content for key, content in statement.items() if key != _RATE}
        keys = self.columns(tuple(plain), plain)
        if keys is None:
            return []
        numbers = {**{key: float(plain[key]) for key in keys}, **_rates(statement.get(_RATE))}
        columns = {key: np.array([number]) for key, number in numbers.items()}
        return list(self.block(columns, np.array([number])))

    def _evaluation(self, statement: Json, split: str, number: int) -> list[Item]:
        keys = [
            key
            for key, content in statement.items()
            if key not in _PLACE and key != _RATE and is_number(content)
        ]
        if not keys:
            return []
        names = canonical(keys)
        metrics = _rates(statement.get(_RATE))
        metrics.update({names[key]: float(statement[key]) for key in keys})
        printed, epoch = statement.get("iter"), statement.get("epoch")
        bracket = int(printed) if is_count(printed) else 0
        now = float(epoch) if is_count(epoch) else None
        step, now = self._position(now, bracket)
        self._clock.evaluated = step or self._clock.evaluated
        record = Record("eval", step, now, None, metrics, {"split": split}, number, self._file)
        return [*self._plan(number), record]

    def _position(self, epoch: float | None, bracket: int) -> tuple[int | None, float | None]:
        """Return step and epoch of a result.

        Its ``iter`` is where the training stands in older versions, and the batches of the
        evaluation in newer ones.
        """
        clock, length = self._clock, self._length
        if self._inner is False or epoch is None:
            every = clock.val_interval
            fits = clock.last > 0 and clock.fits(bracket) and (not every or bracket % every == 0)
            return (bracket if fits else clock.now()), None
        if not length.low:
            return None, epoch
        if self._states_length and length.low <= bracket < length.low + clock.gap:
            length.settle(bracket)
        if length.closed or clock.epoch is None:
            return min(round(epoch * length.low), 2**53), epoch
        # Before the end of an epoch was seen, steps count from the first line of the log.
        return (round(epoch * length.low) if epoch <= 1 else clock.last), epoch

    def _header(self, statement: Json, number: int) -> list[Item]:
        facts: dict[str, Any] = {}
        environment, config = statement.get("env_info"), statement.get("config")
        if isinstance(environment, str):
            facts.update(environment_facts(environment, "mmcv"))
            version = _VERSION.search(environment)
            self._states_length = version is not None and (int(version[1]), int(version[2])) < (
                1,
                4,
            )
        if isinstance(config, str):
            values = read_config(config)
            facts.update(config_facts(values))
            if values:
                self._inner = _counts_inner(values)
        classes = statement.get("CLASSES")
        if isinstance(classes, list) and classes:
            facts["num_classes"] = len(classes)
        if isinstance(statement.get("seed"), int):
            facts["seed"] = statement["seed"]
        if isinstance(statement.get("exp_name"), str):
            facts["name"] = statement["exp_name"]
        self._clock.learn(facts)
        self._facts, self._is_headed = dict(facts), True
        self._told = _NOTHING_TOLD
        return [Record("config", facts=facts, line=number, file=self._file)] if facts else []

    def _undecided(self, epoch: Floats, iteration: Floats) -> int:
        """Return how many lines come before it is clear from where ``iter`` counts.

        It is clear where an epoch begins: the counter goes on, or starts again.
        """
        if self._inner is not None:
            return 0
        first = epoch[0] if self._place is None else self._place[0]
        rises = np.flatnonzero(epoch > np.concatenate(([first], epoch[:-1])))
        return int(rises[0]) if len(rises) else len(epoch)

    def _plan(self, number: int) -> list[Record]:
        length = self._length
        now = (length.length if length.is_told else 0, length.exact, length.launches)
        if not length.low or now == self._told:
            return []
        self._told = now
        facts: dict[str, Any] = {"steps_per_epoch_exact": length.exact}
        if length.is_told:
            facts["steps_per_epoch"] = length.length
        return [Record("config", facts=facts, line=number, file=self._file)]


def _parted(at: int) -> tuple[slice, slice]:
    return slice(None, at), slice(at, None)


def _counts_inner(config: Config) -> bool:
    """Tell from the configuration whether ``iter`` counts from the start of the epoch."""
    log_config = config.get("log_config")
    hooks = log_config.get("hooks") if isinstance(log_config, dict) else None
    for hook in hooks if isinstance(hooks, list) else []:
        by_epoch = hook.get("by_epoch") if isinstance(hook, dict) else None
        if type_name(hook).startswith("TextLogger") and isinstance(by_epoch, bool):
            return by_epoch
    return not type_name(config.get("runner")).startswith("IterBased")


class MMCVJson(LogFormat):
    """The JSON log of mmcv 1.x."""

    name: ClassVar[str] = "mmcv_json"
    title: ClassVar[str] = "mmcv log (JSON lines)"
    url: ClassVar[str] = "https://mmcv.readthedocs.io/en/1.x/understand_mmcv/runner.html"
    smoothing: ClassVar[int | None] = None
    twin_of: ClassVar[str | None] = "mmcv_text"

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is, from ``mode``, ``epoch`` and ``iter`` together."""
        for statement in objects_in(lines):
            if statement.get("mode") in ("train", "val") and {"epoch", "iter"} <= statement.keys():
                return 1.0
        # The header may be too long to come whole.
        heads = (line.lstrip()[:LONGEST_LINE] for line in lines)
        return 0.8 if any(h.startswith('{"') and '"env_info": "' in h for h in heads) else 0.0

    def parser(self, file: str) -> MMCVJsonParser:
        """Return a fresh parser for a log."""
        return MMCVJsonParser(file)

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
{"env_info": "GPU 0: Imaginary Card\\nMMCV: 1.7.0", "config": "total_epochs = 2\\n\
lr_config = dict(policy='step', step=[1])\\nlog_config = dict(interval=5)\\n\
evaluation = dict(interval=1, save_best='mAP')\\n", "seed": 3, "exp_name": "toy.py"}
{"mode": "train", "epoch": 1, "iter": 5, "lr": 0.1, "memory": 10, "loss": 2.0, "time": 1.0}
{"mode": "val", "epoch": 1, "iter": 3, "lr": 0.1, "mAP": 0.5, "mAP_copypaste": "0.5 0.1"}
{"mode": "train", "epoch": 2, "iter": 5, "lr": [0.1, 0.2], "memory": 10, "loss": NaN, "time": 1.0}
""",
            (
                Record(
                    "config",
                    facts={
                        "name": "toy.py",
                        "planned_epochs": 2,
                        "seed": 3,
                        "save_best": "mAP",
                        "framework": "mmcv 1.7.0",
                        "gpu_name": "Imaginary Card",
                        "smoothing": 5,
                    },
                    line=1,
                ),
                Record("train", 5, metrics={"lr": 0.1, "iter_time_s": 1.0}, line=2),
                Record(
                    "config",
                    facts={"steps_per_epoch": 5, "steps_per_epoch_exact": False},
                    line=3,
                ),
                Record("eval", 5, 1.0, None, {"mAP": 0.5}, {"split": "val"}, 3),
                Record("train", 10, 2.0, None, {"lr": 0.1, "lr_1": 0.2, "loss": math.nan}, line=4),
            ),
        ),
        Sample(
            """\
{"mode": "train", "epoch": 1, "iter": 5, "lr": 0.1, "loss": 2.0}
{"mode": "train", "epoch": 1, "iter": 5, "lr": 0.1, "loss": 2.25}
{"mode": "train", "epoch": 2, "iter": 5, "lr": 0.1, "loss": 1.5}
""",
            (
                Record("train", 5, metrics={"lr": 0.1, "loss": 2.0}, line=1),
                Record("launch", line=2),
                Record("train", 5, metrics={"lr": 0.1, "loss": 2.25}, line=2),
                Record("train", 10, 2.0, metrics={"lr": 0.1, "loss": 1.5}, line=3),
                Record("config", facts={"steps_per_epoch": 5, "steps_per_epoch_exact": False}),
            ),
        ),
    )


FORMAT = MMCVJson()
