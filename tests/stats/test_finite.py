"""The fast median and quantiles are numpy's."""

from __future__ import annotations

import numpy as np
from call_counts import counted_calls
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from copilot_analytics.stats.finite import as_floats, bounded, median, quantiles


@given(arrays.arrays(np.float64, st.integers(1, 40), elements=st.floats(allow_nan=True)))
def test_the_median_is_that_of_numpy_to_the_bit(y):
    before = y.copy()
    with np.errstate(all="ignore"):
        expected = float(np.median(y))
    assert np.array_equal(median(y), expected, equal_nan=True)
    assert np.array_equal(y, before, equal_nan=True)


@given(
    arrays.arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e150, 1e150)),
    st.lists(st.floats(0.0, 1.0), min_size=1, max_size=3),
)
def test_quantiles_are_those_of_numpy_to_the_bit(y, shares):
    before = y.copy()
    assert quantiles(y, shares) == np.quantile(y, shares).tolist()
    assert np.array_equal(y, before)


def test_only_what_is_too_large_is_clipped():
    y = [np.nan, np.inf, -np.inf, 1e301, -1e301, 1e300, 0.0]
    expected = [np.nan, np.inf, -np.inf, 1e300, -1e300, 1e300, 0.0]
    assert np.array_equal(as_floats(y), expected, equal_nan=True)
    assert as_floats(3).tolist() == [3.0]
    assert as_floats([[1, 2], [3, 4]]).tolist() == [1.0, 2.0, 3.0, 4.0]


def test_a_quantile_of_few_points_costs_little():
    y = np.arange(40.0)
    spent = []
    for how in (quantiles, np.quantile):
        how(y, (0.05, 0.95))
        with counted_calls() as calls:
            how(y, (0.05, 0.95))
        spent += calls
    assert 3 * spent[0] < spent[1]


@given(st.floats(), st.floats(-1e9, 1.0), st.floats(1.0, 1e9))
def test_a_number_is_held_as_numpy_does(number, low, high):
    assert np.array_equal(bounded(number, low, high), np.clip(number, low, high), equal_nan=True)
