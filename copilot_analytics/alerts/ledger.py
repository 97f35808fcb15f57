"""What was decided and what was told, on disk, so that a crash neither repeats nor forgets it.

One SQLite file in the user's state directory. Messages and the decisions they rest on are
committed together; each message then waits in an outbox, once per channel::

    new ──► sending ──► sent
     ▲         │
     └─────────┼──────► dead       (the channel will never take it)
               └──────► gathered   (told by another message, whose id is its remark)

A channel stands there under its name and a digest of its address, so that a message reaches the
address that it was meant for and no other. A supervisor sends what it queued and what waits for the
runs that it follows; what is for its own terminal is another's only once its process is gone.

A supervisor claims a message before it sends it, so that two of them do not both send. A claim
ends with the process that made it, where that can be told: on the same machine, under Linux. A
claim from elsewhere ends after some minutes, in case its holder was killed.

Delivery is *at least once*. Between sending a message and noting that it was sent lies a moment
in which a crash leaves it unknown whether it arrived; it is then sent again. No chat offers a
key against that, hence the short id at the end of each message: the same id twice is the same
message. What was tried once is therefore never told by another id, such as that of a digest.
The webhook sends the id as an idempotency key as well.

When the disk is full or the file cannot be written, the ledger goes on in memory, says so in
`trouble`, and writes down what it holds as soon as that works again. A damaged file is moved
aside, and what can be read of it is kept. Secrets are never in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from copilot_analytics.alerts import _storage
from copilot_analytics.alerts.message import Decision, Message
from copilot_analytics.errors import CopilotError
from copilot_analytics.events import Event
from copilot_analytics.findings import Severity
from copilot_analytics.process_identity import name_of_this_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

T = TypeVar("T")

_FREE = (
    "((o.state = 'new' AND o.due <= ?)"
    " OR (o.state = 'sending' AND (o.lease_until <= ? OR is_gone(o.owner))))"
)
_MINE = (
    "(o.queued_by = ? OR (m.run_key = '' AND NOT o.private)"
    " OR (m.run_key IN (SELECT value FROM json_each(?)) AND"
    # A system that cannot name its processes does not tell when one is gone.
    " (NOT o.private OR is_gone(o.queued_by) OR (o.queued_by LIKE '/%' AND o.updated <= ?))))"
)
_ABANDONED_S = 300.0


class LedgerError(CopilotError):
    """The ledger of what was told cannot be used."""


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
        When it was decided.
    attempts
        How often sending it was tried before, or may have been: by a supervisor that was killed.
    """

    message: Message
    channel: str
    created: float
    attempts: int


