"""The file of the ledger: where it lies, and what becomes of it when the disk or the file fails."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest
from ledgers import put

from copilot_analytics.alerts import _storage
from copilot_analytics.alerts._disk import LedgerError
from copilot_analytics.alerts.ledger import Ledger
from copilot_analytics.alerts.state_folder import state_folder


def test_it_lies_in_the_state_directory_and_is_private(tmp_path, opened):
    ledger = opened(environment={"XDG_STATE_HOME": str(tmp_path / "s")})
    path = tmp_path / "s" / "copilot" / "ledger.sqlite3"
    assert ledger.path == path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    relative = state_folder({"HOME": "/home/x", "XDG_STATE_HOME": "relative"})
    assert relative == Path("/home/x/.local/state/copilot")


def test_a_loose_directory_is_closed(place, opened):
    place.parent.mkdir(mode=0o777)
    place.parent.chmod(0o777)
    opened(place)
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(("local", "mode"), [(True, "wal"), (False, "delete")])
def test_wal_on_local_disks_only_and_full_sync(place, opened, monkeypatch, local, mode):
    monkeypatch.setattr(_storage, "is_local_disk", lambda path: local)
    ledger = opened(place)
    assert ledger._disk.execute("PRAGMA journal_mode").fetchone()[0] == mode
    assert ledger._disk.execute("PRAGMA synchronous").fetchone()[0] == 2


def test_newer_schema_is_refused_in_words(place, opened):
    opened(place).close()
    with sqlite3.connect(place) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(LedgerError, match="newer copilot"):
        Ledger(place)


def test_damage_is_moved_aside_and_told(place, opened):
    place.parent.mkdir()
    place.write_bytes(b"this is no database" * 400)
    ledger = opened(place)
    assert "damaged" in ledger.notices[0] and ledger.trouble is None
    assert put(ledger) and len(ledger.claim("console", 1.0)) == 1
    assert len(list(place.parent.glob("*.damaged-*"))) == 1


def test_damage_in_mid_run_keeps_what_can_be_read(place, opened, monkeypatch):
    monkeypatch.setattr(_storage, "is_local_disk", lambda path: False)
    ledger = opened(place)
    put(ledger, "first")
    with sqlite3.connect(place) as other:
        other.execute("DROP TABLE notes")
    other.close()
    ledger.note("card", "5", 1.0)
    assert ledger.noted("card") == "5"
    assert ledger.notices and ledger.undelivered() == {"console": 1}


@pytest.mark.parametrize("make", ["directory", "link"])
def test_something_else_in_its_place_is_refused(place, make):
    place.parent.mkdir()
    if make == "directory":
        place.mkdir()
    else:
        target = place.with_name("precious")
        target.write_text("precious")
        place.symlink_to(target)
    with pytest.raises(LedgerError, match="move it away"):
        Ledger(place)


def test_full_disk_goes_on_in_memory_and_comes_back(place, opened):
    ledger = opened(place)
    put(ledger, "early")
    pages = ledger._disk.execute("PRAGMA page_count").fetchone()[0]
    ledger._disk.execute(f"PRAGMA max_page_count = {pages}")
    assert ledger.trouble is None
    assert put(ledger, "big", now=10.0, body=("x" * 100_000,))
    assert "memory" in ledger.trouble and "full" in ledger.trouble
    claimed = ledger.claim("console", 11.0, limit=9)
    assert [entry.message.id for entry in claimed] == ["early", "big"]
    ledger.sent(["early"], "console", 12.0)
    ledger._disk.execute("PRAGMA max_page_count = 100000")
    put(ledger, "late", now=75.0)
    assert ledger.trouble is None
    other = opened(place)
    assert other.undelivered() == {"console": 2}
    assert other._read("SELECT state FROM outbox WHERE message_id = 'early'") == [("sent",)]


def test_no_state_directory_at_all(tmp_path, opened):
    (tmp_path / "copilot").write_text("a file where the directory should be")
    ledger = opened(tmp_path / "copilot" / "ledger.sqlite3")
    assert ledger.trouble and put(ledger) and len(ledger.claim("console", 1.0)) == 1


def test_a_file_held_by_another_process_does_not_stop_supervision(place, opened):
    ledger = opened(place, busy_s=0.05)
    put(ledger, "early")
    holder = sqlite3.connect(place, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        assert put(ledger, "mine", now=10.0)
        assert "locked" in ledger.trouble
        # What waits in the file is the other's to send.
        assert [e.message.id for e in ledger.claim("console", 11.0, limit=9)] == ["mine"]
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    ledger.sent(["mine"], "console", 12.0)
    ledger.close()
    assert opened(place).undelivered() == {"console": 1}


def test_a_ledger_of_the_first_schema_is_read_on(place, opened):
    """Whom its waiting messages were for it did not note, except for the terminal."""
    place.parent.mkdir()
    new = opened(":memory:")
    put(new, "one", channels=("console", "webhook"))
    put(new, "two", channels=("webhook",))
    new.sent(["two"], "webhook", 1.0)
    tables = _storage._TABLES.replace(
        "    queued_by TEXT, private INTEGER NOT NULL DEFAULT 0,\n", ""
    )
    old = sqlite3.connect(place)
    old.executescript(f"{tables}; PRAGMA user_version = 1;")
    old.executemany(
        "INSERT INTO messages VALUES (?, ?, ?, ?, ?)", new._read("SELECT * FROM messages")
    )
    rows = [row[:9] for row in new._read("SELECT * FROM outbox")]
    old.executemany("INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    old.commit()
    old.close()
    ledger = opened(place)
    (notice,) = ledger.notices
    assert notice.startswith("1 messages of an older copilot")
    assert ledger.undelivered() == {"console": 1}
    assert [entry.message.id for entry in ledger.claim("console", 1.0)] == ["one"]
    states = dict(ledger._read("SELECT message_id, state FROM outbox WHERE channel = 'webhook'"))
    assert states == {"one": "dead", "two": "sent"}
    assert opened(place).notices == []
