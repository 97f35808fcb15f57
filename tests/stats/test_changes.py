from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_analytics.stats import leak, rate_change

seeds = st.integers(0, 100_000)


def noise(seed, n):
    return np.random.default_rng(seed).normal(size=n)


@given(seeds)
def test_slower_by_half_is_seen(seed):
    y = np.linspace(1.0, 1.6, 200) * np.exp(0.05 * noise(seed, 200))
    found = rate_change(y)
    assert found.ratio == pytest.approx(1.46, rel=0.06)
    assert found.p < 0.01


def test_p_is_honest_on_steady_runs():
    ps = np.array([rate_change(1 + 0.1 * noise(seed, 150)).p for seed in range(400)])
    assert (ps < 0.01).mean() <= 0.025
    assert (ps < 0.5).mean() == pytest.approx(0.5, abs=0.08)


def test_p_matches_the_normal_approximation():
    # U = 25 of 25 without ties: z = (25 - 12.5 - 0.5) / sqrt(25 * 11 / 12). Alternation keeps n.
    first, last = [1.0, 5.0, 2.0, 4.0, 3.0], [11.0, 15.0, 12.0, 14.0, 13.0]
    found = rate_change(first + last, share=0.5)
    z = 12.0 / math.sqrt(25 * 11 / 12)
    assert found.p == pytest.approx(math.erfc(z / math.sqrt(2)))
    assert found.ratio == pytest.approx(13 / 3)


def test_autocorrelation_costs_evidence():
    def p(y):
        return rate_change(y, share=0.5).p

    calm = np.concatenate((np.sin(np.arange(50) / 8), np.sin(np.arange(50) / 8) + 0.8))
    rng = np.random.default_rng(0)
    shuffled = np.concatenate((rng.permutation(calm[:50]), rng.permutation(calm[50:])))
    assert p(calm) > 10 * p(shuffled)


def test_ratio_needs_positive_rates():
    assert math.isnan(rate_change(-np.arange(1.0, 50)).ratio)
    with pytest.raises(ValueError, match="share"):
        rate_change([1.0], share=0.7)


@given(seeds, st.floats(1, 50))
def test_a_leak_is_found_and_dated(seed, slope):
    x = np.arange(60.0)
    y = 4000 + slope * x + 0.5 * noise(seed, 60)
    found = leak(x, y, limit=4000 + 160 * slope, remaining=200)
    assert found.growing
    assert found.reaches_limit
    assert found.limit_in == pytest.approx(101, rel=0.15)
    assert found.low <= slope * 1.02 and found.high >= slope * 0.98
    assert not leak(x, y, limit=4000 + 160 * slope, remaining=50).reaches_limit
    assert not leak(x, y, limit=math.nan, remaining=50).reaches_limit


@given(seeds)
def test_an_allocator_that_levels_off_is_no_leak(seed):
    x = np.arange(120.0)
    levelled = 8000 * (1 - np.exp(-x / 12))
    assert not leak(x, levelled + 5 * noise(seed, 120), 9000, 1000).growing
    assert not leak(x, np.maximum.accumulate(levelled), 9000, 1000).reaches_limit
    steps = 5000 + 1000 * (x > 5) + 1000 * (x > 20) + 500 * (x > 40)
    assert not leak(x, steps, 9000, 1000).growing


def test_flat_noise_rarely_grows():
    grows = [leak(range(80), 500 + noise(seed, 80), 1e4, 1e4).growing for seed in range(300)]
    assert np.mean(grows) <= 0.02


def test_shrinking_memory_is_no_leak():
    found = leak(range(40), 500.0 - np.arange(40), 600, 1e6)
    assert not found.growing
    assert found.limit_in == math.inf


def test_beyond_the_limit_there_is_no_time_left():
    assert leak(range(40), 500.0 + np.arange(40), 520, 100).limit_in == 0.0
