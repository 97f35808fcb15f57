from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_analytics.stats import thin


@given(
    st.lists(st.floats(-1e3, 1e3) | st.just(float("nan")), min_size=1, max_size=80),
    st.integers(1, 100),
)
def test_bins_agree_with_plain_slices(y, n_bins):
    y = np.array(y)
    x = np.arange(y.size) ** 1.5
    got = thin(x, y, n_bins)
    parts = np.split(np.arange(y.size), [y.size * i // got.x.size for i in range(1, got.x.size)])
    assert got.x.size == min(n_bins, y.size)
    assert np.ptp([part.size for part in parts]) <= 1
    for i, part in enumerate(parts):
        kept = y[part][np.isfinite(y[part])]
        assert got.x[i] == pytest.approx(np.median(x[part]))
        assert got.count[i] == kept.size
        if kept.size:
            assert got.y[i] == pytest.approx(kept.mean(), abs=1e-9)
            assert got.spread[i] == pytest.approx(kept.std(), abs=1e-9)
        else:
            assert np.isnan(got.y[i])
            assert np.isnan(got.spread[i])


def test_few_points_stay_as_they_are():
    got = thin([1, 2, 5], [3.0, 2.0, 1.0], 10)
    assert got.x.tolist() == [1, 2, 5]
    assert got.y.tolist() == [3, 2, 1]
    assert got.spread.tolist() == [0, 0, 0]


def test_infinite_points_take_no_part():
    got = thin([0, 1, 2, 3], [1.0, np.inf, -np.inf, 5.0], 1)
    assert (got.y[0], got.count[0]) == (3.0, 2)


def test_median_x_when_the_counter_jumps_back():
    assert thin([10, 1, 7, 3, 2, 4], np.zeros(6), 2).x.tolist() == [7.0, 3.0]


def test_points_without_a_place_are_dropped():
    assert thin([0, np.nan, 2], [1.0, 9.0, 3.0], 1).y.tolist() == [2.0]


def test_a_million_points_are_thinned_to_as_many_bins():
    x = np.arange(1e6)
    got = thin(x, x % 2, 200)
    assert got.count.tolist() == [5000] * 200
    np.testing.assert_allclose(got.y, 0.5)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="n_bins is 0"):
        thin([1], [1], 0)
    with pytest.raises(ValueError, match="x has 1 points and y has 2"):
        thin([1], [1, 2], 3)
