"""What home-made logs are read as, for the tests of their formats."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from copilot_analytics.formats.home_table import FORMAT as HOME_TABLE
from copilot_analytics.formats.home_text import FORMAT as HOME_TEXT
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.records import Block, Item, Record

if TYPE_CHECKING:
    from collections.abc import Iterable


def read(text: str, cuts: Iterable[int] = ()) -> list[Record]:
    """Return the records of a log, fed in pieces that end at the cuts."""
    lines = text.splitlines()
    is_table = HOME_TABLE.confidence(lines) > max(0.5, HOME_TEXT.confidence(lines))
    home = HOME_TABLE if is_table else HOME_TEXT
    reader = LogReader("run.log", home.name, formats={home.name: home})
    raw = text.encode()
    edges = [0, *sorted(cut % (len(raw) + 1) for cut in cuts), len(raw)]
    items: list[Item] = []
    for low, high in pairwise(edges):
        items += reader.feed(raw[low:high])
    items += reader.close()
    records = [r for i in items for r in (i.records() if isinstance(i, Block) else (i,))]
    return [r for r in records if "log_format" not in r.facts]


def points(records: list[Record], kind: str) -> list[tuple[int | None, dict[str, float]]]:
    """Return the steps and metrics of the records of a kind."""
    return [(r.step, dict(r.metrics)) for r in records if r.kind == kind and r.metrics]


def facts(records: list[Record]) -> dict[str, object]:
    """Return all that the records state of the plan."""
    return {name: fact for r in records if r.kind == "config" for name, fact in r.facts.items()}
