"""What a log that is at rest would say if it ended there, kept so that a replay knows it too.

The last row of a bar, a last line without an end and a torn traceback are told once nobody seems to
write on. The log may go on all the same, and then does not hold what was told. So each such record
is kept in the journal within a tick, at the place in the log at which it was told. So is what a log
beside it says of the plan, or of how the run ended.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from copilot_analytics.live.journal import read_journal
from copilot_analytics.records import KINDS, Block, Item, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from copilot_analytics.reading.beside import Beside

_SETTLED, _BESIDE = "settled", "beside"
_NAMES = ("kind", "step", "epoch", "time", "metrics", "facts")


def as_tick(record: Record, line: int, beside: str | None = None) -> Record | None:
    """Return the tick that keeps a record; None for what a journal cannot hold.

    Parameters
    ----------
    record
        What the log would say.
    line
        The line up to which the log has been read.
    beside
        Name of the log beside it that says so, empty for settings; None for the log itself.

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
    facts: dict[str, Any] = {_SETTLED: kept, "after": record.line - line}
    if beside is not None:
        facts[_BESIDE] = beside
    return Record(
        "tick",
        facts=facts,
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


def said_beside(tick: Item) -> str | None:
    """Return the name of the log beside it that says what a tick keeps; None: the log itself."""
    if isinstance(tick, Block) or tick.kind != "tick":
        return None
    name = tick.facts.get(_BESIDE)
    return None if name is None else str(name)


def kept_of(path: Path, line: int, file: str, beside: Beside) -> deque[Record]:
    """Return what was kept of a run, in the order of its log.

    Parameters
    ----------
    path
        The journal.
    line
        The first row of the run, from which the journal counts.
    file
        The log.
    beside
        What other logs are read with it: what was kept of those would come twice.

    Raises
    ------
    OSError
        If there is no journal.
    """
    kept = []
    for record in read_journal(path):
        other = said_beside(record)
        known = other in beside.names or (other == "" and beside.states_plan)
        if record.line and not known:
            kept.append(replace(record, line=record.line + line - 1, file=file))
    # Two watches of one run may have written in turn.
    return deque(once(sorted(kept, key=lambda record: record.line)))


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

    def holds(self, record: Record) -> bool:
        """Tell whether the same was settled at whatever line."""
        sign = _sign(record)
        return any(sign in signs for signs in self._known.values())

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
