"""Messages that wait in the outbox because they must make no sound yet, in SQL."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from copilot_analytics.alerts._claims import MINE

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

HELD_UNTIL = (
    "SELECT max(o.due) FROM outbox o JOIN messages m ON m.id = o.message_id"  # noqa: S608  # a constant
    " WHERE o.channel = ? AND o.state = 'new' AND o.attempts = 0 AND o.due > ? AND o.updated <= ?"
    f" AND {MINE}"
)
"""Until when a channel waits: parameters are its name, the time, the latest time noted by a clock
to be trusted, and those of `MINE`. What was tried before waits for the network."""

_WAITS = (
    "SELECT o.message_id FROM outbox o JOIN messages m ON m.id = o.message_id"  # noqa: S608  # as above
    " WHERE o.channel IN (SELECT value FROM json_each(?)) AND o.state = 'new' AND o.attempts = 0"
    f" AND {MINE}"
)

TRY_AGAIN = "UPDATE outbox SET due = 0 WHERE channel = ? AND state = 'new' AND attempts > 0"
"""Let what was tried before be tried again at once; the parameter is the name of the channel."""


def hear_again(
    connection: sqlite3.Connection,
    channels: Iterable[str],
    now: float,
    until: float | None,
    mine: tuple[str, str, float],
) -> None:
    """Let what waits be heard at a moment at the latest.

    Parameters
    ----------
    connection
        The ledger.
    channels
        Names in the ledger of the channels.
    now
        Seconds since 1970.
    until
        That moment; None means at once.
    mine
        The parameters of `MINE`.
    """
    due = now if until is None else until
    names = json.dumps(list(channels))
    connection.execute(
        "UPDATE messages SET document = json_set(document, '$.quiet_until', ?)"  # noqa: S608  # as above
        f" WHERE json_extract(document, '$.quiet_until') > ? AND id IN ({_WAITS})",
        (until, due, names, *mine),
    )
    connection.execute(
        "UPDATE outbox SET due = ?, updated = ? WHERE state = 'new' AND attempts = 0 AND due > ?"  # noqa: S608  # as above
        f" AND channel IN (SELECT value FROM json_each(?)) AND message_id IN ({_WAITS})",
        (due, now, due, names, names, *mine),
    )
