from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from copilot_analytics.stats import mann_kendall, theil_sen, trend, velocity

seeds = st.integers(0, 100_000)
EPOCH = 10


def curve(seed, n, rho=0.0, slope=0.0):
    noise = np.random.default_rng(seed).normal(size=n)
    for i in range(1, n):
        noise[i] = rho * noise[i - 1] + math.sqrt(1 - rho**2) * noise[i]
    return slope * np.arange(n) + noise


def speed(y, direction="min", window=1e9, steps=None):
    steps = np.arange(len(y)) if steps is None else steps
    return velocity(steps, y, direction=direction, window=window, steps_per_epoch=EPOCH)


@given(st.floats(-100, 100), st.floats(-100, 100), st.integers(2, 500))
def test_a_line_is_found_exactly(slope, start, n):
    x = np.arange(n) * 3.0
    found = theil_sen(x, start + slope * x)
    tolerance = 1e-8 * (1 + abs(slope) + abs(start))
    assert found.slope == pytest.approx(slope, abs=tolerance)
    assert found.intercept == pytest.approx(start, abs=tolerance * 3000)
    assert found.low - tolerance <= found.slope <= found.high + tolerance


def test_a_quarter_of_outliers_does_not_bend_the_line():
    x = np.arange(100.0)
    y = 2 * x
    y[::4] += 1e6
    assert theil_sen(x, y).slope == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize(("rho", "at_least"), [(0.0, 0.92), (0.5, 0.85), (0.8, 0.80)])
def test_interval_covers_the_slope_under_autocorrelation(rho, at_least):
    hits = 0
    for seed in range(200):
        found = theil_sen(np.arange(120), curve(seed, 120, rho, slope=0.05))
        hits += found.low <= 0.05 <= found.high
    assert hits / 200 >= at_least


def test_interval_is_not_needlessly_wide():
    found = theil_sen(np.arange(100), curve(0, 100, slope=0.05))
    assert found.high - found.low < 0.03


def test_few_points_bound_nothing():
    found = theil_sen([1, 2, 3, 4], [1.0, 2.0, 3.0, 4.0])
    assert (found.low, found.high) == (-math.inf, math.inf)


def test_equal_steps_make_no_slope():
    assert math.isnan(theil_sen([5, 5, 5], [1.0, 2.0, 3.0]).slope)
    assert theil_sen([0, 0, 1, 1], [1.0, 1.0, 3.0, 3.0]).slope == 2.0


def test_ten_thousand_points_make_no_more_pairs_than_a_hundred_and_twenty(monkeypatch):
    asked = []
    pairs = trend._pairs
    monkeypatch.setattr(trend, "_pairs", lambda n: asked.append(n) or pairs(n))
    x, y = np.arange(10_000), curve(0, 10_000)
    theil_sen(x, y)
    mann_kendall(y)
    assert len(asked) == 3 and max(asked) <= trend.LONGEST == 120


def test_kendall_agrees_with_the_textbook():
    # S = 6 of 10 pairs, one tie of two.
    found = mann_kendall([1.0, 2.0, 2.0, 4.0, 3.0])
    variance = (5 * 4 * 15 - 2 * 1 * 9) / 18
    assert found.z == pytest.approx((7 - 1) / math.sqrt(variance))
    assert found.tau == pytest.approx(7 / math.sqrt(10 * 9))
    assert found.p == pytest.approx(math.erfc(found.z / math.sqrt(2)))


@pytest.mark.parametrize(("rho", "at_most"), [(0.0, 0.025), (0.5, 0.05), (0.8, 0.08)])
def test_false_alarms_at_one_per_cent(rho, at_most):
    alarms = sum(mann_kendall(curve(seed, 120, rho)).p < 0.01 for seed in range(200))
    assert alarms / 200 <= at_most


@given(seeds)
def test_a_clear_trend_is_seen_and_signed(seed):
    assert mann_kendall(curve(seed, 80, slope=0.1)).z > 2.6
    assert mann_kendall(curve(seed, 80, slope=-0.1)).z < -2.6


@given(st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=200))
def test_negation_mirrors_everything(y):
    y = np.array(y)
    up, down = mann_kendall(y), mann_kendall(-y)
    assert (up.z, up.p, up.tau) == (-down.z, down.p, -down.tau)
    x = np.arange(y.size)
    rising, falling = theil_sen(x, y), theil_sen(x, -y)
    assert (rising.slope, rising.low) == pytest.approx((-falling.slope, -falling.high), abs=1e-9)


