"""Reads the text of a log as the program does: its format is detected, its bytes come in pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.records import Record, records_of

if TYPE_CHECKING:
    from copilot_analytics.records import Item


def records_in(text: str, file: str, size: int = 1 << 20) -> list[Record]:
    """Return the records of a log of that name, fed in pieces of so many bytes."""
    raw, reader = text.encode(), LogReader(file)
    items: list[Item] = []
    for start in range(0, len(raw), size):
        items += reader.feed(raw[start : start + size])
    items += reader.close()
    return list(records_of(items))
