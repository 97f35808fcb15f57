"""A log without time stamps is timed while it is watched, and its replay knows what was seen."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from followed_logs import follow, settle, write

from copilot_analytics.analyzers.eta import EtaAnalyzer
from copilot_analytics.live.journal import read_journal
from copilot_analytics.live.log_session import LogSession
from copilot_analytics.live.replay import Replay
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from pathlib import Path

EPOCH_S = 30.0


def epoch(number: int) -> bytes:
    loss, acc = 2 / number, 1 - 0.6 / number
    return f"Epoch {number}/40 - train loss {loss:.4f} - val acc {acc:.4f}\n".encode()


def eta_of(following):
    return following.log.session.results.of(EtaAnalyzer)


def watch(following, log, clock, numbers):
    for number in numbers:
        write(log, epoch(number), clock)
        settle(following, clock, EPOCH_S)


@pytest.fixture
def followed(tmp_path, clock):
    log = tmp_path / "train.log"
    write(log, b"".join(map(epoch, range(1, 6))), clock)
    following = follow(log, clock, journals=tmp_path)
    settle(following, clock)
    yield log, following
    following.close()


def test_the_time_left_is_known_after_some_lines(followed, clock):
    log, following = followed
    assert eta_of(following).remaining_s is None
    began = clock.now
    watch(following, log, clock, range(6, 18))
    left_s = 23 * (clock.now - began) / 12
    eta = eta_of(following)
    assert eta.remaining_s == pytest.approx(left_s, rel=0.02)
    assert eta.low_s <= left_s <= eta.high_s


def test_a_restarted_watch_goes_on_from_what_was_seen(followed, clock, tmp_path):
    log, following = followed
    watch(following, log, clock, range(6, 12))
    following.close()
    again = follow(log, clock, journals=tmp_path)
    settle(again, clock)
    assert eta_of(again) == eta_of(following)
    again.close()


def test_a_replay_of_the_journal_arrives_at_the_same(followed, clock, tmp_path):
    log, following = followed
    watch(following, log, clock, range(6, 20))
    (journal,) = tmp_path.glob("*.jsonl")
    replay = Replay(log, journals=tmp_path)
    told = [one.event for one in replay if one.event is not None]
    live = [following.log.relative(event) for event in following.log.run_events]
    assert [one for one in told if one.line <= live[-1].line][: len(live)] == live
    kept = [record for record in read_journal(journal) if record.kind == "seen"]
    assert len(kept) == 14


def test_a_log_that_grows_fast_is_noted_ever_more_rarely(followed, clock, tmp_path):
    log, following = followed
    for number in range(6, 1500):
        write(log, epoch(number).replace(b"/40", b"/4000"), clock)
        following.step(clock.wall)
        clock.now += 5.0
    noted = following.log.run.arrivals
    gaps = [after.time - before.time for before, after in pairwise(noted)]
    assert len(noted) < 400 and gaps[0] == pytest.approx(5.0) and gaps[-1] > 60.0


def test_a_log_with_time_stamps_needs_none(tmp_path, clock, half_log):
    log, rest = half_log
    following = follow(log, clock, journals=tmp_path)
    settle(following, clock)
    write(log, rest, clock)
    settle(following, clock)
    assert not following.log.run.arrivals
    following.close()


def test_the_time_left_is_known_soon_after_a_resume_though_the_watch_is_long(followed, clock):
    log, following = followed
    for number in range(6, 30):
        write(log, epoch(number), clock)
        following.step(clock.wall)
        clock.now += 36000.0
    began = clock.now
    watch(following, log, clock, range(10, 21))
    left_s = 20 * (clock.now - began) / 11
    assert eta_of(following).remaining_s == pytest.approx(left_s, rel=0.1)


def test_a_clock_that_is_set_back_starts_no_silence_of_arrivals(followed, clock):
    log, following = followed
    watch(following, log, clock, range(6, 12))
    noted = len(following.log.run.arrivals)
    for number in range(12, 20):
        write(log, epoch(number), clock)
        following.step(clock.wall - 3600.0)
        clock.now += EPOCH_S
    assert len(following.log.run.arrivals) == noted + 8
    assert eta_of(following).remaining_s == pytest.approx(21 * EPOCH_S, rel=0.1)


def turning(log: Path, journals: Path) -> None:
    """Write a log that overfits for half an hour and turns, and what a watch of it keeps."""
    rng, now = np.random.default_rng(1), 1.8e9
    session = LogSession(str(log), journals=journals)
    with log.open("wb") as file:
        for epoch in range(1, 71):
            loss = 0.2 + 2 * math.exp(-epoch / 10) + 0.003 * rng.normal()
            acc = 0.5 + 0.02 * min(epoch, 15) - 0.012 * min(max(0, epoch - 15), 25)
            acc += 0.02 * max(0, epoch - 40) + 0.002 * rng.normal()
            lines = [f"Epoch [{epoch}/80] Step [{s}/50] loss: {loss:.4f}" for s in (20, 40)]
            lines.append(f"Epoch [{epoch}/80] val_acc: {acc:.4f}")
            text = "".join(f"{line}\n" for line in lines).encode()
            file.write(text)
            session.feed(text)
            now += 60.0
            session.add(Record("seen", time=now))
    session.release()


def test_a_replay_tells_how_long_something_lasted_by_when_the_lines_came(tmp_path):
    log, journals = tmp_path / "train.log", tmp_path / "journals"
    journals.mkdir()
    turning(log, journals)
    said = list(Replay(log, journals=journals))
    began = next(one.event for one in said if one.event and one.event.key == "OVERFITTING_RISK")
    (over,) = (one.message for one in said if one.message and "OVER AFTER" in one.message.title)
    minutes = re.search(r"OVER AFTER (\d+) min", over.title)
    ended = next(one.event for one in said if one.event and one.event.line > began.line
                 and one.event.kind == "phase")  # fmt: skip
    assert minutes is not None, over.title
    assert int(minutes[1]) == pytest.approx((ended.line - began.line) / 3, abs=2)


def test_a_silent_evaluation_within_a_bar_without_time_stamps_is_no_stall(tmp_path, clock):
    log = tmp_path / "train.log"
    write(log, b"epoch 1 step 10 loss: 2.5\nepoch 1 step 20 loss: 2.4\n", clock)
    following = follow(log, clock)
    settle(following, clock)
    events = []
    for epoch in range(1, 4):
        for step in range(3, 200):
            write(log, f"epoch {epoch} step {10 * step} loss: {2 / step:.4f}\n".encode(), clock)
            events += settle(following, clock, 2.0)
        events += settle(following, clock, 400.0)  # five minutes are more than 5 times 2 s
        write(log, f"epoch {epoch} val_loss: {1 / epoch:.4f}\n".encode(), clock)
        events += settle(following, clock, 2.0)
    assert len(following.log.run.eval_log) == 3 and following.log.run.last_time is None
    assert not [event for event in events if event.key == "stalled"]
