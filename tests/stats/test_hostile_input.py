"""Every public function lives through anything, without a warning (an error here)."""

from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_analytics.stats import (
    Baseline,
    Overhead,
    difference_noise,
    effective_n,
    ewma,
    exploded,
    find_spikes,
    lag1_autocorrelation,
    leak,
    level_shift,
    mann_kendall,
    rate_change,
    remaining_time,
    robust_z,
    rose_without_recovery,
    theil_sen,
    thin,
    velocity,
)

NAN, INF = math.nan, math.inf


def steps(y):
    return np.arange(len(y), dtype=float)


def units(y):
    return np.full(len(y), 10.0)


CALLS = {
    "thin": lambda y: thin(steps(y), y, 7),
    "thin over y": lambda y: thin(y, steps(y), 7),
    "difference_noise": difference_noise,
    "robust_z": lambda y: robust_z(y, y),
    "ewma": lambda y: ewma(y, 5.0),
    "effective_n": effective_n,
    "lag1": lag1_autocorrelation,
    "theil_sen": lambda y: theil_sen(steps(y), y),
    "theil_sen over y": lambda y: theil_sen(y, steps(y)),
    "theil_sen y over y": lambda y: theil_sen(y, y[::-1]),
    "mann_kendall": mann_kendall,
    "velocity": lambda y: velocity(steps(y), y, direction="min", window=50, steps_per_epoch=10),
    "velocity max": lambda y: velocity(y, y, direction="max", window=50, steps_per_epoch=10),
    "baseline": Baseline.of,
    "find_spikes": lambda y: find_spikes(y, window=10),
    "level_shift": lambda y: level_shift(y, len(y) // 2),
    "rose": rose_without_recovery,
    "exploded": lambda y: exploded(y, window=10),
    "rate_change": rate_change,
    "leak": lambda y: leak(steps(y), y, limit=10.0, remaining=5.0),
    "leak over y": lambda y: leak(y, y, limit=NAN, remaining=INF),
    "remaining_time": lambda y: remaining_time(y, units(y), remaining_units=100),
    "remaining units": lambda y: remaining_time(units(y), y, remaining_units=1e300),
    "remaining both": lambda y: remaining_time(
        y, y[::-1], remaining_units=-1.0, overhead=[Overhead(y, 3), Overhead(y, INF)]
    ),
}

AWKWARD = {
    "nothing": [],
    "one": [1.0],
    "two": [2.0, 1.0],
    "three": [3.0, 1.0, 2.0],
    "nan": [NAN] * 30,
    "infinite": [INF, -INF] * 20,
    "zeros": [0.0] * 40,
    "constant": [0.1] * 150,
    "huge": [1e300, -1e300] * 70,
    "hugest": [1.7e308, -1.7e308, 1.7e308] * 50,
    "tiny": [5e-324, 1e-310, 0.0] * 50,
    "both ends": [1e300, 1e-300, -1e300, 5e-324] * 40,
    "negative": [-float(i) for i in range(150)],
    "holes": [1.0, NAN, 2.0, INF, 0.5, -INF] * 30,
    "one point in holes": [NAN] * 20 + [1.0] + [NAN] * 20,
    "late giant": [1.0, 1.1, 0.9] * 50 + [1e300, 1e300, 1e300, 1e300, 1e300, 1e300],
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("y", AWKWARD.values(), ids=AWKWARD)
def test_awkward_series(call, y):
    given_ = np.array(y, dtype=float)
    kept = given_.copy()
    call(given_)
    np.testing.assert_array_equal(given_, kept)


numbers = st.floats(width=64) | st.floats(-10, 10) | st.sampled_from([0.0, 1.0, NAN, INF, -INF])


@given(st.lists(numbers, max_size=40))
def test_any_series(y):
    for call in CALLS.values():
        call(np.array(y, dtype=float))


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_points_judge_nothing(n):
    y = [1.0, 5.0][:n]
    assert math.isnan(difference_noise(y))
    assert math.isnan(mann_kendall(y).p)
    assert math.isnan(rate_change(y).ratio)
    assert not leak(steps(y), y, limit=1.0, remaining=10).growing
    assert not rose_without_recovery(y).found
    assert exploded(y) is None
    assert find_spikes(y).size == 0
    assert theil_sen(steps(y), y).n == n
    if n < 2:
        assert math.isnan(theil_sen(steps(y), y).slope)
        assert math.isnan(
            velocity(steps(y), y, direction="min", window=9, steps_per_epoch=1).per_epoch_pct
        )


def test_constants_are_still():
    y = [0.1] * 150
    assert difference_noise(y) == 0.0
    assert theil_sen(steps(y), y).slope == 0.0
    assert astuple(mann_kendall(y)) == (0.0, 1.0, 0.0)
    assert effective_n(y) == 150.0
    still = velocity(steps(y), y, direction="min", window=50, steps_per_epoch=10)
    assert (still.per_epoch_pct, still.low, still.high) == (0.0, 0.0, 0.0)
    assert rate_change(y).ratio == 1.0
    assert rate_change(y).p == 1.0
