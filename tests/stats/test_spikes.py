"""Detectors against healthy curves, and against the ills they are for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from call_counts import counted_calls
from healthy_curves import SHAPES, healthy, noise, runs
from hypothesis import given
from hypothesis import strategies as st

from copilot_analytics.stats import (
    Baseline,
    exploded,
    find_spikes,
    rose_without_recovery,
)

seeds = st.integers(0, 100_000)


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


def test_calls_grow_no_faster_than_points():
    spent = []
    for size in (10_000, 300_000):
        y = noise("normal", 0, size)
        with counted_calls() as calls:
            find_spikes(y)
            exploded(y)
        spent += calls
    assert spent[1] < 33 * spent[0]


def test_baseline_takes_the_last_points_only():
    found = Baseline.of([100.0] * 50 + [1.0, 2.0, 3.0, 4.0, 5.0], window=5, z=2)
    assert (found.median, found.mad, found.n) == (3.0, 1.0, 5)
    assert found.bound == found.median + 2 * found.sigma
    assert math.isnan(Baseline.of([math.nan]).bound)


def test_baseline_allows_for_skew():
    y = np.exp(noise("normal", 0, 2000))
    assert Baseline.of(y, window=2000).sigma > 1.4826 * Baseline.of(y, window=2000).mad


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
        exploded([1.0], run=0)
