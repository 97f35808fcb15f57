"""Runs that lose what they had learned: told as such, soon, and never as flat or converged."""

from __future__ import annotations

import math

import numpy as np
import pytest

from copilot_analytics.analyzers._base import Fold
from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.analyzers.phase import Phase, PhaseAnalyzer
from copilot_analytics.engine import Session
from copilot_analytics.records import Record

EPOCHS, PER_EPOCH = 40, 22


def records(
    *,
    every=5,
    lost_at=10.4,
    rate=0.001,
    raised_to=0.7,
    loss=2.3,
    top=0.86,
    chance=0.1,
    logs_loss=True,
    recovers_at=math.inf,
    seed=0,
):
    """Log a classifier of ten classes that is at chance from epoch `lost_at` to `recovers_at`."""
    noise = np.random.default_rng(seed)
    facts = {"planned_epochs": EPOCHS, "steps_per_epoch": PER_EPOCH}
    made = [Record("config", facts=facts)]
    line = 1
    for step in range(1, EPOCHS * PER_EPOCH + 1):
        epoch = step / PER_EPOCH
        lost = lost_at < epoch <= recovers_at
        usual = 0.5 + 1.8 * math.exp(-epoch / 5)
        level = loss + 0.06 * noise.normal() if lost else usual * (1 + 0.06 * noise.normal())
        lr = raised_to if epoch > lost_at else rate
        if step % every == 0 and logs_loss:
            line += 1
            values = {"loss": level, "lr": lr}
            made.append(Record("train", step, epoch, float(step), values, line=line))
        if step % PER_EPOCH == 0:
            line += 1
            learned = chance + (top - chance) * (1 - math.exp(-epoch / 3))
            score = {"val_acc": (chance if lost else learned) + 0.004 * noise.normal()}
            made.append(Record("eval", step, epoch, float(step), score, line=line))
    made.append(Record("end", time=float(step + 1), line=line + 1))
    return made


def phases_of(made):
    seen = []

    def note(run, results, *_):
        seen.append((run.last_step / PER_EPOCH, results.of(PhaseAnalyzer).current))

    fold = Fold([PhaseAnalyzer], on_look=note)
    for record in made:
        fold.update(record)
    return seen, fold.results


def first_time(seen, phase):
    return next(epoch for epoch, now in seen if now is phase)


@pytest.mark.parametrize("seed", range(3))
def test_a_raised_rate_that_costs_all_is_a_divergence_within_an_epoch_or_two(seed):
    seen, results = phases_of(records(seed=seed))
    assert 10.4 < first_time(seen, Phase.DIVERGING) < 12.0
    after = {phase for epoch, phase in seen if epoch > 12.0}
    assert after == {Phase.DIVERGING}
    reason = results.of(PhaseAnalyzer).reason
    assert "after the learning rate rose from 0.001 to 0.7 at epoch 10.4" in reason
    assert "loss exploded to 2." in reason


def test_a_rate_that_jumps_in_mid_run_is_no_warm_up():
    seen, results = phases_of(records(lost_at=10.4, recovers_at=10.4))
    assert Phase.WARMUP not in {phase for _, phase in seen}
    assert Phase.DIVERGING not in {phase for _, phase in seen}
    raised = results.of(LearningRateAnalyzer).raised
    assert (raised.step, raised.before, raised.after) == (230, 0.001, 0.7)


@pytest.mark.parametrize("more", [{"every": PER_EPOCH}, {"logs_loss": False}])
def test_a_lost_metric_is_a_divergence_where_the_loss_is_seldom_logged_or_never(more):
    seen, results = phases_of(records(**more))
    assert 13.0 <= first_time(seen, Phase.DIVERGING) <= 15.0
    assert seen[-1][1] is Phase.DIVERGING
    health = results.of(DivergenceAnalyzer)
    assert health.state in {"collapsed", "rising"}
    assert health.last_good_step == 10 * PER_EPOCH


def test_what_recovers_diverges_no_more():
    seen, _ = phases_of(records(recovers_at=16.0))
    assert Phase.DIVERGING in {phase for _, phase in seen}
    assert Phase.DIVERGING not in {phase for epoch, phase in seen if epoch > 20.0}


def test_a_metric_that_the_training_loss_does_not_follow_is_no_divergence():
    broken = [
        Record("eval", r.step, r.epoch, r.time, {"val_acc": 0.1}, line=r.line)
        if r.kind == "eval" and r.epoch > 10.4
        else r
        for r in records(lost_at=math.inf)
    ]
    seen, _ = phases_of(broken)
    kinds = {phase for _, phase in seen}
    assert Phase.DIVERGING not in kinds
    assert Phase.CONVERGED not in kinds
    session = Session()
    for record in broken:
        session.update(record)
    assert "metric_collapse" in {event.key for event in session.events if event.kind == "finding"}


def test_a_loss_whose_noise_reaches_its_start_is_not_lost():
    chance = np.random.default_rng(3)
    fold = Fold([DivergenceAnalyzer])
    for step in range(1, 2000):
        level = 1.0 + math.exp(-step / 300) + 0.3 * chance.normal()
        fold.update(Record("train", step, metrics={"loss": max(level, 0.05)}, line=step))
        assert fold.results.of(DivergenceAnalyzer).state == "healthy"


def stairs(levels, rows):
    made = [Record("config", facts={"planned_epochs": 40, "steps_per_epoch": rows})]
    values = [level for level in levels for _ in range(rows)]
    return [*made, *(Record("train", s, metrics={"lr": v}) for s, v in enumerate(values, 1))]


@pytest.mark.parametrize(
    ("levels", "raised"),
    [
        ([0.01, 0.1, 0.2, 0.4], False),  # a warm-up in stairs of one epoch
        ([0.0, 0.0, 0.1, 0.1], False),  # a rate printed as zero at first
        ([0.1, 0.1, 0.2, 0.2], False),  # few digits
        ([0.01, 0.01, 0.1, 0.1], True),
        ([0.1, 0.1, 0.01, 0.01, 0.05], True),
        ([0.1, 0.1, 0.01, 0.01, 0.001], False),
    ],
)
def test_what_a_raised_rate_is(levels, raised):
    fold = Fold([LearningRateAnalyzer])
    for record in stairs(levels, 30):
        fold.update(record)
    assert (fold.results.of(LearningRateAnalyzer).raised is not None) is raised
