"""Which log of a directory is followed, and that one in use is waited for."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from copilot_analytics.errors import LogError
from copilot_analytics.live.choosing import named_logs, shows_training
from copilot_analytics.live.follow_path import followed_path
from copilot_analytics.live.run_logs import has_trained

CONFIG = "config: lr=0.1 epochs=9 batch=32\n"
BAR = "`Trainer.fit` stopped: `max_epochs=9` reached.\n"
ROWS = "".join(
    f"Epoch {epoch}/9 - train_loss: {1 / epoch:.4f} - val_loss: {1.1 / epoch:.4f}\n"
    for epoch in range(1, 10)
)


def aged(folder, age_s=3600.0):
    """Let all in a folder look as if nothing had changed lately."""
    then = time.time() - age_s
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (then, then))


@pytest.fixture
def begins_later(tmp_path):
    """Write training into a log after the wait for it has been said."""
    waiting = threading.Event()

    def write(log, notes):
        def note(text):
            notes.append(text)
            waiting.set()

        def train():
            if waiting.wait(30.0):
                with log.open("a") as file:
                    file.write(ROWS)

        thread = threading.Thread(target=train)
        thread.start()
        threads.append(thread)
        return note

    threads = []
    yield write
    waiting.set()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("before", ["", CONFIG])
def test_a_directory_in_which_training_is_about_to_begin_is_waited_for(
    before, tmp_path, begins_later
):
    log, notes = tmp_path / "run" / "train.log", []
    log.parent.mkdir()
    log.write_text(before)
    note = begins_later(log, notes)
    assert named_logs([log.parent], note, None) == [log.parent]
    assert notes == [f"no training seen yet in {log.parent}; Ctrl-C ends the wait"]
    assert followed_path(log.parent) == str(log)


def test_a_wait_for_a_directory_is_bounded(tmp_path):
    (tmp_path / "run.log").write_text(CONFIG)
    notes = []
    with pytest.raises(LogError, match="known"):
        named_logs([tmp_path], notes.append, 0.1)
    assert len(notes) == 1


def test_a_directory_at_rest_without_a_log_is_refused_unless_a_process_writes_there(tmp_path):
    log, notes = tmp_path / "run.log", []
    log.write_text(CONFIG)
    aged(tmp_path)
    with pytest.raises(LogError, match="known"):
        named_logs([tmp_path], notes.append, None)
    assert notes == []
    with log.open("a") as file:
        code = "import time; time.sleep(60)"
        holder = subprocess.Popen([sys.executable, "-c", code], stdout=file)
    try:
        with pytest.raises(LogError, match="known"):
            named_logs([tmp_path], notes.append, 0.1)
    finally:
        holder.kill()
        holder.wait()
    assert len(notes) == 1


def lightning(folder):
    """What Lightning leaves: a console with its last bar alone, and a table."""
    table = folder / "lightning_logs" / "version_0" / "metrics.csv"
    table.parent.mkdir(parents=True)
    rows = "".join(f"{row // 4},{row * 10 + 9},{1 / (row + 1):.4f}\n" for row in range(36))
    table.write_text("epoch,step,train_loss\n" + rows)
    console = folder / "console.log"
    console.write_text(
        "Seed set to 0\nGPU available: False, used: False\n"
        "TPU available: False, using: 0 TPU cores\nTotal params: 1.4 K\n"
        "Total estimated model params size (MB): 0.006\n" + BAR
    )
    return console, table


def test_the_log_that_holds_training_is_followed_and_not_the_console_beside_it(tmp_path):
    console, table = lightning(tmp_path)
    assert followed_path(tmp_path) == str(table)
    old = time.time() - 86400.0  # the table of another day is not of this run
    os.utime(table, (old, old))
    assert followed_path(tmp_path) == str(console)


def test_a_console_that_holds_no_training_yet_is_waited_for(tmp_path):
    console, table = lightning(tmp_path)
    table.unlink()
    notes = []
    assert named_logs([tmp_path], notes.append, 0.1) == [tmp_path]
    assert len(notes) == 1 and "no training seen yet" in notes[0]
    aged(tmp_path)
    assert named_logs([tmp_path], notes.append, None) == [tmp_path]
    assert len(notes) == 1
    assert followed_path(tmp_path) == str(console)


def test_a_console_that_holds_the_bar_of_a_crash_alone_is_not_followed_beside_the_rows(tmp_path):
    """The bar is drawn once, when Lightning ends, and the traceback below it ends its line."""
    console = tmp_path / "console.log"
    console.write_text(
        "GPU available: False, used: False\n"
        "Epoch 4/29 ━━━━━━━━━━━━━━━━━━━━ 0/22 0:00:01 • 0:00:00 0.00it/s v_num: 0.000\n"
        + " "
        * 60
        + "train_loss: 0.928\n"
        "Traceback (most recent call last):\n"
        '  File "train.py", line 13, in training_step\n'
        "RuntimeError: CUDA error: device-side assert triggered\n"
    )
    rows = tmp_path / "lightning_logs" / "version_0" / "metrics.csv"
    rows.parent.mkdir(parents=True)
    rows.write_text(
        "epoch,step,train_loss,val_acc\n"
        + "".join(f"{n // 4},{5 * n + 4},{2 / (n + 1):.4f},\n" for n in range(17))
    )
    assert followed_path(tmp_path) == str(rows)
    rows.unlink()
    assert followed_path(tmp_path) == str(console)


@pytest.mark.parametrize("died", [True, False])
def test_a_crash_before_the_second_row_ends_the_wait_for_a_directory(died, tmp_path):
    log = tmp_path / "train.log"
    row = "2026-11-26 14:39:08 Epoch 1/10 train_loss 2.0 val_loss 2.3 val_acc 0.5\n"
    trace = 'Traceback (most recent call last):\n  File "t.py", line 9, in <module>\n    main()\n'
    log.write_text(f"2026-11-26 14:39:00 building model\n{row}")
    with log.open("a") as file:
        file.write(f"{trace}RuntimeError: CUDA error\n" if died else "")
    notes = []
    if died:
        assert named_logs([tmp_path], notes.append, None) == [tmp_path]
        assert not notes
    else:
        assert not has_trained(log), "its second row may show another format"
    assert shows_training(tmp_path) == died
