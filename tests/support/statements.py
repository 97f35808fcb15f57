"""A plain driver: one statement after the other through a parser, a row at a time."""

from __future__ import annotations

import json
import pickle
import re
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.formats._base import ByteParser, JsonParser, LineParser, LogFormat
from copilot_analytics.formats._clock_texts import clock_seconds
from copilot_analytics.records import Block
from copilot_analytics.run import Run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from copilot_analytics.records import Item


def read_text(
    log_format: LogFormat, text: str | bytes, file: str = "", *, pickled: bool = False
) -> Iterator[Item]:
    parser = log_format.parser(file)
    if isinstance(parser, ByteParser):
        raw = text.encode() if isinstance(text, str) else text
        yield from _bytes(parser, raw, pickled=pickled)
        return
    text = text.decode() if isinstance(text, bytes) else text
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        if isinstance(parser, JsonParser):
            yield from _json(parser, line, number)
        else:
            yield from _line(parser, line, number)
        if pickled:
            parser = pickle.loads(pickle.dumps(parser))  # noqa: S301  # our own state
    yield from parser.close()


def _bytes(parser: ByteParser, raw: bytes, *, pickled: bool) -> Iterator[Item]:
    for start in range(0, len(raw), 7):
        yield from parser.feed(raw[start : start + 7])
        if pickled:
            parser = pickle.loads(pickle.dumps(parser))  # noqa: S301  # our own state
    yield from parser.close()


def said(block: Block | Iterable[Item]) -> list[Item]:
    """What a parser makes of the numbers of some lines."""
    return [block] if isinstance(block, Block) else list(block)


def _line(parser: LineParser, line: str, number: int) -> Iterator[Item]:
    fields = parser.fields(line)
    if fields is None:
        yield from parser.parse(line, number)
        return
    row = {field.name: np.array([float(line[field.start : field.end])]) for field in fields}
    yield from said(parser.block(row, np.array([number])))


def _json(parser: JsonParser, line: str, number: int) -> Iterator[Item]:
    try:
        statement = json.loads(line)
    except ValueError:
        return
    if not isinstance(statement, dict):
        return
    keys = parser.columns(tuple(statement), statement)
    for key in keys or ():
        if (
            isinstance(statement[key], str)
            and (seconds := clock_seconds(statement[key])) is not None
        ):
            statement = {**statement, key: seconds}
    if keys is None or not all(_fits(statement[key]) for key in keys):
        numbers = None if keys else parser.numbers(statement)
        if numbers:
            nested = {key: np.array([float(held)]) for key, held in numbers.items()}
            yield from said(parser.block(nested, np.array([number])))
        else:
            yield from parser.parse(statement, number)
        return
    row = {key: np.array([float(statement[key])]) for key in keys}
    yield from said(parser.block(row, np.array([number])))


def read_file(log_format: LogFormat, path: Path) -> Run:
    text = path.read_bytes().decode("utf-8", "replace")
    return Run.from_records(read_text(log_format, text, path.name), path=path.name)


def _fits(number: object) -> bool:
    return isinstance(number, float) or (isinstance(number, int) and abs(number) < 2**63)
