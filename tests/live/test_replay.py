"""A replay says at each moment what was known then."""

from __future__ import annotations

import math
import os
import re
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from supervised import Pigeon, passes, supervisor

from copilot_analytics.alerts.rules import PolicyOptions
from copilot_analytics.api import analyze
from copilot_analytics.live.following import Following
from copilot_analytics.live.replay import Replay
from copilot_analytics.live.replay_text import as_line, as_text
from copilot_analytics.wording import duration

if TYPE_CHECKING:
    from pathlib import Path


def flat_log(path: Path, epochs: int = 100, began: datetime = datetime(2026, 3, 1)) -> datetime:  # noqa: DTZ001
    """Write a log that levels off early, a minute an epoch; return when it ends."""
    rng, now, lines = np.random.default_rng(3), began, []
    for epoch in range(1, epochs + 1):
        loss, acc = 0.3 + 2 * math.exp(-epoch / 4), 0.8 - 0.5 * math.exp(-epoch / 4)
        for step in (10, 20, 30, 40, 50):
            value = loss + 0.01 * rng.normal()
            text = f"Epoch [{epoch}/{epochs}] Step [{step}/50] loss: {value:.4f} lr: 0.01000"
            lines.append(f"{now} INFO {text}")
            now += timedelta(seconds=10)
        value = acc + 0.003 * rng.normal()
        lines.append(f"{now} INFO Epoch [{epoch}/{epochs}] val_acc: {value:.4f}")
        now += timedelta(seconds=10)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return now


def test_a_message_that_waited_is_worded_by_what_was_known_when_it_is_told(tmp_path):
    log = tmp_path / "flat.log"
    end = flat_log(log)
    said = [one for one in Replay(log, journals=False) if one.message is not None]
    (stop,) = (one for one in said if "TIME TO STOP" in one.message.title)
    left = re.search(r"(\d+) min left", stop.message.body[0])
    assert left is not None
    told_at = datetime(1970, 1, 1) + timedelta(seconds=stop.time)  # noqa: DTZ001
    assert abs((end - told_at).total_seconds() / 60.0 - int(left[1])) < 2.5
    times = [one.time for one in said]
    assert times == sorted(times)


@pytest.mark.parametrize("group_s", [30.0, 300.0])
def test_the_balance_counts_from_when_the_advice_was_told(tmp_path, group_s):
    log = tmp_path / "flat.log"
    end = flat_log(log) - timedelta(seconds=10)  # its last line
    replay = Replay(log, policy=PolicyOptions(group_s=group_s), journals=False)
    said = list(replay)
    (event,) = (one.event for one in said if one.event and one.event.key == "stop")
    told = next(one for one in said if one.message and "Stop now" in one.message.text)
    balance = replay.balance()
    assert told.time - event.time == pytest.approx(group_s, abs=5.0)
    left_s = (end - datetime(1970, 1, 1)).total_seconds() - told.time  # noqa: DTZ001
    assert balance.saved_s == pytest.approx(left_s, abs=1.0)
    later = (balance.step - event.step) / 50  # an epoch of 50 steps takes a minute
    assert later == pytest.approx(group_s / 60.0, abs=1.0)
    assert f"would have saved {duration(balance.saved_s)}" in balance.text
    assert f"would have saved {duration(balance.saved_s)}" in said[-1].message.text


def test_advice_that_was_never_told_has_no_balance(tmp_path):
    log = tmp_path / "flat.log"
    flat_log(log)
    replay = Replay(log, policy=PolicyOptions(group_s=1e9), journals=False)
    (event,) = (one.event for one in replay if one.event and one.event.key == "stop")
    balance = replay.balance()
    assert balance.advice is None
    assert balance.text == (
        f"No message advised to stop, though the lines do from epoch {event.step // 50} on."
    )


