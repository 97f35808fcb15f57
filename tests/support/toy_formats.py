"""Two small log formats of our own, to test reading without any real one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from copilot_analytics.formats._base import (
    Field,
    JsonParser,
    LineParser,
    LogFormat,
    Sample,
)
from copilot_analytics.records import Block, Floats, Ints, Item, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_STEP = re.compile(r"^step (\d+):")
_PAIR = re.compile(r"(?<= )([\w.]{1,40})=(\S+)")
_EVAL = re.compile(r"^eval acc=(\d+\.\d+)$")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf)")


def block_of(columns: Mapping[str, Floats], lines: Ints, file: str) -> Block:
    with np.errstate(invalid="ignore"):
        step = np.nan_to_num(columns["step"], posinf=2**53, neginf=0).astype(np.int64)
    unknown = np.full(len(step), np.nan)
    metrics = {name: column for name, column in columns.items() if name != "step"}
    return Block(step, unknown, unknown, lines, metrics, file)


class ToyTextParser(LineParser):
    """`step 3: loss=0.5 d0.acc=1e-3`; counts lines to prove that order is kept."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.training = 0

    def fields(self, line: str) -> Sequence[Field] | None:
        found = _STEP.match(line)
        if found is None:
            return None
        pairs = [
            Field(pair[1], *pair.span(2))
            for pair in _PAIR.finditer(line, found.end())
            if _NUMBER.fullmatch(pair[2])
        ]
        return [Field("step", *found.span(1)), *pairs] if pairs else None

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Block:
        self.training += len(lines)
        return block_of(columns, lines, self.file)

    def parse(self, line: str, number: int) -> Iterable[Record]:
        if found := _EVAL.match(line):
            facts = {"split": "val", "after": self.training}
            metrics = {"acc": float(found[1])}
            yield Record("eval", metrics=metrics, facts=facts, line=number, file=self.file)
        elif line == "toy header":
            yield Record("config", facts={"name": "toy"}, line=number, file=self.file)
        elif line == "resumed":
            yield Record("resume", line=number, file=self.file)

    def close(self) -> Iterable[Record]:
        return [Record("end", facts={"reason": f"{self.training} steps"}, file=self.file)]


class ToyText(LogFormat):
    name: ClassVar[str] = "toy_text"
    title: ClassVar[str] = "toy log"
    url: ClassVar[str] = ""
    smoothing: ClassVar[int | None] = 5
    samples: ClassVar[tuple[Sample, ...]] = ()

    def confidence(self, lines: Sequence[str]) -> float:
        if any(_STEP.match(line) for line in lines):
            return 1.0
        return 0.7 if "toy header" in lines else 0.1 * any("toy" in line for line in lines)

    def parser(self, file: str) -> ToyTextParser:
        return ToyTextParser(file)


class ToyJsonParser(JsonParser):
    """`{"step": 3, "mode": "train", "loss": 0.5}`."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.training = 0

    def columns(self, keys: tuple[str, ...], statement: Mapping[str, Any]) -> Sequence[str] | None:
        if statement.get("mode") != "train":
            return None
        named = [
            key
            for key in keys
            if isinstance(statement[key], int | float) and not isinstance(statement[key], bool)
        ]
        return named if "step" in named else None

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Block:
        self.training += len(lines)
        return block_of(columns, lines, self.file)

    def parse(self, statement: Mapping[str, Any], number: int) -> Iterable[Item]:
        if isinstance(statement.get("acc"), float):
            facts = {"split": "val", "after": self.training}
            metrics = {"acc": statement["acc"]}
            yield Record("eval", metrics=metrics, facts=facts, line=number, file=self.file)


class ToyJson(LogFormat):
    name: ClassVar[str] = "toy_json"
    title: ClassVar[str] = "toy JSON log"
    url: ClassVar[str] = ""
    smoothing: ClassVar[int | None] = None
    samples: ClassVar[tuple[Sample, ...]] = ()

    def confidence(self, lines: Sequence[str]) -> float:
        return 0.96 * any(line.startswith("{") and '"step"' in line for line in lines)

    def parser(self, file: str) -> ToyJsonParser:
        return ToyJsonParser(file)


TOYS: dict[str, LogFormat] = {"toy_text": ToyText(), "toy_json": ToyJson()}


def expanded(items: Iterable[Item]) -> list[Record]:
    """The records that items mean."""
    records: list[Record] = []
    for item in items:
        records += item.records() if isinstance(item, Block) else [item]
    return records


def comparable(records: Iterable[Record]) -> list[str]:
    """Records as text, so that NaN equals NaN and -0.0 differs from 0.0."""
    return [
        repr((r.kind, r.step, r.epoch, r.time, dict(r.metrics), dict(r.facts), r.line, r.file))
        for r in records
    ]
