"""A loss that runs away beside a metric that goes down: told soon, and never called level."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from followed_phases import follow, names
from made_up_runs import PER_EPOCH, STEP, made_up

from copilot_analytics import Record
from copilot_analytics.analyzers._base import Fold
from copilot_analytics.analyzers._slow_rise import _climbs_away, _evaluations
from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.analyzers.phase import Phase

pytestmark = pytest.mark.usefixtures("no_forecast")

EPOCHS = 60


def lowering(share):
    return 0.3 + 2.0 * math.exp(-5 * share)


def running_away(growth, turn):
    return lambda s: lowering(s) * growth ** (EPOCHS * max(s - turn, 0.0))


def lost_from(turn, an_epoch=0.06):
    def metric(share):
        return max(0.1, 0.8 - 0.7 * math.exp(-5 * share) - an_epoch * EPOCHS * max(share - turn, 0))

    return metric


@pytest.mark.parametrize("keep_every", [1, 5])
@pytest.mark.parametrize("turn", [0.4, 0.6, 0.8])
@pytest.mark.parametrize("growth", [1.25, 1.4, 2.0])
def test_it_diverges_within_five_evaluations_and_was_no_plateau_before(growth, turn, keep_every):
    run = made_up(running_away(growth, turn), lost_from(turn), epochs=EPOCHS, keep_every=keep_every)
    phases, _ = follow(run)
    assert Phase.DIVERGING in names(phases)
    began = next(span for span in phases.history if span.phase is Phase.DIVERGING)
    assert 0 < began.from_step / (PER_EPOCH * STEP) - EPOCHS * turn <= 5
    assert Phase.PLATEAU not in names(phases)


@pytest.mark.parametrize("growth", [1.3, 2.0])
def test_without_evaluations_it_takes_half_of_the_progress(growth):
    turn = 0.6
    phases, _ = follow(made_up(running_away(growth, turn), epochs=EPOCHS))
    began = next(span for span in phases.history if span.phase is Phase.DIVERGING)
    half = (lowering(0.0) - lowering(turn)) / 2 + lowering(turn)
    reached = math.log(half / lowering(turn)) / math.log(growth)
    assert 0 < began.from_step / (PER_EPOCH * STEP) - EPOCHS * turn <= reached + 3


def test_a_metric_that_goes_down_for_itself_makes_no_loss_diverge():
    for seed in range(4):
        phases, _ = follow(made_up(lowering, lost_from(0.6, 0.01), epochs=EPOCHS, seed=seed))
        assert Phase.DIVERGING not in names(phases)


def cyclic(share):
    """Return the rate of a triangular cycle: down, up in the last third."""
    return 0.1 - 0.09 * share / 0.66 if share < 0.66 else 0.01 + 0.09 * (share - 0.66) / 0.34


def test_a_rate_that_rises_again_excuses_a_loss_that_rises_with_it():
    def with_the_rate(share):
        return lowering(min(share, 0.66)) + 2.0 * max(share - 0.66, 0.0)

    def metric(share):
        return 0.8 - 0.7 * math.exp(-5 * share) - 1.5 * max(share - 0.66, 0.0)

    records = list(made_up(with_the_rate, metric, epochs=EPOCHS, rate=cyclic, until=0.85))
    known, _ = follow(records)
    at_times, _ = follow(rate_logged_every(7, records))
    unknown, _ = follow(made_up(with_the_rate, metric, epochs=EPOCHS, until=0.85))
    assert Phase.DIVERGING not in names(known)
    assert Phase.DIVERGING not in names(at_times)
    assert Phase.DIVERGING in names(unknown)


def rate_logged_every(rows, records):
    """Leave out the rate of most rows, as trainers do that log it for itself."""
    for record in records:
        metrics = dict(record.metrics)
        if record.line % rows:
            metrics.pop("lr", None)
        yield replace(record, metrics=metrics)


def test_a_level_loss_with_heavy_noise_does_not_run_away_from_a_metric_that_fell():
    chance = np.random.default_rng(3)
    alarms = 0
    for _ in range(40):
        fold = Fold([DivergenceAnalyzer])
        for epoch in range(1, 91):
            loss = (0.5 + math.exp(-epoch / 8)) * math.exp(0.25 * chance.normal())
            accuracy = 0.5 if epoch > 60 else 0.8 - 0.6 * math.exp(-epoch / 8)
            accuracy += 0.004 * chance.normal()
            fold.update(Record("train", epoch, float(epoch), metrics={"loss": loss}, line=epoch))
            metrics = {"val_acc": accuracy}
            fold.update(Record("eval", epoch, float(epoch), metrics=metrics, line=epoch))
            alarms += fold.results.of(DivergenceAnalyzer).state == "rising"
    assert alarms == 0


@pytest.mark.parametrize(("end", "seen"), [(0.72, "worse"), (0.5, "lost")])
def test_a_metric_is_lost_once_a_fifth_of_what_was_learned_is_gone(end, seen):
    chance = np.random.default_rng(1)
    fold = Fold([MetricAnalyzer])
    for epoch in range(1, 61):
        accuracy = 0.8 - 0.7 * math.exp(-epoch / 6) if epoch <= 40 else end
        accuracy += 0.004 * chance.normal()
        fold.update(Record("train", epoch, float(epoch), metrics={"loss": 1.0}, line=epoch))
        fold.update(Record("eval", epoch, float(epoch), metrics={"val_acc": accuracy}, line=epoch))
    assert _evaluations(fold.run, fold.results, 40) == seen


def test_a_loss_that_falls_back_from_a_peak_does_not_climb_away():
    before = np.linspace(2.0, 0.3, 60)
    after = np.linspace(1.4, 3.0, 8)
    for seen in ("unknown", "lost"):
        assert _climbs_away(np.append(before, after), 0.3, 1.7, seen)
        assert not _climbs_away(np.append(before, after[::-1]), 0.3, 1.7, seen)
    assert not _climbs_away(np.append(before, after), 0.3, 1.7, "improving")
