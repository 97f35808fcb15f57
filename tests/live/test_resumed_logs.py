"""A run that is resumed in a new log whose name is no time stamp."""

from __future__ import annotations

import os
import shutil

import pytest
from call_counts import counted_calls
from followed_logs import NOW, Clock, follow
from resumed_runs import rows, settle, write

from copilot_analytics import analyze
from copilot_analytics.errors import UnreadableLogError
from copilot_analytics.live import resumes
from copilot_analytics.live.follow_path import followed_path
from copilot_analytics.live.follow_resumes import ResumedLogs
from copilot_analytics.live.log_families import earlier_logs, later_logs
from copilot_analytics.live.replay import Replay
from copilot_analytics.live.resumes import judge_next, starts_of

NAMES = [
    ("train.log", "train2.log"),
    ("train.log", "train_resume.log"),
    ("log.txt", "log_2.txt"),
    ("slurm-123.out", "slurm-124.out"),
    ("console.log", "console2.log"),
    ("version_0/train.log", "version_1/train.log"),
    ("20300102_030405/train.log", "20300102_040506/train.log"),
    ("2030-01-02_03-04-05/log.txt", "2030-01-02_04-05-06/log.txt"),
]


@pytest.fixture
def clock():
    return Clock()


@pytest.mark.parametrize("stamp", [True, False])
@pytest.mark.parametrize("names", NAMES)
def test_a_resume_is_followed_and_a_restart_at_any_point_says_the_same(
    names, stamp, tmp_path, clock
):
    old, new = (tmp_path / name for name in names)
    write(old, rows(1, 16, stamp=stamp), clock)
    following = follow(old, clock)
    events, firsts, key = settle(following, clock), [], following.log.run_key
    for part in (rows(16, 17, stamp=stamp), rows(17, 30, stamp=stamp), rows(30, 41, stamp=stamp)):
        write(new, part, clock)
        events += settle(following, clock)
        firsts.append((following.first, len(events)))
        for path in (old, new, tmp_path):
            again = follow(path, clock, first=following.first)
            settle(again, clock)
            assert again.log.run_key == key
            assert repr(again.log.session.events) == repr(events)
    assert following.file == str(new)
    assert following.log.run.last_epoch == 40.0 and following.status == "finished"
    assert len(following.log.run.resumes) == 1 and following.log.superseded == []
    assert any(f"going on in {names[1]} (a new" in note for note in following.notices)
    replay = Replay(tmp_path, journals=False)
    said = [one.event for one in replay if one.event is not None]
    assert repr(said[: len(events)]) == repr(events)
    assert replay.log.run_key == key
    whole = analyze(tmp_path, journals=False)
    assert whole.life.segments == 2 and whole.run.train_log.epoch.tolist() == list(range(1, 41))


def test_what_is_no_resume_is_told_once_with_how_to_watch_it(tmp_path, clock):
    old, new = tmp_path / "train.log", tmp_path / "train2.log"
    write(old, rows(1, 16), clock)
    following = follow(old, clock)
    settle(following, clock)
    write(new, rows(1, 2, begins=3600), clock)
    settle(following, clock)
    assert following.notices == []  # a single line does not show it
    write(new, rows(2, 9, begins=3600), clock)
    settle(following, clock)
    write(new, rows(9, 12, begins=3600), clock)
    (tmp_path / "notes.txt").touch()  # all is looked at again
    settle(following, clock)
    (note,) = following.notices
    assert "a run of its own, it begins at step 1, the start" in note
    assert f"`copilot live {new}` watches it" in note
    assert following.file == str(old) and starts_of(new) == [new]
    assert followed_path(new) == str(new)


def test_what_was_there_before_the_watch_and_is_no_resume_is_not_spoken_of(tmp_path, clock):
    old, new = tmp_path / "train.log", tmp_path / "train2.log"
    write(old, rows(1, 16), clock)
    write(new, rows(1, 9, begins=3600), clock)
    following = follow(old, clock)
    settle(following, clock)
    assert following.file == str(old) and following.notices == []


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (rows(16, 30, total=80), "its plan is another one"),
        (rows(33, 40), "it begins at step 33, and the other one stopped at step 15"),
        (rows(5, 12, begins=7200), "it begins at step 5, and the other one stopped at step 15"),
        (rows(15, 30, begins=-600), "it began while the other one was written"),
        (
            [f'{{"step": {n}, "loss": {1 / n:.3f}}}' for n in range(16, 60)],
            "it is of another format",
        ),
    ],
)
def test_what_speaks_against_a_resume(lines, why, tmp_path, clock):
    old, new = tmp_path / "train.log", tmp_path / "train2.log"
    write(old, rows(1, 16), clock)
    write(new, lines, clock)
    judgement, told = judge_next(old, new)
    assert judgement == "apart" and why in told


