"""Paces in words, and losses that are not judged by their pace."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from made_up_runs import falling, growing, levelling, made_up, rising

from copilot_analytics.analyzers._base import Fold
from copilot_analytics.analyzers._losses import need_not_fall
from copilot_analytics.analyzers._pace import fall_pct, pace_in_words
from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer
from copilot_analytics.analyzers.phase import Phase, PhaseAnalyzer
from copilot_analytics.analyzers.trend import TrendAnalyzer
from copilot_analytics.records import Record
from copilot_analytics.run import Run
from copilot_analytics.stats.trend import velocity

pytestmark = pytest.mark.usefixtures("no_forecast")


def reasons(records):
    fold = Fold([PhaseAnalyzer])
    for record in records:
        fold.update(record)
        now = fold.results.of(PhaseAnalyzer)
        yield now.current, now.reason


@pytest.mark.parametrize("steepness", [2, 8, 15])
def test_no_pace_contradicts_its_phase(steepness):
    def loss(share):
        return 0.02 + 2.3 * math.exp(-steepness * share)

    seen = 0
    for phase, reason in reasons(made_up(loss, growing, noise=0.03, epochs=12)):
        for pace in re.findall(r"training loss falls by ([\d.e+-]+) %", reason):
            seen += 1
            assert float(pace) <= 100
            most = {Phase.STABLE_CONVERGENCE: 5, Phase.PLATEAU: 1, Phase.CONVERGED: 1}
            assert float(pace) <= most.get(phase, 100)
    assert seen


def test_a_loss_cannot_fall_by_more_than_all_of_it():
    rows = [
        Record("train", step=s, epoch=s / 10_000, metrics={"loss": 2.0 * 0.99**s}, line=s)
        for s in range(1, 200)
    ]
    speed = TrendAnalyzer.of(Run.from_records(rows)).loss
    assert speed.per_epoch_pct > 1000
    assert pace_in_words(speed, "an epoch").startswith("> 99 % an epoch")


def test_a_loss_around_zero_has_a_pace_in_its_own_units():
    value = np.linspace(1.0, -1.0, 40)
    speed = velocity(
        np.arange(40), value, direction="min", window=20, steps_per_epoch=10, level=0.95
    )
    assert fall_pct(speed) is None
    assert pace_in_words(speed, "an epoch").startswith("0.51 an epoch")


def test_a_first_climb_is_fast_at_once():
    records = made_up(levelling, rising, rate=lambda s: min(s / 0.06, 1.0) * 0.01, epochs=18)
    phases = [phase for phase, _ in reasons(records)]
    changes = [b for a, b in pairwise(phases) if a is not b]
    assert changes[:3] == [Phase.WARMUP, Phase.LEARNING_FAST, Phase.STABLE_CONVERGENCE]


def test_the_end_is_judged_at_the_record_that_ends_the_run():
    fold = Fold([PhaseAnalyzer, LifecycleAnalyzer])
    for record in made_up(levelling, rising):
        fold.update(record)
    assert fold.results.of(LifecycleAnalyzer).status == "finished"
    before = fold.results.of(PhaseAnalyzer)
    fold.update(Record("tick", facts={"final": True}))
    assert fold.results.of(PhaseAnalyzer).current is before.current
    assert before.current is Phase.CONVERGED


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["D_loss", "G_loss"], "a game"),
        (["loss", "loss_adv"], "a game"),
        (["lossDisc"], "a game"),
        (["D_A", "G_A", "cycle_A"], "a game"),
        (["policy_loss", "value_loss"], "reinforcement"),
        (["loss", "approx_kl", "entropy"], "reinforcement"),
        (["loss", "reward"], "reinforcement"),
        (["contrastive_loss"], "contrastive"),
        (["loss", "d0.loss_cls", "d1.loss_bbox", "loss_kl", "decode.loss_ce"], None),
        (["loss", "loss_degree", "advance_time", "grad_norm"], None),
    ],
)
def test_the_names_of_losses_that_need_not_fall(names, kind):
    found = need_not_fall(names, np.ones(3))
    assert (found is None) if kind is None else (kind in found.why)


@pytest.mark.parametrize("name", ["g_loss", "policy_loss", "loss_contrastive", "loss"])
def test_such_a_loss_is_judged_for_nan_alone(name):
    offset = -5.0 if name == "loss" else 0.0
    noise = np.random.default_rng(0).normal(size=400)
    rows = [
        Record("train", step=s, metrics={name: 1 + offset + 0.004 * s + 0.05 * noise[s]}, line=s)
        for s in range(1, 400)
    ]
    fold = Fold([DivergenceAnalyzer, TrendAnalyzer])
    for record in rows:
        fold.update(record)
    health, trend = fold.results.of(DivergenceAnalyzer), fold.results.of(TrendAnalyzer)
    assert health.state == "healthy" and trend.loss is None
    assert "only NaN and the metric" in health.not_judged[0].why
    assert health.not_judged == trend.not_judged
    fold.update(Record("train", step=400, metrics={name: math.nan}, line=400))
    assert fold.results.of(DivergenceAnalyzer).state == "nan"


def test_a_metric_is_judged_beside_losses_that_are_not():
    def renamed(record):
        if record.kind != "train":
            return record
        return replace(record, metrics={"lr": 0.01, "g_loss": record.metrics["loss"]})

    *_, (phase, reason) = reasons(map(renamed, made_up(falling, rising)))
    assert phase in {Phase.PLATEAU, Phase.CONVERGED}
    assert "training loss" not in reason
