from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_analytics.stats import Overhead, remaining_time
from copilot_analytics.stats.changes import lasting_change
from copilot_analytics.stats.rates import CLASS_BOUNDS, FRACTION_BOUNDS, LOG_RATIOS

seeds = st.integers(0, 100_000)


def left(interval_s, remaining_units=1000, units=10, **more):
    amount = np.full(len(interval_s), units) if np.isscalar(units) else units
    return remaining_time(interval_s, amount, remaining_units=remaining_units, **more)


def test_table_is_complete_and_ordered():
    assert set(LOG_RATIOS) == {label for _, label in CLASS_BOUNDS} | {"unknown"}
    for rows in LOG_RATIOS.values():
        assert len(rows) == len(FRACTION_BOUNDS)
        for q05, q10, q90, q95 in rows:
            assert q05 <= q10 < 0 < q90 <= q95
    widths = [[row[2] - row[1] for row in LOG_RATIOS[label]] for _, label in CLASS_BOUNDS]
    assert (np.diff(widths, axis=0) >= 0).all()


def test_constant_intervals_are_narrow_but_not_certain():
    found = left([5.0] * 50)
    assert found.median_s == 500.0
    assert found.rate_s_per_step == 0.5
    assert found.dispersion_class == "steady"
    assert 0 < found.high_s - found.low_s < 0.05 * found.median_s


@given(seeds, st.floats(0.01, 0.5), st.integers(4, 200))
def test_noisier_is_wider_and_always_ordered(seed, sigma, n):
    d = 5 * np.exp(sigma * np.random.default_rng(seed).normal(size=n))
    found, wider = left(d), left(d, level=0.9)
    assert found.low_s < found.median_s < found.high_s
    assert wider.low_s <= found.low_s and found.high_s <= wider.high_s
    calm = left([5.0] * n)
    assert found.high_s / found.low_s >= calm.high_s / calm.low_s * (1 - 1e-9)


@given(seeds)
def test_interval_covers_independent_noise(seed):
    d = 5 * np.exp(0.1 * np.random.default_rng(seed).normal(size=200))
    found = left(d[:100], remaining_units=1000)
    assert found.median_s == pytest.approx(d[100:].sum(), rel=0.1)


def test_a_pause_does_not_ruin_the_rate():
    d = np.full(60, 5.0)
    d[45] = 30_000.0
    assert left(d).median_s == pytest.approx(500.0)
    assert left(d).dispersion_class == "steady"
    d[50], d[55] = 4_000.0, 600.0
    assert left(d).median_s == pytest.approx(500.0)


def test_evaluations_inside_the_intervals_stay_in_the_rate():
    d = np.tile([5.0] * 9 + [55.0], 10)
    assert left(d).rate_s_per_step == pytest.approx(1.0)


def test_a_slow_down_is_followed():
    d = np.r_[np.full(50, 5.0), np.full(50, 10.0)]
    assert left(d).median_s == 1000.0
    assert left(d).dispersion_class == "erratic"


@pytest.mark.parametrize("ratio", [0.4, 2.5])
@given(seeds, st.integers(16, 60))
def test_a_large_change_that_lasts_restarts_the_clock(ratio, seed, since):
    noise = np.exp(0.15 * np.random.default_rng(seed).normal(size=300 + since))
    d = 5 * noise * np.r_[np.ones(300), np.full(since, ratio)]
    assert left(d).rate_s_per_step == pytest.approx(0.5 * ratio, rel=0.2)


@given(seeds)
def test_noise_and_short_changes_do_not(seed):
    rng = np.random.default_rng(seed)
    d = 5 * np.exp(0.3 * rng.normal(size=200))
    assert lasting_change(d, np.ones(200)) == 0
    d[195:] *= 2.5
    assert lasting_change(d, np.ones(200)) == 0
    assert lasting_change(np.tile([5.0] * 9 + [55.0], 20), np.ones(200)) == 0


def test_uneven_intervals_are_weighed_by_their_steps():
    assert left([1.0, 10.0, 1.0, 10.0] * 5, units=np.tile([10, 100], 10)).median_s == 100.0


