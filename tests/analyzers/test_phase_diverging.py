"""When a run counts as diverging, and when it does not."""

from __future__ import annotations

import math

import pytest
from followed_phases import at_epoch, follow, names
from made_up_runs import STEP, falling, growing, made_up, rising

from copilot_analytics.analyzers.phase import Phase
from copilot_analytics.records import Record

pytestmark = pytest.mark.usefixtures("no_forecast")

SEEDS = (0, 1, 2)


def test_nan_in_the_first_record_diverges_at_that_record():
    nan = Record("train", step=10, metrics={"loss": math.nan}, line=3)
    phases, events = follow([nan], final=False)
    assert names(phases) == ["DIVERGING"]
    assert phases.history[0].line == 3
    assert phases.history[0].evidence[0].lines == (3,)
    assert str(events[0].severity) == "critical"


def test_nan_in_the_middle_diverges_at_once():
    run = list(made_up(lambda s: falling(s) if s <= 0.505 else math.nan, growing))
    phases, events = follow(run)
    first = next(r for r in run if r.kind == "train" and math.isnan(r.metrics["loss"]))
    assert phases.current is Phase.DIVERGING
    assert phases.history[-1].from_step == first.step
    assert events[-1].line == first.line


@pytest.mark.parametrize("seed", SEEDS)
def test_an_explosion_diverges_within_a_few_records(seed):
    run = made_up(lambda s: falling(s) * (50 if s > 0.5 else 1), growing, seed=seed)
    phases, _ = follow(run)
    assert phases.current is Phase.DIVERGING
    assert 0 < phases.history[-1].from_step - 15000 <= 6 * STEP


@pytest.mark.parametrize("seed", SEEDS)
def test_a_loss_that_creeps_up_diverges_when_validation_agrees(seed):
    run = made_up(
        lambda s: falling(s) if s < 0.5 else falling(0.5) + 2 * (s - 0.5),
        lambda s: growing(s) if s < 0.5 else growing(0.5) - 0.4 * (s - 0.5),
        seed=seed,
    )
    phases, _ = follow(run)
    assert phases.current is Phase.DIVERGING
    assert "rises without recovery" in phases.history[-1].reason


@pytest.mark.parametrize("seed", SEEDS)
def test_a_loss_may_rise_while_the_metric_climbs(seed):
    run = made_up(
        lambda s: (0.07 + 1.1 * (1 - math.exp(-40 * s))) * (1 - 0.3 * s),
        lambda s: rising(s, 10),
        seed=seed,
    )
    phases, _ = follow(run)
    assert Phase.DIVERGING not in names(phases)
    assert at_epoch(phases, 20) in {Phase.STABLE_CONVERGENCE, Phase.LEARNING_FAST}


def test_one_nan_does_not_leave_the_run_diverging():
    run = list(made_up(falling, growing))
    middle = [r for r in run if r.kind == "train"][300]
    middle.metrics["loss"] = math.nan
    phases, _ = follow(run)
    assert Phase.DIVERGING in names(phases)
    assert phases.current in {Phase.LEARNING_FAST, Phase.STABLE_CONVERGENCE}
    span = next(s for s in phases.history if s.phase is Phase.DIVERGING)
    assert span.to_step - span.from_step < 0.1 * run[-1].step
    assert "loss is nan" in span.reason
