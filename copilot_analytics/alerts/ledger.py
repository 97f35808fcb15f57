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

Secrets are never in it.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from copilot_analytics.alerts import _quiet, _retention, _storage
from copilot_analytics.alerts._claims import FREE, MINE, Entry
from copilot_analytics.alerts._disk import DiskOrMemory
from copilot_analytics.alerts._rows import decision, event_row, sound
from copilot_analytics.alerts.message import Message
from copilot_analytics.alerts.state_folder import state_folder
from copilot_analytics.process_identity import name_of_this_process

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from copilot_analytics.alerts.message import Decision


_ABANDONED_S = 300.0
_SET_BACK_S = 300.0  # what was noted so far in the future was noted by a clock that was wrong


class Ledger(DiskOrMemory):
    """The ledger of one user.

    Parameters
    ----------
    path
        The file; None means ``ledger.sqlite3`` in `state_folder`. ``":memory:"`` keeps nothing.
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
    >>> from copilot_analytics.findings import Severity
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
        self._followed: set[str] = set()
        self._private: set[str] = set()
        default = state_folder(environment or os.environ) / "ledger.sqlite3"
        super().__init__(default if path is None else path, busy_s)
        if (notice := self.noted("notice")) is not None:
            self.notices.append(notice)
            self._write(lambda held: held.execute("DELETE FROM notes WHERE key = 'notice'"), 0.0)

    def follow(self, run_key: str) -> None:
        """Take over what waits for a run: this supervisor watches it."""
        with self._lock:
            self._followed.add(sound(run_key))

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
            connection.executemany(_storage.PUT_EVENT, [event_row(row) for row in decisions])
            for message in messages:
                _keep(connection, message, now)
                connection.executemany(
                    "INSERT OR IGNORE INTO outbox (message_id, channel, updated, queued_by,"
                    " private) VALUES (?, ?, ?, ?, ?)",
                    [(message.id, name, now, *self._queued(name)) for name in channels],
                )
            return True

        return self._write(work, now)

    def is_queued_here(self, message_id: str, channel: str) -> bool:
        """Tell whether it is this process that queued a message for a channel."""
        sql = "SELECT 1 FROM outbox WHERE message_id = ? AND channel = ? AND queued_by = ?"
        return bool(self._read(sql, (message_id, channel, self.owner)))

    def rows(self, run_key: str) -> list[Decision]:
        """Return the decisions about a run, for `Policy.restore`."""
        found = self._read(
            "SELECT event_id, run_key, kind, key, step, time, line, text, severity, seen_at,"
            " seen_tick, verdict, reason, decided_at, decided_tick, message_id"
            " FROM events WHERE run_key = ? ORDER BY seen_tick, rowid",
            (sound(run_key),),
        )
        return [decision(row, run_key) for row in found]

    def knows(self, run_key: str) -> bool:
        """Tell whether a run was supervised before."""
        sql = "SELECT 1 FROM messages WHERE run_key = ? LIMIT 1"
        return bool(self._read(sql, (sound(run_key),)))

    def name_of(self, run_key: str) -> str:
        """Return what people call a run that was supervised before; empty if it was not."""
        sql = "SELECT document FROM messages WHERE run_key = ? ORDER BY created DESC LIMIT 1"
        found = self._read(sql, (sound(run_key),))
        return Message.from_json(found[0][0]).run_name if found else ""

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
                f" JOIN messages m ON m.id = o.message_id WHERE o.channel = ? AND {FREE}"
                f" AND {MINE} ORDER BY m.severity DESC, m.created, o.rowid LIMIT ?",
                (channel, now, now + _SET_BACK_S, now, *mine, limit),
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
            f" WHERE o.channel = ? AND {FREE} AND {MINE}",
            (channel, now, now + _SET_BACK_S, now, *self._mine(now)),
        )
        return int(found[0][0])

    def held_until(self, channel: str, now: float) -> float | None:
        """Return until when messages must make no sound on a channel, None if none waits."""
        known = (channel, now, now + _SET_BACK_S, *self._mine(now))
        return self._read(_quiet.HELD_UNTIL, known)[0][0]  # type: ignore[no-any-return]  # REAL

    def hear_again(self, channels: Iterable[str], now: float, until: float | None) -> None:
        """Let messages that must make no sound yet be heard at a moment at the latest, or now."""
        names, mine = list(channels), self._mine(now)
        self._write(lambda held: _quiet.hear_again(held, names, now, until, mine), now)

    def sent(self, ids: Iterable[str], channel: str, now: float, receipt: str = "") -> None:
        """Note that messages arrived."""
        self._settle(ids, channel, now, "sent", receipt, 0.0)

    def give_back(
        self, ids: Iterable[str], channel: str, now: float, *, error: str, due: float
    ) -> None:
        """Note that messages could not be sent, and when to try again."""
        self._settle(ids, channel, now, "new", error, due)

    def try_again(self, channel: str, now: float) -> None:
        """Let what could not be sent be tried at once: the channel works again."""
        self._write(lambda connection: connection.execute(_quiet.TRY_AGAIN, (channel,)), now)

    def release(self, ids: Iterable[str], channel: str, now: float, due: float = 0.0) -> None:
        """Give claimed messages back without having tried to send them, until they are due."""
        rows = [(now, due, name, channel, self.owner) for name in ids]
        sql = (
            "UPDATE outbox SET state = 'new', owner = NULL, lease_until = 0, updated = ?, due = ?"
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
            f" WHERE state IN ('new', 'sending') AND (NOT ? OR {MINE})"
            " GROUP BY channel ORDER BY channel",
            (mine, *self._mine(float("-inf"))),
        )
        return {str(channel): int(count) for channel, count in found}

    def forgettable(self, before: float, is_gone: Callable[[str], bool]) -> list[str]:
        """Return the runs that nobody will ask for again: long at rest, and their log is gone.

        Runs with a message that still waits are not among them.

        Parameters
        ----------
        before
            When they were written of last, at the latest; seconds since 1970.
        is_gone
            Tells by the note of where a run began whether its log is gone. A run whose place is
            not noted any more was followed by others there, and counts as gone.
        """
        old = self._read(_retention.OLD_RUNS, (before,))
        return _retention.without_log((str(key) for (key,) in old), self.notes(), is_gone)

    def forget(self, runs: Iterable[str], before: float, now: float) -> list[str]:
        """Drop all that is known of runs, but of those that another supervisor wrote of meanwhile.

        Parameters
        ----------
        runs
            Their keys.
        before
            As in `forgettable`.
        now
            Seconds since 1970.

        Returns
        -------
        list of str
            Keys of those that were dropped.
        """
        keys = set(runs)
        if not keys:
            return []
        return self._write(lambda connection: _retention.forget(connection, keys, before), now)

    def note(self, key: str, text: str, now: float) -> None:
        """Keep a small fact over restarts, e.g. the id of the status card of a chat."""
        sql = "INSERT OR REPLACE INTO notes VALUES (?, ?, ?)"
        self._write(lambda connection: connection.execute(sql, (key, text, now)), now)

    def noted(self, key: str) -> str | None:
        """Return what `note` kept, None if nothing."""
        found = self._read("SELECT text FROM notes WHERE key = ?", (key,))
        return str(found[0][0]) if found else None

    def notes(self) -> dict[str, str]:
        """Return all that `note` kept, by key."""
        return dict(self._read("SELECT key, text FROM notes", ()))

    def _mine(self, now: float) -> tuple[str, str, float]:
        """Return the parameters of `MINE`."""
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


def _keep(connection: sqlite3.Connection, message: Message, now: float) -> None:
    row = (message.id, sound(message.run_key), int(message.severity), now, message.to_json())
    connection.execute("INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?, ?)", row)
