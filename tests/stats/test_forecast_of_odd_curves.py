"""What is forecast of curves that are bounded, flat, untrained at first, rounded or hostile."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from learning_curves import QS, learning

from copilot_analytics.stats.forecast import forecast


def test_bounds_hold():
    steps = np.arange(1.0, 30.0)
    ahead = forecast(steps, 1.0 - 0.5 / steps, horizon=100, direction="max", bounds=(0.0, 1.0))
    assert ahead.best.quantile(1.0) <= 1.0
    assert ahead.path(np.linspace(29, 100, 9)).q95.max() <= 1.0


def test_a_loss_stays_positive():
    steps = np.arange(1.0, 40.0)
    ahead = forecast(steps, 5.0 * steps**-1.5, horizon=400, direction="min")
    assert ahead.final.quantile(0.0) > 0.0


def test_an_untrained_first_evaluation_leaves_the_fit_but_not_the_best():
    steps, values = learning(12)
    odd = np.concatenate(([0.99], values[1:]))
    ahead = forecast(steps, odd, horizon=2400, direction="max", first_eval_untrained=True)
    assert ahead.best_so_far == 0.99
    assert ahead.final.median < 0.9


@pytest.mark.parametrize(
    ("first", "second", "left_out"),
    [(1, 100, True), (0, 100, True), (50, 100, False), (0, 1, False)],
)
def test_an_evaluation_before_hardly_any_training_is_left_out(first, second, left_out):
    _, values = learning(12)
    steps = np.concatenate(([first], second * np.arange(1, 12)))
    known = [
        forecast(steps, values, horizon=24 * second, direction="max", first_eval_untrained=told)
        for told in (None, True, False)
    ]
    told, without, whole = (ahead.final.median for ahead in known)
    assert without != whole
    assert told == (without if left_out else whole)


@pytest.mark.parametrize("n", [3, 4, 8])
def test_what_an_untrained_network_scored_has_no_say(n):
    steps = 125.0 * np.arange(n)
    loss = 3.2 + 0.9 * np.arange(1.0, n + 1) ** -0.5
    ends = []
    for untrained in (10.8, 7.0):
        loss[0] = untrained
        ahead = forecast(steps, loss, horizon=3300, direction="min", bounds=(0, None))
        ends.append(ahead.final.quantile(QS))
    assert np.array_equal(*ends)
    assert 3.0 < ahead.final.median < loss[-1]


def test_the_fan_is_ordered_and_starts_at_the_level_now():
    steps, values = learning(30)
    ahead = forecast(steps, values, horizon=6000, direction="max")
    fan = ahead.path([3000, 4000, 5000, 6000])
    rows = np.stack((fan.q05, fan.q10, fan.q50, fan.q90, fan.q95))
    assert (np.diff(rows, axis=0) >= 0.0).all()
    assert fan.q50[0] == pytest.approx(ahead.level_now)
    assert (rows[-1] - rows[0])[-1] > (rows[-1] - rows[0])[0]


@pytest.mark.parametrize("noise", [0.002, 0.02])
def test_the_noise_is_found(noise):
    steps, values = learning(80, noise=noise, seed=3)
    found = forecast(steps, values, horizon=16000, direction="max").noise
    assert noise / 2 < found < noise * 2


def test_a_rising_curve_promises_more_than_one_past_its_peak():
    steps = np.arange(1.0, 41.0)
    wiggle = 0.003 * np.random.default_rng(5).normal(size=40)
    rising = 0.2 + 0.01 * steps + wiggle
    fallen = 0.6 - 0.01 * np.abs(steps - 15) + wiggle
    up = forecast(steps, rising, horizon=80, direction="max", bounds=(0, 1))
    down = forecast(steps, fallen, horizon=80, direction="max", bounds=(0, 1))
    assert up.p_gain(0.005) > 0.9
    # The noise is small beside the fall, and yet the fitted runs came back about as often.
    assert down.p_gain(0.005) < 0.3
    assert down.final.median < down.best_so_far


def test_a_constant_curve_is_expected_to_stay():
    ahead = forecast(range(1, 21), [0.5] * 20, horizon=40, direction="max", bounds=(0, 1))
    assert ahead.final.median == pytest.approx(0.5, abs=1e-6)
    assert ahead.p_gain(0.005) < 0.05


@pytest.mark.parametrize("value", [0.5, 0.0, -3e4, 1e-12, 1e30])
@pytest.mark.parametrize("direction", ["min", "max"])
def test_the_rounding_of_a_constant_curve_is_no_gain(value, direction):
    ahead = forecast(range(1, 31), [value] * 30, horizon=60, direction=direction)
    # A few curves like it moved after all.
    assert ahead.p_gain(0.0) < 0.05
    assert ahead.final.interval() == ahead.best.interval() == (value, value)
    assert ahead.peak_step.median == 1.0
    low, high = ahead.plot().axes[0].get_ylim()
    assert high - low > 0.05 * abs(value)


def test_steps_may_start_at_zero_or_be_log_spaced():
    zero = forecast([0, 1, 2, 3], [0.1, 0.3, 0.4, 0.45], horizon=20, direction="max")
    assert math.isfinite(zero.final.median)
    steps = 2.0 ** np.arange(10)
    spaced = forecast(steps, 0.1 * np.log2(steps + 1), horizon=143000, direction="max")
    assert math.isfinite(spaced.final.median)


def test_the_same_call_gives_the_same_answer_and_leaves_its_input_alone():
    steps, values = learning(30)
    before = values.copy()
    one = forecast(steps, values, horizon=6000, direction="max")
    two = forecast(steps, values, horizon=6000, direction="max")
    assert np.array_equal(one.final.support, two.final.support)
    assert np.array_equal(one.best.below, two.best.below)
    assert np.array_equal(values, before)


def test_a_forecast_is_fast():
    steps, values = learning(100)
    forecast(steps, values, horizon=20000, direction="max")
    spent = []
    for _ in range(15):
        started = time.process_time()
        forecast(steps, values, horizon=20000, direction="max")
        spent.append(time.process_time() - started)
    # Written for 5 ms; the rest is room for a slow machine.
    assert min(spent) < 0.025


def test_intervals_hold_on_simulated_curves():
    rng = np.random.default_rng(11)
    inside = []
    for _ in range(60):
        n = 60
        x = np.arange(1, n + 1)
        top, rise, power = rng.uniform(0.6, 0.95), rng.uniform(0.2, 0.6), rng.uniform(0.3, 1.2)
        values = top - rise * x**-power + rng.uniform(0.002, 0.02) * rng.normal(size=n)
        low, high = forecast(x[:24], values[:24], horizon=n, direction="max").final.interval()
        inside.append(low <= values[-1] <= high)
    assert np.mean(inside) > 0.65


HOSTILE = {
    "huge": [1e300, -1e300, 1e300, 5.0, 1e299],
    "zero": [0.0, 0.0, 0.0],
    "subnormal": [1e-320, 2e-320, 1e-320, 3e-320],
    "jump": [1.0, 1.0, 1.0, 1e305],
    "flat but for a digit": [-5.0, -5.0, -5.0000001, -5.0],
    "collapse": [3.0, 2.0, 1.0, 1e-9, 1e-10],
}


@pytest.mark.parametrize("values", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("direction", ["min", "max"])
@pytest.mark.parametrize("bounds", [None, (0.0, None), (0.0, 1.0)])
@pytest.mark.parametrize("ahead_by", [1e-9, 1.0, 1e9])
def test_any_numbers_give_an_answer_and_no_warning(values, direction, bounds, ahead_by):
    n = len(values)
    low, high = bounds or (-math.inf, None)
    if min(values) < low or (high is not None and max(values) > high):
        with pytest.raises(ValueError, match="beyond the bounds"):
            forecast(range(n), values, horizon=n + ahead_by, direction=direction, bounds=bounds)
        return
    ahead = forecast(
        range(1, n + 1), values, horizon=n + ahead_by, direction=direction, bounds=bounds
    )
    assert np.isfinite(ahead.final.quantile(QS)).all()
    assert np.isfinite(ahead.best.quantile(QS)).all()
    assert 0.0 <= ahead.p_gain(0.0) <= 1.0
    assert math.isfinite(ahead.expected_gain)
    assert np.isfinite(ahead.path([n, n + ahead_by]).q50).all()


def test_a_known_step_keeps_a_straight_line_from_being_without_noise():
    accuracy = np.array([0.6, 0.62, 0.64, 0.66, 0.68])  # of 50 examples, and no value comes twice
    kwargs = {"horizon": 9, "direction": "max", "bounds": (0, 1)}
    told = forecast(range(1, 6), accuracy, resolution=0.02, **kwargs)
    unknown = forecast(range(1, 6), accuracy, **kwargs)
    assert told.noise > 3 * unknown.noise
    assert told.noise < 0.02


def test_a_step_that_was_found_is_as_good_as_one_that_is_known():
    steps, values = learning(60, noise=0.02)
    printed = np.round(values, 2)
    found = forecast(steps, printed, horizon=9000, direction="max")
    told = forecast(steps, printed, horizon=9000, direction="max", resolution=0.01)
    assert found.final.support == pytest.approx(told.final.support, rel=1e-9)


def test_a_known_step_moves_nothing_that_is_stuck():
    ahead = forecast(range(20), [0.5] * 20, horizon=40, direction="max", resolution=0.02)
    assert ahead.final.median == pytest.approx(0.5, abs=1e-6)
    assert ahead.p_gain(0.01) < 0.05


@pytest.mark.parametrize("resolution", [0.0, -0.1, np.nan, np.inf])
def test_a_step_that_makes_no_sense_is_refused(resolution):
    with pytest.raises(ValueError, match="smallest step"):
        forecast([1, 2, 3], [0.1, 0.2, 0.3], horizon=9, direction="max", resolution=resolution)