def test_a_replay_says_word_for_word_what_a_watch_of_each_line_said(tmp_path, ledger):
    log, whole = tmp_path / "train.log", tmp_path / "whole.log"
    end = overfitted_log(whole)
    lines = whole.read_bytes().splitlines(keepends=True)
    stamps = [stamp_of(line) for line in lines]
    now = stamps[0]
    pigeon = Pigeon()
    log.write_bytes(b"")
    watch = supervisor(ledger, [log], [pigeon], wall=lambda: now)
    while now <= end + 60.0:
        with log.open("ab") as file:
            file.write(b"".join(one for one, at in zip(lines, stamps, strict=True) if at == now))
        watch.runs[0].due = 0.0
        watch.pass_once()
        now += 1.0
    told = sorted(ledger.claim("pigeon", now, limit=50), key=lambda entry: entry.created)
    lived = [(one.message.id, one.message.text, one.message.event_ids) for one in told]
    said = [one.message for one in Replay(log, journals=False) if one.message is not None]
    assert [(one.id, one.text, one.event_ids) for one in said] == lived
    assert len(lived) > 2


def test_what_waits_is_told_though_more_becomes_known_meanwhile(tmp_path):
    """The wait for company counts from the first event and not from the newest."""
    log = tmp_path / "fast.log"
    overfitted_log(log, step_s=2, epochs=40)
    said = list(Replay(log, journals=False))
    (risk,) = (one for one in said if one.message and "OVERFITTING" in one.message.title)
    began = next(one.time for one in said if one.event and one.event.key == "OVERFITTING_RISK")
    assert any(one.event and began < (one.time or 0.0) < began + 30.0 for one in said)
    assert began + 30.0 <= risk.time <= began + 35.0


def test_a_run_that_is_over_at_first_sight_gets_its_verdict_once_and_no_time_of_its_own(tmp_path):
    log = tmp_path / "console.log"
    bar = f"Epoch 29/29 {'━' * 20} 22/22 0:00:02 • 0:00:00 9.54it/s v_num: 0.000"
    lines = [
        "GPU available: False, used: False",
        "`Trainer.fit` stopped: `max_epochs=30` reached.",
        bar,
        f"{'':60}train_loss: 0.039",
        f"{'':60}val_loss: 0.346",
    ]
    log.write_text("\n".join(lines) + "\n", encoding="utf-8")
    said = list(Replay(log, journals=False))
    (verdict,) = (one.message.title for one in said if one.message)
    assert verdict.startswith("🏁 FINISHED")
    assert any(one.event for one in said)
    assert all(one.time is None for one in said)
    assert as_text(said[-1]).startswith(" ")
    assert '"time": null' in as_line(said[-1])


def test_a_further_run_that_is_over_when_it_is_met_gets_its_verdict_once(tmp_path, ledger):
    log = tmp_path / "train.log"
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    flat_log(first, 8)
    flat_log(second, 6, began=datetime(2026, 3, 2))  # noqa: DTZ001
    log.write_bytes(first.read_bytes())
    pigeon = Pigeon()
    watch = supervisor(ledger, [log], [pigeon])
    passes(watch, lambda: watch.runs[0].run_key)
    met = watch.runs[0].run_key
    with log.open("ab") as file:
        file.write(second.read_bytes())
    passes(watch, lambda: watch.runs[0].run_key != met)
    told = [entry.message for entry in ledger.claim("pigeon", time.time(), limit=50)]
    (verdict,) = (one.title for one in told if one.run_key != met)
    assert verdict.startswith("🏁 FINISHED")


