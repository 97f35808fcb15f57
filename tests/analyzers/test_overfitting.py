from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from made_up_runs import falling, growing, levelling, made_up, rising

from copilot_analytics.analyzers._base import Fold
from copilot_analytics.analyzers.overfitting import OverfittingAnalyzer
from copilot_analytics.records import Record


def follow(records):
    alarms = []
    fold = Fold(
        [OverfittingAnalyzer],
        on_look=lambda _r, results, _c, _n: alarms.append(
            results.of(OverfittingAnalyzer).overfitting
        ),
    )
    for record in records:
        fold.update(record)
    return fold.results.of(OverfittingAnalyzer), any(alarms)


def turning(share):
    return 0.8 + 1.5 * math.exp(-12 * share) + 1.2 * max(0, share - 0.3)


@pytest.mark.parametrize("seed", range(4))
def test_a_metric_that_decays(seed):
    found, _ = follow(made_up(falling, lambda s: rising(s, 12) - 0.3 * max(0, s - 0.35), seed=seed))
    assert (found.overfitting, found.by) == (True, "metric")
    assert found.since_step is not None and 7500 <= found.since_step <= 14000
    assert found.lost is not None and found.noise is not None
    assert found.lost > 3 * found.noise


@pytest.mark.parametrize("name", ["eval/mean_reward", "AverageReturn", "rollout/ep_rew_mean"])
def test_a_return_that_decays_is_no_overfitting(name):
    records = made_up(falling, lambda s: rising(s, 12) - 0.3 * max(0, s - 0.35))
    played = [
        replace(r, metrics=dict.fromkeys([name], *r.metrics.values())) if r.kind == "eval" else r
        for r in records
    ]
    found, ever = follow(played)
    assert not ever
    assert [gap.what for gap in found.not_judged] == ["overfitting"]


@pytest.mark.parametrize("seed", range(4))
def test_a_validation_loss_that_turns(seed):
    found, _ = follow(made_up(falling, val_loss=turning, seed=seed))
    assert (found.overfitting, found.by, found.column) == (True, "loss", "val_loss")
    assert found.gap is not None and found.gap > 0


def boosted(tree, *, worse):
    """Return the records of a tree: an error with a floor far above all that can be gained."""
    train, held_out = 78.0 * 0.985**tree, 58.0 + 11.0 * 0.94**tree + worse * max(tree - 60, 0)
    noise = 0.03 * math.sin(7.0 * tree)
    yield Record("train", step=tree, metrics={"train-rmse": train}, line=tree)
    yield Record("eval", step=tree, metrics={"eval-rmse": held_out + noise}, line=tree)


def test_an_error_that_rises_for_long_is_overfitting_though_its_floor_is_high():
    told = []
    for trees in range(100, 220, 5):
        records = [one for tree in range(trees) for one in boosted(tree, worse=0.02)]
        found, _ = follow(records)
        told.append(found.overfitting)
    assert told[-1] and told == sorted(told)  # once told it stays so
    assert found.column == "eval-rmse" and found.lost < 0.05 * 58.0
    level, ever = follow(one for tree in range(220) for one in boosted(tree, worse=0.0))
    assert not level.overfitting and not ever


@pytest.mark.parametrize("seed", range(4))
def test_a_turning_loss_with_an_improving_metric_is_harmless(seed):
    found, ever = follow(made_up(falling, growing, val_loss=turning, seed=seed))
    assert found.harmless
    assert not ever


def test_a_rising_training_loss_is_no_overfitting():
    found, _ = follow(made_up(lambda s: 1 + s, val_loss=turning))
    assert not found.overfitting


def test_healthy_noise_makes_no_alarm_over_all_prefixes():
    alarms = 0
    for seed in range(60):
        chance = np.random.default_rng(seed)
        speed = chance.uniform(4, 25)
        _, ever = follow(
            made_up(
                levelling,
                lambda s, speed=speed: rising(s, speed),
                epochs=int(chance.choice([12, 30, 60, 120])),
                metric_noise=float(chance.choice([0.002, 0.005, 0.012])),
                val_loss=lambda s, speed=speed: 0.8 + 1.5 * math.exp(-speed * s),
                val_noise=float(chance.choice([0.01, 0.03, 0.1])),
                seed=seed,
            )
        )
        alarms += ever
    assert alarms <= 1
