from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_analytics.stats.restarts import next_restart, restarts


def cycles(lengths, lowest=0.0):
    parts = [lowest + (1 - lowest) * 0.5 * (1 + np.cos(np.pi * np.arange(n) / n)) for n in lengths]
    return np.concatenate(parts)


def test_each_cycle_begins_anew():
    assert restarts(cycles([20, 20, 20])).tolist() == [20, 40]
    assert next_restart(np.arange(50), cycles([20, 20, 20])[:50]) == 60.0


def test_cycles_that_double_are_foretold():
    rate = cycles([10, 20, 40])
    assert next_restart(10.0 * np.arange(35), rate[:35]) == 700.0


def test_a_mean_of_rows_may_lie_half_way_up():
    rate = np.concatenate((cycles([20]), [0.45], cycles([20])))
    assert restarts(rate).tolist() == [21]


def test_a_restart_that_did_not_come_is_not_awaited():
    rate = np.concatenate((cycles([20, 20]), np.full(10, 0.006)))
    assert next_restart(np.arange(41), rate[:41]) == 40.0, "it may be a little late"
    assert next_restart(np.arange(50), rate) is None


@pytest.mark.parametrize(
    "rate",
    [
        np.full(30, 0.1),
        np.linspace(0.0, 1.0, 30),
        np.concatenate((np.linspace(0.0, 1.0, 10), cycles([30]))),
        np.repeat([1.0, 0.1, 0.01], 10),
        np.tile([0.1, 0.01], 15),
        np.concatenate((np.linspace(0, 1, 12), np.linspace(1, 0, 12), np.linspace(0, 1, 12))),
        np.concatenate((cycles([15]), np.full(15, 0.02))),
        np.empty(0),
        np.ones(1),
    ],
    ids=[
        "constant",
        "warm-up",
        "one cycle",
        "drops",
        "two groups",
        "triangles",
        "floor",
        "none",
        "one",
    ],
)
def test_what_is_no_restart(rate):
    assert not restarts(rate).size
    assert next_restart(np.arange(rate.size), rate) is None


@given(st.lists(st.floats(0.0, 10.0), max_size=60), st.floats(1e-3, 1e3))
def test_the_unit_of_the_rate_does_not_matter(rate, unit):
    exact = 2.0 ** np.round(np.log2(unit))
    found = restarts(rate)
    assert found.tolist() == restarts(np.array(rate) * exact).tolist()
    assert (np.diff(found) > 0).all()
