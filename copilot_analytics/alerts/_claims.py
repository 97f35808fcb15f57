"""Which messages of the outbox may be claimed, as conditions in SQL, and what a claim brings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from copilot_analytics.alerts.message import Message

FREE = (
    "((o.state = 'new' AND (o.due <= ? OR o.updated > ?))"
    " OR (o.state = 'sending' AND (o.lease_until <= ? OR is_gone(o.owner))))"
)
"""Nobody is sending it: parameters are the time, the latest time noted by a clock to be trusted,
and the time again."""

MINE = (
    "(o.queued_by = ? OR (m.run_key = '' AND NOT o.private)"
    " OR (m.run_key IN (SELECT value FROM json_each(?)) AND"
    # A system that cannot name its processes does not tell when one is gone.
    " (NOT o.private OR is_gone(o.queued_by) OR (o.queued_by LIKE '/%' AND o.updated <= ?))))"
)
"""This supervisor may send it: parameters are its name, the runs that it follows as a list in
JSON, and since when what another one queued counts as abandoned."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A message claimed for one channel.

    Parameters
    ----------
    message
        What to send.
    channel
        Where.
    created
        When it was decided, or put into other words.
    attempts
        How often sending it was tried before, or may have been: by a supervisor that was killed.
    """

    message: Message
    channel: str
    created: float
    attempts: int
