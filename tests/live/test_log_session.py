"""Live, replay and report say the same, however the log comes in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from call_counts import counted_calls
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot_analytics.alerts.message import event_id
from copilot_analytics.api import analyze
from copilot_analytics.live.log_session import LogSession
from copilot_analytics.live.replay import Replay
from copilot_analytics.records import Record

LOGS = sorted((Path(__file__).parents[2] / "sample_logs").glob("**/*.log"))
LATER = 4e9


def fed(data, sizes, **settings):
    log, events, at = LogSession("train.log", **settings), [], 0
    while at < len(data):
        size = sizes[len(events) % len(sizes)] if len(sizes) < 5 else sizes.pop()
        events += log.feed(data[at : at + size])
        at += size
        sizes = sizes or [4096]
    return log, events + log.close()


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_following_is_replay_is_report(path, tmp_path):
    told = analyze(path, now=LATER).events
    assert told, "a log without events proves nothing"
    _, events = fed(path.read_bytes(), [97, 1, 5000])
    assert repr(tuple(events)) == repr(told)
    replayed = [one.event for one in Replay(path, journals=tmp_path) if one.event]
    assert repr(tuple(replayed)) == repr(told)


@settings(max_examples=25)
@given(st.lists(st.integers(1, 9000), min_size=5, max_size=60))
def test_where_chunks_end_never_matters(sizes):
    path = next(path for path in LOGS if "digits_nan" in str(path))
    told = analyze(path, now=LATER).events
    _, events = fed(path.read_bytes(), sizes)
    assert repr(tuple(events)) == repr(told)


def test_what_is_no_log_is_told_once_it_is_clear():
    log = LogSession("diary.txt")
    log.feed(b"Dear diary,\n")
    assert log.close() == []
    assert "no training" in log.trouble


def sample_with_ticks(path, folder):
    """Feed half a log, judge a silence, feed the rest."""
    data = path.read_bytes()
    half = data.index(b"\n", len(data) // 2) + 1
    log = LogSession("train.log", journals=folder)
    log.feed(data[:half])
    stalled = log.add(Record("tick", facts={"silence_s": 9999.0, "verdict": "stalled"}))
    log.add(Record("gpu", metrics={"gpu_utilization_pct": 50.0}, facts={"uuid": "GPU-1"}))
    log.feed(data[half:])
    return log, stalled


@pytest.mark.parametrize("chunk", [1 << 20, 700, 13])
def test_a_restart_finds_in_the_journal_what_the_log_does_not_hold(chunk, tmp_path, sample_logs):
    (path,) = (sample_logs / "digits_step").glob("*/*.log")
    first, stalled = sample_with_ticks(path, tmp_path)
    assert [(event.kind, event.key) for event in stalled] == [("status", "stalled")]
    data = path.read_bytes()
    again = LogSession("train.log", journals=tmp_path)
    for at in range(0, len(data), chunk):
        again.feed(data[at : at + chunk])
    again.catch_up()
    assert repr(again.session.events) == repr(first.session.events)
    assert len(again.run.gpu_log) == len(first.run.gpu_log) == 1


def test_a_process_that_vanished_is_a_crash_but_not_at_the_planned_end(tmp_path, sample_logs):
    (path,) = (sample_logs / "digits_step").glob("*/*.log")
    data = path.read_bytes()
    half = data.index(b"\n", len(data) // 2) + 1
    gone = Record("tick", facts={"verdict": "crashed", "reason": "process 7 is gone"})
    broken = LogSession("train.log")
    broken.feed(data[:half])
    told = {(event.kind, event.key): event.text for event in broken.add(gone)}
    assert set(told) == {("status", "crashed"), ("finding", "crash")}
    assert "process 7 is gone" in told["status", "crashed"]
    whole = LogSession("train.log")
    whole.feed(data)
    assert not {event.key for event in whole.add(gone)} & {"crashed", "crash"}


def test_runs_of_one_log_have_keys_of_their_own(sample_logs):
    (path,) = (sample_logs / "digits_step").glob("*/*.log")
    (other,) = (sample_logs / "digits_nan").glob("*/*.log")
    log = LogSession("train.log")
    log.feed(path.read_bytes())
    first, told = log.run_key, len(log.run_events)
    log.feed(other.read_bytes())
    assert log.run_key != first
    ((key, _, past),) = log.superseded
    assert key == first and len(past) >= told
    alone = LogSession("train.log")
    alone.feed(other.read_bytes())
    assert alone.run_key == log.run_key
    assert [alone.relative(e) for e in alone.run_events] == [
        log.relative(e) for e in log.run_events
    ]


@pytest.mark.parametrize("left", ["nothing", "header", "a row", "torn traceback", "whole"])
def test_events_have_the_same_names_whatever_is_left_of_an_old_training(left, sample_logs):
    (path,) = (sample_logs / "digits_step").glob("*/*.log")
    (other,) = (sample_logs / "digits_nan").glob("*/*.log")
    old, new = other.read_bytes().replace(b"2026/11/24", b"2026/11/23"), path.read_bytes()
    first_row = old.index(b"\n", old.index(b"Epoch(train)")) + 1
    frames = b'Traceback (most recent call last):\n  File "train.py", line 203, in <module>\n  F'
    log = LogSession("train.log")
    log.feed(
        {
            "nothing": b"",
            "header": old[: old.rindex(b"\n", 0, first_row - 1) + 1],
            "a row": old[:first_row],
            "torn traceback": old[:-1] + b"\n" + frames,
            "whole": old,
        }[left]
    )
    log.end_line()
    log.feed(new)
    alone = LogSession("train.log")
    alone.feed(new)
    assert log.run_key == alone.run_key
    named = [event_id(log.run_key, log.relative(event)) for event in log.run_events]
    assert named == [event_id(alone.run_key, alone.relative(e)) for e in alone.run_events]
    assert log.run.meta == alone.run.meta


def test_what_another_watch_kept_is_told_with_the_next_sample(tmp_path, sample_logs):
    (path,) = (sample_logs / "digits_step").glob("*/*.log")
    data = path.read_bytes()
    half = data[: data.index(b"\n", len(data) // 2) + 1]
    first = LogSession("train.log", journals=tmp_path)
    first.feed(half)
    first.add(Record("tick", facts={"silence_s": 9999.0, "verdict": "stalled"}))
    second = LogSession("train.log", journals=tmp_path)
    second.feed(half)
    told = second.add(Record("gpu", metrics={"gpu_utilization_pct": 50.0}))
    assert [(event.kind, event.key) for event in told] == [("status", "stalled")]


def test_a_start_that_came_to_nothing_says_nothing_of_the_run_after_it(sample_logs):
    (path,) = (sample_logs / "digits_plateau").glob("*/*.log")
    first, resumed = sorted((sample_logs / "digits_resumed").glob("*/*.log"))
    log, alone = LogSession("train.log"), LogSession("train.log")
    log.feed(first.read_bytes())
    log.feed(resumed.read_bytes().partition(b"Epoch(train)")[0])
    log.end_line()
    for one in (log, alone):
        one.feed(path.read_bytes())
    assert log.run_key == alone.run_key
    assert log.run.meta == alone.run.meta
    assert log.run.meta.schedule is None


def test_two_watches_that_judge_one_silence_count_once(tmp_path, sample_logs):
    (path,) = (sample_logs / "digits_plateau").glob("*/*.log")
    lines = path.read_bytes().splitlines(keepends=True)
    evals = [number for number, line in enumerate(lines) if b"Epoch(val)" in line]
    half = b"".join(lines[: evals[24] + 1])
    watches = [LogSession("train.log", journals=tmp_path) for _ in range(2)]
    for watch in watches:
        watch.feed(half)
    for silence_s, watch in enumerate(watches, 200):
        watch.add(Record("tick", facts={"silence_s": float(silence_s), "verdict": "stalled"}))
    again = LogSession("train.log", journals=tmp_path)
    again.feed(half)
    again.catch_up()
    assert again.run_events == watches[0].run_events


def test_a_line_on_which_nobody_looks_costs_little():
    log = next(path for path in LOGS if "digits_step" in str(path))
    lines = log.read_bytes().splitlines(keepends=True)
    trained = [line for line in lines if b"Epoch(train)" in line]
    session, spent = LogSession("train.log"), []
    session.feed(b"".join(lines[: lines.index(trained[0])]))
    for line in trained[:80]:
        with counted_calls() as calls:
            session.feed(line)
        spent += calls
    looks = [count for count in spent if count > 700]
    assert 40 < len(looks) < 60  # one in each of the first lines, then ever more seldom
    assert np.median(spent[60:]) < 700


@pytest.mark.parametrize("chunk", [1 << 20, 7])
def test_a_run_without_time_stamps_is_told_from_the_last_one_at_its_place(chunk):
    def key_of(loss, rows=6):
        lines = (f"{n},{10 * n},{loss / (n + 1):.4f}\n" for n in range(rows))
        data = ("epoch,step,train_loss\n" + "".join(lines)).encode()
        log = LogSession("metrics.csv")
        for at in range(0, len(data), chunk):
            log.feed(data[at : at + chunk])
        log.end()
        return log.run_key

    assert key_of(2.5) == key_of(2.5, rows=9) != key_of(2.4)
