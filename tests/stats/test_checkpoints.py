from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_analytics.stats.checkpoints import tie_set


def test_within_the_noise_of_the_best_and_no_further():
    found = tie_set([1, 2, 3, 4], [2.0, 1.1, 1.0, 1.31], direction="min", noise=0.3)
    assert found.tolist() == [2, 1]


def test_the_earlier_of_equals_comes_first():
    assert tie_set([10, 20, 30], [0.5, 0.9, 0.9], direction="max", noise=0.0).tolist() == [1, 2]


def test_nan_is_never_a_candidate():
    found = tie_set([1, 2, 3], [math.nan, 0.4, math.inf], direction="max", noise=1.0)
    assert found.tolist() == [1]
    assert tie_set([1], [math.nan], direction="max", noise=1.0).size == 0


def test_unknown_noise_leaves_the_best_alone():
    assert tie_set([1, 2], [0.5, 0.6], direction="max", noise=math.nan).tolist() == [1]


@pytest.mark.parametrize(
    "wrong", [{"direction": "up"}, {"noise": -1.0}, {"steps": [1, 2]}], ids=lambda w: next(iter(w))
)
def test_misuse_is_refused(wrong):
    call = {"steps": [1], "values": [1.0], "direction": "max", "noise": 0.1} | wrong
    with pytest.raises(ValueError, match=r"direction|noise|match"):
        tie_set(call.pop("steps"), call.pop("values"), **call)


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
    st.floats(0.0, 100.0),
    st.floats(0.0, 100.0),
)
def test_more_noise_keeps_more_and_the_best_leads(values, noise, more):
    steps = np.arange(len(values))
    small = tie_set(steps, values, direction="max", noise=noise)
    large = tie_set(steps, values, direction="max", noise=noise + more)
    assert set(small) <= set(large)
    assert values[small[0]] == max(values)
