"""What a log that is at rest would say if it ended there, kept so that a replay knows it too.

The last row of a bar, a last line without an end and a torn traceback are told once nobody seems to
write on. The log may go on all the same, and then does not hold what was told. So each such record
is kept in the journal within a tick, at the place in the log at which it was told.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from copilot_analytics.records import KINDS, Block, Item, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SETTLED = "settled"
_NAMES = ("kind", "step", "epoch", "time", "metrics", "facts")


def as_tick(record: Record, line: int) -> Record | None:
    """Return the tick that keeps a record; None for what a journal cannot hold.

    Parameters
    ----------
    record
        What the log would say.
    line
        The line up to which the log has been read.

    Examples
    --------
    >>> crash = Record("crash", facts={"error": "traceback"}, line=9, file="a")
    >>> tick = as_tick(crash, 7)
    >>> tick.kind, tick.line, settled_by(tick) == crash
    ('tick', 7, True)
    """
    told = _told(record)
    try:
        kept = json.loads(json.dumps(told))
    except (TypeError, ValueError):
        return None
    if kept["facts"] != told["facts"]:
        return None
    return Record(
        "tick",
        facts={_SETTLED: kept, "after": record.line - line},
        line=line,
        file=record.file,
    )


def settled_by(tick: Item) -> Record | None:
    """Return the record that a tick keeps, at its own line; None if it keeps none."""
    if isinstance(tick, Block) or tick.kind != "tick" or _SETTLED not in tick.facts:
        return None
    try:
        kept = {name: tick.facts[_SETTLED][name] for name in _NAMES}
        line = tick.line + tick.facts["after"]
    except (KeyError, TypeError):
        return None  # the journal was damaged
    return Record(**kept, line=line, file=tick.file) if kept["kind"] in KINDS else None


def once(records: Iterable[Record]) -> Iterator[Record]:
    """Leave out what another watch said of a silence too: each judges it once, at the same line."""
    judged: set[tuple[int, object]] = set()
    for record in records:
        settled = settled_by(record)
        silence = record.line, record.facts.get("verdict") if settled is None else repr(settled)
        if record.kind != "tick" or silence not in judged:
            yield record
        if record.kind == "tick":
            judged.add(silence)


class Settled:
    """Remembers what was settled, so that the log does not say it a second time."""

    def __init__(self) -> None:
        self._known: dict[int, set[str]] = {}

    def clear(self) -> None:
        """Forget it: what comes now is of another run."""
        self._known.clear()

    def is_new(self, record: Record) -> bool:
        """Tell whether a record was not settled yet."""
        return _sign(record) not in self._known.get(record.line, ())

    def add(self, record: Record) -> None:
        """Remember a record."""
        self._known.setdefault(record.line, set()).add(_sign(record))

    def left_of(self, item: Item) -> Iterable[Item]:
        """Return an item without the records that were settled."""
        if not self._known:
            return (item,)
        if isinstance(item, Block):
            return self._left_of_block(item)
        return (item,) if self.is_new(item) else ()

    def _left_of_block(self, block: Block) -> Iterator[Block]:
        start = 0
        if any(block.line[0] <= line <= block.line[-1] for line in self._known):
            for row, record in enumerate(block.records()):
                if not self.is_new(record):
                    if row > start:
                        yield block[start:row]
                    start = row + 1
        if start < len(block):
            yield block[start:] if start else block


def _sign(record: Record) -> str:
    """Return what a record says, so that two that say NaN are alike."""
    return json.dumps(_told(record), sort_keys=True, default=repr)


def _told(record: Record) -> dict[str, Any]:
    return {
        "kind": record.kind,
        "step": None if record.step is None else int(record.step),
        "epoch": record.epoch,
        "time": record.time,
        "metrics": dict(record.metrics),
        "facts": dict(record.facts),
    }
