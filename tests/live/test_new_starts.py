"""A training that begins from scratch in the directory that a user named."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from event_files import scalars
from supervised import Pigeon, passes, supervisor

from copilot_analytics.api import analyze
from copilot_analytics.live.follow_resumes import ResumedLogs
from copilot_analytics.live.following import Following
from copilot_analytics.live.new_starts import NewStarts, new_starts
from copilot_analytics.live.recorded import recorded
from copilot_analytics.live.run_logs import log_in
from copilot_analytics.reading.run_folders import find_run, logs_beside


def table(first, last, loss=2.0):
    """Rows of a `metrics.csv` as Lightning writes them."""
    rows = [f"{n // 10},{n},{loss / (n + 1):.4f},\n" for n in range(first, last)]
    return "epoch,step,train_loss,val_acc\n" + "".join(rows)


def start(folder, text):
    log = folder / "metrics.csv"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(text)
    return log


def aged(log, age_s=120.0):
    then = time.time() - age_s
    os.utime(log, (then, then))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("lightning_logs/version_0", "lightning_logs/version_1"),
        ("2030-01-02/23-59-00", "2030-01-03/00-05-00"),
        ("swift-otter", "brave-heron"),
    ],
)
def test_a_watch_of_a_directory_goes_over_to_each_training_that_begins_there(
    one, other, ledger, tmp_path
):
    work = tmp_path / "work"
    first = start(work / one, table(0, 40))
    aged(first)
    watch = supervisor(ledger, [work], [Pigeon()])
    followings = [watched.following for watched in watch.runs]
    watch._another._find = new_starts([work], followings, Following)
    passes(watch, lambda: watch.runs[0].run_key)
    keys = [watch.runs[0].run_key]

    def goes_over(log):
        watch.runs[0].following.grown_at = time.time() - 120.0
        watch._another.due = 0.0
        return watch.runs[0].following.file == str(log) and watch.runs[0].run_key not in {"", *keys}

    second = start(work / other, table(0, 1))
    for _ in range(3):
        watch._another.due = 0.0
        watch.pass_once()
    assert watch.runs[0].following.file == str(first)  # one row alone may still be a resume
    second.write_text(table(0, 20))
    passes(watch, lambda: goes_over(second))
    keys.append(watch.runs[0].run_key)
    third = start(work / f"{other}5", table(0, 20))
    passes(watch, lambda: goes_over(third))
    assert [note for note in watch._screen.notes if "going over" in note] == [
        f"{log} has begun to grow: going over to it" for log in (second, third)
    ]


def test_a_resume_a_table_of_the_same_run_and_what_was_there_before_are_no_new_starts(tmp_path):
    past = start(tmp_path / "version_0", table(0, 40))
    log = start(tmp_path / "version_1", table(0, 40))
    starts = NewStarts(tmp_path)
    start(tmp_path / "version_2", table(40, 60))
    (tmp_path / "version_1" / "results.csv").write_text(table(0, 40))
    past.write_text(table(0, 50))
    assert starts.after(log) is None
    begun = start(tmp_path / "version_3", table(0, 20))
    assert starts.after(log) == begun
    assert starts.after(begun) is None


def test_one_that_was_still_loading_when_the_watch_began_is_a_new_start_once_it_trains(tmp_path):
    log = start(tmp_path / "version_0", table(0, 40))
    loading = start(tmp_path / "version_1", table(0, 0))
    starts = NewStarts(tmp_path)
    assert starts.after(log) is None
    loading.write_text(table(0, 20))
    assert starts.after(log) == loading


def test_only_directories_that_are_named_are_looked_through(tmp_path):
    log = start(tmp_path / "version_0", table(0, 40))
    following = Following(log)
    assert new_starts([log], [following], Following)(following) is None
    assert following.source.tells_apart
    following = Following(tmp_path)
    find = new_starts([tmp_path], [following], Following)
    assert find(following) is None
    assert find(Following(start(tmp_path / "elsewhere", table(0, 40)))) is None


def test_a_run_of_its_own_is_named_with_its_folder_and_not_where_it_is_gone_over_to(
    clock, tmp_path
):
    log = start(tmp_path / "version_0", table(0, 40))
    aged(log)
    for tells_apart in (True, False):
        logs = ResumedLogs(log)
        logs.clock, logs.tells_apart = clock, tells_apart
        logs.next(str(log))
        clock.now += 60.0
        logs.next(str(log))
        later = start(tmp_path / f"version_{2 - tells_apart}", table(0, 20))
        clock.now += 60.0
        logs.next(str(log))
        name = f"version_1/{later.name} appeared beside it: a run of its own"
        assert [note.partition(",")[0] for note in logs.notices] == [name] * tells_apart


def test_a_new_start_from_the_same_seed_is_not_taken_for_the_one_before_it(tmp_path):
    """Its first values are the same, and the start that crashed has more of them."""
    before = start(tmp_path / "lightning_logs" / "version_0", table(0, 90))
    aged(before)
    newer = start(tmp_path / "lightning_logs" / "version_1", table(0, 20))
    console = tmp_path / "console2.log"
    console.write_text("GPU available: False, used: False\n")
    assert log_in(tmp_path) == newer
    assert analyze(tmp_path).run.last_step == 19
    assert logs_beside(newer) == [newer]
    for split in ("train", "val"):
        start(tmp_path / "split" / split, table(0, 20))
    assert len(logs_beside(tmp_path / "split" / "train" / "metrics.csv")) == 2


def test_event_files_give_way_to_the_table_that_says_the_same(tmp_path):
    log = tmp_path / "train" / "results.csv"
    log.parent.mkdir()
    rows = [f"{n},{3 / n:.5f},{1 - 1 / n:.5f}" for n in range(1, 30)]
    log.write_text("\n".join(["epoch,train/box_loss,metrics/mAP50-95(B)", *rows]) + "\n")
    events = log.with_name("events.out.tfevents.1.a")
    tags = [(n, "train/box_loss", 3 / n) for n in range(1, 30)]
    events.write_bytes(
        scalars(tags + [(n, "metrics/mAP50-95(B)", 1 - 1 / n) for n in range(1, 31)])
    )
    os.utime(log, (9000, 9000))
    os.utime(events, (9001, 9001))
    assert find_run(tmp_path) == events
    assert log_in(tmp_path) == log
    assert log_in(tmp_path) == Path(recorded(tmp_path, journals=False).path)
