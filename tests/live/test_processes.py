"""Real processes that write logs, and what is told of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from copilot_analytics import process_identity
from copilot_analytics.live import processes
from copilot_analytics.live.processes import ProcessState, Writers, process_of

NO_PID = 1 << 30  # beyond what Linux counts to
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

WRITER = """
import sys, time
file = open(sys.argv[1], sys.argv[2])
if sys.argv[2] != "r":
    file.write("loss: 1.0\\n"); file.flush()
print("ready", flush=True)
time.sleep(120)
"""


def find(path, pid=None, **asked):
    """Ask with time to spare, for a machine that is busy with other tests."""
    return process_of(path, pid, **{"writers": Writers(30.0), **asked})


@pytest.fixture
def start():
    """Start processes that are ended with the test."""
    started = []

    def begin(*arguments, **options):
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, **options)
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "train.log"
    path.touch()
    return path


def wait_for(path, wanted, **asked):
    for _ in range(200):
        found = find(path, **asked)
        if found.state == wanted:
            return found
        time.sleep(0.02)
    pytest.fail(f"still {found}")


@linux
def test_the_writer_is_found_and_followed_to_its_end(start, log):
    writer = start(sys.executable, "-c", WRITER, str(log), "a")
    found = find(log)
    assert (found.state, found.pid, found.holders) == ("alive", writer.pid, (writer.pid,))
    assert found.name.startswith("python")
    assert abs(found.started - time.time()) < 60
    os.kill(writer.pid, signal.SIGSTOP)
    assert wait_for(log, "stopped", before=found).pid == writer.pid
    os.kill(writer.pid, signal.SIGCONT)
    assert wait_for(log, "alive", before=found).started == found.started
    writer.kill()
    zombie = wait_for(log, "zombie", before=found)  # nobody has waited for it yet
    assert zombie.pid == writer.pid
    writer.wait()
    assert find(log, before=found).state == "gone"
    assert find(log, before=found).pid == writer.pid
    assert find(log).state == "unknown"


@linux
def test_readers_are_no_writers(start, log):
    start(sys.executable, "-c", WRITER, str(log), "r")
    found = find(log)
    assert found.state == "unknown"
    assert "no process holds the log" in found.reason


@linux
def test_a_name_that_was_moved_is_still_the_same_file(start, log, tmp_path):
    writer = start(sys.executable, "-c", WRITER, str(log), "a")
    log.rename(tmp_path / "renamed (1).log")
    assert find(tmp_path / "renamed (1).log").pid == writer.pid
    (tmp_path / "link.log").symlink_to(tmp_path / "renamed (1).log")
    assert find(tmp_path / "link.log").pid == writer.pid
    assert find(log).reason == "the log is not there"


@linux
def test_the_trainer_counts_before_its_shell(start, log):
    command = f'{sys.executable} -c "$0" {log} a; true'
    with log.open("a") as errors:
        start("bash", "-c", command, WRITER, stderr=errors)
    found = find(log)
    assert found.name.startswith("python")
    assert len(found.holders) == 2


@linux
def test_the_next_writer_is_found_once_the_first_is_gone(start, log):
    first = start(sys.executable, "-c", WRITER, str(log), "a")
    found = find(log)
    first.kill()
    first.wait()
    second = start(sys.executable, "-c", WRITER, str(log), "a")
    assert find(log, before=found).pid == second.pid


@linux
def test_a_number_that_was_used_again_is_another_process(start, log):
    writer = start(sys.executable, "-c", WRITER, str(log), "a")
    found = find(log, writer.pid)
    assert found.state == "alive"
    earlier = replace(found, start_ticks=found.start_ticks - 1)
    other = find(log, writer.pid, before=earlier)
    assert other.state == "gone"
    assert "another process" in other.reason


@linux
def test_a_process_that_is_known_is_asked_without_a_search(start, log, monkeypatch):
    start(sys.executable, "-c", WRITER, str(log), "a")
    found = find(log)
    monkeypatch.setattr(processes, "_search", lambda *_: pytest.fail("searched"))
    assert find(log, before=found).state == "alive"


@linux
def test_a_search_keeps_to_its_time(start, log):
    start(sys.executable, "-c", WRITER, str(log), "a")
    found = find(log, writers=Writers(-1.0))
    assert found.state == "unknown"
    assert "too many processes" in found.reason


@linux
def test_one_search_serves_many_logs_and_is_made_anew_for_one_that_lost_its_process(
    start, log, tmp_path
):
    now = [0.0]
    writers = Writers(30.0, fresh_s=30.0, clock=lambda: now[0])
    assert find(log, writers=writers).state == "unknown"
    first = start(sys.executable, "-c", WRITER, str(log), "a")
    assert find(log, writers=writers).state == "unknown"  # as of the search before
    assert find(log, before=ProcessState("alive", NO_PID), writers=writers).pid == first.pid
    now[0] = 31.0
    assert find(log, writers=writers).pid == first.pid
    other = tmp_path / "other.log"
    start(sys.executable, "-c", WRITER, str(other), "a")
    first.kill()
    first.wait()
    assert find(log, writers=writers).state == "unknown"  # what was found is asked again
    now[0] = 62.0
    assert find(other, writers=writers).state == "alive"


@linux
def test_names_with_parentheses_are_read_well(start, log, tmp_path):
    odd = tmp_path / "a) R 1 (b"
    odd.symlink_to(sys.executable)
    writer = start(str(odd), "-c", WRITER, str(log), "a")
    found = find(log)
    assert (found.state, found.pid) == ("alive", writer.pid)
    assert found.name == "a) R 1 (b"


@linux
def test_a_process_that_ended_long_ago_is_gone(log):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert find(log, ended.pid).state == "gone"


def test_without_proc_only_a_named_process_is_known(log, monkeypatch, tmp_path):
    monkeypatch.setattr(processes, "_PROC", tmp_path / "none")
    monkeypatch.setattr(process_identity, "PROC", tmp_path / "none")
    assert find(log).state == "unknown"
    assert find(log, os.getpid()).state == "alive"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert find(log, ended.pid).state == "gone"
    assert find(log, before=ProcessState("alive", ended.pid)).state == "gone"
