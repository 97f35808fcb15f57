"""A watch of all logs that grow takes up one that begins, within seconds and for little."""

from __future__ import annotations

import os
import time

import pytest

from copilot_analytics.live import further_logs
from copilot_analytics.live.following import Following
from copilot_analytics.live.further_logs import FurtherLogs
from copilot_analytics.live.newcomers import Newcomers

HEADER = "config: lr=0.1 epochs=90 batch=32\n"


def rows(first, last):
    return "".join(
        f"epoch {n}/90 loss {2 / n:.4f} val_acc {1 - 1 / n:.4f}\n" for n in range(first, last)
    )


def put(path, text, age_s=0.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(text)
    if age_s:
        then = time.time() - age_s
        os.utime(path, (then, then))
    return path


@pytest.mark.parametrize("place", ["train.log", "new/run/console.log"])
def test_a_log_that_begins_is_noticed_once_it_grows_and_trains(tmp_path, place):
    put(tmp_path / "old.log", rows(1, 60), age_s=4000.0)
    newcomers = Newcomers(tmp_path)
    assert newcomers.look() == set()
    log = put(tmp_path / place, "")
    assert newcomers.look() == set()
    put(log, HEADER)
    assert newcomers.look() == set()
    put(log, rows(1, 8))
    assert newcomers.look() == {str(log)}
    put(log, rows(8, 30))
    assert newcomers.look() == set()


def test_what_is_written_at_once_has_not_begun(tmp_path):
    """As the table of a run that is over, or the state in a checkpoint."""
    newcomers = Newcomers(tmp_path)
    newcomers.look()
    log = put(tmp_path / "run" / "train.log", rows(1, 60))
    assert newcomers.look() == set() == newcomers.look()
    put(log, rows(60, 70))
    assert newcomers.look() == {str(log)}


def test_what_had_changed_just_before_the_watch_may_begin_and_the_old_may_not(tmp_path):
    log = put(tmp_path / "a" / "train.log", HEADER, age_s=20.0)
    old = put(tmp_path / "b" / "train.log", HEADER, age_s=2000.0)
    newcomers = Newcomers(tmp_path)
    newcomers.look()
    put(log, rows(1, 30))
    put(old, rows(1, 30))
    assert newcomers.look() == {str(log)}


def test_a_folder_that_changed_once_is_listed_once_however_many_there_are(tmp_path, monkeypatch):
    monkeypatch.setattr("copilot_analytics.live.newcomers._MOST_FOLDERS", 2)
    for name in "abc":
        put(tmp_path / name / "train.log", HEADER, age_s=4000.0)
    newcomers, listed, scan = Newcomers(tmp_path), [], os.scandir
    newcomers.look()
    put(tmp_path / "later.log", HEADER)
    newcomers.look()
    monkeypatch.setattr(os, "scandir", lambda folder: listed.append(folder) or scan(folder))
    newcomers.look()
    assert listed == []


def test_a_log_that_is_watched_is_none_that_begins(tmp_path):
    newcomers = Newcomers(tmp_path)
    newcomers.look()
    log = put(tmp_path / "train.log", HEADER)
    newcomers.look()
    put(log, rows(1, 30))
    assert newcomers.look({os.path.realpath(log)}) == set()


def test_nothing_is_listed_where_nothing_changed(tmp_path, monkeypatch):
    for number in range(5):
        put(tmp_path / f"run{number}" / "train.log", rows(1, 60), age_s=1.0)
    newcomers, listed, scan = Newcomers(tmp_path), [], os.scandir
    newcomers.look()
    monkeypatch.setattr(os, "scandir", lambda folder: listed.append(str(folder)) or scan(folder))
    put(tmp_path / "run1" / "train.log", rows(60, 70))
    newcomers.look()
    assert listed == []
    put(tmp_path / "run2" / "later" / "train.log", HEADER)
    newcomers.look()
    assert listed == [str(tmp_path / "run2"), str(tmp_path / "run2" / "later")]


def test_a_folder_that_is_gone_is_forgotten(tmp_path):
    log = put(tmp_path / "run" / "train.log", HEADER)
    newcomers = Newcomers(tmp_path)
    newcomers.look()
    log.unlink()
    log.parent.rmdir()
    assert newcomers.look() == set()
    put(log, "")
    newcomers.look()
    put(log, rows(1, 30))
    assert newcomers.look() == {str(log)}


def test_a_log_that_begins_is_followed_before_the_next_search(tmp_path, monkeypatch):
    clock, searches, find = [1000.0], [], further_logs.find_logs

    def counted(base, **more):
        searches.append(clock[0])
        return find(base, **more, sleep=lambda _: None)

    monkeypatch.setattr(further_logs, "find_logs", counted)
    followed = set()
    more = FurtherLogs(tmp_path, Following, followed, print, clock=lambda: clock[0])
    assert more() == [] and searches == [1000.0]
    log = put(tmp_path / "run" / "train.log", HEADER)
    clock[0] += 5.0
    assert more() == [] and searches == [1000.0]
    put(log, rows(1, 30))
    clock[0] += 5.0
    assert [one.path for one in more()] == [str(log)]
    assert searches == [1000.0, 1010.0] and followed == {str(log)}
    for _ in range(11):
        put(log, rows(30, 31))
        clock[0] += 5.0
        assert more() == []
    assert searches == [1000.0, 1010.0]
    clock[0] += 5.0
    more()
    assert searches == [1000.0, 1010.0, 1070.0]


def test_searches_for_what_begins_take_a_tenth_of_the_time(tmp_path, monkeypatch):
    clock, searches, find = [1000.0], [], further_logs.find_logs

    def slow(base, **more):
        searches.append(clock[0])
        clock[0] += 2.0
        return find(base, **more, sleep=lambda _: None)

    monkeypatch.setattr(further_logs, "find_logs", slow)
    more = FurtherLogs(tmp_path, Following, set(), print, clock=lambda: clock[0])
    more()
    found = []
    for number in range(4):
        log = put(tmp_path / f"run{number}" / "train.log", HEADER)
        clock[0] += 5.0
        found += more()
        put(log, rows(1, 30))
        found += more()
    while len(found) < 4:
        clock[0] += 5.0
        found += more()
    assert len(searches) <= 3
    assert sorted(one.path for one in found) == [
        str(tmp_path / f"run{number}" / "train.log") for number in range(4)
    ]


def test_a_copy_that_becomes_different_is_followed_at_once(tmp_path, monkeypatch):
    """Two runs of one seed in one folder say the same at first."""
    clock, notes, find = [1000.0], [], further_logs.find_logs
    monkeypatch.setattr(
        further_logs, "find_logs", lambda base, **more: find(base, **more, sleep=lambda _: None)
    )

    def train(first, last, bad=False):
        for name in ("wd0.log", "wd1.log"):
            loss = "nan" if bad and name == "wd1.log" else "0.5"
            lines = [
                f"2030-01-02 03:0{n // 60}:{n % 60:02d} epoch {n}/90 loss {loss} val_acc 0.{n}\n"
                for n in range(first, last)
            ]
            put(tmp_path / name, "".join(lines))

    train(1, 40)
    more = FurtherLogs(tmp_path, Following, set(), notes.append, clock=lambda: clock[0])
    more._newcomers.look()
    train(40, 60)
    (first,) = more()
    other = str(tmp_path / ("wd0.log" if first.path.endswith("wd1.log") else "wd1.log"))
    assert notes == [f"left out: {other}, a copy of {first.path} so far"]
    clock[0] += 5.0
    train(60, 70)
    assert more() == []
    clock[0] += 5.0
    train(70, 80, bad=True)
    assert [one.path for one in more()] == [other]
    assert len(notes) == 1
