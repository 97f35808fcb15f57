from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_analytics.stats import (
    difference_noise,
    effective_n,
    ewma,
    lag1_autocorrelation,
    robust_z,
)

NAN = math.nan


@given(st.integers(0, 10_000), st.floats(0.01, 10))
def test_noise_is_recovered_under_trend_steps_and_spikes(seed, sigma):
    rng = np.random.default_rng(seed)
    y = rng.normal(0, sigma, 400) + np.linspace(0, 30 * sigma, 400)
    y[200:] -= 50 * sigma
    y[::40] += 100 * sigma
    y[7] = NAN
    assert difference_noise(y) == pytest.approx(sigma, rel=0.35)


@given(st.floats(-1e6, 1e6), st.floats(-1e3, 1e3))
def test_straight_lines_have_no_noise(start, slope):
    assert difference_noise(start + slope * np.arange(50)) <= 1e-9 * (abs(start) + 50 * abs(slope))


def test_noise_needs_four_points():
    assert math.isnan(difference_noise([1.0, 2.0, NAN, 3.0]))
    assert difference_noise([1.0, 2.0, 1.5, 2.0]) > 0


def test_noise_scales_with_the_unit():
    y = np.random.default_rng(3).normal(size=60)
    assert difference_noise(1000 * y - 5) == pytest.approx(1000 * difference_noise(y))


def test_z_is_a_normal_score_on_normal_noise():
    y = np.random.default_rng(0).normal(3, 2, 20_000)
    assert robust_z(9.0, y)[0] == pytest.approx(3.0, abs=0.1)
    assert robust_z([3.0, 1.0], y) == pytest.approx([0.0, -1.0], abs=0.05)


def test_z_falls_back_to_the_mean_deviation():
    # Median 1, MAD 0, mean absolute deviation 1.
    assert robust_z(5.0, [1, 1, 1, 1, 1, 1, 7, 1, 1, -3])[0] == pytest.approx(4 / 1.253314)


def test_z_over_a_constant():
    assert robust_z([2.0, 2.0 + 1e-12, 3.0, 1.0], [2.0] * 5).tolist() == [0, 0, np.inf, -np.inf]
    assert np.isnan(robust_z([NAN], [2.0] * 5)).all()
    assert np.isnan(robust_z([1.0], [2.0, NAN])).all()


@given(
    st.lists(st.floats(-1e3, 1e3) | st.just(NAN), max_size=60), st.floats(0.2, 50), st.integers(1)
)
def test_ewma_is_the_weighted_mean_and_never_changes_later(y, half_life, cut):
    got = ewma(y, half_life)
    seen = []
    for i, point in enumerate(y):
        if math.isfinite(point):
            seen.append(point)
        if not seen:
            assert math.isnan(got[i])
            continue
        weights = 0.5 ** (np.arange(len(seen))[::-1] / half_life)
        assert got[i] == pytest.approx(np.average(seen, weights=weights), rel=1e-9, abs=1e-9)
    cut %= len(y) + 1
    np.testing.assert_array_equal(ewma(y[:cut], half_life), got[:cut])


@pytest.mark.parametrize("half_life", [0, -1, NAN, math.inf])
def test_ewma_wants_a_half_life(half_life):
    with pytest.raises(ValueError, match="half_life"):
        ewma([1.0], half_life)


@pytest.mark.parametrize("rho", [0.3, 0.6, 0.9])
def test_effective_n_follows_the_autocorrelation(rho):
    noise = np.random.default_rng(1).normal(size=20_000)
    y = np.zeros(20_000)
    for i in range(1, y.size):
        y[i] = rho * y[i - 1] + noise[i]
    assert lag1_autocorrelation(y) == pytest.approx(rho, abs=0.02)
    assert effective_n(y) == pytest.approx(y.size * (1 - rho) / (1 + rho), rel=0.1)


@given(st.lists(st.floats(-1e9, 1e9), max_size=50))
def test_effective_n_stays_between_one_and_n(y):
    assert min(1, len(y)) <= effective_n(y) <= len(y)
