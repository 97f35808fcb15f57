"""A training that died before its first row is told to have died."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from supervised import Pigeon, in_thread, supervisor, wait_for

from copilot_analytics.live.answers import status
from copilot_analytics.live.awaited_logs import AwaitedLogs
from copilot_analytics.live.following import Following
from copilot_analytics.live.screen import waits_for
from copilot_analytics.live.stillborn import Stillborn, stillborn_in

DIED = """loading the corpus from shards/
Traceback (most recent call last):
  File "fit.py", line 12, in <module>
    trainer = Trainer(model, rate=0.1)
TypeError: Trainer() got an unexpected argument 'rate'
"""
TOLD = "it died before its first step: TypeError: Trainer() got an unexpected argument 'rate'"


def write(log, text, age_s=120.0):
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(text)
    os.utime(log, (time.time() - age_s,) * 2)
    return log


def words(log):
    stillborn = Stillborn()
    stillborn.look(log, time.time())
    return stillborn.words


@pytest.mark.parametrize(
    ("text", "age_s", "told"),
    [
        (DIED, 120.0, TOLD),
        (DIED, 20.0, ""),  # it may be handled, and the data are loaded now
        (DIED, 1e6, ""),  # no news
        ("loading the corpus from shards/\n", 120.0, ""),
    ],
)
def test_a_failure_without_a_training_counts_once_its_log_rests(tmp_path, text, age_s, told):
    assert words(write(tmp_path / "fit.log", text, age_s)) == told


def test_a_process_that_lives_may_yet_train(tmp_path):
    log = write(tmp_path / "fit.log", DIED)
    hold = "import sys; f = open(sys.argv[1], 'a'); print('open', flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", hold, str(log)], **pipes) as writer:
        writer.stdout.readline()
        assert words(log) == ""
        writer.communicate(b"\n")
    assert words(log) == TOLD


def test_it_is_told_once_on_the_phone_and_shown(ledger, tmp_path):
    log = write(tmp_path / "one" / "fit.log", DIED)
    for told in (1, 0):  # a watch that is started again does not repeat it
        pigeon = Pigeon()
        watch = supervisor(ledger, [log], [pigeon])
        thread, _ = in_thread(watch)
        wait_for(lambda watch=watch: watch.runs[0].stillborn.words)
        wait_for(lambda pigeon=pigeon, told=told: len(pigeon.sent) >= told)
        assert waits_for(watch.runs[0]) == TOLD
        assert TOLD in status(watch.runs[0], time.time())
        watch.stop()
        thread.join(30)
        assert [TOLD in message.body for message in pigeon.sent] == [True] * told


def test_of_a_directory_that_is_waited_for_it_is_told_too(tmp_path):
    folder, followed = tmp_path / "run", set()
    folder.mkdir()
    awaited = AwaitedLogs([folder], Following, followed, lambda _: None)
    assert awaited() == []
    log = write(folder / "fit.log", DIED)
    awaited._due = 0.0
    assert stillborn_in(folder) == log
    assert [one.path for one in awaited()] == [str(log)]
    awaited._due = 0.0
    assert awaited() == []  # another start may still train there
