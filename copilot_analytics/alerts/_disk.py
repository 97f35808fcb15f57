"""The file of the ledger, or memory while the disk does not take it.

When the disk is full or the file cannot be written, the ledger goes on in memory, says so in
`trouble`, and writes down what it holds as soon as that works again. A damaged file is moved
aside, and what can be read of it is kept.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from copilot_analytics.alerts import _storage
from copilot_analytics.errors import CopilotError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class LedgerError(CopilotError):
    """The ledger of what was told cannot be used."""


class DiskOrMemory:
    """A connection to the file, or to memory in its place.

    Parameters
    ----------
    path
        The file; ``":memory:"`` keeps nothing.
    busy_s
        How long to wait for another process that writes.
    """

    def __init__(self, path: str | Path, busy_s: float) -> None:
        self.path = path
        self.trouble: str | None = None
        self.notices: list[str] = []
        self._busy_s = busy_s
        self._lock = threading.RLock()
        self._memory: sqlite3.Connection | None = None
        self._retry_at = float("-inf")
        self._disk = self._open()

    def close(self) -> None:
        """Write down what is only in memory if that works, and close the file."""
        if self._memory is not None:
            self._retry_at = float("-inf")
            self._return_to_disk(float("inf"))
        for connection in (self._disk, self._memory):
            if connection is not None:
                with contextlib.suppress(sqlite3.Error):
                    connection.close()

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
        reason, cure = _in_words(error)
        self.trouble = (
            f"what was told cannot be written to {self.path} ({reason}); it is kept in memory"
            f" until that works again: {cure}, or name another state directory"
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


def _in_words(error: Exception) -> tuple[str, str]:
    """Return why the file cannot be written, and what a person may do about it.

    Examples
    --------
    >>> _in_words(PermissionError(13, "Permission denied", "ledger.sqlite3"))
    ('permission denied', 'give yourself the right to write there')
    >>> _in_words(sqlite3.OperationalError("database or disk is full"))
    ('database or disk is full', 'free some space')
    """
    reason = str(error)
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror[0].lower() + error.strerror[1:]
    if "locked" in reason:
        return reason, "end what holds it"
    denied = (
        isinstance(error, PermissionError) or "readonly" in reason or "unable to open" in reason
    )
    return reason, "give yourself the right to write there" if denied else "free some space"