@pytest.mark.parametrize("name", ["train.log", "train2.log"])
def test_a_log_that_cannot_be_read_for_a_while_is_judged_later(name, tmp_path, clock, monkeypatch):
    old, new = tmp_path / "train.log", tmp_path / "train2.log"
    write(old, rows(1, 16), clock)
    write(new, rows(16, 30), clock)
    read = {how: getattr(resumes, how) for how in ("read_chunks", "read_ends")}

    def refused(how):
        def refuse(path, size):
            if path.name == name:
                raise UnreadableLogError(f"{path} cannot be read: stale file handle")
            return read[how](path, size)

        return refuse

    for how in read:
        monkeypatch.setattr(resumes, how, refused(how))
    assert judge_next(old, new)[0] == "open"
    monkeypatch.undo()
    assert judge_next(old, new)[0] == "continues"


def test_a_run_that_had_come_to_its_end_is_not_resumed(tmp_path, clock):
    old, new = tmp_path / "train.log", tmp_path / "train2.log"
    write(old, rows(1, 41), clock)
    write(new, rows(41, 60), clock)
    assert judge_next(old, new) == ("apart", "the other one had come to its end")


def test_a_log_that_still_grows_is_not_left(tmp_path, clock):
    old, new = tmp_path / "train.log", tmp_path / "train2.log"
    write(old, rows(1, 12, stamp=False), clock)
    following = follow(old, clock)
    write(new, rows(12, 16, stamp=False), clock)
    for epoch in range(12, 20):
        write(old, rows(epoch, epoch + 1, stamp=False), clock)
        settle(following, clock, 8.0)
        assert following.file == str(old)


def test_logs_that_are_followed_for_themselves_are_left_alone(tmp_path, clock):
    old, new = tmp_path / "train.log", tmp_path / "train2.log"
    write(old, rows(1, 16), clock)
    following = follow(old, clock, apart={str(old), str(new)})
    write(new, rows(16, 30), clock)
    settle(following, clock)
    assert following.file == str(old) and following.notices == []


def test_of_two_resumes_of_one_log_the_first_is_taken(tmp_path, clock):
    logs = [tmp_path / f"train{number}.log" for number in (1, 2, 3)]
    for log, lines in zip(
        logs, (rows(1, 16), rows(16, 40), rows(14, 20, begins=7200)), strict=True
    ):
        write(log, lines, clock)
    assert judge_next(logs[0], logs[2])[0] == "continues"
    assert starts_of(logs[2]) == [logs[2]] and starts_of(logs[1]) == logs[:2]
    following = follow(logs[0], clock)
    settle(following, clock)
    assert following.file == str(logs[1])


def test_starts_of_the_past_are_read_without_waiting_for_their_last_words(tmp_path, clock):
    for start in range(8):
        write(tmp_path / f"train{start + 1}.log", rows(1 + 4 * start, 5 + 4 * start), clock)
        clock.now += 3600.0
    following, began = follow(tmp_path / "train8.log", clock), clock.now
    while not following.caught_up:
        following.step(clock.wall)
        clock.now += following.wait_s
        assert clock.now - began < 5.0
    assert following.log.run.train_log.epoch.tolist() == list(range(1, 33))
    assert len(following.log.run.resumes) == 7


def test_names_of_one_family(tmp_path):
    for name in ("train.log", "train2.log", "train10.log", "train_resume.log", "trainer.log",
                 "val.log", "train2.txt", "train.log.1", "20300102_030405.log"):  # fmt: skip
        (tmp_path / name).touch()
    after = [path.name for path in later_logs(tmp_path / "train.log")]
    assert after == ["train_resume.log", "train2.log", "train10.log"]
    before = [path.name for path in earlier_logs(tmp_path / "train10.log")]
    assert before == ["train2.log", "train_resume.log", "train.log"]
    assert later_logs(tmp_path / "20300102_030405.log") == []


def test_a_log_that_was_copied_without_its_times_is_joined_all_the_same(tmp_path, clock):
    old, new = tmp_path / "a" / "train.log", tmp_path / "a" / "train2.log"
    write(old, rows(1, 16), clock)
    write(new, rows(16, 41), clock)
    shutil.copytree(tmp_path / "a", tmp_path / "b", copy_function=shutil.copy)
    copies = [tmp_path / "b" / log.name for log in (old, new)]
    os.utime(copies[0], (NOW + 50, NOW + 50))
    os.utime(copies[1], (NOW + 60, NOW + 60))
    assert starts_of(copies[1]) == copies


