from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_analytics.stats.forecast import forecast
from copilot_analytics.stats.stopping import (
    FEWEST_EVALS,
    LATEST,
    StopGauge,
    chance_of_loss,
    first_stop,
    lasting_prices,
    risk_bounds,
    shipped_rule,
    shortfall,
    stale_share,
    strictness,
)

shares = st.floats(0.0, 1.0)
inside = st.floats(0.01, 0.99)
far = st.floats(-1e3, 1e3)
series = st.lists(st.tuples(shares, shares, far), min_size=1, max_size=30)


def as_run(looks: list[tuple[float, float, float]]) -> tuple[np.ndarray, ...]:
    p, stale, short = np.array(looks).T
    return p, np.arange(1, len(looks) + 1) / (len(looks) + 1), stale, short


@given(shares, shares, inside, shares, far)
def test_the_chance_of_loss_grows_with_that_of_a_gain(a, b, progress, stale, short):
    low, high = (chance_of_loss(p, progress, stale, short) for p in sorted((a, b)))
    assert low <= high


@given(shares, inside, shares, shares, far)
def test_a_curve_that_is_long_within_delta_loses_less(p, progress, a, b, short):
    brief, long = (chance_of_loss(p, progress, stale, short) for stale in sorted((a, b)))
    assert long <= brief


@given(shares, inside, shares)
def test_a_best_that_was_luck_may_be_beaten_by_luck(p, progress, stale):
    assert chance_of_loss(p, progress, stale, 20.0) > chance_of_loss(p, progress, stale, -20.0)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1), st.floats(-1e3, 1e3), st.floats(0.1, 10.0))
def test_a_shortfall_counts_from_the_best_in_delta(values, expected, delta):
    found = shortfall(values, expected, direction="max", delta=delta)
    assert found == pytest.approx(np.clip((max(values) - expected) / delta, -1e3, 1e3))
    mirrored = shortfall([math.nan, *(-v for v in values)], -expected, direction="min", delta=delta)
    assert mirrored == found
    assert shortfall([math.nan], expected, direction="max", delta=delta) == 0.0


@given(series, st.floats(*risk_bounds()), st.floats(*risk_bounds()))
def test_more_risk_never_stops_later(looks, a, b):
    low, high = sorted((a, b))
    early, late = first_stop(*as_run(looks), risk=high), first_stop(*as_run(looks), risk=low)
    assert late is None or (early is not None and early <= late)


@given(series, st.integers(0, 29))
def test_what_comes_later_changes_nothing(looks, cut):
    run = as_run(looks)
    whole = lasting_prices(*run)
    part = lasting_prices(*(column[: cut + 1] for column in run))
    assert np.array_equal(whole[: cut + 1], part)


def test_two_low_chances_few_evaluations_and_the_end_do_not_stop():
    gauge = StopGauge()
    gauge.update(0.9, 0.5, 0.0, 0.0, evals=20)
    for progress in (0.55, 0.57):
        gauge.update(0.0001, progress, 0.5, 0.0)
        assert not gauge.stops(strictness(0.2).limit) and gauge.keeps(strictness(0.2).limit)
    gauge.update(0.0001, 0.6, 0.5, 0.0)
    assert gauge.stops(strictness(0.2).limit)
    gauge.update(0.0001, LATEST, 0.5, 0.0)
    assert not gauge.stops(strictness(0.2).limit)
    young = lasting_prices(np.full(9, 1e-4), np.linspace(0.4, 0.6, 9), np.full(9, 0.3), np.zeros(9))
    assert (
        np.isinf(young[: FEWEST_EVALS - 1]).all() and np.isfinite(young[FEWEST_EVALS - 1 :]).all()
    )


def test_advice_holds_to_the_end_unless_a_loss_becomes_likely():
    limit = strictness().limit
    gauge = StopGauge()
    for progress in (0.5, 0.55, 0.6):
        gauge.update(0.1, progress, progress - 0.1, 0.0, evals=4)
    assert gauge.stops(limit)
    gauge.update(0.1, 0.99, 0.8, 0.0)
    assert gauge.keeps(limit) and not gauge.stops(limit)
    gauge.update(0.9, 0.7, 0.0, 0.0)
    assert not gauge.keeps(limit) and not gauge.keeps(strictness(risk_bounds()[1]).limit)


