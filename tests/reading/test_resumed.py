"""A resume that a script states in its log is one in the report."""

from __future__ import annotations

import pytest

from copilot_analytics import analyze
from copilot_analytics.reading.resumed import resumed_from


@pytest.mark.parametrize(
    ("line", "facts"),
    [
        ("Resumed from checkpoint out/net_12.pth at epoch 12", ("out/net_12.pth", 12, None)),
        ("2031-05-01 10:00:00 INFO resuming from last.ckpt (step 4000)", ("last.ckpt", None, 4000)),
        ("==> Resuming training from epoch 7", (None, 7, None)),
        ("resume from: null", None),
        ("Resuming from the pause of the loader", None),
        ("will be resumed from last.pt if it fails", None),
    ],
)
def test_what_a_line_says_of_a_resume(line, facts):
    names = ("checkpoint", "epoch", "step")
    told = resumed_from(line)
    assert (told and tuple(told.get(name) for name in names)) == facts


def test_a_resume_in_the_middle_of_a_log_is_counted(tmp_path):
    log = tmp_path / "train.log"
    rows = [f"epoch {n}/20: loss={2 / n:.4f} val_loss={3 / n:.4f}\n" for n in range(1, 15)]
    said = "Resumed from checkpoint net_8.pth at epoch 8\n"
    log.write_text(said + "".join(rows[:10]) + said + "".join(rows[8:]))
    analysis = analyze(log, journals=False)
    assert (analysis.life.segments, len(analysis.run.resumes)) == (2, 1)
    assert analysis.run.resumes[0].facts == {"checkpoint": "net_8.pth", "epoch": 8}
