"""A followed log: what is read, when, and what its silence means."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys

import followed_logs
import pytest
from followed_logs import Clock, follow, touch

from copilot_analytics.api import analyze
from copilot_analytics.live.follow_path import source_of
from copilot_analytics.live.processes import ProcessState, Writers
from copilot_analytics.records import Record


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sample(sample_logs):
    (path,) = (sample_logs / "digits_step").glob("*/*.log")
    return path


def settle(following, clock, seconds=12.0):
    """Step until all that is there has been read."""
    return followed_logs.settle(following, clock, seconds)


def write(path, data, clock, mode="ab"):
    with path.open(mode) as file:
        file.write(data)
    touch(path, clock)


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
        nan = [event.line for event in events if event.key == "loss_nan"]
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
    assert note.endswith("(a new folder: the run was resumed)")
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


def half(sample, share=0.6):
    data = sample.read_bytes()
    return data[: data.index(b"\n", int(len(data) * share)) + 1]


def test_a_silence_is_a_stall_once_and_ends_with_news(tmp_path, clock, sample):
    log = tmp_path / "train.log"
    write(log, half(sample), clock)
    following = follow(log, clock)
    settle(following, clock)
    following.process = ProcessState("alive", os.getpid(), start_ticks=None)
    events = settle(following, clock, 7200.0)
    assert [(e.kind, e.key) for e in events] == [("status", "stalled")]
    assert following.silence.verdict == "stalled"
    write(log, sample.read_bytes()[len(half(sample)) :], clock)
    events = settle(following, clock)
    assert ("status", "running") in {(e.kind, e.key) for e in events}
    assert following.status == "finished"


def test_a_machine_that_slept_is_no_silence(tmp_path, clock, sample):
    log = tmp_path / "train.log"
    write(log, half(sample), clock)
    following = follow(log, clock)
    settle(following, clock)
    following.process = ProcessState("alive", os.getpid(), start_ticks=None)
    slept_s = 7200.0
    assert following.step(clock.wall + slept_s) == []
    assert following.silence_s(clock.wall + slept_s) < 60.0
    clock.now += slept_s  # now both clocks tell that it is awake
    events = [event for _ in range(3) for event in following.step(clock.wall + slept_s)]
    assert [(e.kind, e.key) for e in events] == [("status", "stalled")]


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


def test_a_process_that_is_stopped_is_told_at_once_with_what_wakes_it(tmp_path, clock, sample):
    log = tmp_path / "train.log"
    write(log, half(sample), clock)
    code = "import sys, time; f = open(sys.argv[1], 'a'); print('open', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, str(log)], stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        following = follow(log, clock)
        settle(following, clock)
        writer.send_signal(signal.SIGSTOP)
        os.waitpid(writer.pid, os.WUNTRACED)
        events = settle(following, clock, 60.0)
        assert [(e.kind, e.key) for e in events] == [("status", "stalled")]
        assert f"kill -CONT {writer.pid}" in events[0].text
        writer.kill()


def test_a_silence_where_an_evaluation_is_due_is_an_evaluation(tmp_path, clock, sample):
    lines = sample.read_bytes().splitlines(keepends=True)
    evaluated = [n for n, line in enumerate(lines) if b"Epoch(val)" in line]
    due = max(n for n in range(evaluated[1]) if b"Epoch(train)" in lines[n])
    for stop, said in ((due + 1, "evaluating"), (due, "running")):
        log = tmp_path / f"{stop}.log"
        write(log, b"".join(lines[:stop]), clock)
        following = follow(log, clock)
        settle(following, clock, 100.0)
        assert following.liveness == said


def test_a_process_that_goes_is_a_crash(tmp_path, clock, sample):
    log = tmp_path / "train.log"
    write(log, half(sample), clock)
    code = "import sys, time; f = open(sys.argv[1], 'a'); print('open', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, str(log)], stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        following = follow(log, clock)
        settle(following, clock)
        assert following.process.pid == writer.pid
        assert settle(following, clock, 60.0) == []
        writer.kill()
        writer.wait()
    events = settle(following, clock, 200.0)
    assert ("status", "crashed") in {(e.kind, e.key) for e in events}
    assert str(following.process.pid) in events[0].text


HOLD = "import sys, time; f = open(sys.argv[1], 'a'); print('open', flush=True); time.sleep(60)"


@pytest.mark.parametrize("named", [False, True])
def test_the_process_of_a_resume_is_another_one(named, tmp_path, clock, sample_logs):
    """Its end is told at once and by its own number, also where many share one search."""
    logs = sorted((sample_logs / "digits_resumed").glob("*/*.log"))
    work, writers = tmp_path / "work", Writers()
    pids, following, events = [], None, []
    for log in logs:
        target = work / log.parent.name / log.name
        target.parent.mkdir(parents=True)
        writer = subprocess.Popen([sys.executable, "-c", HOLD, str(target)], stdout=subprocess.PIPE)
        pids.append(writer.pid)
        with writer:
            writer.stdout.readline()
            data = log.read_bytes()
            write(target, data[: data.index(b"\n", int(len(data) * 0.6)) + 1], clock)
            if following is None:
                pid = writer.pid if named else None
                following = follow(work, clock, writers=writers, pid=pid)
            events += settle(following, clock)
            writer.kill()
        if target.name == logs[0].name:
            clock.now += 3.0
    assert following.process.pid == pids[1]
    events += settle(following, clock, 40.0)
    crashes = [event.text for event in events if event.key == "crashed"]
    assert [str(pid) in text for pid, text in zip(pids, crashes, strict=True)] == [True, True]


def test_a_resume_that_dies_while_it_loads_is_told(tmp_path, clock, sample_logs):
    first, second = sorted((sample_logs / "digits_resumed").glob("*/*.log"))
    work = tmp_path / "work"
    following = None
    data = first.read_bytes()
    header = second.read_bytes().partition(b"Epoch(train)")[0].rpartition(b"\n")[0] + b"\n"
    died = (
        b"Traceback (most recent call last):\n  File \"train.py\", line 7\nKeyError: 'state_dict'\n"
    )
    for log, content in (
        (first, data[: data.index(b"\n", int(len(data) * 0.6)) + 1]),
        (second, header + died),
    ):
        target = work / log.parent.name / log.name
        target.parent.mkdir(parents=True)
        write(target, content, clock)
        following = following or follow(work, clock)
        events = settle(following, clock)
    assert following.status == "crashed"
    assert any("KeyError" in event.text for event in events)


def test_a_logger_that_rotates_its_file_stays_the_process(tmp_path, clock, sample):
    log = tmp_path / "train.log"
    write(log, half(sample), clock)
    following = follow(log, clock)
    settle(following, clock)
    following.process = ProcessState("alive", os.getpid())
    log.rename(tmp_path / "train.log.1")
    write(log, sample.read_bytes()[len(half(sample)) :][:300], clock)
    settle(following, clock)
    assert following.process.pid == os.getpid()


def test_a_log_of_the_past_is_over(tmp_path, clock, sample):
    log = tmp_path / "train.log"
    write(log, half(sample), clock)
    clock.now += 86400.0
    following = follow(log, clock)
    settle(following, clock)
    assert following.status == "interrupted"


def test_a_log_that_is_silent_for_too_long_when_it_is_met_is_told_at_once(tmp_path, clock, sample):
    log = tmp_path / "train.log"
    write(log, half(sample), clock)
    clock.now += 600.0
    following = follow(log, clock)
    while not following.caught_up:
        following.step(clock.wall)
        clock.now += 0.05
    (stalled,) = following.step(clock.wall)
    assert stalled.key == "stalled" and "silent for 10 min" in stalled.text
    assert "no process holds the log open" in following.silence.reason


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


def test_devices_that_were_busy_once_are_not_busy_for_ever(tmp_path, clock, sample):
    log = tmp_path / "train.log"
    write(log, half(sample), clock)
    following = follow(log, clock)
    settle(following, clock)
    for busy, wait_s in ((90.0, 10.0), (0.0, 200.0), (1.0, 0.0)):
        following.sample(Record("gpu", metrics={"gpu_utilization_pct": busy}, facts={"uuid": "G"}))
        clock.now += wait_s
    assert following._recent_gpu() == 1.0
    clock.now += 1000.0
    assert following._recent_gpu() is None


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


@pytest.mark.parametrize("held", [True, False])
def test_a_resume_that_dies_without_a_word_of_its_end(held, tmp_path, clock, sample_logs):
    """Its header is all there is; that is no stall of the run before it."""
    first, second = sorted((sample_logs / "digits_resumed").glob("*/*.log"))
    work = tmp_path / "work"
    header = second.read_bytes().partition(b"Epoch(train)")[0].rpartition(b"\n")[0] + b"\n"
    following, events = None, []
    for log, content in ((first, half(first)), (second, header + b"Error: no such checkpoint\n")):
        target = work / log.parent.name / log.name
        target.parent.mkdir(parents=True)
        writer = subprocess.Popen([sys.executable, "-c", HOLD, str(target)], stdout=subprocess.PIPE)
        with writer:
            writer.stdout.readline()
            write(target, content, clock)
            if not held:
                writer.kill()
                writer.wait()
            following = following or follow(work, clock)
            events += settle(following, clock, 4.0 if log == first else 12.0)
            writer.kill()
    assert [event.text for event in events if event.key == "crashed"] == []
    events += settle(following, clock, 60.0 if held else 1500.0)
    assert held == (following.status == "crashed")  # else it may still load
    events += settle(following, clock, 600.0)
    assert following.status == "crashed"
    (told,) = [event.text for event in events if event.key == "crashed"]
    assert f"the resume in {second.name} died before its first step" in told
    assert told.endswith("Error: no such checkpoint")
    assert not [event for event in events if event.key == "stalled"]


@pytest.mark.parametrize("named", [True, False])
def test_the_last_row_counts_once_nobody_writes_on(named, tmp_path, clock):
    """A bar is held until its last frame is known, which a log that ends cannot show."""
    log = tmp_path / "train.log"
    bar = "\r20/20 ━━━━━━━━━━━━━━━━━━━━ 0s 9ms/step - accuracy: 0.{0}5 - loss: {1}.5000"
    epochs = [f"Epoch {e + 1}/9\n{bar.format(e, 9 - e)}\n" for e in range(9)]
    write(log, "".join(epochs).encode(), clock)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        following = follow(log, clock, pid=process.pid if named else None)
        settle(following, clock)
        assert following.status == "running" and following.log.run.last_epoch == 8
        process.communicate(b"\n")
    settle(following, clock, 60.0 if named else 2000.0)
    assert following.log.run.last_epoch == 9 and following.status == "finished"
