"""What the text and JSON logs of MMEngine and mmcv have in common."""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from copilot_analytics.formats._base import OUT_OF_PATIENCE, Field, LineParser
from copilot_analytics.formats._numbers import NUMBER, whole
from copilot_analytics.formats._openmmlab_clock import StepClock
from copilot_analytics.formats._openmmlab_config import MAX_CHARACTERS, read_config
from copilot_analytics.formats._openmmlab_facts import config_facts
from copilot_analytics.formats._rows import eta_of
from copilot_analytics.formats._stamps import Clock, Stamp
from copilot_analytics.records import Block, Floats, Ints, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

ETA = re.compile(r"(?<!\S)eta: (?:(-?\d{1,9}) days?, )?(-?\d{1,9}):(\d{1,2}):(\d{1,2})(?![\w:.])")
LONGEST_LINE = 200_000  # no statement is longer; what is, is a dump of something else

CANONICAL = {
    "time": "iter_time_s",
    "data_time": "data_time_s",
    "memory": "memory_mib",
    "eta": "eta_s",
}
BOOKKEEPING_KEYS = frozenset({"time", "data_time", "memory", "eta"})

_ENVIRONMENT = {
    "gpu_name": re.compile(r"^\s*GPU [\d,]+: (.+?)\s*$", re.MULTILINE),
    "gpus": re.compile(r"^\s*GPU number: (\d{1,6})\s*$", re.MULTILINE),
    "seed": re.compile(r"^\s*seed: (\d{1,18})\s*$", re.MULTILINE),
    "mmengine": re.compile(r"^\s*MMEngine: (\S+)", re.MULTILINE),
    "mmcv": re.compile(r"^\s*MMCV: (\S+)", re.MULTILINE),
}
_RESUMED = re.compile(r"^[Rr]esumed (?:from )?epoch:? *(\d{1,9}), *iter:? *(\d{1,15})\s*$")
_LOADED = re.compile(
    r"^(?:[Ll]oads? checkpoint (?:by \w+ backend )?from (?:\w+ )?path: *|Load checkpoint from "
    r"|Auto resumed from the latest checkpoint )(\S.*?)\.?\s*$"
)
_SAVED = re.compile(r"^Saving checkpoint at (\d{1,9}) (epochs|iterations)\s*$")
_EXPERIMENT = re.compile(r"^Exp name: (\S.*?)\s*$")
_PLAN = re.compile(r"^workflow: .*max: (\d{1,15}) (epochs|iters)\s*$")
_SEED = re.compile(r"^Set random seed to (\d{1,18})\b")
_WORK_DIR = re.compile(r"^Checkpoints will be saved to (.+?)(?: by \w+)?\.?\s*$")
_STOPPED = re.compile(
    r"^(?:the monitored metric did not improve in the last \d+ records|Stopping threshold reached: "
    r"|Monitored metric \S+ = \S+ is infinite)"
)
_SCALED = re.compile(
    rf"^LR is set based on batch size of .*Scaling the original LR by ({NUMBER})\.?\s*$"
)


class Pair(NamedTuple):
    """A ``key: number`` and the characters that hold the number."""

    key: str
    start: int
    end: int


def environment_facts(text: str, framework: str) -> dict[str, Any]:
    r"""Return the facts of a printed environment.

    Examples
    --------
    >>> environment_facts("    GPU 0,1: Card X\n    MMEngine: 0.10.4\n    seed: 7", "mmengine")
    {'gpu_name': 'Card X', 'seed': 7, 'framework': 'mmengine 0.10.4'}
    """
    facts: dict[str, Any] = {}
    for name in ("gpu_name", "gpus", "seed"):
        found = _ENVIRONMENT[name].search(text)
        if found:
            facts[name] = found[1] if name == "gpu_name" else int(found[1])
    version = _ENVIRONMENT[framework].search(text)
    if version:
        facts["framework"] = f"{framework} {version[1]}"
    return facts


def canonical(keys: Sequence[str]) -> dict[str, str]:
    """Return the canonical name of each key of a statement, no name twice.

    Examples
    --------
    >>> canonical(["a.lr", "b.lr", "time", "loss"])
    {'a.lr': 'lr', 'b.lr': 'b.lr', 'time': 'iter_time_s', 'loss': 'loss'}
    """
    names = {key: CANONICAL.get(key, key) for key in keys}
    rates = [key for key in keys if key.endswith(".lr") or key.startswith("lr_")]
    if rates and "lr" not in names and not rates[0].endswith("base_lr"):
        names[rates[0]] = "lr"
    return names


