"""A watch stays after the end of a run as long as more may come in its log."""

from __future__ import annotations

import subprocess
import sys

import pytest
from followed_logs import follow, settle, write
from supervised import Quiet

from copilot_analytics.alerts.policy import Policy
from copilot_analytics.live.staying import further_part
from copilot_analytics.live.supervisor import Supervisor
from copilot_analytics.live.watched import Watched

HOLDS = "import sys; f = open(sys.argv[1], 'a'); print('open', flush=True); input()"


def finished(log, clock, sample):
    write(log, sample.read_bytes(), clock)
    following = follow(log, clock)
    settle(following, clock)
    assert following.status == "finished"
    return Watched(following, Policy(), ended_at=clock.wall)


@pytest.fixture
def writer():
    """Start a process that holds a log open until it is told to end."""
    begun = []

    def start(log):
        begun.append(
            subprocess.Popen(
                [sys.executable, "-c", HOLDS, str(log)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        )
        begun[0].stdout.readline()
        return begun[0]

    yield start
    for process in begun:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


def test_as_long_as_a_process_holds_the_log_open(tmp_path, clock, sample, writer):
    log = tmp_path / "train.log"
    watched = finished(log, clock, sample)
    process = writer(log)
    for _ in range(50):
        clock.now += 60.0
        assert not watched.is_over(clock.wall, None)
    (notice,) = watched.following.notices
    assert f"process {process.pid} still holds the log open" in notice
    assert watched.is_over(clock.wall, 5.0), "the user said how long to stay"
    process.stdin.close()
    process.wait(20)
    clock.now += 60.0
    assert watched.is_over(clock.wall, None)


def test_a_finished_run_that_nobody_writes_ends_the_watch(tmp_path, clock, sample):
    watched = finished(tmp_path / "train.log", clock, sample)
    clock.now += 9.0
    assert not watched.is_over(clock.wall, None)
    clock.now += 2.0
    assert watched.is_over(clock.wall, None)
    assert not watched.following.notices


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("===== fold 1/3 =====\nepoch 15", "fold 1 of 3"),
        ("Stage 1 of 2\nFold: 2 / 3", "fold 2 of 3"),
        ("fold 1/3\nfold 3/3 done", ""),
        ("unfold 1/3, folder 2/5, stagewise", ""),
    ],
)
def test_a_log_tells_which_part_of_a_whole_it_was(text, part, tmp_path):
    log = tmp_path / "train.log"
    log.write_text(text)
    assert further_part(log) == part


def test_further_parts_are_waited_for_ten_minutes(tmp_path, clock, sample):
    log = tmp_path / "train.log"
    watched = finished(log, clock, sample)
    write(log, b"===== fold 1/3 done, predicting =====\n", clock)
    clock.now += 500.0
    assert not watched.is_over(clock.wall, None)
    clock.now += 200.0
    assert watched.is_over(clock.wall, None)


def fold(number, bad=None):
    lines = [f"===== fold {number}/2 ====="]
    for epoch in range(1, 16):
        loss = "nan" if bad is not None and epoch >= bad else f"{0.2 + 2 * 0.85**epoch:.4f}"
        lines.append(
            f"fold {number}/2 epoch {epoch}/15 train_loss {loss} val_acc {1 - 0.8**epoch:.4f}"
        )
    return "\n".join((*lines, f"fold {number} done, predicting", "")).encode()


def test_the_next_fold_is_watched_in_the_same_file(tmp_path, clock, ledger, writer):
    log = tmp_path / "train.log"
    write(log, fold(1), clock)
    writer(log)
    following = follow(log, clock)
    watch = Supervisor([following], ledger, [], Quiet(), wall=lambda: clock.wall)

    def pass_for(seconds):
        for _ in range(int(seconds)):
            clock.now += 1.0
            watch.pass_once()

    pass_for(60)
    assert following.status == "finished" and not watch._is_over()
    write(log, fold(2, bad=9), clock)
    pass_for(5)
    found = [event.text for event in watch._screen.events if event.key == "loss_nan"]
    assert len(found) == 1
