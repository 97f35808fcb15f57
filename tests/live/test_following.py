"""A followed log: what is read, when, and what its silence means."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys

import pytest
from followed_logs import Clock, follow, half, settle, write

from copilot_analytics.api import analyze
from copilot_analytics.live.follow_path import source_of
from copilot_analytics.live.processes import ProcessState


def test_a_log_that_grows_line_by_line(tmp_path, clock, sample):
    log = tmp_path / "train.log"
    following = follow(log, clock)
    assert following.step(clock.wall) == [] and following.missing
    events = []
    for line in sample.read_bytes().splitlines(keepends=True):
        for part in (line[:5], line[5:]):
            write(log, part, clock)
            clock.now += 0.3
            events += following.step(clock.wall)
    events += settle(following, clock)
    assert following.status == "finished"
    events += following.log.close()
    assert repr(events) == repr(list(analyze(sample, now=4e9).events))


def test_the_header_is_read_wherever_news_begins(tmp_path, clock, sample):
    log = tmp_path / "train.log"
    data = sample.read_bytes()
    write(log, data[: len(data) * 3 // 4], clock)
    following = follow(log, clock)
    settle(following, clock)
    assert following.caught_up
    assert following.log.run.meta.planned_epochs == 24


@pytest.mark.parametrize("how", ["rename", "copy"])
def test_rotation_loses_and_repeats_nothing(how, tmp_path, clock, sample):
    log = tmp_path / "train.log"
    lines = sample.read_bytes().splitlines(keepends=True)
    following, events = follow(log, clock), []
    cuts = (0, 210, 260, 330, len(lines))
    for number, (start, stop) in enumerate(itertools.pairwise(cuts)):
        if start and how == "rename":
            log.rename(tmp_path / f"train.log.{number}")
        elif start:
            shutil.copy(log, tmp_path / f"train.log.{number}")
            log.write_bytes(b"")
        for at in range(start, stop, 7):
            write(log, b"".join(lines[at : min(at + 7, stop)]), clock)
            clock.now += 0.4
            events += following.step(clock.wall)
        events += settle(following, clock)
    whole = repr(events + following.log.close())
    assert whole == repr(list(analyze(sample, now=4e9).events))
    # A restart begins where this one began.
    again = follow(log, clock, first=following.first)
    settle(again, clock)
    assert again.log.run_key == following.log.run_key
    if how == "rename":
        assert repr(again.log.session.events) == repr(events)


def test_a_rotation_within_a_number_tells_no_other_number(tmp_path, clock, sample):
    """What the end of the file tells all the same is told at once, not at the next restart."""
    log = tmp_path / "train.log"
    lines = sample.read_bytes().splitlines(keepends=True)
    row = [number for number, line in enumerate(lines) if b"Epoch(train)" in line][40]
    cut = lines[row].index(b"loss: ") + len(b"loss: 0.1")
    for torn in (lines[row][:cut], lines[row].rstrip().replace(b"loss: 0", b"loss: nan  x: 0")):
        write(log, b"".join(lines[:row]) + torn, clock, "wb")
        following = follow(log, clock)
        settle(following, clock)
        rows = len(following.log.run.train_log)
        log.rename(tmp_path / "train.log.1")
        write(log, b"".join(lines[row + 1 :]), clock)
        events = settle(following, clock)
        assert following.log.run.train_log.line[rows] == row + 1 + (torn == lines[row][:cut])
        nan = [e.line for e in events if (e.kind, e.key) == ("finding", "loss_nan")]
        assert nan == ([] if torn == lines[row][:cut] else [row + 1])
        assert events == following.log.session.events[-len(events) :]


def test_a_resume_in_a_new_folder_is_the_same_run(tmp_path, clock, sample_logs):
    logs = sorted((sample_logs / "digits_resumed").glob("*/*.log"))
    whole = tmp_path / "both.log"
    whole.write_bytes(b"".join(log.read_bytes() for log in logs))
    work = tmp_path / "work"
    work.mkdir()
    following, events = follow(work, clock), []
    for log in logs:
        target = work / log.parent.name / log.name
        target.parent.mkdir()
        data = log.read_bytes()
        for at in range(0, len(data), 3000):
            write(target, data[at : at + 3000], clock)
            clock.now += 0.5
            events += following.step(clock.wall)
        events += settle(following, clock)
    told = [(event.kind, event.key, event.step) for event in events]
    assert ("resume", "resume") in {(kind, key) for kind, key, _ in told}
    (note,) = following.notices
    assert note.endswith("(a new folder: the run was started again)")
    assert following.log.superseded == []
    assert len(following.log.run.resumes) == 1
    expected = [(e.kind, e.key, e.step) for e in analyze(whole, now=4e9).events]
    assert told == expected[: len(told)]
    for path, first in ((work, following.first), (work, ""), (target, "")):
        again = follow(path, clock, first=first)
        settle(again, clock)
        assert again.log.run_key == following.log.run_key
        assert repr(again.log.session.events) == repr(events)


@pytest.mark.parametrize("how", ["rename", "copy"])
def test_a_restart_reads_what_was_rotated_in_each_folder_of_a_run(
    how, tmp_path, clock, sample_logs
):
    """Also the second restart, which goes by what the first one noted."""
    logs = sorted((sample_logs / "digits_resumed").glob("*/*.log"))
    work = tmp_path / "work"
    work.mkdir()
    following, events = follow(work, clock), []
    for log in logs:
        target = work / log.parent.name / log.name
        target.parent.mkdir()
        lines = log.read_bytes().splitlines(keepends=True)
        for number, (start, stop) in enumerate(itertools.pairwise((0, 215, 240, len(lines)))):
            if start and how == "rename":
                target.rename(target.with_name(f"{target.name}.{number}"))
            elif start:
                shutil.copy2(target, target.with_name(f"{target.name}.{number}"))
                target.write_bytes(b"")
            write(target, b"".join(lines[start:stop]), clock)
            clock.now += 0.5
            events += settle(following, clock)
    assert len(following.log.run.resumes) == 1
    first = following.first
    for _ in range(3):
        again = follow(work, clock, first=first)
        settle(again, clock)
        assert repr(again.log.session.events) == repr(events)
        first = again.first


def test_a_restart_has_not_caught_up_before_the_last_file_of_the_run(tmp_path, clock, sample):
    """The first file was left long ago, which says nothing of the run."""
    log = tmp_path / "train.log"
    whole = half(sample)
    write(log, whole[:-2000], clock)
    first = follow(log, clock)
    settle(first, clock)
    log.rename(tmp_path / "train.log.1")
    clock.now += 86400.0
    write(log, whole[-2000:], clock)
    again = follow(log, clock, first=first.first)
    settle(again, clock)
    assert again.caught_up and again.status == "running"
    events = again.log.session.events
    assert not [event for event in events if event.key == "interrupted"]


def test_how_often_one_looks_changes_nothing(tmp_path, sample):
    told = []
    for pause in (0.3, 4.0):
        clock = Clock()
        log = tmp_path / f"{pause}.log"
        write(log, half(sample), clock)
        following = follow(log, clock)
        settle(following, clock)
        following.process = ProcessState("alive", os.getpid())
        events = []
        while clock.now < 5000:
            events += following.step(clock.wall)
            clock.now += pause
        told.append([(e.kind, e.key, e.step, e.line) for e in events])
    assert told[0] == told[1] and told[0]


def test_a_directory_in_the_place_of_a_log_is_told_and_survived(tmp_path, clock):
    following = follow(tmp_path / "train.log", clock)
    (tmp_path / "train.log").mkdir()
    assert following.step(clock.wall) == []
    assert following.step(clock.wall) == []
    assert len(following.notices) == 1


def test_the_newest_stamped_log_stands_for_its_folder(tmp_path):
    for stamp in ("20300101_000000", "20300102_000000"):
        (tmp_path / stamp).mkdir()
        (tmp_path / stamp / f"{stamp}.log").write_text("x")
    newest = tmp_path / "20300102_000000" / "20300102_000000.log"
    assert source_of(newest).path == str(tmp_path)
    older = tmp_path / "20300101_000000" / "20300101_000000.log"
    assert source_of(older) == str(older)


def test_only_numpy_of_the_science_libraries_is_loaded(sample, tmp_path):
    code = (
        "import sys, time\n"
        "from copilot_analytics.live.following import Following\n"
        "from copilot_analytics.live import supervisor, starting, answers\n"
        "from copilot_analytics.alerts import wording\n"
        "from copilot_analytics.alerts.policy import Context\n"
        "from copilot_analytics.analysis import Analysis\n"
        f"f = Following({str(sample)!r})\n"
        "while not f.caught_up: f.step(time.time())\n"
        "c = Context('k', 'n', lambda: Analysis.of(f.log.session))\n"
        "wording.attached(c); wording.summary(c); f.log.name\n"
        "print(' '.join(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "numpy" in loaded
    assert not loaded & {"pandas", "scipy", "matplotlib", "requests", "pynvml", "rich", "typer"}


def test_a_start_that_is_gone_is_noted_anew(tmp_path, clock, sample):
    log = tmp_path / "train.log"
    write(log, half(sample), clock)
    first = follow(log, clock)
    settle(first, clock)
    kept = log.with_name("kept")
    log.rename(kept)
    kept.unlink()
    (tmp_path / "hole").write_bytes(b"")  # takes the number of the file that is gone
    write(log, half(sample, 0.7), clock)
    again = follow(log, clock, first=first.first)
    settle(again, clock)
    assert again.log.run_key == first.log.run_key
    third = follow(log, clock, first=again.first)
    settle(third, clock)
    assert repr(third.log.session.events) == repr(again.log.session.events)
