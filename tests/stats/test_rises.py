"""Lasting shifts and slow divergence, against what only looks like them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from healthy_curves import noise
from hypothesis import given
from hypothesis import strategies as st

from copilot_analytics.stats import level_shift, rose_without_recovery

seeds = st.integers(0, 100_000)


def test_level_shift_measures_in_noise():
    y = 1 + 0.1 * noise("normal", 0, 400)
    y[200:] += 0.5
    found = level_shift(y, 200)
    assert found.shift == pytest.approx(0.5, abs=0.08)
    assert found.in_sigma == pytest.approx(5, rel=0.4)
    assert abs(level_shift(y, 100).in_sigma) < 1
    assert level_shift(-y, 200).in_sigma == -found.in_sigma
    assert level_shift(y, -200) == found


def test_level_shift_between_constants_and_at_the_rim():
    assert level_shift([1.0] * 5 + [2.0] * 5, 5).in_sigma == math.inf
    assert level_shift([1.0] * 10, 5).in_sigma == 0.0
    assert math.isnan(level_shift([1.0] * 10, 0).shift)
    assert math.isnan(level_shift([1.0] * 10, 99).shift)


@given(seeds, st.sampled_from([100, 400, 2000]))
def test_slow_divergence_is_found(seed, n):
    t = np.arange(n) / n
    y = 1 + 3 * np.exp(-10 * t) + 3 * np.maximum(t - 0.6, 0) + 0.05 * noise("normal", seed, n)
    found = rose_without_recovery(y)
    assert found.found
    assert found.rise == pytest.approx(1.15, abs=0.35)
    assert 0.3 * n < found.best_at < 0.75 * n
    assert not rose_without_recovery(y[: int(0.6 * n)]).found


def test_divergence_from_the_first_point_is_found():
    assert rose_without_recovery(2 + 0.01 * np.arange(200) + 0.05 * noise("normal", 0, 200)).found


@given(seeds)
def test_a_bump_that_recovered_is_no_divergence(seed):
    t = np.arange(400) / 400
    y = 1 + 2 * np.exp(-10 * t) + np.exp(-(((t - 0.7) / 0.05) ** 2))
    assert not rose_without_recovery(y + 0.05 * noise("normal", seed, 400)).found


def test_a_second_smaller_hump_is_no_divergence():
    t = np.arange(400) / 400
    y = 1 + 3 * np.exp(-30 * t) + 2.5 * np.exp(-(((t - 0.5) / 0.08) ** 2)) + 0.3 * (t > 0.5)
    y += 3 * np.maximum(t - 0.75, 0) + 0.02 * noise("normal", 0, 400)
    found = rose_without_recovery(y)
    assert found.p < 0.01 and found.rise > found.needed
    assert not found.found


def test_a_small_rise_after_much_progress_is_no_divergence():
    y = np.concatenate((np.linspace(10, 1, 300), np.linspace(1, 1.5, 100)))
    assert not rose_without_recovery(y).found


def test_divergence_does_not_depend_on_unit_or_offset():
    t = np.arange(400) / 400
    y = 1 + 3 * np.exp(-10 * t) + 3 * np.maximum(t - 0.6, 0) + 0.05 * noise("normal", 1, 400)
    for other in (1000 * y, y - 5, 1e-6 * y):
        assert rose_without_recovery(other).found
        assert rose_without_recovery(other).p == rose_without_recovery(y).p


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="window"):
        level_shift([1.0], 0, window=0)
    with pytest.raises(ValueError, match="tail"):
        rose_without_recovery([1.0], tail=25)
