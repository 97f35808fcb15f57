"""Detectors against healthy curves, and against the ills they are for."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_analytics.stats import (
    Baseline,
    exploded,
    find_spikes,
    level_shift,
    rose_without_recovery,
)

seeds = st.integers(0, 100_000)


def healthy(shape, n):
    t = np.arange(n) / n
    return {
        "falling": 1 + 3 * (1 + 50 * t) ** -0.5,
        "plateau": 1 + 3 * np.exp(-30 * t),
        "flat": np.full(n, 2.3),
        "start-up bump": 1 + 3 * (1 + 50 * t) ** -0.5 + 2 * np.exp(-(((t - 0.01) / 0.004) ** 2)),
        "scheduled drops": 1.5 + 2 * np.exp(-8 * t) - 0.4 * (t > 0.5) - 0.1 * (t > 0.8),
        "middle bump": 1 + 3 * np.exp(-10 * t) + np.exp(-(((t - 0.4) / 0.05) ** 2)),
        "signed": 2 * np.exp(-5 * t) - 1,
    }[shape]


SHAPES = ["falling", "plateau", "flat", "start-up bump", "scheduled drops", "middle bump", "signed"]


def noise(kind, seed, n):
    rng = np.random.default_rng(seed)
    if kind == "skewed":
        return np.exp(0.5 * rng.normal(size=n)) - 1.13
    if kind == "heavy":
        return rng.laplace(size=n) / 1.4
    drawn = rng.normal(size=n)
    if kind == "autocorrelated":
        for i in range(1, n):
            drawn[i] = 0.7 * drawn[i - 1] + 0.7 * drawn[i]
    return drawn


NOISES = ["normal", "autocorrelated", "heavy", "skewed"]


def runs(kinds=NOISES, per_cell=12):
    for kind in kinds:
        for shape in SHAPES:
            for seed in range(per_cell):
                n = (60, 300, 1500)[seed % 3]
                sigma = (0.02, 0.1, 0.2)[seed // 3 % 3]
                yield healthy(shape, n) + sigma * noise(kind, 1000 + seed, n)


@given(seeds, st.sampled_from(SHAPES), st.sampled_from([60, 300, 1500]))
def test_healthy_runs_neither_explode_nor_diverge(seed, shape, n):
    y = healthy(shape, n) + 0.1 * noise("normal", seed, n)
    assert exploded(y) is None
    assert find_spikes(y, start=n // 50).size == 0


def test_false_alarm_rates_over_healthy_runs():
    every = list(runs())
    assert sum(exploded(y) is not None for y in every) == 0
    assert sum(rose_without_recovery(y).found for y in every) / len(every) <= 0.01
    quiet = list(runs(["normal", "autocorrelated"]))
    assert sum(find_spikes(y, start=y.size // 50).size for y in quiet) == 0
    points = sum(y.size for y in every)
    assert sum(find_spikes(y, start=y.size // 50).size for y in every) / points < 5e-4


@given(seeds, st.integers(150, 299), st.floats(9, 1000))
def test_a_spike_is_found_where_it_is(seed, at, height):
    y = healthy("plateau", 300) + 0.1 * noise("normal", seed, 300)
    y[at] += 0.1 * height + 0.4
    assert at in find_spikes(y)
    assert np.isin(find_spikes(y), [at]).all()
    assert exploded(y) is None


def test_a_spike_in_the_last_point_counts():
    y = np.append(1 + 0.1 * noise("normal", 0, 200), 9.0)
    assert find_spikes(y).tolist() == [200]


def test_downward_spikes_and_drops_are_none():
    y = 5 + 0.1 * noise("normal", 0, 300)
    y[200] = -50
    y[250:] -= 3
    assert find_spikes(y).size == 0


def test_places_survive_holes_and_infinity():
    y = 1 + 0.1 * noise("normal", 0, 200)
    y[10:60:5] = np.nan
    y[150], y[170], y[180] = 9.0, np.inf, -np.inf
    assert find_spikes(y).tolist() == [150, 170]
    assert find_spikes(y, start=160).tolist() == [170]


@given(seeds, st.integers(30, 400))
def test_later_points_change_no_verdict(seed, cut):
    y = 1 + 0.1 * noise("heavy", seed, 400)
    y[::37] += 5
    whole = find_spikes(y)
    np.testing.assert_array_equal(find_spikes(y[:cut]), whole[whole < cut])


def test_a_million_points_are_quick():
    y = noise("normal", 0, 1_000_000)
    started = time.perf_counter()
    find_spikes(y)
    exploded(y)
    assert time.perf_counter() - started < 10


def test_baseline_takes_the_last_points_only():
    found = Baseline.of([100.0] * 50 + [1.0, 2.0, 3.0, 4.0, 5.0], window=5, z=2)
    assert (found.median, found.mad, found.n) == (3.0, 1.0, 5)
    assert found.bound == found.median + 2 * found.sigma
    assert math.isnan(Baseline.of([math.nan]).bound)


def test_baseline_allows_for_skew():
    y = np.exp(noise("normal", 0, 2000))
    assert Baseline.of(y, window=2000).sigma > 1.4826 * Baseline.of(y, window=2000).mad


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


@given(seeds, st.integers(40, 290))
def test_explosion_is_dated_to_its_first_value(seed, at):
    y = 1 + 0.1 * np.abs(noise("normal", seed, 300))
    y[at:] *= 3 ** np.arange(1, 301 - at, dtype=float)[: 300 - at].clip(max=20)
    assert exploded(y) == at


@pytest.mark.parametrize("offset", [0.0, -5.0])
def test_signed_losses_explode_in_units_of_noise(offset):
    y = offset + 0.1 * noise("normal", 0, 200)
    assert exploded(y) is None
    y[150:] += 10
    assert exploded(y) == 150


def test_four_high_values_are_not_five():
    y = 1 + 0.1 * noise("normal", 0, 200)
    y[150:154] = 50
    assert exploded(y) is None
    y[154] = np.inf
    assert exploded(y) == 150


def test_half_as_much_again_is_no_explosion():
    y = 1 + 0.01 * noise("normal", 0, 200)
    y[150:] += 0.5
    assert exploded(y) is None
    y[160:] += 1
    assert exploded(y) == 160


@pytest.mark.parametrize("growth", [1.05, 1.2, 3.0])
def test_an_explosion_may_build_up(growth):
    y = 1 + 0.05 * noise("normal", 0, 300)
    y[150:] *= growth ** np.arange(1, 151.0)
    doubled = 150 + math.log(2.4) / math.log(growth)
    assert 150 <= exploded(y) <= doubled + 10


def test_an_explosion_is_dated_in_the_log_with_its_holes():
    y = 1 + 0.01 * noise("normal", 0, 200)
    y[10:50:4] = np.nan
    y[150:] += 5
    assert exploded(y) == 150


def test_a_doubling_within_the_noise_is_none():
    y = np.exp(noise("normal", 0, 300))
    y[200:205] = 2.5 * y[100:200].mean()
    assert exploded(y) is None


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="window"):
        find_spikes([1.0], window=1)
    with pytest.raises(ValueError, match="window"):
        level_shift([1.0], 0, window=0)
    with pytest.raises(ValueError, match="tail"):
        rose_without_recovery([1.0], tail=25)
    with pytest.raises(ValueError, match="window"):
        exploded([1.0], run=0)
