"""A resume whose log does not train yet: it may load, or have died before its first step."""

from __future__ import annotations

import os

import pytest
from followed_logs import Clock, follow
from resumed_runs import rows, settle, write

from copilot_analytics.live import next_start
from copilot_analytics.live.processes import ProcessState
from copilot_analytics.live.resumes import starts_of


@pytest.fixture
def clock():
    return Clock()


def test_a_resume_whose_log_holds_a_header_alone_is_no_stall_of_the_run_before(tmp_path, clock):
    old, new = tmp_path / "20300102_030405.log", tmp_path / "20300102_040506.log"
    write(old, rows(1, 16), clock)
    following = follow(tmp_path, clock)
    events = settle(following, clock)
    write(new, ["building model", "config: epochs=40"], clock)
    events += settle(following, clock, 1700.0)
    assert following.file == str(new) and following.status == "running"
    events += settle(following, clock, 300.0)
    assert [e.key for e in events if e.kind == "status"] == ["running", "crashed"]
    assert f"the resume in {new.name} died before its first step" in events[-2].text


def test_a_numbered_resume_that_holds_a_header_alone_is_no_stall_either(tmp_path, clock):
    old, new = tmp_path / "train.log", tmp_path / "train2.log"
    write(old, rows(1, 16), clock)
    following = follow(old, clock)
    events = settle(following, clock)
    assert following.successor == ""
    write(new, ["building model"], clock)
    events += settle(following, clock, 1700.0)
    assert following.successor == "train2.log" and following.status == "running"
    told = f"{old}: it seems to be resumed in train2.log, which has no step yet"
    assert following.notices.count(told) == 1
    write(new, rows(16, 30), clock)
    events += settle(following, clock)
    assert following.file == str(new) and following.successor == ""
    assert [e.key for e in events if e.kind == "status"] == ["running"]


def test_a_numbered_resume_that_never_trains_excuses_no_silence_for_ever(tmp_path, clock):
    old, new = tmp_path / "train.log", tmp_path / "train2.log"
    write(old, rows(1, 16), clock)
    following = follow(old, clock)
    settle(following, clock)
    write(new, ["building model", "RuntimeError: CUDA out of memory"], clock)
    events = settle(following, clock, 2400.0)
    assert [event.key for event in events] == ["stalled"] and following.status == "stalled"
    assert "the resume in train2.log died before its first step" in following.notices[-1]
    assert "CUDA out of memory" in following.notices[-1]


def test_a_resume_that_hangs_excuses_no_silence_for_ever(tmp_path, clock, monkeypatch):
    """Its process lives and says nothing: it may load for as long as any run may."""
    old, new = tmp_path / "train.log", tmp_path / "train2.log"
    monkeypatch.setattr(next_start, "process_of", lambda *_, **__: ProcessState("alive", 7))
    write(old, rows(1, 16), clock)
    following = follow(old, clock)
    settle(following, clock)
    write(new, ["building model"], clock)
    assert settle(following, clock, 1700.0) == []
    assert [event.key for event in settle(following, clock, 300.0)] == ["stalled"]
    assert following.successor == "train2.log"


def test_a_header_that_was_there_before_excuses_no_silence(tmp_path, clock):
    old, new = tmp_path / "train.log", tmp_path / "train2.log"
    write(new, ["building model"], clock)
    clock.now += 60.0
    write(old, rows(1, 16), clock)
    following = follow(old, clock)
    settle(following, clock, 600.0)
    assert following.successor == "train2.log" and following.status == "stalled"


def test_a_second_resume_after_one_that_never_trained(tmp_path, clock):
    logs = [tmp_path / f"slurm-{number}.out" for number in (98, 99, 100)]
    write(logs[0], rows(1, 16), clock)
    following = follow(logs[0], clock)
    settle(following, clock)
    write(logs[1], ["srun: error: node died"], clock)
    settle(following, clock)
    write(logs[2], rows(14, 41, begins=7200), clock)
    settle(following, clock)
    assert following.file == str(logs[2]) and following.status == "finished"
    assert starts_of(logs[2]) == [logs[0], logs[2]]


def test_a_resume_that_has_trained_did_not_die_at_its_start(tmp_path, clock):
    old, new = tmp_path / "train.log", tmp_path / "train2.log"
    write(old, rows(1, 16), clock)
    following = follow(old, clock)
    settle(following, clock)
    write(new, rows(16, 30), clock)
    events = settle(following, clock)
    following.process = ProcessState("gone", 4_194_305)
    events += settle(following, clock, 120.0)
    (told,) = [event.text for event in events if event.key == "crashed"]
    assert "died before its first step" not in told and "log has no end" in told


def test_a_log_that_a_living_process_holds_is_resumed_nowhere(tmp_path, clock):
    old, new = tmp_path / "exp1" / "train.log", tmp_path / "exp2" / "train.log"
    old.parent.mkdir()
    write(old, rows(1, 16), clock)
    following = follow(old, clock)
    settle(following, clock)
    following.process = ProcessState("alive", os.getpid(), start_ticks=None)
    new.parent.mkdir()
    clock.now += 60.0
    write(new, ["compiling"], clock)
    events = settle(following, clock, 400.0)
    assert [e.key for e in events if e.kind == "status"] == ["stalled"]
    assert not any("resumed" in notice for notice in following.notices)
