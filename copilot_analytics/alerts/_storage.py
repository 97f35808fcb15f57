"""The file under the ledger: how it is opened, its tables, and what to do when the disk fails."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from copilot_analytics.process_identity import is_gone

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

SCHEMA_VERSION = 2
_TABLES = """
CREATE TABLE events (
    event_id TEXT PRIMARY KEY, run_key TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
    step INTEGER, time REAL, line INTEGER NOT NULL, text TEXT NOT NULL, severity INTEGER NOT NULL,
    seen_at REAL NOT NULL, seen_tick INTEGER NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL,
    decided_at REAL, decided_tick INTEGER, message_id TEXT);
CREATE INDEX events_of_run ON events (run_key);
CREATE TABLE messages (
    id TEXT PRIMARY KEY, run_key TEXT NOT NULL, severity INTEGER NOT NULL, created REAL NOT NULL,
    document TEXT NOT NULL);
CREATE INDEX messages_of_run ON messages (run_key);
CREATE TABLE outbox (
    message_id TEXT NOT NULL, channel TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'new',
    due REAL NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, owner TEXT,
    lease_until REAL NOT NULL DEFAULT 0, remark TEXT NOT NULL DEFAULT '', updated REAL NOT NULL,
    queued_by TEXT, private INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (message_id, channel));
CREATE INDEX outbox_waiting ON outbox (channel, state);
CREATE TABLE notes (key TEXT PRIMARY KEY, text TEXT NOT NULL, updated REAL NOT NULL);
"""
_FROM_1 = """
ALTER TABLE outbox ADD COLUMN queued_by TEXT;
ALTER TABLE outbox ADD COLUMN private INTEGER NOT NULL DEFAULT 0;
INSERT OR REPLACE INTO notes SELECT 'notice', count(*) || ' messages of an older copilot were left'
    || ' out: it did not note for which address they were', 0 FROM outbox
    WHERE state IN ('new', 'sending') AND channel != 'console' HAVING count(*) > 0;
UPDATE outbox SET state = 'dead', remark = 'the address was not noted'
    WHERE state IN ('new', 'sending') AND channel != 'console';
"""
PUT_EVENT = (
    "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (event_id) DO UPDATE SET verdict = excluded.verdict, reason = excluded.reason,"
    " decided_at = excluded.decided_at, decided_tick = excluded.decided_tick,"
    " message_id = excluded.message_id"
    " WHERE excluded.verdict = 'told' OR (events.verdict != 'told' AND excluded.verdict != 'held')"
)
_LOCAL_DISKS = frozenset(
    {"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "tmpfs", "overlay", "bcachefs"}
)


class NewerSchemaError(Exception):
    """A newer version wrote the file."""

    def __init__(self, version: int) -> None:
        super().__init__(f"schema {version}")
        self.version = version


class ForeignFileError(Exception):
    """Something is there that is no file of the user."""


def is_local_disk(path: Path, mounts: str | None = None) -> bool:
    r"""Tell whether a path is known to lie on a local disk.

    Parameters
    ----------
    path
        Any path, existing or not.
    mounts
        Text of ``/proc/mounts``; None reads it. Without it the answer is no.

    Examples
    --------
    >>> mounts = "dev / ext4 rw 0 0\nnas:/home /home nfs4 rw 0 0"
    >>> is_local_disk(Path("/var/x"), mounts), is_local_disk(Path("/home/me/x"), mounts)
    (True, False)
    """
    if mounts is None:
        try:
            mounts = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False
    best, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(fields[1].replace("\\040", " "))
        if path.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), fields[2]
    return kind in _LOCAL_DISKS


def connect(path: Path, busy_s: float) -> sqlite3.Connection:
    """Open the ledger and create what is missing.

    Raises
    ------
    NewerSchemaError, ForeignFileError
        If it cannot be used.
    sqlite3.Error, OSError
        If the disk fails or the file is damaged.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.parent.name == "copilot":
        with contextlib.suppress(OSError):
            path.parent.chmod(0o700)
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    if path.is_symlink():
        msg = "it is a symbolic link"
        raise ForeignFileError(msg)
    if path.exists() and not path.is_file():
        msg = "it is no regular file"
        raise ForeignFileError(msg)
    descriptor = os.open(path, flags, 0o600)
    try:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
    connection = sqlite3.connect(
        path, timeout=busy_s, isolation_level=None, check_same_thread=False
    )
    try:
        mode = "WAL" if is_local_disk(path.resolve()) else "DELETE"
        _prepare(connection, mode, busy_s)
    except BaseException:
        connection.close()
        raise
    return connection


