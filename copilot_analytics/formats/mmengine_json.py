"""The JSON log of MMEngine: ``scalars.json`` or ``<time stamp>.json`` in ``vis_data``.

One object a line. Training lines count iterations in ``step``; results count epochs in it where the
training runs by epochs and iterations elsewhere. There is no plan and no time stamp.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.formats._base import Json, JsonParser, LogFormat, Sample
from copilot_analytics.formats._epoch_length import EpochLength
from copilot_analytics.formats._json_rows import objects_in
from copilot_analytics.formats._numbers import is_count, is_number, whole
from copilot_analytics.formats._openmmlab import (
    BOOKKEEPING_KEYS,
    canonical,
)
from copilot_analytics.formats._openmmlab_clock import StepClock
from copilot_analytics.records import Block, Floats, Ints, Item, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_PLACE = frozenset({"step", "epoch", "iter"})


def _is_training(keys: Iterable[str]) -> bool:
    named = set(keys)
    if "step" not in named:
        return False
    rate = any(key == "lr" or key.endswith((".lr", "base_lr")) for key in named)
    return rate or "iter" in named or ("epoch" in named and "loss" in named)


class MMEngineJsonParser(JsonParser):
    """Reads a JSON log of MMEngine."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._clock = StepClock()
        self._length = EpochLength()
        self._told = (0, False, 0)
        self._epoch = 0.0  # of the last training statement

    def columns(self, keys: tuple[str, ...], statement: Json) -> Sequence[str] | None:
        """Name the keys that hold the numbers of a training statement."""
        if not _is_training(keys):
            return None
        numbers = [key for key in keys if is_number(statement[key])]
        return numbers if "step" in numbers else None

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn the numbers of training statements into blocks, one for each launch."""
        epoch = columns.get("epoch", np.full(len(lines), self._epoch))
        # No checkpoint of a later epoch leads into the first one.
        again = (epoch <= 1) & (np.concatenate(([self._epoch], epoch[:-1])) > 1)
        self._epoch = float(epoch[-1])
        edges = [0, *(np.flatnonzero(again[1:]) + 1).tolist(), len(lines)]
        for low, high in pairwise(edges):
            if again[low]:
                facts = {"reason": "the first epoch begins again"}
                yield Record("launch", facts=facts, line=int(lines[low]), file=self._file)
            part = {key: column[low:high] for key, column in columns.items()}
            yield self._stretch(part, lines[low:high])

    def _stretch(self, columns: Mapping[str, Floats], lines: Ints) -> Block:
        step = whole(columns["step"])
        epoch = np.full(len(step), np.nan)
        if "epoch" in columns:
            epoch = self._length.of_global(columns["epoch"], columns["step"])
            self._clock.epoch = int(whole(columns["epoch"])[-1])
        else:
            self._clock.epoch = None
        self._clock.advance(step)
        names = canonical([key for key in columns if key not in _PLACE])
        metrics = {name: columns[key] for key, name in names.items()}
        return Block(step, epoch, np.full(len(step), np.nan), lines, metrics, self._file)

    def parse(self, statement: Json, number: int) -> Iterable[Record]:
        """Read the result of an evaluation."""
        keys = [
            key for key, content in statement.items() if key not in _PLACE and is_number(content)
        ]
        if not set(keys) - BOOKKEEPING_KEYS or _is_training(statement):
            return ()
        printed = statement.get("step")
        names = canonical(keys)
        metrics = {names[key]: float(statement[key]) for key in keys}
        if is_count(printed):
            step, epoch = self._position(int(printed))
            split = "val"
        elif "time" in statement:  # the result of a test stands alone
            step, epoch, split = self._clock.last or None, None, "test"
        else:
            return ()
        facts = {"split": split}
        record = Record("eval", step, epoch, None, metrics, facts, number, self._file)
        return [*self._plan(number), record]

    def close(self) -> Iterable[Record]:
        """Tell what the training lines showed of the length of an epoch."""
        return self._plan(0)

    def _position(self, printed: int) -> tuple[int | None, float | None]:
        """Return step and epoch of a result whose `printed` place may be either."""
        clock, length = self._clock, self._length
        if not clock.last:
            return (printed or None), None
        if clock.epoch is None:
            in_steps = printed >= clock.last
            return (printed if in_steps else clock.now()), None
        if abs(printed - clock.epoch) <= abs(printed - clock.last):
            if not length.closed:
                length_now = max(length.length, 1)
                return max(clock.last, min(printed * length_now, 2**53)), float(printed)
            return min(printed * length.length, 2**53), float(printed)
        progress = printed / length.length if length.closed and length.length else None
        return printed, progress

    def _plan(self, number: int) -> list[Record]:
        length = self._length
        if self._clock.epoch is None or not length.is_told:
            return []
        now = (length.length, length.exact, length.launches)
        if now == self._told:
            return []
        self._told = now
        facts = {"steps_per_epoch": length.length, "steps_per_epoch_exact": length.exact}
        return [Record("config", facts=facts, line=number, file=self._file)]


class MMEngineJson(LogFormat):
    """The JSON log of MMEngine."""

    name: ClassVar[str] = "mmengine_json"
    title: ClassVar[str] = "MMEngine scalars (JSON lines)"
    url: ClassVar[str] = (
        "https://mmengine.readthedocs.io/en/latest/advanced_tutorials/visualization.html"
    )
    smoothing: ClassVar[int | None] = 10
    twin_of: ClassVar[str | None] = "mmengine_text"

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is, from the keys that a training line always has."""
        best = 0.0
        for statement in objects_in(lines):
            keys = statement.keys()
            if not is_number(statement.get("step")) or "mode" in keys:
                continue
            if keys >= {"time", "data_time"}:
                best = max(best, 0.95 if _is_training(keys) else 0.6)
        return best

    def parser(self, file: str) -> MMEngineJsonParser:
        """Return a fresh parser for a log."""
        return MMEngineJsonParser(file)

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
{"lr": 0.02, "data_time": 0.01, "loss": 2.5, "time": 0.5, "epoch": 1, "iter": 2, "step": 2}
{"lr": 0.02, "data_time": 0.01, "loss": 2.0, "time": 0.5, "epoch": 1, "iter": 4, "step": 4}
{"accuracy/top1": 50.0, "data_time": 0.01, "time": 0.1, "step": 1}
{"lr": 0.02, "data_time": 0.01, "loss": NaN, "time": 0.5, "epoch": 2, "iter": 5, "step": 5}
{"lr": 0.02, "data_time": 0.01, "loss": 1.5, "time": 0.5, "epoch": 2, "iter": 8, "step": 8}
{"accuracy/top1": 60.0, "data_time": 0.01, "time": 0.1, "step": 2}
""",
            (
                Record("train", 2, metrics={"loss": 2.5, "iter_time_s": 0.5}, line=1),
                Record("train", 4, metrics={"loss": 2.0, "data_time_s": 0.01}, line=2),
                Record("config", facts={"steps_per_epoch": 4}, line=3),
                Record("eval", 4, 1.0, None, {"accuracy/top1": 50.0}, {"split": "val"}, 3),
                Record("train", 5, 1.25, metrics={"loss": math.nan}, line=4),
                Record("train", 8, 2.0, metrics={"loss": 1.5}, line=5),
                Record("config", facts={"steps_per_epoch_exact": True}, line=6),
                Record("eval", 8, 2.0, None, {"accuracy/top1": 60.0}, {"split": "val"}, 6),
            ),
        ),
        Sample(
            """\
{"lr": 0.02, "data_time": 0.01, "loss": 2.5, "time": 0.5, "epoch": 1, "iter": 2, "step": 2}
{"lr": 0.02, "data_time": 0.01, "loss": 2.0, "time": 0.5, "epoch": 2, "iter": 4, "step": 4}
{"lr": 0.02, "data_time": 0.01, "loss": 3.5, "time": 0.5, "epoch": 1, "iter": 3, "step": 3}
""",
            (
                Record("train", 2, metrics={"loss": 2.5}, line=1),
                Record("train", 4, metrics={"loss": 2.0}, line=2),
                Record("launch", facts={"reason": "the first epoch begins again"}, line=3),
                Record("train", 3, metrics={"loss": 3.5}, line=3),
                Record("config", facts={"steps_per_epoch": 3}),
            ),
        ),
        Sample(
            """\
{"lr": 0.01, "data_time": 0.01, "loss": 0.5, "decode.acc_seg": 80.0, "time": 0.2, "step": 50}
{"mIoU": 30.0, "data_time": 0.01, "time": 0.3, "step": 50}
""",
            (
                Record("train", 50, metrics={"decode.acc_seg": 80.0}, line=1),
                Record("eval", 50, metrics={"mIoU": 30.0}, line=2),
            ),
        ),
    )


FORMAT = MMEngineJson()
