"""Which runs the ledger may forget, and how it does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Mapping

OLD_RUNS = """
SELECT run_key FROM (
    SELECT run_key, max(seen_at, coalesce(decided_at, 0)) AS at FROM events
    UNION ALL SELECT run_key, created FROM messages
    UNION ALL SELECT m.run_key, CASE WHEN o.state IN ('new', 'sending') THEN 9e99 ELSE o.updated END
        FROM outbox o JOIN messages m ON m.id = o.message_id)
WHERE run_key != '' GROUP BY run_key HAVING max(at) < ?
"""
"""Runs of which nothing was written since a time, and nothing waits."""


def without_log(
    runs: Iterable[str], notes: Mapping[str, str], is_gone: Callable[[str], bool]
) -> list[str]:
    """Return those of the runs whose log is gone, by the notes of where they began."""
    there: set[str] = set()
    for name, text in notes.items():
        first = notes.get(name.replace("runs:", "first:", 1), "")
        if name.startswith("runs:") and not (first and is_gone(first)):
            there.update(json.loads(text))
    return [key for key in runs if key not in there]


def forget(connection: sqlite3.Connection, runs: Collection[str], before: float) -> list[str]:
    """Drop the rows, messages and notes of those of the runs that are still among the old ones."""
    keys = [key for (key,) in connection.execute(OLD_RUNS, (before,)) if key in runs]
    gone = json.dumps(keys)
    chosen = "(SELECT value FROM json_each(?))"
    connection.execute(
        "DELETE FROM outbox WHERE message_id IN"  # noqa: S608  # a constant
        f" (SELECT id FROM messages WHERE run_key IN {chosen})",
        (gone,),
    )
    for table in ("messages", "events"):
        connection.execute(f"DELETE FROM {table} WHERE run_key IN {chosen}", (gone,))  # noqa: S608  # as above
    mutes = [(f"mute:{key}",) for key in keys]
    connection.executemany("DELETE FROM notes WHERE key = ?", mutes)
    places = connection.execute("SELECT key, text FROM notes WHERE key LIKE 'runs:%'").fetchall()
    for name, text in places:
        known = json.loads(text)
        left = [key for key in known if key not in keys]
        if left:
            connection.execute("UPDATE notes SET text = ? WHERE key = ?", (json.dumps(left), name))
        elif known:
            place = name.removeprefix("runs:")
            known_by = (name, f"first:{place}", f"card:%:{place}")
            connection.execute("DELETE FROM notes WHERE key IN (?, ?) OR key LIKE ?", known_by)
    return keys