class TextParser(LineParser):
    """Reads a text log of MMEngine or mmcv; the two differ in their patterns only."""

    framework: ClassVar[str]
    stamp_pattern: ClassVar[re.Pattern[str]]
    stamp_names: ClassVar[tuple[str, ...]]

    def __init__(self, file: str) -> None:
        self._file = file
        self._clock = StepClock()
        self._stamps = Clock(file)
        self._dump: list[str] | None = None
        self._dump_size = 0
        self._dump_line = 0
        self._dump_time: float | None = None
        self._dump_is_config = False
        self._trained = False
        self._told: dict[str, Any] = {}
        self._to_tell: dict[str, Any] = {}
        self._loaded: str | None = None
        self._replaced: str | None = None
        self._best: Record | None = None

    def stamp(self, line: str) -> Stamp | None:
        """Find the time stamp of a line; parts of it may be missing."""
        found = self.stamp_pattern.search(line)
        if found is None:
            return None
        spans = ((name, found.span(group)) for group, name in enumerate(self.stamp_names, 1))
        fields = tuple(Field(name, *span) for name, span in spans if span[0] >= 0)
        return Stamp(fields, found.end())

    @abstractmethod
    def evaluation(self, message: str, time: float | None, number: int) -> Iterator[Record] | None:
        """Read the result of an evaluation; None if the message is none."""

    @abstractmethod
    def best(self, message: str, time: float | None, number: int) -> Iterator[Record] | None:
        """Read what is said of the best checkpoint; None if nothing is."""

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Read any line but a training line."""
        line = line[:LONGEST_LINE]
        stamp = self.stamp(line)
        if stamp is None:
            self._collect(line)
            return ()
        numbers = {f.name: np.array([float(line[f.start : f.end])]) for f in stamp.fields}
        time = float(self._times(numbers)[0])
        return list(self._statement(line[stamp.message :].strip(), time, number))

    def close(self) -> Iterable[Record]:
        """Say what only the end of the log tells."""
        return [*self._end_of_dump(), *self._plan(0, None), *self._best_so_far()]

    def _statement(self, message: str, time: float, number: int) -> Iterator[Record]:
        yield from self._end_of_dump()
        yield from self._plan(number, time)
        if message.startswith(("Config:", "Environment info", "-----")) or not message:
            if self._trained:  # another launch, which says all of it anew
                self._told, self._trained = {}, False
            self._dump, self._dump_size = [], 0
            self._dump_line, self._dump_time = number, time
            self._dump_is_config = message.startswith("Config:")
            return
        said = self.best(message, time, number)
        if said is not None:
            yield from said
            return
        yield from self._best_so_far()
        said = self.evaluation(message, time, number)
        yield from self._other(message, time, number) if said is None else said

    def _other(self, message: str, time: float, number: int) -> Iterator[Record]:
        if found := _SAVED.search(message):
            yield self._checkpoint(int(found[1]), found[2], time, number)
        elif found := _RESUMED.search(message):
            facts: dict[str, Any] = {"epoch": int(found[1]), "step": int(found[2])}
            if self._loaded:
                facts["checkpoint"] = self._loaded
            epoch = float(facts["epoch"])
            yield self._record("resume", facts["step"], epoch, time, number, facts=facts)
        elif found := _LOADED.search(message):
            self._loaded = found[1].strip()
        elif _STOPPED.search(message):
            facts = {**OUT_OF_PATIENCE, "reason": f"early stopping: {message}"}
            yield self._record("end", self._clock.last or None, None, time, number, facts=facts)
        else:
            yield from self._config(self._stated(message), number, time)

    def _stated(self, message: str) -> dict[str, Any]:
        if found := _EXPERIMENT.search(message):
            return {"name": found[1]}
        if found := _PLAN.search(message):
            unit = "planned_epochs" if found[2] == "epochs" else "planned_steps"
            return {unit: int(found[1])} if int(found[1]) else {}
        if found := _SEED.search(message):
            return {"seed": int(found[1])}
        if found := _WORK_DIR.search(message):
            return {"work_dir": found[1]}
        if found := _SCALED.search(message):
            rate = self._told.get("base_lr")
            return {} if rate is None else {"base_lr": rate * float(found[1])}
        return {}

    def _checkpoint(self, count: int, unit: str, time: float, number: int) -> Record:
        step, epoch = self._clock.place(count, unit)
        if epoch is None:
            facts: dict[str, Any] = {"path": f"iter_{count}.pth", "step": count}
            self._clock.saved = count
        else:
            facts = {"path": f"epoch_{count}.pth", "epoch": count}
        return self._record("checkpoint", step, epoch, time, number, facts=facts)

    def _collect(self, line: str) -> None:
        if self._dump is not None and self._dump_size < MAX_CHARACTERS:
            self._dump.append(line)
            self._dump_size += len(line) + 1

    def _end_of_dump(self) -> Iterator[Record]:
        if self._dump is None:
            return
        text, self._dump = "\n".join(self._dump), None
        if self._dump_is_config:
            facts = config_facts(read_config(text))
            self._clock.learn(facts)
            yield from self._config(facts, self._dump_line, self._dump_time, again=True)
        else:
            facts = environment_facts(text, self.framework)
            yield from self._config(facts, self._dump_line, self._dump_time, again=True)

    def _plan(self, number: int, time: float | None) -> Iterator[Record]:
        """Tell what the training lines since the last statement showed of the plan."""
        if self._to_tell:
            facts, self._to_tell = self._to_tell, {}
            yield from self._config(facts, number, time)

    def _config(
        self, facts: dict[str, Any], number: int, time: float | None, *, again: bool = False
    ) -> Iterator[Record]:
        """Yield facts that were not told before, or all of them if they are told `again`."""
        new = {k: v for k, v in facts.items() if again or self._told.get(k) != v}
        if new:
            self._told.update(new)
            yield self._record("config", None, None, time, number, facts=new)

    def _best_checkpoint(
        self, count: int, unit: str, facts: dict[str, Any], time: float | None, number: int
    ) -> Iterator[Record]:
        """Yield that the checkpoint of an epoch or iteration is the best by a metric."""
        if "save_best" not in self._told:
            yield from self._config({"save_best": facts["best_metric_name"]}, number, time)
        step, epoch = self._clock.place(count, unit)
        facts["step" if epoch is None else "epoch"] = count
        yield self._record("checkpoint", step, epoch, time, number, facts=facts)

    def _best_so_far(self) -> Iterator[Record]:
        if self._best is not None:
            record, self._best = self._best, None
            yield record

    def _record(
        self,
        kind: Any,
        step: int | None,
        epoch: float | None,
        time: float | None,
        number: int,
        *,
        metrics: Mapping[str, float] | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> Record:
        return Record(kind, step, epoch, time, metrics or {}, facts or {}, number, self._file)

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Block:
        """Turn the numbers of training lines into a block."""
        inner, total = columns["#inner"], columns["#total"]
        clock, self._trained = self._clock, True
        if "#epoch" in columns:
            done = columns["#epoch"] - 1
            step = whole(done * total + inner)
            epoch = done + inner / np.maximum(total, 1)
            clock.epoch, clock.inner = int(columns["#epoch"][-1]), int(inner[-1])
            clock.per_epoch = int(total[-1])
            plan = {"steps_per_epoch": clock.per_epoch}
        else:
            step, epoch = whole(inner), np.full(len(inner), np.nan)
            clock.planned = int(total[-1])
            plan = {"planned_steps": clock.planned}
        clock.advance(step)
        if any(number > 0 and self._told.get(name) != number for name, number in plan.items()):
            self._to_tell.update(plan)
        metrics = {name: column for name, column in columns.items() if name[0] != "#"}
        left = eta_of(columns)
        if left is not None:
            metrics["eta_s"] = left
        return Block(step, epoch, self._times(columns), lines, metrics, self._file)

    def _times(self, columns: Mapping[str, Floats]) -> Floats:
        seconds = self._stamps.times(columns)
        if self._stamps.is_relative and "note" not in self._told:
            self._to_tell["note"] = "time stamps without a year: read as relative"
        return seconds


def eta_fields(found: re.Match[str]) -> list[Field]:
    """Return the parts of an ``eta`` as fields."""
    names = ("#eta_d", "#eta_h", "#eta_m", "#eta_s")
    return [
        Field(name, *found.span(group))
        for group, name in enumerate(names, 1)
        if found.start(group) >= 0
    ]


def metric_fields(pairs: Sequence[Pair]) -> list[Field]:
    """Return pairs as fields under their canonical names, the first of a name winning."""
    names = canonical([pair.key for pair in pairs])
    fields: dict[str, Field] = {}
    for pair in pairs:
        name = names[pair.key]
        fields.setdefault(name, Field(name, pair.start, pair.end))
    return list(fields.values())


def metrics_of(pairs: Sequence[Pair], text: str) -> dict[str, float]:
    """Return pairs as numbers under their canonical names, the first of a name winning."""
    return {f.name: float(text[f.start : f.end]) for f in metric_fields(pairs)}
