from __future__ import annotations

import numpy as np
import pytest

from copilot_analytics.stats.staircase import staircase

X = np.arange(1.0, 501.0)


def noisy(curve, seed, size=0.02):
    return curve * (1.0 + size * np.random.default_rng(seed).normal(size=len(X)))


@pytest.mark.parametrize("seed", range(5))
def test_drops_at_the_boundaries_are_found(seed):
    epochs = np.ceil(X / 100.0)
    found = staircase(X, noisy(1.5 * 0.7**epochs, seed), 100.0)
    assert found is not None
    assert found.at.tolist() == [200.0, 300.0, 400.0]
    assert found.drops == pytest.approx([0.3 * 1.5 * 0.7**n for n in (2, 3, 4)], rel=0.2)
    assert found.levels[-1] == pytest.approx(1.5 * 0.7**5, rel=0.05)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    "curve",
    [
        0.4 + 2.0 * np.exp(-X / 60.0),
        2.5 * (X / 10.0) ** -0.35,
        np.full(len(X), 2.3),
        2.0 - 0.003 * X,
        np.where(X > 230, 1.0, 1.5),
    ],
    ids=["exponential", "power", "flat", "line", "one drop elsewhere"],
)
def test_smooth_curves_are_no_staircase(curve, seed):
    assert staircase(X, noisy(curve, seed), 100.0) is None


def test_two_epochs_or_few_points_say_nothing():
    epochs = np.ceil(X / 250.0)
    assert staircase(X, 1.5 * 0.7**epochs, 250.0) is None
    assert staircase(X[::8], (1.5 * 0.7 ** np.ceil(X / 100.0))[::8], 100.0) is None
    assert staircase(np.empty(0), np.empty(0), 100.0) is None


def test_what_is_not_finite_is_left_out():
    curve = noisy(1.5 * 0.7 ** np.ceil(X / 100.0), 1)
    curve[::50] = np.nan
    assert staircase(X, curve, 100.0) is not None
