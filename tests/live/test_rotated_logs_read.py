"""A report and a replay of a log that was rotated see the whole run, if its parts are one."""

from __future__ import annotations

import os
import shutil
from itertools import pairwise

import pytest

from copilot_analytics.analyzers._base import Options
from copilot_analytics.api import analyze, read_run
from copilot_analytics.errors import LogError
from copilot_analytics.live.recorded import recorded
from copilot_analytics.live.replay import Replay
from copilot_analytics.live.resumes import rotated_before

LATER = 4e9


@pytest.fixture
def whole(sample_logs, tmp_path):
    (path,) = (sample_logs / "digits_step").glob("*/*.log")
    whole = tmp_path / "whole" / "train.log"
    whole.parent.mkdir()
    whole.write_bytes(path.read_bytes())
    return whole


@pytest.fixture
def log(whole, tmp_path):
    """The same log, cut into three by rotations within lines of training."""
    lines = whole.read_bytes().splitlines(keepends=True)
    log = tmp_path / "run" / "train.log"
    log.parent.mkdir()
    names = ("train.log.2", "train.log.1", "train.log")
    for name, (start, stop) in zip(names, pairwise([0, 300, 420, len(lines)]), strict=True):
        (log.parent / name).write_bytes(b"".join(lines[start:stop]))
    return log


def test_report_and_replay_say_what_they_would_of_a_log_that_was_never_rotated(log, whole):
    told = [analyze(path, journals=False, now=LATER) for path in (log, log.parent, whole)]
    assert {len(one.run.train_log) for one in told} == {len(told[-1].run.train_log)}
    assert len({repr(list(one.events)) for one in told}) == 1
    assert told[0].run.resumes == [], "a rotation is no resume"
    assert told[0].run.meta.planned_epochs == 24, "the first part states it"
    replayed = []
    for path in (log, whole):
        replay = Replay(path, journals=False)
        list(replay)
        replayed.append(repr(replay.events))
    assert replayed[0] == replayed[1]


def test_the_report_names_the_files_that_it_read(log, whole):
    words = "read after train.log.2, train.log.1, from whose first line on lines are counted"
    assert f"; {words}." in analyze(log, journals=False, now=LATER).to_markdown()
    assert words in read_run(log, journals=False).meta.notes
    assert not read_run(whole, journals=False).meta.notes


def test_a_log_that_was_rotated_just_now_is_read_from_what_was_rotated(log, whole):
    log.rename(log.with_name("train.log.0"))
    for number in (2, 1, 0):  # as each rotation moves them
        log.with_name(f"train.log.{number}").rename(log.with_name(f"train.log.{number + 1}"))
    log.write_bytes(b"")
    told, of_whole = (analyze(path, journals=False, now=LATER) for path in (log, whole))
    assert repr(list(told.events)) == repr(list(of_whole.events))
    words = "read from train.log.3, train.log.2, train.log.1: train.log is empty"
    assert words in told.run.meta.notes
    replay = Replay(log, journals=False)
    assert any(one.message and "FINISHED" in one.message.title for one in replay)


def test_an_empty_log_beside_what_is_no_training_is_empty(log):
    for part in log.parent.iterdir():
        part.write_bytes(b"")
    log.with_name("train.log.1").write_bytes(b"Dear diary,\nnothing happened.\n")
    with pytest.raises(LogError, match=r"train\.log is empty"):
        analyze(log, journals=False)
    log.with_name("train.log.1").unlink()
    with pytest.raises(LogError, match=r"train\.log is empty"):
        list(Replay(log, journals=False))


def test_parts_that_do_not_go_on_are_left_out(log, whole):
    parts = [log.with_name(f"train.log.{number}") for number in (2, 1)]
    parts[1].write_bytes(whole.read_bytes())  # a copy that holds what the log still says
    assert recorded(log, journals=False).earlier == ()
    lines = whole.read_bytes().splitlines(keepends=True)
    parts[1].write_bytes(b"".join(lines[300:390]))  # rows between the two are gone
    assert recorded(log, journals=False).earlier == ()
    parts[0].write_bytes(b"".join(lines[:200]))
    parts[1].write_bytes(b"".join(lines[300:420]))
    assert recorded(log, journals=False).earlier == (parts[1],)
    log.write_bytes(whole.read_bytes())
    assert recorded(log, journals=False).earlier == ()


def test_copies_are_read_in_the_order_of_their_content(log, tmp_path):
    """As a shell copies them, which leaves the newest with the oldest time."""
    copied = tmp_path / "copied"
    copied.mkdir()
    for number, part in enumerate(sorted(log.parent.iterdir())):
        shutil.copy(part, copied)
        os.utime(copied / part.name, (2e9 + number, 2e9 + number))
    earlier = recorded(copied / log.name, journals=False).earlier
    assert [part.name for part in earlier] == ["train.log.2", "train.log.1"]


def test_what_is_missing_goes_on_from_nothing(log):
    log.unlink()
    assert rotated_before(log) == []


def test_a_watch_that_began_after_the_rotation_is_seen_as_it_read(log, tmp_path):
    journals = tmp_path / "journals"
    journals.mkdir()
    assert len(recorded(log, journals=journals).earlier) == 2
    parts = [log.with_name(f"train.log.{number}") for number in (1, 2)]
    aside = [part.rename(tmp_path / part.name) for part in parts]
    watched = recorded(log, journals=False)
    watched.feed(log.read_bytes())
    for part, kept in zip(parts, aside, strict=True):
        kept.rename(part)
    journal = journals / f"{watched.run_key}.jsonl"
    journal.write_text("")
    assert recorded(log, journals=journals).earlier == ()
    assert recorded(log, journals=journal).earlier == ()
    assert len(recorded(log, journals=False).earlier) == 2


def test_a_metric_that_only_a_rotated_part_logged_can_be_asked_for(tmp_path):
    log = tmp_path / "train.log"
    rows = [f"Epoch {n}/40 - train loss {2 / n:.4f}" for n in range(1, 23)]
    scored = [f"{row} - val acc {0.9 - 0.5 / n:.4f}" for n, row in enumerate(rows, start=1)]
    (tmp_path / "train.log.1").write_text("\n".join(scored[:20]) + "\n")
    log.write_text("\n".join(rows[20:]) + "\n")
    replay = Replay(log, Options(metric="val/acc"), journals=False)
    assert len(list(replay)) and replay.log.run.metric_names
