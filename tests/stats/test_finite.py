"""The fast median is numpy's."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from copilot_analytics.stats.finite import median


@given(arrays.arrays(np.float64, st.integers(1, 40), elements=st.floats(allow_nan=True)))
def test_the_median_is_that_of_numpy_to_the_bit(y):
    before = y.copy()
    with np.errstate(all="ignore"):
        expected = float(np.median(y))
    assert np.array_equal(median(y), expected, equal_nan=True)
    assert np.array_equal(y, before, equal_nan=True)
