"""Directories that a user names, in which training has not begun while it has in others."""

from __future__ import annotations

import os

import pytest
from supervised import passes, supervisor

from copilot_analytics.errors import LogError
from copilot_analytics.live.awaited_logs import AwaitedLogs
from copilot_analytics.live.choosing import named_logs
from copilot_analytics.live.following import Following

ROWS = "".join(
    f"Epoch {epoch}/9 - train_loss: {1 / epoch:.4f} - val_loss: {1.1 / epoch:.4f}\n"
    for epoch in range(1, 10)
)


@pytest.fixture
def folders(tmp_path):
    """Two directories of runs, of which the second one trains."""
    for name, content in (("a", ""), ("b", ROWS)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.log").write_text(content)
    return tmp_path / "a", tmp_path / "b"


@pytest.mark.parametrize("content", ["", "loading data\n", None])
@pytest.mark.parametrize("order", [1, -1])
def test_what_trains_is_watched_while_other_directories_are_waited_for(folders, content, order):
    idle, trains = folders
    if content is None:
        (idle / "train.log").unlink()
    else:
        (idle / "train.log").write_text(content)
    notes = []
    assert named_logs(folders[::order], notes.append, None) == [trains]
    (note,) = notes
    assert str(idle) in note and str(trains) not in note
    assert note.endswith("; 1 other log is watched meanwhile")
    log = trains / "train.log"
    assert named_logs([idle, log], notes.append, None) == [log]


def test_a_directory_that_is_not_there_yet_is_awaited_and_a_file_is_followed(folders, tmp_path):
    _, trains = folders
    late, log = tmp_path / "late", tmp_path / "late.log"
    notes = []
    assert named_logs([late, trains, log], notes.append, None) == [trains, log]
    waits = f"waiting for 2 logs that hold nothing yet ({late}, {log})"
    assert notes == [f"{waits}; 1 other log is watched meanwhile"]


def test_where_none_trains_all_are_named_and_the_first_is_refused_in_the_end(folders, tmp_path):
    (folders[1] / "train.log").write_text("")
    missing, notes = tmp_path / "other.log", []
    named = [*folders, missing]
    with pytest.raises(LogError, match="train"):
        named_logs(named, notes.append, 0.1)
    (note,) = notes
    assert all(str(path) in note for path in named) and "Ctrl-C" in note


def test_a_directory_is_followed_once_training_began_there(folders, ledger):
    idle, trains = folders
    followed = {os.path.realpath(trains / "train.log")}
    more = AwaitedLogs([idle], Following, followed, print)
    watch = supervisor(ledger, [trains], find_more=more)
    passes(watch, lambda: watch.runs[0].run_key)
    assert len(watch.runs) == 1 and not watch._is_over()
    (idle / "train.log").write_text(ROWS)
    watch._next["more"], more._due = 0.0, 0.0
    passes(watch, lambda: len(watch.runs) == 2 and watch.runs[1].run_key)
    assert watch.runs[1].following.file == str(idle / "train.log")
    watch._next["more"], more._due = 0.0, 0.0
    watch.pass_once()
    assert watch._find_more is None  # nothing is waited for any more: the watch may end


def test_what_is_watched_already_is_not_followed_twice(folders):
    _, trains = folders
    more = AwaitedLogs([trains], Following, {os.path.realpath(trains / "train.log")}, print)
    assert more() is None


def test_the_wait_for_a_directory_ends_in_words(folders):
    now, notes = [0.0], []
    idle, _ = folders
    more = AwaitedLogs([idle], Following, set(), notes.append, 20.0, clock=lambda: now[0])
    assert more() == [] == notes
    now[0] = 21.0
    assert more() is None
    assert notes == [f"{idle}: no training seen within 20 s; given up"]


def test_looking_takes_a_tenth_of_the_time(folders, monkeypatch):
    now, looks = [0.0], []

    def slow(*_):
        looks.append(now[0])
        now[0] += 2.0
        return False

    monkeypatch.setattr("copilot_analytics.live.awaited_logs.shows_training", slow)
    more = AwaitedLogs(folders[:1], Following, set(), print, clock=lambda: now[0])
    for _ in range(30):
        more()
        now[0] += 1.0
    assert looks == [0.0, 20.0]