@pytest.mark.parametrize("level", [2.0, 0.0, -2.0, 1000.0])
@pytest.mark.parametrize("noise", [0.0, 0.02])
@pytest.mark.parametrize("shape", ["line", "power", "exponential"])
def test_better_is_positive(level, noise, shape):
    t = np.arange(300) / 300
    fall = {"line": 1 - t, "power": (1 + 20 * t) ** -0.5, "exponential": np.exp(-3 * t)}[shape]
    y = level + fall + noise * curve(1, 300)
    for better, direction in ((y, "min"), (-y, "max"), (2 * level + 1 - y, "max")):
        worse = "max" if direction == "min" else "min"
        good, bad = speed(better, direction), speed(better, worse)
        assert good.per_epoch_pct > 0
        assert good.low > 0
        assert bad.per_epoch_pct == -good.per_epoch_pct
        assert (bad.low, bad.high) == (-good.high, -good.low)


def test_a_rising_loss_has_negative_velocity():
    assert speed(1 + 0.01 * np.arange(50)).per_epoch_pct < 0
    assert speed(1 - 0.01 * np.arange(50)).per_epoch_pct > 0
    assert speed(0.2 + 0.01 * np.arange(50), "max").per_epoch_pct > 0
    assert speed(0.9 - 0.01 * np.arange(50), "max").per_epoch_pct < 0


@pytest.mark.parametrize("pct", [8.0, 3.0, 0.5])
def test_a_plain_percentage_is_what_a_reader_means(pct):
    y = 3.0 * (1 - pct / 100) ** (np.arange(400) / EPOCH)
    assert speed(y, window=3 * EPOCH).per_epoch_pct == pytest.approx(pct, rel=0.05)


# Where the line runs through two points, rounding alone tells which residual is the larger one.
@example(59214, 657984.642146789)
@example(86556, 5.511099916036688e-06)
@given(seeds, st.floats(1e-6, 1e6))
def test_the_unit_of_the_loss_does_not_matter(seed, factor):
    y = 1 + np.exp(-np.arange(200) / 60) + 0.02 * curve(seed, 200)
    one, other = speed(y, window=50), speed(factor * y, window=50)
    assert other.per_epoch_pct == pytest.approx(one.per_epoch_pct, rel=1e-6)
    assert (other.low, other.high) == pytest.approx((one.low, one.high), rel=1e-6)


@given(seeds, st.floats(5, 1e4))
def test_signed_losses_may_be_shifted(seed, offset):
    y = np.exp(-np.arange(200) / 60) - 1.5 + 0.02 * curve(seed, 200)
    one, other = speed(y, window=50), speed(y - offset, window=50)
    assert other.per_epoch_pct == pytest.approx(one.per_epoch_pct, rel=1e-4)


def test_a_large_offset_does_not_hide_learning():
    falling = np.exp(-np.arange(200) / 60)
    assert speed(1e5 + falling, window=50).per_epoch_pct > 0.1


def test_a_loss_near_zero_does_not_explode():
    y = np.exp(-np.arange(600) / 30) + 0.01 * np.abs(curve(2, 600))
    found = speed(y, window=100)
    assert found.scale > 10 * np.median(y[-100:])
    assert abs(found.per_epoch_pct) < 0.1
    signed = np.exp(-np.arange(600) / 30) + 0.01 * curve(2, 600)
    assert abs(speed(signed, window=100).per_epoch_pct) < 1


@given(seeds)
def test_a_dead_run_is_slow(seed):
    y = 2.3026 + 1e-3 * curve(seed, 200)
    assert abs(speed(y, window=100).per_epoch_pct) < 1


def test_flat_noise_leaves_zero_inside():
    inside = sum(
        (lambda v: v.low <= 0 <= v.high)(speed(2 + 0.1 * curve(s, 200), window=100))
        for s in range(100)
    )
    assert inside >= 88


def test_only_the_window_counts():
    y = np.concatenate((np.linspace(10, 1, 100), np.ones(100)))
    assert speed(y, window=80).per_epoch_pct == 0.0
    assert speed(y, window=80).n == 80


def test_thinning_the_log_keeps_the_velocity():
    y = 1 + np.exp(-np.arange(1000) / 300)
    whole = speed(y, window=200)
    every_fifth = speed(y[::5], window=200, steps=np.arange(0, 1000, 5))
    assert every_fifth.per_epoch_pct == pytest.approx(whole.per_epoch_pct, rel=0.03)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="direction"):
        speed([1.0, 2.0], direction="down")
    with pytest.raises(ValueError, match="positive"):
        speed([1.0, 2.0], window=0)
    with pytest.raises(ValueError, match="level"):
        theil_sen([1, 2], [1, 2], level=95)
    with pytest.raises(ValueError, match="must match"):
        theil_sen([1, 2], [1, 2, 3])