def overfitted_log(path: Path, step_s: int = 10, epochs: int = 60) -> float:
    """Write a log that overfits from its middle on; return when it ends."""
    rng, now, lines = np.random.default_rng(3), datetime(2026, 3, 1, 10), []  # noqa: DTZ001
    for epoch in range(1, epochs + 1):
        done = epoch / epochs
        for step in (50, 100):
            now += timedelta(seconds=step_s)
            loss = 0.05 + 2.0 * math.exp(-6.0 * done) + 0.003 * rng.normal()
            text = f"Epoch [{epoch}/{epochs}] Step [{step}/100] loss: {loss:.4f} lr: 0.1"
            lines.append(f"{now} INFO {text}")
        worse = max(done - 0.35, 0.0)
        held, acc = 0.5 + math.exp(-9.0 * done) + 2.0 * worse, 0.8 - 0.5 * math.exp(-9.0 * done)
        held, acc = held + 0.005 * rng.normal(), acc - 0.1 * worse + 0.002 * rng.normal()
        text = f"Epoch [{epoch}/{epochs}] train_loss: {loss:.4f} val_loss: {held:.4f}"
        lines.append(f"{now} INFO {text} val_acc: {acc:.4f}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return stamp_of(lines[-1].encode())


def stamp_of(line: bytes) -> float:
    return datetime.fromisoformat(line[:19].decode() + "+00:00").timestamp()


def stuck_log(path: Path, silent_s: float = 400.0, epochs: int = 8) -> float:
    """Write a log that stopped in mid-epoch some seconds ago; return its last stamp."""
    ends = datetime.now() - timedelta(seconds=silent_s)  # noqa: DTZ005  # a log's stamps are naive
    lines = []
    for epoch in range(1, epochs + 1):
        for step in (10, 20, 30, 40):
            at = (epoch - epochs) * 5 + (step - 20) / 10
            if at <= 0:
                loss = 0.3 + 2 / (epoch + step / 50)
                text = f"Epoch [{epoch}/40] Step [{step}/40] loss: {loss:.4f} lr: 0.01"
                lines.append(f"{ends + timedelta(seconds=at)} INFO {text}")
        if epoch < epochs:
            at = (epoch - epochs) * 5 + 2.5
            text = f"Epoch [{epoch}/40] val_acc: {0.9 - 0.5 / epoch:.4f}"
            lines.append(f"{ends + timedelta(seconds=at)} INFO {text}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    written = time.time() - silent_s
    os.utime(path, (written, written))
    return (ends - datetime(1970, 1, 1)).total_seconds()  # noqa: DTZ001


def told(replay: Replay) -> list[str]:
    """Return the titles of the messages, whose times and those of the events never go back."""
    said = list(replay)
    times = [one.time for one in said]
    assert times == sorted(times)
    return [one.message.title for one in said if one.message is not None]


def test_live_replay_and_report_call_a_run_stuck_whose_process_is_silent(tmp_path):
    log, journals = tmp_path / "train.log", tmp_path / "journals"
    journals.mkdir()
    ends = stuck_log(log)
    with log.open("a"):
        following = Following(log, journals=journals)
        for _ in range(10):
            following.step(time.time())
        following.close()
        assert following.status == analyze(log, journals=journals).life.status == "stalled"
        for kept in (journals, False):
            replay = Replay(log, journals=kept)
            assert told(replay)[-1].startswith("🔴 STALLED")
            (stall,) = (one for one in replay.events if one.key == "stalled")
            assert stall.time == pytest.approx(ends + 400.0, abs=60.0)


def test_what_became_of_a_run_that_was_stuck_comes_after_its_stall(tmp_path):
    log, journals = tmp_path / "train.log", tmp_path / "journals"
    journals.mkdir()
    stuck_log(log)
    with log.open("a"):
        following = Following(log, journals=journals)
        for _ in range(10):
            following.step(time.time())
        following.close()
    os.utime(log, (time.time() - 3600.0,) * 2)
    assert analyze(log, journals=journals).life.status == "interrupted"
    titles = told(Replay(log, journals=journals))
    assert [title.split("   ")[0] for title in titles[-2:]] == ["🔴 STALLED", "🟡 ENDED EARLY"]


def test_a_run_that_still_writes_has_not_ended_in_its_replay(tmp_path):
    log = tmp_path / "train.log"
    stuck_log(log, silent_s=2.0)
    replay = Replay(log, journals=False)
    assert all("WATCHING" in title for title in told(replay))
    assert analyze(log, journals=False).life.status == "running"
