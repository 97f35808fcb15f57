from __future__ import annotations

import math

import pytest

from copilot_analytics.stats.levelling import bend, fall_ahead


def rate_of(curve, at, width=1e-4):
    return (curve(at - width) - curve(at + width)) / (2 * width)


@pytest.mark.parametrize(
    "curve",
    [
        lambda t: 8.0 * t**-0.4,
        lambda t: 5.0 - math.log(t),
        lambda t: 10.0 - 0.05 * t,
    ],
)
def test_a_power_of_time_is_carried_on_exactly(curve):
    power = bend((rate_of(curve, 40.0), rate_of(curve, 80.0)), (0.0, 0.0), (40.0, 80.0))
    ahead = fall_ahead(rate_of(curve, 100.0), 100.0, 400.0, power)
    assert ahead == pytest.approx(curve(100.0) - curve(400.0), rel=1e-3)


def test_an_exponential_has_little_left_to_fall():
    def curve(t):
        return 2.0 * math.exp(-t / 20.0)

    power = bend((rate_of(curve, 60.0), rate_of(curve, 90.0)), (0.0, 0.0), (60.0, 90.0))
    ahead = fall_ahead(rate_of(curve, 100.0), 100.0, 400.0, power)
    assert curve(100.0) < ahead < 2.0 * curve(100.0)


def test_what_drowns_in_noise_is_taken_for_a_logarithm():
    assert bend((0.1, -0.1), (5.0, 5.0), (40.0, 80.0)) == pytest.approx(0.9, abs=0.1)
    assert bend((0.1, 0.1), (math.nan, 0.1), (40.0, 80.0)) == 1.0
    assert bend((1e-300, 1e300), (0.0, 0.0), (40.0, 80.0)) == 0.0
    assert bend((0.1, 0.1), (0.0, 0.0), (0.0, 80.0)) == 1.0


def test_a_rate_that_ended_is_the_steepest_bend():
    assert bend((1.0, 0.0), (1e-6, 1e-6), (40.0, 80.0)) > 3.0
