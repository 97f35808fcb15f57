"""What a chat is told when it asks why."""

from __future__ import annotations

import io
import os
import re
import time
from types import SimpleNamespace

import pytest
from followed_logs import follow, write
from rich.console import Console
from rich.live import Live

from copilot_analytics import Record
from copilot_analytics.alerts.policy import Policy
from copilot_analytics.analysis import Analysis
from copilot_analytics.engine import Session
from copilot_analytics.live.answers import left, why
from copilot_analytics.live.panel import PanelScreen
from copilot_analytics.live.watched import Watched


def test_why_tells_the_evidence_of_now_and_since_when_the_phase_lasts():
    session = Session()
    session.update(Record("config", facts={"planned_epochs": 60, "steps_per_epoch": 10}, line=1))
    following = SimpleNamespace(log=SimpleNamespace(run_key="key"))
    told = []
    for epoch in range(1, 15):
        loss, accuracy = 2.0 * 0.9**epoch, round(0.9 - 0.8 * 0.93**epoch, 4)
        for kind, name, value in (("train", "loss", loss), ("eval", "val_acc", accuracy)):
            line = 2 * epoch + (kind == "eval")
            step = 10 * epoch
            session.update(Record(kind, step, float(epoch), metrics={name: value}, line=line))
        watched = SimpleNamespace(name="my_run", following=following, analysis=Analysis.of(session))
        told.append((accuracy, why(watched, 0.0)))
    for epoch in range(9, 15):
        text = told[epoch - 1][1]
        assert "LEARNING_FAST since epoch 8\n" in text
        newest = [accuracy for accuracy, _ in told[epoch - 8 : epoch]]
        gained = 100 * (sum(newest[4:]) - sum(newest[:4])) / 4
        assert float(re.search(r"val_acc gained ([\d.]+)", text)[1]) == pytest.approx(
            gained, rel=0.05
        )


def drawn(watched, now):
    screen, out = PanelScreen(), io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, height=60, color_system=None)
    screen._live = Live(console=console, auto_refresh=False)
    screen._live.start()
    screen.show([watched], now)
    screen.stop()
    return out.getvalue()


def test_the_time_left_counts_down_during_an_evaluation(tmp_path, clock):
    log = tmp_path / "train.log"
    following = follow(log, clock, pid=os.getpid())
    watched = Watched(following, Policy(), name="my_run")

    def line(text):
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(clock.wall))
        write(log, f"{stamp} {text}\n".encode(), clock)

    def wait(seconds):
        for _ in range(seconds):
            clock.now += 1.0
            following.step(clock.wall)

    for epoch in (1, 2, 3):
        for step in range(1, 41):
            wait(1)
            line(f"epoch {epoch}/7 step {step}/40 loss {2 / (40 * epoch + step):.4f}")
        if epoch < 3:
            wait(200)
            line(f"epoch {epoch}/7 val_acc {1 - 0.5 / epoch:.4f}")
    wait(1)
    assert following.log.run.eval_log.step.tolist() == [40, 80]
    told = []
    for _ in range(6):
        told.append(left(watched, clock.wall).partition(" left")[0])
        shown = drawn(watched, clock.wall)
        assert re.search(rf"time left +{told[-1]} ", shown), shown
        wait(60)
    # 160 steps and 5 evaluations: 19 min and 20 s. What follows the next line does not pass.
    assert told == ["19 min", "18 min", "17 min", "16 min", "16 min", "16 min"]