def in_memory() -> sqlite3.Connection:
    """Return an empty ledger that keeps nothing."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    _prepare(connection, "MEMORY", 0.0)
    return connection


def _prepare(connection: sqlite3.Connection, mode: str, busy_s: float) -> None:
    connection.create_function("is_gone", 1, is_gone)
    connection.execute(f"PRAGMA busy_timeout = {int(1000 * busy_s)}")
    version = _version(connection)
    if version > SCHEMA_VERSION:
        raise NewerSchemaError(version)
    with contextlib.suppress(
        sqlite3.OperationalError
    ):  # another process holds it: its mode is kept
        connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute("PRAGMA synchronous = FULL")
    if version == SCHEMA_VERSION:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return

    def create(held: sqlite3.Connection) -> None:
        script = {0: _TABLES, 1: _FROM_1}.get(_version(held), "")
        for statement in filter(str.strip, script.split(";")):
            held.execute(statement)
        if script:
            held.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    transact(connection, create)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def transact(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    """Do some work in one transaction that is the only writer; undo it if it fails."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        answer = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise
    return answer


def is_damage(error: Exception) -> bool:
    """Tell whether an error means that the file is no sound ledger.

    Examples
    --------
    >>> is_damage(sqlite3.DatabaseError("file is not a database"))
    True
    >>> is_damage(sqlite3.OperationalError("database or disk is full"))
    False
    """
    words = ("not a database", "malformed", "no such table", "no such column", "has no column")
    return isinstance(error, sqlite3.Error) and any(word in str(error) for word in words)


def move_aside(path: Path, busy_s: float) -> tuple[Path, sqlite3.Connection]:
    """Put a damaged ledger away and return its new place and a fresh one with what was readable."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    path.replace(aside)
    for suffix in ("-wal", "-shm", "-journal"):
        with contextlib.suppress(OSError):
            path.with_name(path.name + suffix).replace(aside.with_name(aside.name + suffix))
    fresh = connect(path, busy_s)
    with contextlib.suppress(sqlite3.Error, OSError):
        old = sqlite3.connect(f"file:{aside}?mode=ro", uri=True, isolation_level=None)
        try:
            merge(old, fresh)
        finally:
            old.close()
    return aside, fresh


def merge(
    source: sqlite3.Connection, target: sqlite3.Connection, *, with_outbox: bool = True
) -> None:
    """Copy what `source` knows into `target`; of two outbox rows the later one counts."""

    def rows(table: str) -> list[tuple[object, ...]]:
        found: list[tuple[object, ...]] = []
        with contextlib.suppress(sqlite3.DatabaseError):  # damaged from here on
            for row in source.execute(f"SELECT * FROM {table}"):  # noqa: S608  # names from below
                found.append(row)  # noqa: PERF402  # what was read before the damage counts
        return found

    tables = {name: rows(name) for name in ("events", "messages", "notes", "outbox")}
    if not with_outbox:
        tables["outbox"] = []

    def work(held: sqlite3.Connection) -> None:
        held.executemany(PUT_EVENT, tables["events"])
        held.executemany(
            "INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?, ?)", tables["messages"]
        )
        held.executemany("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", tables["notes"])
        for row in tables["outbox"]:
            there = held.execute(
                "SELECT state, updated FROM outbox WHERE message_id = ? AND channel = ?", row[:2]
            ).fetchone()
            if there is not None:
                mine = (row[2] == "sent", float(str(row[8])))
                if mine < (there[0] == "sent", float(there[1])):
                    continue
            whole = (*row, None, 0)[:11]  # the first schema had nine columns
            held.execute(
                "INSERT OR REPLACE INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", whole
            )

    transact(target, work)
