"""The end of a log without a plan: what to use of its run, and whether going on makes sense."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_runs import make_analysis, make_run

from copilot_analytics.alerts import wording
from copilot_analytics.alerts.policy import Context
from copilot_analytics.analyzers.phase import Phase
from copilot_analytics.analyzers.stopping import CheckpointChoice
from copilot_analytics.findings import Evidence, Finding, Severity

CHOICES = (
    CheckpointChoice(5000, 10.0, 0.275, "epoch_10.pth", True),
    CheckpointChoice(6000, 12.0, 0.274, "epoch_12.pth", False),
)
USE = "Use epoch_10.pth (epochs 10, 12 tie)."


def finding(name, severity):
    return Finding(name, severity, 0, name, "", (Evidence("loss", "6.9"),), f"Mend {name}.")


@pytest.fixture(scope="module")
def analysis():
    made = make_analysis(make_run())
    life = replace(made.life, status="unknown", reason="it does not say whether that was planned")
    stop = replace(made.stop, advice="continue", checkpoints=CHOICES)
    rate = replace(made.learning_rate, at_floor=False)
    phases = replace(made.phases, current=Phase.STABLE_CONVERGENCE)
    return replace(made, life=life, stop=stop, learning_rate=rate, phases=phases, findings=())


def told(analysis):
    words = wording.summary(Context("key", "my_run", lambda: analysis))
    assert words.title == "⚪ THE LOG ENDS   my_run"
    assert "best coco/bbox_mAP 0.3161 at epoch 15" in words.body[1]
    (line,) = (line for line in words.body if line.startswith("💡"))
    return line.removeprefix("💡 ")


def test_a_run_that_still_gained_may_be_resumed(analysis):
    said = told(analysis)
    assert said.startswith(f"{USE} If it was to train on, resume from ")


@pytest.mark.parametrize("why", ["advised", "killed", "converged", "overfitting", "at its floor"])
def test_a_run_with_nothing_left_to_gain_is_not_to_be_resumed(analysis, why):
    stop, phases, rate = analysis.stop, analysis.phases, analysis.learning_rate
    spent = {
        "advised": {"stop": replace(stop, advice="stop")},
        "killed": {"stop": replace(stop, advice="kill")},
        "converged": {"phases": replace(phases, current=Phase.CONVERGED)},
        "overfitting": {"phases": replace(phases, current=Phase.OVERFITTING_RISK)},
        "at its floor": {"learning_rate": replace(rate, at_floor=True)},
    }
    assert told(replace(analysis, **spent[why])) == USE


def test_a_run_that_learned_nothing_has_no_checkpoint_to_use(analysis):
    dead = finding("dead_run", Severity.WARNING)
    assert told(replace(analysis, findings=(dead,))) == "Mend dead_run."


def test_a_run_that_was_lost_goes_back_to_what_was_good(analysis):
    lost = finding("loss_nan", Severity.CRITICAL)
    assert told(replace(analysis, findings=(lost,))) == "Mend loss_nan."


def test_without_a_metric_the_last_checkpoint_is_all_there_is(analysis):
    bare = replace(analysis, stop=replace(analysis.stop, checkpoints=()))
    assert told(bare).startswith("To go on, resume from ")