def test_no_folder_is_listed_while_the_log_grows(tmp_path, clock, monkeypatch):
    import copilot_analytics.live.follow_resumes as module

    log = tmp_path / "train.log"
    write(log, rows(1, 5), clock)
    source, listed = ResumedLogs(log), []
    source.clock, source.wall = clock, lambda: clock.wall
    monkeypatch.setattr(module, "later_logs", lambda path: listed.append(path) or [])
    for epoch in range(5, 15):
        write(log, rows(epoch, epoch + 1), clock)
        assert source.next(str(log)) == str(log)
        clock.now += 6.0
    assert listed == []
    for _ in range(10):
        clock.now += 6.0
        source.next(str(log))
    assert len(listed) == 1  # and once at rest, until a folder changes


def test_a_log_does_not_rest_between_lines_that_come_far_apart(tmp_path, clock, monkeypatch):
    import copilot_analytics.live.follow_resumes as module

    log = tmp_path / "train.log"
    write(log, rows(1, 5), clock)
    source, listed = ResumedLogs(log), []
    source.clock, source.wall = clock, lambda: clock.wall
    monkeypatch.setattr(module, "later_logs", lambda path: listed.append(clock.now) or [])
    for second in range(400):
        if second % 25 == 0:
            write(log, rows(5 + second // 25, 6 + second // 25), clock)
        source.next(str(log))
        clock.now += 1.0
    met, listed = listed, []
    assert len(met) <= 2  # until two lines had shown how far apart they are
    stopped = clock.now
    while not listed:
        source.next(str(log))
        clock.now += 1.0
    assert listed[0] - stopped < 60.0
    clock.now += 500.0
    source.next(str(log))
    write(log, rows(30, 31), clock)  # a pause so long tells nothing of the next one
    rests_since = clock.now
    source.next(str(log))
    listed.clear()
    while not listed:
        source.next(str(log))
        clock.now += 1.0
    assert 59.0 <= listed[0] - rests_since <= 66.0


def test_a_family_of_hundreds_is_not_turned_into_paths(tmp_path):
    for number in range(400):
        (tmp_path / f"run{number:03}").mkdir()
        (tmp_path / f"run{number:03}" / "train.log").touch()
    log = tmp_path / "run000" / "train.log"
    with counted_calls() as calls:
        found = later_logs(log)
    assert [path.parent.name for path in found] == [f"run{number:03}" for number in range(1, 9)]
    assert calls[0] < 25 * 400


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_link_is_followed_where_it_leads(goes_on, tmp_path, clock):
    first, second = (tmp_path / f"run{number}" / "train.log" for number in (1, 2))
    link = tmp_path / "latest.log"
    write(first, rows(1, 16), clock)
    link.symlink_to(first)
    following = follow(link, clock)
    settle(following, clock)
    write(second, rows(16, 30) if goes_on else rows(1, 30, begins=3600), clock)
    settle(following, clock)
    assert following.file == str(first)  # it still leads there
    link.unlink()
    link.symlink_to(second)
    settle(following, clock)
    assert following.file == str(second)
    assert following.log.run.last_epoch == 29.0


def test_a_folder_that_is_a_link_changes_nothing(tmp_path, clock):
    old, new = tmp_path / "real" / "train.log", tmp_path / "real" / "train2.log"
    write(old, rows(1, 16), clock)
    (tmp_path / "work").symlink_to(tmp_path / "real")
    following = follow(tmp_path / "work" / "train.log", clock)
    settle(following, clock)
    write(new, rows(16, 41), clock)
    settle(following, clock)
    assert following.status == "finished" and following.file == str(new)
    other = follow(tmp_path / "work" / "train.log", clock, apart={str(new)})
    settle(other, clock)
    assert other.file == str(old)


@pytest.mark.parametrize("touched", [True, False])
def test_both_logs_may_have_been_rotated(touched, tmp_path, clock):
    old, new = tmp_path / "train.log", tmp_path / "train2.log"
    write(old, rows(1, 16), clock)
    following = follow(old, clock)
    events = settle(following, clock)
    old.rename(tmp_path / "train.log.1")
    if touched:
        old.touch()
    events += settle(following, clock)
    write(new, rows(16, 25), clock)
    events += settle(following, clock)
    new.rename(tmp_path / "train2.log.1")
    write(new, rows(25, 41), clock)
    events += settle(following, clock)
    assert following.file == str(new) and following.status == "finished"
    again = follow(old, clock, first=following.first)
    settle(again, clock)
    assert again.log.run_key == following.log.run_key
    assert repr(again.log.session.events) == repr(events)
