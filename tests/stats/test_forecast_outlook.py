"""What a forecast tells beside its values: schedule, peak, cost of a gain, likeness, figure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_analytics.stats._fitted import shipped_priors
from copilot_analytics.stats._schedule import Standing, standing
from copilot_analytics.stats.forecast import forecast

SEEN = np.arange(1, 21) * 100.0
AHEAD = np.arange(21, 41) * 100.0


def curve(seed: int = 0) -> np.ndarray:
    jitter = 0.003 * np.random.default_rng(seed).normal(size=SEEN.size)
    return 0.8 - 0.5 * (SEEN / 100.0) ** -0.8 + jitter


def with_rate(schedule, values=None):
    return forecast(
        SEEN,
        curve() if values is None else values,
        horizon=4000,
        direction="max",
        bounds=(0, 1),
        future_steps=AHEAD,
        schedule=schedule,
    )


def drop_at(step: float):
    return lambda now: 1.0 if now <= step else 0.1


def test_a_drop_ahead_widens_the_upper_side_alone():
    blind, knows = with_rate(None), with_rate(drop_at(3000))
    assert knows.p_gain(0.06) > blind.p_gain(0.06)
    up = [a.final.quantile(0.9) - a.final.median for a in (blind, knows)]
    down = [a.final.median - a.final.quantile(0.1) for a in (blind, knows)]
    assert up[1] > 1.2 * up[0]
    assert down[1] == pytest.approx(down[0], rel=0.1)
    assert any("lies ahead" in note for note in knows.notes)


def test_the_jump_of_a_drop_is_not_carried_on():
    jumped = curve()
    jumped[15:] += 0.08
    blind, knows = with_rate(None, jumped), with_rate(drop_at(1500), jumped)
    assert knows.final.median < blind.final.median
    assert knows.p_gain(0.01) < blind.p_gain(0.01)
    assert not any("lies ahead" in note for note in knows.notes)


def cool_down(begin: float, end: float = 4000.0):
    """The rate of a trapezoid: constant, then a line to zero."""
    return lambda now: min(1.0, max(end - now, 0.0) / (end - begin))


@pytest.mark.parametrize("begin", [2000.0, 2500.0, 3500.0])
def test_a_decay_that_a_constant_rate_has_before_it_allows_for_a_late_gain(begin):
    blind, knows = with_rate(None), with_rate(cool_down(begin))
    up = [a.final.quantile(0.9) - a.final.median for a in (blind, knows)]
    assert up[1] > 1.2 * up[0]
    low = [a.final.quantile(0.1) for a in (blind, knows)]
    assert low[1] == pytest.approx(low[0], abs=0.1 * up[0])
    assert knows.p_gain(0.06) > blind.p_gain(0.06)
    (note,) = set(knows.notes) - set(blind.notes)
    assert "constant so far" in note
    assert "often end better" in note


@pytest.mark.parametrize(
    "future",
    [
        np.ones(20),
        np.linspace(1.0, 0.3, 20),
        np.append(np.ones(19), 0.0),
        np.concatenate((np.linspace(1.0, 0.0, 10), np.linspace(1.0, 0.0, 10))),
    ],
    ids=["constant", "to a third", "at the last evaluation", "restart"],
)
def test_a_constant_rate_without_a_decay_to_near_zero_changes_nothing(future):
    assert standing(np.ones(20), future) == Standing()


def test_a_cool_down_must_come_after_a_constant_rate():
    warming = np.append(np.linspace(0.1, 0.9, 9), 1.0)
    assert standing(warming, np.linspace(1.0, 0.0, 20)) == Standing()
    cosine = 0.5 * (1.0 + np.cos(np.pi * np.arange(1, 101) / 100))
    assert standing(cosine[:3], cosine[3:]) == Standing()
    assert standing(np.append(warming, np.ones(6)), np.linspace(1.0, 0.0, 20)).stage == "held"


@pytest.mark.parametrize("before", [1, 2])
@pytest.mark.parametrize("after", [2, 10])
def test_a_drop_with_too_few_evaluations_before_it_changes_nothing(before, after):
    values = curve()[: before + after]
    answers = [
        forecast(
            SEEN[: values.size],
            values,
            horizon=4000,
            direction="max",
            future_steps=AHEAD,
            schedule=rate,
        )
        for rate in (None, drop_at(before * 100.0))
    ]
    levels = np.linspace(0.01, 0.99, 21)
    blind, knows = (found.final.quantile(levels) for found in answers)
    assert np.array_equal(blind, knows)
    assert answers[0].p_gain(0.01) == answers[1].p_gain(0.01)
    (note,) = set(answers[1].notes) - set(answers[0].notes)
    assert "too few evaluations before it" in note


def test_a_drop_with_three_evaluations_before_it_is_over():
    assert standing(np.array([1.0] * 3 + [0.1] * 2), np.full(5, 0.1)).stage == "dropped"
    assert standing(np.array([1.0] * 2 + [0.1] * 3), np.full(5, 0.1)).stage == "unseen"


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (drop_at(1700), "lies behind: its jump is not carried on"),
        (drop_at(1000), "lies behind: its jump is not carried on"),
        (lambda step: (1.0 - step / 4001.0) ** 2, "decayed to 26 % of its peak"),
    ],
    ids=["just dropped", "settled", "decayed"],
)
def test_a_schedule_that_lowers_the_answer_is_told(rate, words):
    blind, knows = with_rate(None), with_rate(rate)
    assert knows.p_gain(0.01) < blind.p_gain(0.01)
    (note,) = set(knows.notes) - set(blind.notes)
    assert words in note


@pytest.mark.parametrize(
    "rate",
    [
        lambda step: 1.0,
        lambda step: 1.0 - step / 8000.0,
        lambda step: 0.5 * (1.0 + np.cos(np.pi * step / 9000.0)),
        lambda step: 0.9999**step,
        lambda step: 0.5 + 0.5 * np.cos(np.pi * (step % 2500.0) / 2500.0),
        lambda step: min(step / 500.0, 1.0),
        # Nothing but the last evaluation is left after it.
        drop_at(3950),
    ],
    ids=["constant", "linear", "cosine", "exponential", "restart", "warm-up", "at the end"],
)
def test_what_is_neither_a_step_nor_far_decayed_changes_nothing(rate):
    blind, knows = with_rate(None), with_rate(rate)
    levels = np.linspace(0.01, 0.99, 21)
    assert np.array_equal(knows.final.quantile(levels), blind.final.quantile(levels))
    assert knows.notes == blind.notes


def test_a_schedule_may_be_arrays_and_only_its_shape_counts():
    rate = drop_at(3000)
    past, future = [rate(s) for s in SEEN], [rate(s) for s in AHEAD]
    arrays = with_rate((past, future))
    scaled = with_rate((3e-4 * np.array(past), 3e-4 * np.array(future)))
    called = with_rate(rate)
    assert arrays.final.quantile(0.9) == called.final.quantile(0.9) == scaled.final.quantile(0.9)


def test_a_schedule_keeps_to_its_steps_where_values_are_missing():
    values = curve()
    values[4] = np.nan
    rate = drop_at(3000)
    arrays = with_rate(([rate(s) for s in SEEN], [rate(s) for s in AHEAD]), values)
    assert arrays.n_ignored == 1
    assert arrays.final.quantile(0.9) == with_rate(rate, values).final.quantile(0.9)


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ((np.ones(3), np.ones(20)), "one for each"),
        ((np.ones(20), np.ones(2)), "one for each"),
        (lambda step: -1.0, "negative"),
        (0.1, "neither a function"),
        ((np.ones(20),), "neither a function"),
        (lambda step: float("nan"), "not finite"),
    ],
)
def test_a_wrong_schedule_is_refused(schedule, words):
    with pytest.raises(ValueError, match=words):
        with_rate(schedule)


def test_a_restart_is_not_settled():
    past = np.array([1.0] * 8 + [0.1] * 4 + [1.0] * 4)
    assert standing(past[:12], np.full(6, 0.1)).stage == "dropped"
    assert standing(np.append(past[:12], [0.1] * 6), np.full(6, 0.1)).stage == "settled"
    assert standing(past, np.ones(6)) == Standing()
    assert standing(np.zeros(5), np.zeros(5)) == Standing()


def test_the_less_is_left_of_a_decaying_rate_the_less_gain_is_to_come():
    blind = with_rate(None)
    chances, widths = [blind.p_gain(0.03)], [np.ptp(blind.final.interval(0.8))]
    for power in (1.0, 2.0, 4.0, 8.0):
        knows = with_rate(lambda step, power=power: max(1.0 - step / 4000.0, 0.0) ** power)
        chances.append(knows.p_gain(0.03))
        widths.append(np.ptp(knows.final.interval(0.8)))
    assert (np.diff(chances) <= 0.0).all()
    assert chances[-1] < 0.5 * chances[0]
    assert 0.6 * widths[0] < widths[1] < 0.85 * widths[0]


def test_the_gain_after_a_drop_is_used_up_sooner_than_its_jump_is_forgotten():
    jumped = curve()
    jumped[10:] += 0.08
    blind, soon, late = (
        with_rate(rate, jumped).expected_gain for rate in (None, drop_at(1500), drop_at(1000))
    )
    assert soon < late < blind


@given(
    seed=st.integers(0, 50),
    slope=st.floats(-0.02, 0.02),
    at=st.sampled_from([None, 500.0, 1500.0, 1900.0, 2500.0, 3500.0]),
    delta=st.floats(0.0, 0.3),
)
def test_every_answer_comes_from_one_distribution(seed, slope, at, delta):
    values = curve(seed) + slope * np.arange(SEEN.size)
    ahead = with_rate(None if at is None else drop_at(at), np.clip(values, 0.0, 1.0))
    levels = np.linspace(0.0, 1.0, 41)
    best, final = np.asarray(ahead.best.quantile(levels)), np.asarray(ahead.final.quantile(levels))
    assert (best >= final - 1e-12).all()
    assert best[0] >= ahead.best_so_far - 1e-12
    assert ahead.p_gain(0.0) >= ahead.p_gain(delta) >= 0.0
    assert ahead.p_gain(delta) == pytest.approx(1.0 - ahead.best.cdf(ahead.best_so_far + delta))
    assert ahead.expected_gain == pytest.approx(ahead.best.mean - ahead.best_so_far, abs=1e-9)
    # The peak is behind exactly if nothing beats the best so far.
    behind = ahead.peak_step.cdf(ahead.last_step)
    assert behind == pytest.approx(1.0 - ahead.p_gain(0.0), abs=1e-9)


def test_the_peak_of_a_rising_curve_is_late_and_of_a_falling_one_behind():
    rising = forecast(SEEN, curve(), horizon=4000, direction="max", bounds=(0, 1))
    assert rising.peak_step.median > 3000
    falling = forecast(SEEN, 0.7 - 0.02 * np.abs(np.arange(20) - 6), horizon=2400, direction="max")
    assert falling.peak_step.median == 700.0
    assert rising.peak_step.quantile(1.0) <= 4000.0


def test_the_gain_of_an_hour():
    ahead = with_rate(None)
    assert ahead.gain_per_hour(4.0) == pytest.approx(ahead.expected_gain / 4.0)
    with pytest.raises(ValueError, match="above 0"):
        ahead.gain_per_hour(0.0)


def test_a_known_noise_counts_where_points_are_few():
    def width(n: int, noise: float | None) -> float:
        ahead = forecast(SEEN[:n], curve()[:n], horizon=4000, direction="max", noise=noise)
        return ahead.noise

    assert width(4, 0.05) > 2.0 * width(4, 0.001)
    assert width(20, 0.05) < 1.5 * width(20, 0.001)
    with pytest.raises(ValueError, match="standard deviation"):
        width(4, -1.0)


def test_a_known_noise_changes_its_unit_with_the_metric():
    plain = forecast(SEEN[:5], curve()[:5], horizon=4000, direction="max", noise=0.01)
    percent = forecast(SEEN[:5], 100 * curve()[:5], horizon=4000, direction="max", noise=1.0)
    assert percent.final.quantile(0.9) == pytest.approx(100.0 * plain.final.quantile(0.9))


def test_a_run_unlike_those_of_the_library_gets_wider_intervals_and_a_word():
    usual = with_rate(None)
    assert not any("look like" in note for note in usual.notes)
    # The same run before a library in which its like is rare.
    priors = replace(shipped_priors(), far=shipped_priors().far / 100.0)
    strange = forecast(
        SEEN, curve(), horizon=4000, direction="max", bounds=(0, 1),
        future_steps=AHEAD, _priors=priors,
    )  # fmt: skip
    assert any("look like" in note for note in strange.notes)
    low, high = usual.final.interval(0.8)
    wide_low, wide_high = strange.final.interval(0.8)
    assert wide_high - wide_low > 1.2 * (high - low)


def test_the_figure_shows_what_was_seen_and_where_it_ends():
    figure = with_rate(None).plot("accuracy")
    (axes,) = figure.axes
    assert axes.get_ylabel() == "accuracy"
    dots = next(line for line in axes.lines if line.get_label() == "evaluations")
    assert np.array_equal(dots.get_ydata(), curve())
    assert axes.get_xlim()[1] >= 4000
    assert "P(a new best)" in axes.get_title(loc="left")


def test_the_figure_of_a_run_that_is_over():
    over = forecast(SEEN, curve(), horizon=2000, direction="max")
    assert over.plot().axes[0].lines
    assert over.peak_step.median == SEEN[np.argmax(curve())]
