"""Reads the text of a log as the program does: its format is detected, its bytes come in pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.records import Record, records_of

if TYPE_CHECKING:
    from copilot_analytics.records import Item


def records_in(text: str, file: str, size: int = 1 << 20) -> list[Record]:
    """Return the records of a log of that name, fed in pieces of so many bytes."""
    return _read(text, file, size)[1]


def read_console(text: str, size: int = 1 << 20) -> tuple[str, list[Record]]:
    """Return the format of a log, and its records."""
    reader, records = _read(text, "toy.log", size)
    assert reader.detection is not None
    return str(reader.detection.format), records


def points_of(records: list[Record], kind: str, name: str) -> list[tuple[int | None, float]]:
    """Return the steps and values of a metric in the records of a kind."""
    return [(r.step, r.metrics[name]) for r in records if r.kind == kind and name in r.metrics]


def _read(text: str, file: str, size: int) -> tuple[LogReader, list[Record]]:
    raw, reader = text.encode(), LogReader(file)
    items: list[Item] = []
    for start in range(0, len(raw), size):
        items += reader.feed(raw[start : start + size])
    items += reader.close()
    return reader, list(records_of(items))