@given(st.floats(0.15, 0.95))
def test_whole_second_stamps_do_not_bias_the_rate(step_s):
    stamps = np.floor(np.arange(400) * step_s)
    found = left(np.diff(stamps), units=1)
    assert found.rate_s_per_step == pytest.approx(step_s, rel=2 / (200 * step_s))


def test_impossible_intervals_are_dropped():
    d = [5.0, -100.0, math.nan, 5.0, math.inf, 5.0, 5.0, 5.0]
    assert left(d).rate_s_per_step == 0.5
    assert left([5.0] * 5, units=[10, 0, -3, math.nan, 10]).rate_s_per_step == 0.5


def test_progress_narrows_the_interval():
    def width(remaining):
        d = np.tile([5.0, 6.0, 4.0, 5.5], 25)
        found = left(d, remaining_units=remaining)
        return (found.high_s - found.low_s) / found.median_s

    assert left([5.0] * 10, remaining_units=300).fraction_done == 0.25
    assert width(20_000) > width(900)


def test_few_intervals_are_not_trusted():
    few, many = left([5.0] * 3), left([5.0] * 30, remaining_units=10_000)
    assert few.dispersion_class == "unknown"
    assert few.high_s / few.low_s > many.high_s / many.low_s


def test_overhead_is_added_with_its_spread():
    bare = left([5.0] * 50)
    even = left([5.0] * 50, overhead=[Overhead([60.0, 60.0, 60.0], 10), Overhead([2.0] * 4, 5)])
    assert even.median_s == pytest.approx(bare.median_s + 610)
    uneven = left([5.0] * 50, overhead=[Overhead([30.0, 90.0, 30.0, 90.0], 10)])
    assert uneven.high_s - uneven.low_s > bare.high_s - bare.low_s + 100
    once = left([5.0] * 50, overhead=[Overhead([60.0], 10)])
    assert once.low_s < once.median_s - 100
    assert bare.unmeasured == 0


def test_overhead_never_measured_is_said():
    found = left([5.0] * 50, overhead=[Overhead([], 4), Overhead([1.0], 0), Overhead([-1.0], 2)])
    assert found.unmeasured == 6
    assert found.median_s == 500.0


def test_overhead_below_zero_by_coarse_stamps_counts():
    coarse = left([5.0] * 50, overhead=[Overhead([1.0, -0.5, 1.0, -0.5, 1.0, 0.0] * 4, 10)])
    assert coarse.median_s == pytest.approx(500 + 10 * (2 / 6), rel=0.01)
    for below in ([1.0, -2.0, -2.0], [-0.4, -0.6, -0.5]):
        quick = left([5.0] * 50, overhead=[Overhead(below, 10)])
        assert (quick.median_s, quick.unmeasured) == (500.0, 0)


def test_at_the_end_nothing_is_left():
    for remaining in (0, -10):
        found = left([5.0] * 50, remaining_units=remaining)
        assert (found.low_s, found.median_s, found.high_s) == (0.0, 0.0, 0.0)
        assert found.fraction_done == 1.0


@pytest.mark.parametrize("d", [[], [0.0, 0.0], [-1.0], [math.nan]])
def test_without_an_interval_there_is_no_answer(d):
    found = left(d)
    assert math.isnan(found.median_s) and math.isnan(found.low_s)
    assert found.dispersion_class == "unknown"


def test_an_unknown_end_is_no_answer():
    assert math.isnan(left([5.0] * 9, remaining_units=math.inf).median_s)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="level"):
        left([5.0] * 9, level=0.95)
    with pytest.raises(ValueError, match="must match"):
        left([5.0] * 9, units=[1.0])


def test_few_intervals_to_come_do_not_average_out():
    d = np.array([4.0, 6.0, 5.0, 4.5, 5.5, 5.0] * 20)
    later, last = left(d, remaining_units=900), left(d, remaining_units=10)
    assert later.dispersion_class == "even" or later.dispersion_class == "uneven"
    assert last.dispersion_class == "erratic"
