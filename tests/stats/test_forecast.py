"""What a forecast promises of any curve, and what it refuses."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from learning_curves import QS, learning

from copilot_analytics.errors import CopilotError, NotEnoughPoints
from copilot_analytics.stats.forecast import forecast


@st.composite
def curves(draw):
    n = draw(st.integers(3, 40))
    values = draw(
        st.lists(
            st.floats(-1e4, 1e4, allow_subnormal=False).map(lambda v: round(v, 6)),
            min_size=n,
            max_size=n,
        )
    )
    gaps = draw(st.lists(st.floats(0.5, 500.0), min_size=n, max_size=n))
    steps = np.cumsum(gaps)
    horizon = float(steps[-1]) * draw(st.floats(1.001, 30.0))
    return steps, np.array(values), horizon, draw(st.sampled_from(["min", "max"]))


@given(curves())
def test_quantiles_never_decrease_and_match_the_cdf(curve):
    steps, values, horizon, direction = curve
    ahead = forecast(steps, values, horizon=horizon, direction=direction)
    for predictive in (ahead.final, ahead.best):
        quantiles = np.asarray(predictive.quantile(QS))
        assert np.isfinite(quantiles).all()
        assert (np.diff(quantiles) >= 0.0).all()
        for q, value in zip(QS, quantiles, strict=True):
            # A constant curve has draws that lie few units in the last place apart.
            resolution = 4 * np.spacing(abs(value))
            assert predictive.cdf_strict(value - resolution) <= q + 1e-6
            assert predictive.cdf(value + resolution) >= q - 1e-6
        cdf = [predictive.cdf(x) for x in np.sort(values)]
        assert cdf == sorted(cdf)


@given(curves(), st.floats(0.0, 1e4), st.floats(0.0, 1e4))
def test_p_gain_is_the_tail_of_best_and_falls_with_delta(curve, delta, more):
    steps, values, horizon, direction = curve
    ahead = forecast(steps, values, horizon=horizon, direction=direction)
    sign = 1.0 if direction == "max" else -1.0
    threshold = ahead.best_so_far + sign * delta
    chance = ahead.p_gain(delta)
    above, below = ahead.best.cdf, ahead.best.cdf_strict
    if threshold != ahead.best_so_far:  # a gain of nothing must be one
        above, below = below, above
    assert chance == (1.0 - above(threshold) if sign > 0 else below(threshold))
    assert 0.0 <= ahead.p_gain(delta + more) <= chance <= 1.0


@pytest.mark.parametrize("direction", ["min", "max"])
def test_a_gain_that_leads_to_a_bound_is_reached_there(direction):
    x = np.arange(1, 21)
    error = np.append(0.005 + 0.4 * x[:-1] ** -1.2, 0.005)
    values = 1.0 - error if direction == "max" else -1.0 + error
    bounds = (-1.0, 1.0)
    ahead = forecast(x, values, horizon=60, direction=direction, bounds=bounds)
    held = bounds[direction == "max"]
    assert ahead.best.quantile(0.3 if direction == "min" else 0.7) == held
    gain = abs(held - ahead.best_so_far)
    assert ahead.p_gain(gain) == pytest.approx(ahead.p_gain(0.999 * gain), abs=0.01)
    assert ahead.p_gain(1.001 * gain) == 0.0


@given(curves())
def test_best_is_never_worse_than_best_so_far_or_final(curve):
    steps, values, horizon, direction = curve
    ahead = forecast(steps, values, horizon=horizon, direction=direction)
    best, final = np.asarray(ahead.best.quantile(QS)), np.asarray(ahead.final.quantile(QS))
    tolerance = 1e-9 * np.abs(final).max() + 1e-12
    if direction == "max":
        assert best.min() >= values.max()
        assert (final <= best + tolerance).all()
    else:
        assert best.max() <= values.min()
        assert (final >= best - tolerance).all()
    assert ahead.expected_gain >= 0.0


@given(st.floats(0.01, 1000.0), st.floats(-100.0, 100.0), st.integers(3, 50))
def test_a_score_may_change_its_units(scale, offset, n):
    steps, values = learning(n)
    plain = forecast(steps, values, horizon=8000, direction="max", bounds=(0, 1))
    other = forecast(
        steps, values * scale + offset, horizon=8000, direction="max",
        bounds=(offset, offset + scale),
    )  # fmt: skip
    expected = np.asarray(plain.final.quantile(QS)) * scale + offset
    np.testing.assert_allclose(other.final.quantile(QS), expected, rtol=1e-5, atol=1e-5 * scale)
    assert other.p_gain(0.01 * scale) == pytest.approx(plain.p_gain(0.01), abs=1e-4)


@given(st.floats(0.01, 1000.0))
def test_a_loss_may_change_its_units(scale):
    steps, values = learning(20)
    loss = 1.2 - values
    plain = forecast(steps, loss, horizon=5000, direction="min")
    other = forecast(steps, loss * scale, horizon=5000, direction="min")
    expected = np.asarray(plain.best.quantile(QS)) * scale
    np.testing.assert_allclose(other.best.quantile(QS), expected, rtol=1e-5)
    assert other.p_gain(0.01, relative=True) == pytest.approx(plain.p_gain(0.01, relative=True))


def test_the_unit_of_steps_does_not_matter():
    steps, values = learning(25)
    one = forecast(steps, values, horizon=9000, direction="max")
    other = forecast(steps / 100, values, horizon=90, direction="max")
    np.testing.assert_allclose(one.final.quantile(QS), other.final.quantile(QS), rtol=1e-9)


def test_values_that_are_not_finite_are_ignored_and_counted():
    steps, values = learning(20)
    holes = values.copy()
    holes[[3, 7]] = math.nan, -math.inf
    kept = np.isfinite(holes)
    with_holes = forecast(steps, holes, horizon=4000, direction="max")
    without = forecast(steps[kept], values[kept], horizon=4000, direction="max")
    assert (with_holes.n_used, with_holes.n_ignored) == (18, 2)
    assert with_holes.final.quantile(0.3) == without.final.quantile(0.3)
    assert any("not finite" in note for note in with_holes.notes)


def test_what_a_mask_hides_is_left_out():
    steps, values = learning(20)
    masked = np.ma.array(values, mask=values < np.median(values))
    ahead = forecast(steps, masked, horizon=4000, direction="max")
    assert (ahead.n_used, ahead.n_ignored) == (10, 10)
    with pytest.raises(ValueError, match="steps must be finite"):
        forecast(np.ma.array(steps, mask=steps > 500), values, horizon=4000, direction="max")


def test_three_points_give_a_wide_answer():
    steps, values = learning(60)
    early = forecast(steps[:3], values[:3], horizon=6000, direction="max", bounds=(0, 1))
    late = forecast(steps[:50], values[:50], horizon=6000, direction="max", bounds=(0, 1))
    widths = [high - low for low, high in (early.final.interval(), late.final.interval())]
    assert widths[0] > 5 * widths[1]
    assert any("few evaluations" in note for note in early.notes)


@pytest.mark.parametrize("values", [[], [0.5], [0.5, 0.6], [0.5, math.nan, 0.6]])
def test_fewer_than_three_points_are_refused_in_words(values):
    with pytest.raises(NotEnoughPoints, match="3 finite evaluations") as refusal:
        forecast(range(1, len(values) + 1), values, horizon=10, direction="max")
    assert isinstance(refusal.value, CopilotError)
    assert isinstance(refusal.value, ValueError)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"direction": "up"}, "direction"),
        ({"steps": [1, 2, 3]}, "values"),
        ({"steps": [1, 2, 2, 3]}, "increase"),
        ({"steps": [1, 2, math.nan, 4]}, "steps must be finite"),
        ({"values": [0.1, 0.2j, 0.3, 0.35]}, "values are complex"),
        ({"values": [[0.1, 0.2], [0.3, 0.35]]}, "give one curve"),
        ({"horizon": math.nan}, "horizon"),
        ({"bounds": (1.0, 0.0)}, "smaller first"),
        ({"bounds": (math.nan, 1.0)}, "smaller first"),
        ({"bounds": 1}, "smallest and the largest possible"),
        ({"bounds": (0, 1, 2)}, "smallest and the largest possible"),
        ({"values": [1.0, 20.0, 30.0, 35.0], "bounds": (0, 1)}, "from 1 to 35, beyond .*per cent"),
        ({"values": [-0.1, 0.2, 0.3, 0.4], "bounds": (0, None)}, "beyond the bounds"),
        ({"horizon": "100"}, "horizon is '100'; give one number: the last step"),
        ({"horizon": None}, "horizon is None; give one number"),
        ({"horizon": [9, 10]}, "give one number"),
        ({"horizon": 0.3}, "0.3 lies far before the last step 4; .* the same unit"),
        ({"noise": "a"}, "noise is 'a'; give one number: the standard deviation"),
        ({"noise": -1.0}, "give the standard deviation"),
        ({"resolution": "fine"}, "give one number: the smallest step"),
        ({"min_points": 1}, "min_points is 1; give 3 or more"),
        ({"min_points": math.nan}, "give 3 or more"),
        ({"min_points": "few"}, "give one number: the fewest"),
        (
            {"steps": np.arange("2026-01-01", "2026-01-05", dtype="datetime64[D]")},
            "steps are dates or times; .* seconds since the start",
        ),
        ({"steps": [date(2026, 1, day) for day in (1, 2, 3, 4)]}, "steps are not all numbers"),
        ({"steps": ["a", "b", "c", "d"]}, "steps are not all numbers"),
        ({"values": ["a", "b", "c", "d"]}, "values are not all numbers"),
        ({"future_steps": "all"}, "future_steps are not all numbers"),
        ({"bounds": ("a", "b")}, "smallest and the largest possible"),
    ],
)
def test_misuse_is_refused(change, words):
    call = {
        "steps": [1, 2, 3, 4], "values": [0.1, 0.2, 0.3, 0.35], "horizon": 9, "direction": "max"
    } | change  # fmt: skip
    with pytest.raises(ValueError, match=words):
        forecast(call.pop("steps"), call.pop("values"), **call)


def test_a_value_may_lie_beyond_its_bounds_by_rounding():
    steps, values = learning(12)
    values[-1] = np.float32(1.0) + np.float32(1e-7)
    ahead = forecast(steps, values, horizon=3000, direction="max", bounds=(0, 1))
    assert ahead.final.interval(1.0)[1] <= 1.0 + 1e-6


@pytest.mark.parametrize("q", [-0.1, "half", None, [0.5, 1.1]])
def test_a_quantile_of_no_probability_is_refused(q):
    with pytest.raises(ValueError, match="between 0 and 1"):
        forecast(*learning(12), horizon=3000, direction="max").final.quantile(q)


@pytest.mark.parametrize("level", [-0.1, 1.5, math.nan])
def test_an_interval_of_no_probability_is_refused(level):
    ahead = forecast(*learning(12), horizon=3000, direction="max")
    with pytest.raises(ValueError, match="from 0 to 1"):
        ahead.final.interval(level)


def test_a_forecast_is_shown_in_a_few_lines():
    steps, values = learning(20)
    ahead = forecast(steps, values, horizon=4000, direction="max")
    low, high = ahead.final.interval(0.8)
    shown = f"Predictive(median={ahead.final.median:.6g}, interval(0.8)=({low:.6g}, {high:.6g}))"
    assert repr(ahead.final) == shown
    assert f"final={shown}" in repr(ahead)
    assert len(repr(ahead)) < 800


def test_what_is_left_out_is_counted_in_words():
    steps, values = learning(10)
    values[3] = math.nan
    (note,) = forecast(steps, values, horizon=2000, direction="max").notes
    assert note == "1 evaluation that is not finite was left out"


def test_a_negative_delta_is_refused():
    steps, values = learning(10)
    with pytest.raises(ValueError, match="delta"):
        forecast(steps, values, horizon=2000, direction="max").p_gain(-0.1)


@pytest.mark.parametrize("delta", ["0.5pt", [0.01, 0.1], np.array([0.01, 0.1]), None])
def test_a_delta_that_is_not_one_number_is_refused(delta):
    ahead = forecast(*learning(10), horizon=2000, direction="max")
    with pytest.raises(ValueError, match="give one number: a gain in the metric's units"):
        ahead.p_gain(delta)
    assert ahead.p_gain(np.float32(0.25)) == ahead.p_gain(np.array(0.25)) == ahead.p_gain(0.25)


def test_a_horizon_far_beyond_the_steps_is_told():
    steps, values = learning(10)
    epochs = steps / steps[0]
    plain, told = (
        forecast(epochs, values, horizon=end, direction="max", future_steps=[end]).notes
        for end in (0.9e7, 1.1e7)
    )
    assert not any("unit" in note for note in plain)
    (note,) = (note for note in told if "unit" in note)
    assert note.startswith("the horizon is 1,100,000 times the last step")


def test_nothing_remains_at_or_before_the_last_step():
    steps, values = learning(10)
    done = forecast(steps, values, horizon=steps[-1], direction="max")
    assert done.final.interval() == (values[-1], values[-1])
    assert done.best.median == values.max()
    assert done.p_gain(0.0) == 0.0
    assert done.n_ahead == 0
    assert "nothing remains" in done.notes[0]
    passed = forecast(steps, values, horizon=0.2 * steps[-1], direction="max")
    assert passed.notes == done.notes
    none = forecast(steps, values, horizon=9e3, direction="max", future_steps=[steps[0]])
    assert none.notes == (
        "nothing remains: no evaluation is planned after the last one and up to the horizon",
    )


def test_planned_evaluations_count():
    steps, values = learning(40, noise=0.02)
    once = forecast(steps, values, horizon=5000, direction="max", future_steps=[5000])
    often = forecast(
        steps, values, horizon=5000, direction="max", future_steps=np.arange(4010, 5001, 10)
    )
    assert (once.n_ahead, often.n_ahead) == (1, 100)
    assert often.p_gain(0.02) > once.p_gain(0.02)


def test_the_default_plan_goes_on_at_the_recent_spacing():
    steps, values = learning(20)
    assert forecast(steps, values, horizon=3000, direction="max").n_ahead == 10
    assert forecast(steps, values, horizon=2050, direction="max").n_ahead == 1
