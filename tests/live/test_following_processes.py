"""What a silence means while a log is followed, and what becomes of the process that writes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from followed_logs import NOW, follow, half, settle, write

from copilot_analytics.findings import Severity
from copilot_analytics.live import writer_search
from copilot_analytics.live.processes import ProcessState, Writers
from copilot_analytics.records import Record


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
        events = settle(following, clock, 30.0)
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


def test_devices_that_were_busy_once_are_not_busy_for_ever(tmp_path, clock, sample):
    log = tmp_path / "train.log"
    write(log, half(sample), clock)
    following = follow(log, clock)
    settle(following, clock)
    for busy, wait_s in ((90.0, 10.0), (0.0, 200.0), (1.0, 0.0)):
        following.sample(Record("gpu", metrics={"gpu_utilization_pct": busy}, facts={"uuid": "G"}))
        clock.now += wait_s
    assert following._devices.lately(clock.wall) == 1.0
    clock.now += 1000.0
    assert following._devices.lately(clock.wall) is None


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


@pytest.mark.parametrize("evaluates", [True, False])
def test_the_silence_of_a_log_without_time_stamps_is_judged_by_the_gaps_that_were_seen(
    evaluates, tmp_path, clock
):
    log = tmp_path / "metrics.csv"
    write(log, b"epoch,step,train_loss,val_loss\n0,10,2.5,\n0,20,2.25,\n", clock)
    following = follow(log, clock)
    settle(following, clock)
    for row in range(3, 40):
        val = "1.5" if evaluates and row % 10 == 0 else ""
        write(log, f"{row // 10},{10 * row},{2.0 + 0.25 / row},{val}\n".encode(), clock)
        settle(following, clock, 70.0)
    assert following.log.run.last_time is None and following.process.state == "unknown"
    events = settle(following, clock, 200.0)
    assert events == []  # 5 times 70 s is usual
    events = settle(following, clock, 1500.0)
    told = [event.key for event in events if event.kind == "status"]
    assert told == (["stalled"] if evaluates else [])  # else it may be the first evaluation
    settle(following, clock, 400.0)
    assert following.status == "stalled"


@pytest.mark.parametrize("rows", [1, 90])
def test_lines_that_a_buffer_held_back_make_no_silence_a_stall(rows, tmp_path, clock):
    log, said = tmp_path / "train.log", 0

    def go_on(seconds):
        nonlocal said
        lines = []
        for step in range(said, said + int(seconds / 2.5)):
            when = datetime.fromtimestamp(NOW + 2.5 * step, UTC)
            lines.append(
                f"{when:%Y-%m-%d %H:%M:%S} epoch {step // 40 + 1}/50 step {step} loss 0.5\n"
            )
            if step % 40 == 39:
                lines.append(f"{when:%Y-%m-%d %H:%M:%S} epoch {step // 40 + 1} val_acc 0.5\n")
        said += len(range(int(seconds / 2.5)))
        write(log, "".join(lines).encode(), clock)

    go_on(100.0 * 2.5)
    following = follow(log, clock)
    settle(following, clock)
    events = []
    for _ in range(4 if rows > 1 else 90):
        go_on(2.5 * rows)
        events += settle(following, clock, 2.5 * rows)
    events = [event.key for event in events if event.kind == "status"]
    assert "stalled" not in events[2:]  # by the second block it is known
    assert following.log.run.last_time is not None
    settle(following, clock, 400.0)
    assert following.status == ("running" if rows > 1 else "stalled")


def test_a_process_that_works_is_no_stall_for_a_while(tmp_path, clock, sample):
    log = tmp_path / "train.log"
    write(log, half(sample), clock)
    following = follow(log, clock)
    settle(following, clock)
    following.process = ProcessState("alive", os.getpid(), start_ticks=None)
    begun = clock.now
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer_search, "cpu_s_of", lambda pid: 0.9 * (clock.now - begun))
        events = settle(following, clock, 300.0)
        assert events == [] and following.liveness == "buffered"
        assert "uses 90 % of a core" in following.silence.reason
        patch.setattr(writer_search, "cpu_s_of", lambda pid: 0.9 * (300.0 - begun))
        events = settle(following, clock, 200.0)
    assert [(e.kind, e.key) for e in events] == [("status", "stalled")]


def planless(batches):
    """Return lines of a trainer that says nothing of its plan, a tenth of an epoch each."""
    lines, at = [], "2026-11-26 14:48:31,639 - trainer - INFO - epoch"
    for done in range(1, batches + 1):
        epoch, batch = divmod(done - 1, 4)
        loss = 0.2 + 2.0 * 0.8 ** (done / 4)
        lines.append(f"{at} {epoch + 1} | batch {10 * (batch + 1)}/40 | loss {loss:.4f}")
        if batch == 3:
            judged = f"val_loss {loss + 0.1:.4f} | val_acc {0.9 - 0.5 * 0.8**epoch:.4f}"
            lines.append(f"{at} {epoch + 1} done | train_loss {loss:.4f} | {judged}")
    return "".join(f"{line}\n" for line in lines).encode()


@pytest.mark.parametrize(("batches", "crashed"), [(50, True), (49, True), (51, False), (52, False)])
def test_a_process_that_goes_in_the_middle_crashed_though_the_plan_is_unknown(
    batches, crashed, tmp_path, clock
):
    log = tmp_path / "train.log"
    write(log, planless(batches), clock)
    with subprocess.Popen([sys.executable, "-c", HOLD, str(log)], stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        following = follow(log, clock)
        settle(following, clock, 5.0)
        assert following.log.run.progress is None
        assert following.process.pid == writer.pid
        writer.kill()
    events = settle(following, clock, 60.0)
    told = [(event.key, event.severity) for event in events if event.kind == "status"]
    assert (("crashed", Severity.CRITICAL) in told) == crashed
    if crashed:
        assert (
            f"process {writer.pid} is gone and the log has no end, at epoch 12." in events[0].text
        )
    else:
        assert following.status in {"unknown", "finished"}


FAILED = (
    b"Traceback (most recent call last):\n"
    b'  File "fit.py", line 31, in publish\n'
    b"    client.put(path)\n"
    b"TimeoutError: the tracker did not answer\n"
)


@pytest.mark.parametrize("known", [True, False])
def test_an_exception_that_is_handled_is_no_crash(known, tmp_path, clock, sample):
    lines = half(sample).splitlines(keepends=True)
    log = tmp_path / "train.log"
    write(log, b"".join(lines[:-8]), clock)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as writer:
        following = follow(log, clock, pid=writer.pid if known else None)
        settle(following, clock)
        write(log, FAILED, clock)
        events = settle(following, clock, 120.0 if known else 10.0)
        for line in lines[-8:]:
            write(log, line, clock)
            events += settle(following, clock, 2.0)
        assert [event.key for event in events if event.kind == "status"] == []
        write(log, FAILED, clock)  # the same once more, and now it is the end
        writer.communicate(b"\n")
        events = settle(following, clock, 4.0 if known else 60.0)
    (told,) = [event for event in events if event.kind == "status"]
    assert told.key == "crashed" and "the tracker did not answer" in told.text


def test_a_process_that_hangs_after_its_failure_crashed(tmp_path, clock, sample):
    log = tmp_path / "train.log"
    write(log, half(sample), clock)
    following = follow(log, clock, pid=os.getpid())
    settle(following, clock)
    write(log, FAILED, clock)
    assert settle(following, clock, 150.0) == []
    settle(following, clock, 3000.0)
    assert following.status == "crashed"
