"""Each start of a run has a folder of its own: the newest is followed."""

from __future__ import annotations

import os

from tailing import begun, content, polls, write

from copilot_analytics.live.follow_directory import RunDirectory
from copilot_analytics.live.pieces import Gone


def start(folder, stamp):
    log = folder / stamp / f"{stamp}.log"
    log.parent.mkdir()
    return log


def test_each_start_of_a_run_is_followed_in_order(tail, tmp_path, clock):
    runs = RunDirectory(tmp_path, clock=clock)
    tailer = tail(runs)
    assert tailer.poll() == [Gone(str(tmp_path), "missing")]
    logs = [start(tmp_path, f"2030010{day}_000000") for day in (1, 2, 3)]
    write(logs[0], b"a\n")
    assert content(polls(tailer, clock)) == b"a\n"
    write(logs[1], b"b\n")
    write(logs[2], b"c\n")
    write(logs[0], b"late\n")
    pieces = polls(tailer, clock, 12)
    assert content(pieces) == b"late\nb\nc\n"
    assert begun(pieces) == ["moved", "moved"]
    assert runs.newest() == str(logs[2])


def test_following_begins_at_the_newest_start(tail, tmp_path, clock):
    for day in (1, 2):
        write(start(tmp_path, f"2030010{day}_000000"), b"%d\n" % day)
    (tmp_path / "20300109_000000").mkdir()  # no log in it yet
    (tmp_path / "vis_data").mkdir()
    write(tmp_path / "20300109_000000.txt", b"x\n")
    assert content(polls(tail(RunDirectory(tmp_path, clock=clock)), clock)) == b"2\n"


def test_logs_of_one_rank_and_logs_without_a_directory(tmp_path, clock):
    runs = RunDirectory(tmp_path, clock=clock)
    assert runs.newest() is None
    write(tmp_path / "20300101_000000.log", b"a\n")
    assert runs.newest() == str(tmp_path / "20300101_000000.log")
    folder = tmp_path / "20300102_000000"
    folder.mkdir()
    for rank in (0, 1):
        write(folder / f"20300102_000000_host_device{rank}_rank{rank}.log", b"b\n")
    assert runs.newest() == str(folder / "20300102_000000_host_device0_rank0.log")


def test_a_directory_is_listed_only_when_it_changed(tmp_path, clock, monkeypatch):
    write(start(tmp_path, "20300101_000000"), b"a\n")
    runs = RunDirectory(tmp_path, clock=clock)
    newest = runs.newest()
    listed = []
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or real(path))
    assert runs.newest() == runs.next(newest) == newest
    assert listed == []
    clock.now += 11
    runs.newest()
    assert [str(path) for path in listed] == [str(tmp_path)]
