"""What was kept of runs whose log is gone is dropped in the end, and nothing else is."""

from __future__ import annotations

import json
import os

import pytest
from followed_logs import follow, settle, touch
from supervised import Quiet

from copilot_analytics.alerts.message import Message, digest_of
from copilot_analytics.findings import Severity
from copilot_analytics.live.forgetting import KEPT_S, forget_the_gone
from copilot_analytics.live.supervisor import Supervisor
from copilot_analytics.records import Record


@pytest.fixture
def journals(tmp_path):
    (tmp_path / "journals").mkdir()
    return tmp_path / "journals"


@pytest.fixture
def watched(tmp_path, clock, sample_logs, ledger, journals):
    """Watch a log for a while, and return it with the key of its run."""

    def watch(name, channels=()):
        (path,) = (sample_logs / "digits_step").glob("*/*.log")
        data = path.read_bytes()
        log = tmp_path / name
        log.write_bytes(data[: data.index(b"\n", len(data) // 2) + 1])
        touch(log, clock)
        following = follow(log, clock, journals=journals)
        watch = Supervisor([following], ledger, channels, Quiet(), wall=lambda: clock.wall)
        settle(following, clock, 12.0)
        for _ in range(200):
            clock.now += 1.0
            watch.pass_once()
        (run,) = watch.runs
        assert ledger.rows(run.run_key)
        following.log.add(Record("tick", facts={"silence_s": 200.0, "verdict": "stalled"}))
        journal = journals / f"{run.run_key}.jsonl"
        os.utime(journal, (clock.wall, clock.wall))
        following.close()
        return log, run.run_key, journal

    return watch


def test_a_run_whose_log_is_gone_for_90_days_is_forgotten(watched, clock, ledger, journals):
    gone, key, journal = watched("gone.log")
    left, other, other_journal = watched("left.log")
    gone.unlink()
    for log in (gone, left):
        ledger.note(f"card:4242:{digest_of(str(log))}", "17", clock.wall)
    assert forget_the_gone(ledger, journals, clock.wall + KEPT_S - 1000.0) == []
    assert ledger.rows(key) and journal.exists()
    assert forget_the_gone(ledger, journals, clock.wall + KEPT_S + 1.0) == [key]
    assert not ledger.rows(key) and not ledger.knows(key) and not journal.exists()
    assert ledger.rows(other) and ledger.knows(other) and other_journal.exists()
    assert left.exists()
    names = [name for (name,) in ledger._read("SELECT key FROM notes", ())]
    assert sorted(name.partition(":")[0] for name in names) == ["card", "first", "runs"]
    assert forget_the_gone(ledger, journals, clock.wall + 2 * KEPT_S) == []


@pytest.mark.parametrize("why", ["rotated", "journal", "unsent"])
def test_what_may_still_be_told_is_kept(why, watched, clock, ledger, journals):
    log, key, journal = watched("train.log")
    later = clock.wall + KEPT_S + 1.0
    if why == "rotated":
        log.rename(log.with_name("train.log.1"))
    else:
        log.unlink()
    if why == "journal":  # another watch that writes no decision
        os.utime(journal, (later - 10.0, later - 10.0))
    if why == "unsent":
        sql = (
            "INSERT INTO outbox (message_id, channel, updated)"
            " SELECT id, 'slack', 0 FROM messages WHERE run_key = ? LIMIT 1"
        )
        ledger._write(lambda connection: connection.execute(sql, (key,)), clock.wall)
    assert forget_the_gone(ledger, journals, later) == []
    assert ledger.rows(key) and ledger.knows(key) and journal.exists()


def test_a_run_that_others_followed_at_its_place_is_forgotten_too(ledger, journals, watched, clock):
    log, key, _ = watched("train.log")
    notes = [name for (name,) in ledger._read("SELECT key FROM notes", ())]
    name = next(name for name in notes if name.startswith("runs:"))
    ledger.note(name, '["another"]', clock.wall)
    assert forget_the_gone(ledger, journals, clock.wall + KEPT_S + 1.0) == [key]
    assert log.exists() and ledger.noted(name) == '["another"]'


def test_a_log_that_may_not_be_looked_at_is_not_gone(watched, clock, ledger, journals):
    log, key, _ = watched("train.log")
    log.unlink()
    names = [name for (name,) in ledger._read("SELECT key FROM notes", ())]
    name = next(name for name in names if name.startswith("first:"))
    place = json.loads(ledger.noted(name))
    home = str(log.with_name("x" * 300))  # the system refuses to look
    ledger.note(name, json.dumps({**place, "home": home}), clock.wall)
    assert forget_the_gone(ledger, journals, clock.wall + KEPT_S + 1.0) == []
    assert ledger.knows(key)


def test_what_another_supervisor_writes_meanwhile_is_kept(watched, clock, ledger):
    log, key, _ = watched("train.log")
    log.unlink()
    before = clock.wall + 1.0
    assert ledger.forgettable(before, lambda _: True) == [key]
    news = Message("ab12cd", key, "train", "news", Severity.INFO, "Hello")
    ledger.put([news], [], before + 1.0, [])
    assert ledger.forget([key], before, before + 2.0) == []
    assert ledger.knows(key)
    assert ledger.forget([key, "another"], before + 5.0, before + 6.0) == [key]
    assert not ledger.knows(key) and not ledger.rows(key)
