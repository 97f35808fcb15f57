"""Whether a log is still written: what its file and its time stamps tell a report."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from copilot_analytics import analyze

ROWS = "".join(f"{n},{2 / n}\n" for n in range(1, 20))


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "losses.csv"
    path.write_text(f"epoch,train_loss\n{ROWS}")
    return path


def status(path, after_s):
    return analyze(path, now=path.stat().st_mtime + after_s).life.status


def test_a_table_without_times_that_was_just_written_may_go_on(table):
    assert status(table, after_s=60) == "running"
    assert status(table, after_s=7200) == "unknown"


def test_a_log_that_nobody_may_write_to_does_not_go_on(table):
    table.chmod(0o444)
    assert status(table, after_s=60) == "unknown"
    table.chmod(0o644)
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    with table.open("ab") as log, subprocess.Popen(sleeper, stdout=log) as writer:
        table.chmod(0o444)
        seen = status(table, after_s=60)
        writer.kill()
    assert seen == "running"


@pytest.mark.parametrize(("every_s", "state"), [(10, "interrupted"), (600, "running")])
def test_the_pace_of_a_log_tells_how_long_it_may_be_silent(tmp_path, every_s, state):
    now = time.time()
    stamps = [now - 1000 - every_s * (8 - n) for n in range(9)]
    lines = [
        f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(at))} Epoch {n}/50 loss: {2 / n:.4f}\n"
        for n, at in enumerate(stamps, 1)
    ]
    path = tmp_path / "train.log"
    path.write_text("".join(lines))
    assert analyze(path, now=path.stat().st_mtime + 1000).life.status == state


@pytest.mark.parametrize("stamp", ["%m/%d %H:%M:%S", "%H:%M:%S"])
def test_stamps_without_a_year_or_a_day_do_not_make_a_log_old(tmp_path, stamp):
    """The console of mmengine leaves the year out; over midnight a bare clock counts a day on."""
    began = time.time() - 3600 * 30
    lines = [
        f"{time.strftime(stamp, time.localtime(began + 3600 * n))} Epoch {n}/50 loss: {2 / n:.4f}\n"
        for n in range(1, 30)
    ]
    path = tmp_path / "train.log"
    path.write_text("".join(lines))
    assert analyze(path, now=path.stat().st_mtime + 60).life.status == "running"
