"""What a chat is told when it asks why."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from copilot_analytics import Record
from copilot_analytics.analysis import Analysis
from copilot_analytics.engine import Session
from copilot_analytics.live.answers import why


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
