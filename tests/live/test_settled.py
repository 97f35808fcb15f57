"""What a log at rest would say if it ended there, and what becomes of it if it goes on."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from followed_logs import Clock, follow, settle, touch

from copilot_analytics.alerts.message import event_id
from copilot_analytics.api import analyze
from copilot_analytics.findings import Severity
from copilot_analytics.live.log_session import LogSession
from copilot_analytics.live.replay import Replay
from copilot_analytics.live.settled import Settled, as_tick, once, settled_by
from copilot_analytics.records import Block, Record, records_of

TRACEBACK = (
    b"Traceback (most recent call last):\n"
    b'  File "train.py", line 203, in <module>\n'
    b"    loss = model(batch)\n"
    b'  File "train.py", line 80, in forward\n'
    b"    return self.head(x)\n"
    b"ValueError: shapes (3,4) and (5,) do not fit\n"
)
TORN = TRACEBACK.index(b"    return")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def data(sample_logs):
    (path,) = (sample_logs / "digits_step").glob("*/*.log")
    return path.read_bytes()


@pytest.fixture
def journals(tmp_path):
    (tmp_path / "journals").mkdir()
    return tmp_path / "journals"


@pytest.fixture
def dying():
    """A process that ends when it is told to."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process


def half(data):
    return data[: data.index(b"\n", len(data) // 2) + 1]


def write(path, content, clock, mode="ab"):
    with path.open(mode) as file:
        file.write(content)
    touch(path, clock)


def named(log):
    return {event_id(log.run_key, log.relative(event)) for event in log.run_events}


@pytest.mark.parametrize("chunk", [1 << 20, 700, 13])
def test_a_replay_knows_what_was_told_of_a_torn_traceback(chunk, data, journals):
    whole = half(data) + TRACEBACK
    log = LogSession("train.log", journals=journals)
    log.feed(half(data) + TRACEBACK[:TORN])
    (told, found) = log.settle()
    assert (told.kind, told.key, found.key) == ("status", "crashed", "crash")
    assert "ends within a traceback" in told.text
    log.end_line()
    assert log.feed(TRACEBACK[TORN:]) == []  # it might be handled
    (cause,) = log.settle()
    assert log.run.last.facts["error"] == "ValueError"
    assert (cause.kind, cause.key, cause.severity) == ("status", "crashed", Severity.CRITICAL)
    assert "names the cause now: ValueError: shapes (3,4)" in cause.text
    again = LogSession("train.log", journals=journals)
    for at in range(0, len(whole), chunk):
        again.feed(whole[at : at + chunk])
    again.catch_up()
    assert repr(again.session.events) == repr(log.session.events)


@pytest.mark.parametrize("killed", ["before the rotation", "after it", "never"])
def test_a_traceback_in_two_files_is_one_crash_also_for_a_replay(
    killed, tmp_path, clock, data, journals
):
    log = tmp_path / "train.log"
    write(log, half(data) + TRACEBACK[:TORN], clock)
    following = follow(log, clock, journals=journals)
    settle(following, clock, 12.0)
    told = named(following.log)
    settle(following, clock, 2000.0)
    assert following.status == "crashed"
    told |= named(following.log)

    def restart():
        again = follow(log, clock, journals=journals, first=following.first)
        settle(again, clock, 12.0)
        return again

    if killed == "before the rotation":
        following = restart()
        told |= named(following.log)
    log.rename(tmp_path / "train.log.1")
    write(log, TRACEBACK[TORN:], clock)
    if killed == "after it":
        following = restart()
    settle(following, clock, 100.0)
    told |= named(following.log)
    whole = tmp_path / "whole" / "train.log"
    whole.parent.mkdir()
    whole.write_bytes(half(data) + TRACEBACK)
    (journal,) = journals.iterdir()
    replay = Replay(whole, journals=journal)
    list(replay)
    key = following.log.run_key
    replayed = [event_id(key, replay.log.relative(event)) for event in replay.log.run_events]
    assert told == set(replayed) and len(replayed) == len(told)


def test_a_traceback_that_stays_torn_is_told_soon_as_a_report_tells_it(
    tmp_path, clock, data, journals, dying
):
    log = tmp_path / "train.log"
    write(log, half(data) + TRACEBACK[:TORN], clock)
    following = follow(log, clock, journals=journals, pid=dying.pid)
    settle(following, clock, 60.0)
    assert following.status == "running"
    dying.communicate(b"\n")
    settle(following, clock, 20.0)
    assert following.status == "crashed"
    reported = analyze(log, now=4e9, journals=False).events
    assert repr(tuple(following.log.session.events)) == repr(reported)


@pytest.mark.parametrize("last", [TRACEBACK[:-1], b"Killed", TRACEBACK[: TORN + 7], b"loss: 0.12"])
def test_a_last_line_without_an_end_counts_as_in_a_report(
    last, tmp_path, clock, data, journals, dying
):
    log = tmp_path / "train.log"
    write(log, half(data) + last, clock)
    following = follow(log, clock, journals=journals, pid=dying.pid)
    settle(following, clock, 60.0)
    dying.communicate(b"\n")
    settle(following, clock, 60.0)
    assert following.status == "crashed"
    told = following.log.session.events
    if last != b"loss: 0.12":  # where the process was seen to end, and the log does not say it
        assert repr(tuple(told)) == repr(analyze(log, now=4e9, journals=False).events)
    replayed = [one.event for one in Replay(log, journals=journals) if one.event]
    assert repr(replayed) == repr(told)


def test_a_run_whose_last_row_has_no_line_end_is_complete(tmp_path, clock, data, dying):
    lines = data.splitlines(keepends=True)
    evaluated = max(number for number, line in enumerate(lines) if b"Epoch(val)" in line)
    log = tmp_path / "train.log"
    write(log, b"".join(lines[: evaluated + 1])[:-1], clock)
    following = follow(log, clock, pid=dying.pid)
    settle(following, clock, 60.0)
    assert following.status != "finished"
    evals = len(following.log.run.eval_log)
    dying.communicate(b"\n")
    settle(following, clock, 60.0)
    assert len(following.log.run.eval_log) == evals + 1
    assert following.status == "finished"
    reported = analyze(log, now=4e9, journals=False).events
    assert repr(tuple(following.log.session.events)) == repr(reported)


def test_a_row_that_was_settled_is_not_counted_again(data, journals):
    lines = data.splitlines(keepends=True)
    row = [number for number, line in enumerate(lines) if b"Epoch(train)" in line][40]
    logs = [LogSession("train.log", journals=journals) for _ in range(2)]
    first = logs[0]
    first.feed(b"".join(lines[: row + 1])[:-1])
    before = len(first.run.train_log)
    first.settle(is_over=False)
    assert len(first.run.train_log) == before  # its end may come
    first.settle()
    first.settle()
    assert len(first.run.train_log) == before + 1
    for log in logs:
        log.feed(b"\n" + b"".join(lines[row + 1 :]) if log is first else data)
        log.close()
    alone = LogSession("train.log")
    alone.feed(data)
    alone.close()
    for log in logs:
        assert len(log.run.train_log) == len(alone.run.train_log)
        assert repr(log.session.events) == repr(alone.session.events)


def test_the_end_of_a_log_stands_where_a_report_sees_it(data):
    lines = data.splitlines(keepends=True)
    row = [number for number, line in enumerate(lines) if b"Epoch(train)" in line][40]
    cut = b"".join(lines[: row + 1])[:-1]
    watch, report = LogSession("train.log"), LogSession("train.log")
    watch.feed(cut)
    watch.settle()
    (ended,) = watch.add(Record("tick", facts={"final": True}))
    report.feed(cut)
    assert report.close()[-1] == ended and ended.line == row + 1


def test_a_silence_is_replayed_in_its_place_also_where_the_log_is_one_table(journals):
    """All of it is one block, which nothing within tells apart."""
    head = "epoch,step,train_loss\n"
    rows = [f"{n // 10},{10 * n},{2.0 / (n + 1):.4f}\n".encode() for n in range(40)]
    watch = LogSession("metrics.csv", journals=journals)
    watch.feed(head.encode() + b"".join(rows[:20]))
    watch.add(Record("tick", facts={"final": True}))
    watch.feed(b"".join(rows[20:]))
    told = [(event.kind, event.key) for event in watch.session.events]
    assert told.count(("status", "running")) == 2
    again = LogSession("metrics.csv", journals=journals)
    again.feed(head.encode() + b"".join(rows))
    again.catch_up()
    assert repr(again.session.events) == repr(watch.session.events)


def test_a_settled_row_is_left_out_of_a_block():
    steps = np.array([1, 2, 3])
    times, loss = np.full(3, np.nan), np.array([2.0, np.nan, 1.0])
    block = Block(steps, steps / 4, times, steps + 6, {"loss": loss}, "a")
    for gone, left in ((0, [2, 3]), (1, [1, 3]), (2, [1, 2])):
        settled = Settled()
        settled.add(list(block.records())[gone])
        parts = list(settled.left_of(block))
        assert [record.step for record in records_of(parts)] == left
    settled.clear()
    assert list(settled.left_of(block)) == [block]


@pytest.mark.parametrize("damage", [{"settled": {}}, {"settled": None}, {"settled": {"kind": "x"}}])
def test_a_damaged_tick_settles_nothing(damage):
    assert settled_by(Record("tick", facts={**damage, "after": 1}, line=3)) is None


def test_what_a_journal_cannot_hold_is_not_settled():
    assert as_tick(Record("config", facts={"schedule": ("step", 1)}), 3) is None


def test_a_torn_row_that_begins_anew_is_left_to_the_log():
    def table(steps):
        return b"".join(b"%d,0.%d,0.5\n" % (step, 100 + step) for step in steps)

    log = LogSession("metrics.csv")
    log.feed(b"step,train_loss,lr\n" + table(range(10, 410, 10)) + b"10,0.25,0.5 ")
    rows = len(log.run.train_log)
    assert log.settle() == []
    assert (len(log.run.train_log), log.run.last_step) == (rows, 400)
    log.feed(b"\n" + table([20, 30]))
    assert [key for key, *_ in log.superseded]
    assert log.run.last_step == 30


def test_a_silence_after_a_settled_row_stays_before_what_the_log_says_next(data, journals):
    lines = data.splitlines(keepends=True)
    row = [number for number, line in enumerate(lines) if b"Epoch(train)" in line][40]
    watch = LogSession("train.log", journals=journals)
    watch.feed(b"".join(lines[: row + 1])[:-1])
    watch.settle()
    watch.add(Record("tick", facts={"verdict": "stalled", "silence_s": 400.0}))
    watch.feed(b"7\n" + b"".join(lines[row + 1 :]))  # the last number went on
    told = [(event.kind, event.key) for event in watch.session.events]
    assert ("status", "stalled") in told
    again = LogSession("train.log", journals=journals)
    again.feed(b"".join(lines[: row + 1])[:-1] + b"7\n" + b"".join(lines[row + 1 :]))
    again.catch_up()
    assert repr(again.session.events) == repr(watch.session.events)


def test_a_silence_within_a_traceback_comes_before_its_end(data, journals):
    lines = half(data).splitlines(keepends=True)
    row = max(number for number, line in enumerate(lines) if b"Epoch(train)" in line)
    whole = b"".join(lines[:row]) + TRACEBACK[:TORN] + lines[row]  # of another process
    watch = LogSession("train.log", journals=journals)
    watch.feed(whole)
    watch.add(Record("tick", facts={"verdict": "stalled", "silence_s": 400.0}))
    watch.close()
    told = [event.key for event in watch.session.events if event.kind == "status"]
    assert told[-2:] == ["stalled", "crashed"]
    again = LogSession("train.log", journals=journals)
    again.feed(whole)
    again.close()
    assert repr(again.session.events) == repr(watch.session.events)


def test_of_two_watches_each_settled_record_counts_once():
    rows = [Record("train", step=step, metrics={"loss": 0.5}, line=9) for step in (1, 2)]
    ticks = [as_tick(row, 8) for row in rows]
    silence = Record("tick", facts={"verdict": "stalled"}, line=8)
    sample = Record("gpu", line=8)
    kept = [ticks[0], silence, sample, ticks[1], ticks[0], silence, sample]
    assert list(once(kept)) == [ticks[0], silence, sample, ticks[1], sample]
