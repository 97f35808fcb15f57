"""Which logs `copilot live` and `find` take, wait for and refuse, as a user runs them."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest
from live_commands import LINGER, begun, copilot, sample, wait_for, written


def test_auto_takes_the_growing_log_among_decoys(sample_logs, tmp_path):
    work = tmp_path / "work"
    decoy = work / "work_dirs" / "old" / "train.log"
    decoy.parent.mkdir(parents=True)
    decoy.write_bytes(sample(sample_logs, "digits_plateau").read_bytes())
    (work / "notes.log").write_text("nothing to see here\n" * 200)
    grown = work / "runs" / "mine" / "train.log"
    grown.parent.mkdir(parents=True)
    with written(sample(sample_logs, "digits_step"), grown, 0.015):
        wait_for(lambda: grown.exists() and b"Epoch(train)" in grown.read_bytes())
        os.utime(decoy)
        done = copilot("live", "--auto", "--base-dir", work, *LINGER, home=tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert "runs/mine/train.log" in done.stderr and "grows" in done.stderr
    assert "FINISHED   mine" in done.stdout


def test_find_shows_the_table_and_fails_where_there_is_nothing(sample_logs, tmp_path):
    done = copilot("find", "--base-dir", sample_logs, home=tmp_path)
    assert done.returncode == 0
    assert "→" in done.stdout and "digits_step" in done.stdout
    (tmp_path / "short.log").write_text("loss 1\n")
    done = copilot("find", "--base-dir", tmp_path, home=tmp_path)
    assert done.returncode == 1
    assert "1 kB" in done.stdout
    named = copilot("find", tmp_path, home=tmp_path)
    assert named.returncode == 1 and "1 kB" in named.stdout
    done = copilot("live", "--auto", "--base-dir", tmp_path, home=tmp_path)
    assert done.returncode == 1
    assert "1 kB" in done.stderr and str(tmp_path) in done.stderr


def test_what_is_no_training_log_is_refused_in_the_words_of_a_replay(tmp_path):
    diary, program = tmp_path / "diary.txt", tmp_path / "program"
    diary.write_text("Dear diary, nothing was trained today.\n" * 40)
    program.write_bytes(b"\x7fELF\x02\x01" + bytes(range(256)) * 8)
    written = time.time() - 600.0  # what changed a moment ago may be the header of a log
    os.utime(diary, (written, written))
    for log in (diary, program):
        done = copilot("live", log, "--no-gpu", home=tmp_path / "home")
        assert done.returncode == 1
        assert done.stderr == copilot("replay", log, home=tmp_path / "home").stderr


@pytest.mark.parametrize("kind", ["missing", "empty", "folder"])
def test_a_log_without_a_line_is_waited_for_and_the_wait_is_seen(kind, tmp_path):
    log = tmp_path / "train.log"
    if kind == "empty":
        log.touch()
    elif kind == "folder":
        log.mkdir()
    done = copilot("live", log, "--wait", "0.5", home=tmp_path / "home")
    assert done.returncode == 1 and "within" in done.stderr
    with begun("live", log, "--no-gpu", home=tmp_path / "home") as watch:
        said = watch.stderr.readline()
        assert "waiting" in said and str(log) in said and "Ctrl-C" in said
        watch.send_signal(signal.SIGINT)
        _, err = watch.communicate(timeout=30)
        assert watch.returncode == 130 and "stopped while it waited" in err


def test_a_file_that_grows_without_training_is_watched_in_view(tmp_path):
    log = tmp_path / "train.log"
    log.write_text("building the data set\n" * 20)
    with log.open("a") as file:  # held open, as by a training that loads its data
        code = "import time; time.sleep(60)"
        holder = subprocess.Popen([sys.executable, "-c", code], stdout=file)
        try:
            done = copilot("live", log, "--wait", "6", "--no-gpu", home=tmp_path / "home")
        finally:
            holder.kill()
            holder.wait()
    assert done.returncode == 1
    assert "no training seen yet in 20 lines" in done.stderr
    assert "no training seen in 20 lines" in done.stderr


def test_auto_waits_for_a_log_that_lives(sample_logs, tmp_path):
    work, source = tmp_path / "work", sample(sample_logs, "digits_step")
    old, new = work / "old" / "train.log", work / "new" / "train.log"
    old.parent.mkdir(parents=True)
    old.write_bytes(sample(sample_logs, "digits_plateau").read_bytes())
    os.utime(old, (1e9, 1e9))
    arguments = ("live", "--auto", "--base-dir", work, *LINGER)
    done = copilot(*arguments, "--wait", "1", home=tmp_path / "home")
    assert done.returncode == 1 and "no log grew" in done.stderr
    new.parent.mkdir()
    with begun(*arguments, "--wait", "60", home=tmp_path / "home") as watch:
        assert "at rest" in watch.stderr.readline()
        with written(source, new, 0.012):
            out, _ = watch.communicate(timeout=60)
    assert watch.returncode == 0
    assert "WATCHING   new" in out and "WATCHING   old" not in out


def test_auto_goes_over_to_a_log_that_begins_to_grow(sample_logs, tmp_path):
    work, source = tmp_path / "work", sample(sample_logs, "digits_step")
    old, new = work / "old" / "train.log", work / "new" / "train.log"
    for log in (old, new):
        log.parent.mkdir(parents=True)
    old.write_bytes(sample(sample_logs, "digits_crash").read_bytes())
    os.utime(old, (1e9, 1e9))
    home = tmp_path / "home"
    arguments = ("--auto", "--base-dir", work, "--no-gpu", "--linger", "20")
    with begun("live", *arguments, home=home) as one:
        assert "at rest" in one.stderr.readline()
        with written(source, new, 0.05):
            out, err = one.communicate(timeout=120)
    assert one.returncode == 0, err
    assert err.count("going over to it") == 1
    assert "ENDED EARLY   old" in out and "FINISHED   new" in out


def test_auto_looks_for_a_log_that_begins_while_it_lingers(sample_logs, tmp_path):
    work, source = tmp_path / "work", sample(sample_logs, "digits_step")
    old, new = work / "old" / "train.log", work / "new" / "train.log"
    old.parent.mkdir(parents=True)
    old.write_bytes(sample(sample_logs, "digits_plateau").read_bytes())
    os.utime(old, (1e9, 1e9))
    arguments = ("--auto", "--base-dir", work, "--no-gpu", "--plain")
    with begun("live", *arguments, home=tmp_path / "home") as one:
        assert "at rest" in one.stderr.readline()
        while "FINISHED" not in one.stdout.readline():
            assert one.poll() is None
        time.sleep(4.0)  # of the ten seconds for which it lingers
        new.parent.mkdir()
        with written(source, new, 0.005):
            out, err = one.communicate(timeout=90)
    assert one.returncode == 0, err
    assert err.count("going over to it") == 1, (out, err)
    assert "FINISHED   new" in out


def test_two_hundred_logs_in_one_process(sample_logs, tmp_path):
    data = (sample_logs / "digits_crash" / "console.log").read_bytes()
    half = b"".join(data.splitlines(keepends=True)[:200])
    logs = [tmp_path / f"run{n:03}" / "train.log" for n in range(200)]
    for log in logs:
        log.parent.mkdir()
        log.write_bytes(half)
    home = tmp_path / "home"
    with begun("live", *logs, "--no-gpu", "--linger", "1", home=home) as watch:
        drained = threading.Thread(target=watch.communicate, daemon=True)
        drained.start()

        def attached() -> int:
            path = home / "copilot" / "ledger.sqlite3"
            if not path.exists():
                return 0
            with closing(sqlite3.connect(path, timeout=10)) as ledger:
                try:
                    sql = "SELECT count(DISTINCT run_key) FROM messages"
                    return ledger.execute(sql).fetchone()[0]
                except sqlite3.OperationalError:
                    return 0  # it is being made

        wait_for(lambda: attached() == 200, 300.0)
        for log in logs:
            with log.open("ab") as file:
                file.write(data[len(half) :])
        drained.join(300)
        assert watch.returncode == 3
