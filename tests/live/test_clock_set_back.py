"""A log whose clock is set back in mid-run says the same as one whose clock goes on."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from supervised import Pigeon, supervisor

from copilot_analytics.alerts._durations import between
from copilot_analytics.alerts.policy import Context
from copilot_analytics.api import analyze, read_run
from copilot_analytics.events import Event
from copilot_analytics.live.replay import Replay

if TYPE_CHECKING:
    from pathlib import Path

BEGAN = datetime(2026, 10, 25, 1, 30)  # noqa: DTZ001  # as a log in local time writes it


def written(path: Path, set_back: timedelta, epochs: int = 60) -> Path:
    """Write a log of two minutes an epoch whose clock is set back after its 20th."""
    rng, now, lines = np.random.default_rng(5), BEGAN, []
    for epoch in range(1, epochs + 1):
        if epoch == 21:
            now -= set_back
        loss, acc = 0.3 + 2 * math.exp(-epoch / 4), 0.8 - 0.5 * math.exp(-epoch / 4)
        for step in (10, 20, 30, 40, 50):
            value = loss + 0.01 * rng.normal()
            text = f"Epoch [{epoch}/{epochs}] Step [{step}/50] loss: {value:.4f} lr: 0.01000"
            lines.append(f"{now} INFO {text}")
            now += timedelta(seconds=20)
        value = acc + 0.003 * rng.normal()
        lines.append(f"{now} INFO Epoch [{epoch}/{epochs}] val_acc: {value:.4f}")
        now += timedelta(seconds=20)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def pair(tmp_path):
    logs = [tmp_path / clock / "my_run" / "train.log" for clock in ("on", "back")]
    for log, set_back in zip(logs, (timedelta(0), timedelta(hours=1)), strict=True):
        log.parent.mkdir(parents=True)
        written(log, set_back)
    return logs


def test_the_time_in_training_and_what_stopping_saves_count_on(pair):
    on, back = (analyze(read_run(log)) for log in pair)
    assert on.life.active_s is not None and on.stop.saves_s is not None
    assert on.life.active_s - back.life.active_s == pytest.approx(0.0, abs=60.0)
    assert on.stop.saves_s - back.stop.saves_s == pytest.approx(0.0, abs=60.0)


def test_the_time_left_is_the_same_after_the_clock_was_set_back(pair):
    for rows in (130, 200, 250):
        etas = []
        for log in pair:
            part = log.with_name("part.log")
            part.write_text("".join(log.read_text().splitlines(keepends=True)[:rows]))
            etas.append(analyze(read_run(part)).eta.remaining_s)
        assert etas[0] == pytest.approx(etas[1], rel=0.02)


def test_a_replay_waits_as_long_and_says_the_same(pair):
    told = []
    for log in pair:
        said = list(Replay(log, journals=False))
        told.append([one.message.text for one in said if one.message is not None])
    on, back = told
    assert len(on) > 3 and any("TIME TO STOP" in text for text in on)
    assert "at 60 of 60 epochs in 2 h" in on[-1]
    # What the line took at which the clock was set back is not known.
    assert [text.replace("in 1 h 59 min", "in 2 h") for text in back] == on


def test_a_replay_shows_the_stamps_of_the_log(pair):
    _, back = pair
    end = datetime.fromisoformat(back.read_text().splitlines()[-1][:19])
    times = [one.time for one in Replay(back, journals=False) if one.message is not None]
    last = datetime(1970, 1, 1) + timedelta(seconds=times[-1])  # noqa: DTZ001
    assert abs((last - end).total_seconds()) < 60.0


def test_what_is_over_lasted_as_long_as_it_did(tmp_path, ledger):
    log = written(tmp_path / "train.log", timedelta(hours=1))
    now = [BEGAN.timestamp()]
    watch = supervisor(ledger, [log], [Pigeon()], wall=lambda: now[0])
    watch.pass_once()
    watched = watch.runs[0]
    run = watched.analysis.run
    rows = run.train_log
    first, last = 20 * 5 - 1, 20 * 5 + 4  # the last row before, and the fifth behind it
    events = [
        Event("finding", "slow", 1, float(rows.time[row]), int(rows.line[row]), "")
        for row in (first, last)
    ]
    assert float(rows.time[last]) < float(rows.time[first])
    lasted_s = between(*events, 7.0, watched.context)
    gaps = np.diff(rows.time[first : last + 1])
    assert lasted_s == pytest.approx(float(gaps[gaps > 0].sum()), abs=1.0)
    assert between(*events, 7.0, Context("key", "run")) == 7.0