def test_advice_ends_where_a_gain_is_likelier_than_not():
    limit = strictness().limit
    gauge = StopGauge()
    for progress in (0.5, 0.52, 0.54):
        gauge.update(0.1, progress, progress, 0.0, evals=4)
    gauge.update(0.49, 0.56, 1.0, 0.0)
    assert gauge.price > limit and gauge.keeps(limit)
    gauge.update(0.51, 0.57, 1.0, 0.0)
    assert gauge.chance < 0.2 and not gauge.keeps(limit)
    # Who accepts a risk at which advice would begin here keeps it.
    assert gauge.stops(0.3) and gauge.keeps(0.3)


def test_the_same_chance_is_worth_more_early_and_doubted_more():
    none = np.zeros(9)
    early, middle, late = (
        lasting_prices(np.full(9, 0.1), np.full(9, x), none, none)[-1] for x in (0.05, 0.5, 0.85)
    )
    assert early > middle, "early in a run no forecast is to be trusted"
    assert late > middle, "stopping late saves little"


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40), st.sampled_from(["min", "max"]))
def test_stale_share_mirrors_and_scales(values, direction):
    steps = np.arange(1, len(values) + 1)
    up = np.array(values)
    other = "max" if direction == "min" else "min"
    found = stale_share(steps, up, direction=direction, delta=0.5)
    assert 0.0 <= found <= 1.0
    assert found == stale_share(steps, -up, direction=other, delta=0.5)
    assert found == stale_share(10 * steps, up, direction=direction, delta=0.5)


def test_stale_share_passes_over_what_is_not_finite():
    values = [math.nan, 0.5, math.inf, 0.7, math.nan]
    assert stale_share([1, 2, 3, 4, 5], values, direction="max", delta=0.0) == pytest.approx(0.2)
    assert stale_share([1], [math.nan], direction="min", delta=0.0) == 0.0


def test_the_table_is_in_order_and_keeps_its_word():
    levels = shipped_rule().levels
    assert [level.risk for level in levels] == sorted(level.risk for level in levels)
    for tighter, laxer in itertools.pairwise(levels):
        assert tighter.limit <= laxer.limit and tighter.saved <= laxer.saved
    for level in levels:
        assert level.missed <= level.risk
        assert 0 < level.right <= level.stops <= level.runs
    assert strictness(levels[2].risk + 1e-6) == levels[2]
    with pytest.raises(ValueError, match="share of runs from"):
        strictness(2 * levels[-1].risk)


def trial(rng: np.random.Generator, rise: float) -> tuple[bool, bool]:
    """Follow a run of 50 evaluations; say whether it is stopped and whether that loses δ."""
    steps = np.arange(1, 51) * 100.0
    level = 0.7 - 0.3 * np.exp(-steps / 400) + rise * steps / 5000
    values = level + 0.002 * rng.normal(size=50)
    p, stale, short = np.ones(49), np.zeros(49), np.zeros(49)
    for n in range(3, 50):
        ahead = forecast(
            steps[:n], values[:n], horizon=5000, direction="max", bounds=(0, 1),
            future_steps=steps[n:],
        )  # fmt: skip
        p[n - 1] = ahead.p_gain(0.005)
        stale[n - 1] = stale_share(steps[:n], values[:n], direction="max", delta=0.005)
        short[n - 1] = shortfall(values[:n], ahead.final.median, direction="max", delta=0.005)
    at = first_stop(p, steps[:49] / 5000, stale, short)
    if at is None:
        return False, False
    return True, bool(values.max() - values[: at + 1].max() > 0.005)


def test_flat_runs_stop_and_rising_ones_do_not():
    rng = np.random.default_rng(11)
    flat = [trial(rng, 0.0) for _ in range(12)]
    rising = [trial(rng, 0.15) for _ in range(12)]
    assert sum(stopped for stopped, _ in flat) >= 8
    assert sum(lost for _, lost in flat) <= 1
    assert sum(lost for _, lost in rising) == 0
