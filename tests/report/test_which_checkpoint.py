"""A finding recommends a checkpoint that is on disk, wherever it is told."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from copilot_analytics import analyze
from copilot_analytics.alerts.advice import advice
from copilot_analytics.alerts.message import Tiding
from copilot_analytics.alerts.policy import Context
from copilot_analytics.events import Event
from copilot_analytics.findings import Severity
from copilot_analytics.report.document import document
from copilot_analytics.report.verdict import actions
from copilot_analytics.report.which_checkpoint import DISK

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def lost(tmp_path: Path) -> Path:
    """Return the log of a run that saves each epoch and is lost in the sixth."""
    lines = []
    for epoch in range(1, 8):
        for step in (10, 20, 30, 40, 50):
            loss = math.nan if epoch > 5 else 2.0 / epoch + step / 1e4
            at = f"2026-03-01 0{epoch}:00:{step}"
            lines.append(f"{at} INFO Epoch [{epoch}/20] Step [{step}/50] loss: {loss:.4f}")
        lines.append(f"2026-03-01 0{epoch}:01:00 INFO Saved checkpoint to epoch_{epoch}.pth")
    log = tmp_path / "train.log"
    log.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return log


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ((), "go back to epoch_5.pth (epoch 5);"),  # the disk tells nothing
        ((4, 5, 6, 7), "go back to epoch_5.pth (epoch 5);"),
        ((2, 3, 7), "go back to epoch_3.pth (epoch 3);"),
        ((6, 7), "go back to a checkpoint from before it (epoch_5.pth is gone from the disk);"),
    ],
)
def test_all_name_the_newest_good_one_that_is_there(lost, kept, told):
    for epoch in kept:
        (lost.parent / f"epoch_{epoch}.pth").write_bytes(b"weights")
    analysis = analyze(lost, journals=False)
    told = told[1:]  # a sentence may begin with it
    in_report = "\n".join(actions(analysis))
    (found,) = (one for one in document(analysis)["findings"] if one["id"] == "loss_nan")
    began = Event("finding", "loss_nan", 1, None, 1, "loss", Severity.CRITICAL)
    context = Context("key", "run", lambda: analysis, look=DISK)
    (message,) = advice(analysis, [Tiding("opened", began)], context)
    for text in (in_report, found["recommendation"], message):
        assert told in text, text
    (unseen,) = advice(analysis, [Tiding("opened", began)], Context("key", "run"))
    assert "o back to epoch_5.pth (epoch 5);" in unseen  # as a replay of the past tells it


def test_a_crashed_run_is_resumed_from_one_that_is_there(lost):
    text = lost.read_text().replace("nan", "0.3")
    text += 'Traceback (most recent call last):\n  File "train.py", line 3, in <module>\n'
    lost.write_text(text + "RuntimeError: CUDA error: an illegal memory access\n")
    (lost.parent / "epoch_6.pth").write_bytes(b"weights")
    lines = actions(analyze(lost, journals=False))
    assert any("Mend the cause and resume from epoch_6.pth." in line for line in lines), lines
