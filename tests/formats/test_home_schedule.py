"""Drops of the learning rate that the settings of a home-made log state."""

from __future__ import annotations

import pytest

from copilot_analytics.analyzers.phase import PhaseAnalyzer
from copilot_analytics.analyzers.stopping import StoppingAnalyzer
from copilot_analytics.engine import Session
from copilot_analytics.formats._home_schedule import stated_schedule
from copilot_analytics.reading.parsing import LogReader


@pytest.mark.parametrize(
    ("line", "drops"),
    [
        (
            "Namespace(arch='toy', epochs=60, milestones=[30, 45], gamma=0.2)",
            "×0.2 at epochs 30, 45",
        ),
        ("  lr_decay_epochs: [100, 150]", "×0.1 at epochs 100, 150"),
        (
            "{'lr': 0.1, 'lr_steps': (60000, 80000), 'lr_decay_factor': 0.5}",
            "×0.5 at steps 60000, 80000",
        ),
        ("args: schedule=[120, 160], cos=False", "×0.1 at epochs 120, 160"),
        ("lr_milestones: 30,60,90", "×0.1 at epochs 30, 60, 90"),
        ("scheduler = MultiStepLR(optimizer, milestones=[8, 11])", "×0.1 at epochs 8, 11"),
        ("MODEL.lr_drop = (40,)", "×0.1 at epochs 40"),
        ("steps: [10, 20]", None),
        ("weight_decay=[1, 2]", None),
        ("milestones=[45, 30]", None),
        ("decay_epochs=[0, 5]", None),
        ("lr_decay=0.1, schedule=None", None),
    ],
)
def test_a_schedule_is_read_where_settings_state_its_drops(line: str, drops: str | None) -> None:
    found = stated_schedule(line)
    assert (str(found) if found else None) == (drops and f"drops {drops}")


def test_what_is_flat_before_a_stated_drop_waits_for_it() -> None:
    head = "Namespace(epochs=60, lr=0.1, milestones=[40, 50], seed=1)\n"
    rows = "".join(
        f"Epoch {e}/60 train loss: {0.5 + 2 / (1 + e):.4f} val acc: {min(70.0, 40 + 3 * e):.2f}%\n"
        for e in range(1, 37)
    )
    session = Session()
    reader = LogReader("train.log")
    for item in (*reader.feed((head + rows).encode()), *reader.close()):
        session.update(item)
    phases = session.results.of(PhaseAnalyzer)
    assert phases.awaiting_decay and "drops at epoch 40" in phases.reason
    assert session.results.of(StoppingAnalyzer).advice == "wait"
