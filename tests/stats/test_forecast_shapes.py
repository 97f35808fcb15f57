"""What the numbers fitted to real curves are, and what they make of curves of known shape."""

from __future__ import annotations

import numpy as np
import pytest

from copilot_analytics.stats._features import (
    NEIGHBOUR_WEIGHTS,
    ROOM_WEIGHTS,
    _levelling,
    _smoothness,
)
from copilot_analytics.stats._fitted import shipped_priors
from copilot_analytics.stats._grid import DRIFTS, NOISES, prepare
from copilot_analytics.stats.curve_families import SHAPE_NAMES
from copilot_analytics.stats.forecast import forecast


def test_the_shipped_numbers_fit_the_code():
    priors = shipped_priors()
    assert priors.drift.shape == DRIFTS.shape
    assert priors.shape.shape == (len(SHAPE_NAMES),)
    assert priors.noise.shape == NOISES.shape
    features = priors.centre.size
    assert priors.spread.shape == (features,)
    assert priors.final.shape == priors.best.shape
    assert priors.final.shape[0] == features + 1
    kept = priors.outcome.size
    assert priors.library.shape == (kept, len(NEIGHBOUR_WEIGHTS))
    assert priors.rooms.shape == (priors.reached.size, len(ROOM_WEIGHTS))
    assert (np.diff(priors.outcome) >= 0.0).all() and (np.diff(priors.reached) >= 0.0).all()
    assert (priors.tails > 0.5).all()
    assert priors.far > 0.0
    assert priors.temper > 0.0


@pytest.mark.parametrize("ratio", [0.6, 0.7, 0.75, 0.8])
@pytest.mark.parametrize("seen", [10, 12, 15, 20])
def test_a_smooth_curve_that_levels_off_geometrically_is_not_carried_on(seen, ratio):
    steps = np.arange(1.0, 31.0)
    loss = 56.0 + 14.0 * ratio**steps
    ahead = forecast(steps[:seen], loss[:seen], horizon=30.0, direction="min", bounds=(0.0, None))
    low, high = ahead.final.interval(0.9)
    assert low <= loss[-1] <= high
    fell_before = loss[seen // 2 - 1] - loss[seen - 1]
    assert loss[seen - 1] - ahead.final.median < 1.5 * fell_before


def test_a_metric_that_rests_on_one_of_its_steps_may_leave_it():
    # An accuracy on 143 examples.
    right = np.array([88, 102, 112, 118, 123, 123, 123, 123, 123, 123])
    ahead = forecast(np.arange(1, 11), right / 143, horizon=20, direction="max", bounds=(0.0, 1.0))
    low, high = ahead.final.interval(0.8)
    assert low < 122 / 143 < 124 / 143 < high
    assert ahead.noise > 0.2 / 143
    assert 0.1 < ahead.p_gain(0.005) < 0.9


def test_smoothness_and_levelling_of_a_known_curve():
    x = np.linspace(0.02, 0.5, 24)
    geometric = -np.exp(-12.0 * x)
    prefix = prepare(x, (geometric - geometric[-1]) / np.ptp(geometric[8:]))
    left = (np.exp(-12.0 * 0.5) - np.exp(-12.0)) / np.ptp(geometric[8:])
    change, decay, _ = _levelling(prefix, 0.25)
    assert change == pytest.approx(left, rel=0.1)
    assert decay == pytest.approx(12.0 * 5 * (x[1] - x[0]) / 2.0, rel=0.1)
    growing = prepare(x, x**2 - x[-1] ** 2)
    pace = 2.0 * x[-6:].mean() * 2.5 * (x[1] - x[0])
    assert _levelling(growing, 0.25)[0] == pytest.approx(2.0 * pace)
    noisy = prepare(x, np.random.default_rng(0).normal(size=24))
    assert _smoothness(prefix) < -1.0 < _smoothness(noisy)


@pytest.mark.parametrize("level", [0.01, 0.5])
def test_a_flat_score_near_nothing_may_yet_take_off(level):
    # Of a metric between 0 and 1 that lies flat at a hundredth, much is left to gain; where the
    # range is unknown, a flat curve has shown nothing that could be carried on.
    steps = np.arange(1.0, 7.0)
    values = level + 1e-3 * np.array([0.0, 1.0, 0.0, 1.0, 2.0, 1.0])
    bounded = forecast(steps, values, horizon=60.0, direction="max", bounds=(0.0, 1.0))
    unbounded = forecast(steps, values, horizon=60.0, direction="max")
    assert bounded.p_gain(0.05) >= unbounded.p_gain(0.05)
    assert bounded.final.quantile(0.95) - level > 0.05 > unbounded.final.quantile(0.95) - level
    assert bounded.final.quantile(0.995) <= 1.0