class Ledger:
    """The ledger of one user.

    Parameters
    ----------
    path
        The file; None means `default_path`. ``":memory:"`` keeps nothing.
    owner
        Names this supervisor among several; None makes one up from the process, so that others
        can tell when it is gone.
    environment
        Where ``XDG_STATE_HOME`` and ``HOME`` are looked up; None means the process's own.
    busy_s
        How long to wait for another process that writes.

    Attributes
    ----------
    trouble : str or None
        What is wrong with the disk now, in a sentence; None if nothing.
    notices : list of str
        What a person should be told once, e.g. that a damaged file was moved aside.

    Raises
    ------
    LedgerError
        If a newer copilot wrote the file, or something else than a ledger is in its place.

    Examples
    --------
    >>> ledger = Ledger(":memory:")
    >>> hello = Message("ab12cd", "run", "my_run", "news", Severity.INFO, "Hello")
    >>> ledger.put([hello], [], now=0.0, channels=["console"])
    True
    >>> [entry.message.title for entry in ledger.claim("console", now=1.0)]
    ['Hello']
    >>> ledger.sent(["ab12cd"], "console", now=2.0)
    >>> ledger.undelivered()
    {}
    >>> ledger.close()
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        owner: str | None = None,
        environment: Mapping[str, str] | None = None,
        busy_s: float = 5.0,
    ) -> None:
        self.owner = owner or f"{name_of_this_process()}/{os.urandom(4).hex()}"
        self.path = _storage.default_path(environment or os.environ) if path is None else path
        self.trouble: str | None = None
        self.notices: list[str] = []
        self._followed: set[str] = set()
        self._private: set[str] = set()
        self._busy_s = busy_s
        self._lock = threading.RLock()
        self._memory: sqlite3.Connection | None = None
        self._retry_at = float("-inf")
        self._disk = self._open()
        if (notice := self.noted("notice")) is not None:
            self.notices.append(notice)
            self._write(lambda held: held.execute("DELETE FROM notes WHERE key = 'notice'"), 0.0)

    def follow(self, run_key: str) -> None:
        """Take over what waits for a run: this supervisor watches it."""
        with self._lock:
            self._followed.add(_sound(run_key))

    def keep_private(self, channel: str) -> None:
        """Leave what is queued here for a channel to this supervisor alone, while it lives."""
        self._private.add(channel)

    def put(
        self,
        messages: Sequence[Message],
        decisions: Iterable[Decision],
        now: float,
        channels: Sequence[str],
    ) -> bool:
        """Write decisions and messages down in one transaction, and queue the messages.

        Parameters
        ----------
        messages
            To be queued for each channel; one that is known already is left as it is.
        decisions
            What the policy decided in the same step.
        now
            Seconds since 1970.
        channels
            Names of the channels, see `Channel.ledger_name`.

        Returns
        -------
        bool
            False if another supervisor of the run has told of these events meanwhile. Then
            nothing is written: restore the policy from `rows` and give it all events again.
        """
        decisions = list(decisions)
        if not messages and not decisions:
            return True

        def work(connection: sqlite3.Connection) -> bool:
            told = [row for row in decisions if row.verdict == "told"]
            for row in told:
                found = connection.execute(
                    "SELECT message_id FROM events WHERE event_id = ? AND verdict = 'told'"
                    " AND message_id IS NOT ?",
                    (row.event_id, row.message_id),
                ).fetchone()
                if found is not None and row.reason != "passed":
                    return False
            connection.executemany(_storage.PUT_EVENT, [_event_row(row) for row in decisions])
            for message in messages:
                _keep(connection, message, now)
                connection.executemany(
                    "INSERT OR IGNORE INTO outbox (message_id, channel, updated, queued_by,"
                    " private) VALUES (?, ?, ?, ?, ?)",
                    [(message.id, name, now, *self._queued(name)) for name in channels],
                )
            return True

        return self._write(work, now)

    def rows(self, run_key: str) -> list[Decision]:
        """Return the decisions about a run, for `Policy.restore`."""
        found = self._read(
            "SELECT event_id, run_key, kind, key, step, time, line, text, severity, seen_at,"
            " seen_tick, verdict, reason, decided_at, decided_tick, message_id"
            " FROM events WHERE run_key = ? ORDER BY seen_tick, rowid",
            (_sound(run_key),),
        )
        return [_decision(row, run_key) for row in found]

    def knows(self, run_key: str) -> bool:
        """Tell whether a run was supervised before."""
        sql = "SELECT 1 FROM messages WHERE run_key = ? LIMIT 1"
        return bool(self._read(sql, (_sound(run_key),)))

    def claim(
        self, channel: str, now: float, *, limit: int = 1, lease_s: float = 300.0
    ) -> list[Entry]:
        """Take messages that wait for a channel, the most urgent and then the oldest first.

        Only those that this supervisor queued, those of runs that it follows, and those of no run.

        Parameters
        ----------
        channel
            Its name.
        now
            Seconds since 1970.
        limit
            At most so many.
        lease_s
            How long they are this supervisor's at most; it must exceed the time that sending
            takes. They are free earlier if its process is known to have ended.
        """
        mine = self._mine(now)

        def work(connection: sqlite3.Connection) -> list[Entry]:
            found = connection.execute(
                "SELECT o.message_id, m.document, m.created,"  # noqa: S608  # a constant
                " o.attempts + (o.state = 'sending') FROM outbox o"
                f" JOIN messages m ON m.id = o.message_id WHERE o.channel = ? AND {_FREE}"
                f" AND {_MINE} ORDER BY m.severity DESC, m.created, o.rowid LIMIT ?",
                (channel, now, now, *mine, limit),
            ).fetchall()
            connection.executemany(
                "UPDATE outbox SET state = 'sending', owner = ?, lease_until = ?, updated = ?,"
                " attempts = ? WHERE message_id = ? AND channel = ?",
                [(self.owner, now + lease_s, now, row[3], row[0], channel) for row in found],
            )
            return [Entry(Message.from_json(doc), channel, at, n) for _, doc, at, n in found]

        return self._write(work, now) if self.waiting(channel, now) else []

    def waiting(self, channel: str, now: float) -> int:
        """Return how many messages could be claimed now."""
        found = self._read(
            "SELECT count(*) FROM outbox o JOIN messages m ON m.id = o.message_id"  # noqa: S608  # a constant
            f" WHERE o.channel = ? AND {_FREE} AND {_MINE}",
            (channel, now, now, *self._mine(now)),
        )
        return int(found[0][0])

    def sent(self, ids: Iterable[str], channel: str, now: float, receipt: str = "") -> None:
        """Note that messages arrived."""
        self._settle(ids, channel, now, "sent", receipt, 0.0)

    def give_back(
        self, ids: Iterable[str], channel: str, now: float, *, error: str, due: float
    ) -> None:
        """Note that messages could not be sent, and when to try again."""
        self._settle(ids, channel, now, "new", error, due)

    def release(self, ids: Iterable[str], channel: str, now: float) -> None:
        """Give claimed messages back without having tried to send them."""
        rows = [(now, name, channel, self.owner) for name in ids]
        sql = (
            "UPDATE outbox SET state = 'new', owner = NULL, lease_until = 0, updated = ?"
            " WHERE message_id = ? AND channel = ? AND owner = ?"
        )
        self._write(lambda connection: connection.executemany(sql, rows), now)

    def gather(
        self, message: Message, ids: Iterable[str], channel: str, now: float, lease_s: float = 300.0
    ) -> None:
        """Let one message, claimed at once, take the place of several claimed ones for good."""
        rows = [(message.id, now, name, channel) for name in ids]

        def work(connection: sqlite3.Connection) -> None:
            _keep(connection, message, now)
            connection.execute(
                "INSERT OR REPLACE INTO outbox (message_id, channel, state, owner, lease_until,"
                " updated, queued_by, private) VALUES (?, ?, 'sending', ?, ?, ?, ?, ?)",
                (message.id, channel, self.owner, now + lease_s, now, *self._queued(channel)),
            )
            connection.executemany(
                "UPDATE outbox SET state = 'gathered', remark = ?, owner = NULL, lease_until = 0,"
                " updated = ? WHERE message_id = ? AND channel = ? AND state = 'sending'",
                rows,
            )

        self._write(work, now)

    def bury(self, ids: Iterable[str], channel: str, now: float, error: str) -> None:
        """Note that a channel will never take these messages, and why."""
        self._settle(ids, channel, now, "dead", error, 0.0)

    def undelivered(self, *, mine: bool = False) -> dict[str, int]:
        """Return how many messages each channel still owes; channels that owe none are absent.

        Parameters
        ----------
        mine
            Count only what this supervisor may send.
        """
        found = self._read(
            "SELECT channel, count(*) FROM outbox o JOIN messages m ON m.id = o.message_id"  # noqa: S608  # a constant
            f" WHERE state IN ('new', 'sending') AND (NOT ? OR {_MINE})"
            " GROUP BY channel ORDER BY channel",
            (mine, *self._mine(float("-inf"))),
        )
        return {str(channel): int(count) for channel, count in found}

    def note(self, key: str, text: str, now: float) -> None:
        """Keep a small fact over restarts, e.g. the id of the status card of a chat."""
        sql = "INSERT OR REPLACE INTO notes VALUES (?, ?, ?)"
        self._write(lambda connection: connection.execute(sql, (key, text, now)), now)

    def noted(self, key: str) -> str | None:
        """Return what `note` kept, None if nothing."""
        found = self._read("SELECT text FROM notes WHERE key = ?", (key,))
        return str(found[0][0]) if found else None

    def close(self) -> None:
        """Write down what is only in memory if that works, and close the file."""
        if self._memory is not None:
            self._retry_at = float("-inf")
            self._return_to_disk(float("inf"))
        for connection in (self._disk, self._memory):
            if connection is not None:
                with contextlib.suppress(sqlite3.Error):
                    connection.close()

    def _mine(self, now: float) -> tuple[str, str, float]:
        """Return the parameters of `_MINE`."""
        with self._lock:
            return self.owner, json.dumps(sorted(self._followed)), now - _ABANDONED_S

    def _queued(self, channel: str) -> tuple[str, bool]:
        return self.owner, channel in self._private

    def _settle(
        self, ids: Iterable[str], channel: str, now: float, state: str, remark: str, due: float
    ) -> None:
        rows = [(state, due, remark[:300], state, now, name, channel) for name in ids]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "UPDATE outbox SET state = ?, due = ?, remark = ?, owner = NULL, lease_until = 0,"
                " attempts = attempts + (? = 'new'), updated = ?"
                " WHERE message_id = ? AND channel = ? AND state != 'sent'",
                rows,
            )

        self._write(work, now)

    def _open(self) -> sqlite3.Connection | None:
        if str(self.path) == ":memory:":
            return _storage.in_memory()
        path = Path(self.path)
        try:
            return _storage.connect(path, self._busy_s)
        except _storage.NewerSchemaError as error:
            msg = (
                f"{path} was written by a newer copilot (schema {error.version}, this one knows"
                f" {_storage.SCHEMA_VERSION}); upgrade copilot or name another state directory"
            )
            raise LedgerError(msg) from None
        except _storage.ForeignFileError as error:
            msg = f"{path} cannot be the ledger: {error}; move it away or name another directory"
            raise LedgerError(msg) from None
        except (sqlite3.Error, OSError) as error:
            if _storage.is_damage(error):
                return self._replace_damaged(path)
            self._go_to_memory(error, copy_from=None)
            return None

    def _replace_damaged(self, path: Path) -> sqlite3.Connection | None:
        try:
            aside, connection = _storage.move_aside(path, self._busy_s)
        except (sqlite3.Error, OSError) as error:
            self._go_to_memory(error, copy_from=None)
            return None
        self.notices.append(
            f"the ledger of what was told was damaged; it is now {aside.name},"
            " and a message or two may come twice"
        )
        return connection

    def _go_to_memory(self, error: Exception, copy_from: sqlite3.Connection | None) -> None:
        self._memory = _storage.in_memory()
        if copy_from is not None:
            with contextlib.suppress(sqlite3.Error):
                # Another process that holds the file still sends what waits in it.
                locked = "locked" in str(error)
                _storage.merge(copy_from, self._memory, with_outbox=not locked)
        self.trouble = (
            f"what was told cannot be written to {self.path} ({error}); it is kept in memory"
            " until that works again: free some space or name another state directory"
        )

    def _return_to_disk(self, now: float) -> None:
        """Write down what was kept in memory, if the disk takes it again."""
        if self._memory is None or now < self._retry_at:
            return
        self._retry_at = now + 60.0
        try:
            if self._disk is None:
                self._disk = _storage.connect(Path(self.path), self._busy_s)
            _storage.merge(self._memory, self._disk)
        except (sqlite3.Error, OSError, _storage.ForeignFileError, _storage.NewerSchemaError):
            return
        self._memory.close()
        self._memory = self.trouble = None

    def _write(self, work: Callable[[sqlite3.Connection], T], now: float) -> T:
        with self._lock:
            self._return_to_disk(now)
            if self._memory is not None or self._disk is None:
                assert self._memory is not None  # noqa: S101  # without a disk there is memory
                return _storage.transact(self._memory, work)
            try:
                return _storage.transact(self._disk, work)
            except sqlite3.Error as error:
                self._leave_disk(error)
                self._retry_at = now + 60.0
                return self._write_after(work)

    def _write_after(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._memory if self._memory is not None else self._disk
        assert connection is not None  # noqa: S101  # one of the two is there
        return _storage.transact(connection, work)

    def _read(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            connection = self._memory if self._memory is not None else self._disk
            assert connection is not None  # noqa: S101  # one of the two is there
            try:
                return connection.execute(sql, parameters).fetchall()
            except sqlite3.Error as error:
                if self._memory is not None:
                    raise
                self._leave_disk(error)
            return self._write_after(lambda c: c.execute(sql, parameters).fetchall())

    def _leave_disk(self, error: sqlite3.Error) -> None:
        """Go on in memory, or in a fresh file if this one is damaged."""
        damaged, self._disk = self._disk, None
        if damaged is not None and _storage.is_damage(error):
            with contextlib.suppress(sqlite3.Error):
                damaged.close()
            self._disk = self._replace_damaged(Path(self.path))
            return
        self._disk = damaged
        self._go_to_memory(error, copy_from=damaged)


def _keep(connection: sqlite3.Connection, message: Message, now: float) -> None:
    row = (message.id, _sound(message.run_key), int(message.severity), now, message.to_json())
    connection.execute("INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?, ?)", row)


def _event_row(row: Decision) -> tuple[Any, ...]:
    event = row.event
    return (
        row.event_id,
        _sound(row.run_key),
        event.kind,
        _sound(event.key),
        None if event.step is None else min(event.step, 2**63 - 1),
        event.time,
        event.line,
        _sound(event.text),
        int(event.severity),
        row.seen_at,
        row.seen_tick,
        row.verdict,
        row.reason,
        row.decided_at,
        row.decided_tick,
        row.message_id,
    )


def _sound(text: str) -> str:
    """Make text storable: what a log or a path holds need not be valid Unicode."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _decision(row: tuple[Any, ...], run_key: str) -> Decision:
    kind, key, step, time, line, text, severity = row[2:9]
    event = Event(kind, key, step, time, line, text, Severity(severity))
    return Decision(row[0], run_key, event, *row[9:])
