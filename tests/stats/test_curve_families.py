from __future__ import annotations

import math

import numpy as np
import pytest

from copilot_analytics.errors import NotEnoughPoints
from copilot_analytics.stats.curve_families import FAMILIES, SHAPE_NAMES, fit_family, shape_grid

STEPS = np.arange(1.0, 61.0) * 50

TRUTHS = {
    "pow3": lambda t: 0.9 - 0.2 * t**-0.6,
    "pow4": lambda t: 0.9 - 0.2 * (t + 0.1) ** -0.8,
    "exp3": lambda t: 0.9 - 0.4 * np.exp(-3.0 * t),
    "log-linear": lambda t: 0.9 + 0.07 * np.log(t),
    "mmf4": lambda t: 0.9 - 0.6 / (1.0 + (t / 0.3) ** 1.7),
}


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_family_recovers_its_own_curve_and_extrapolates(name):
    truth = TRUTHS[name]
    fit = fit_family(STEPS, truth(STEPS / STEPS[-1]), name)
    mean, error = fit.predict([STEPS[-1] * 3])
    assert mean[0] == pytest.approx(truth(np.array([3.0]))[0], abs=2e-3)
    assert error[0] < 0.01
    assert fit.residual_sd < 1e-3
    assert set(fit.parameters) == set(FAMILIES[name].parameters)


def test_the_standard_error_grows_with_noise_and_distance():
    rng = np.random.default_rng(0)
    clean = TRUTHS["pow3"](STEPS / STEPS[-1])
    noise = rng.normal(size=STEPS.size)
    near, far = fit_family(STEPS, clean + 0.01 * noise).predict([STEPS[-1], 5 * STEPS[-1]])[1]
    calm = fit_family(STEPS, clean + 0.001 * noise).predict([5 * STEPS[-1]])[1][0]
    assert calm < far / 4
    assert near < far


def test_too_few_points_and_wrong_names_are_refused():
    with pytest.raises(NotEnoughPoints, match="4 parameters"):
        fit_family([1, 2, 3, 4], [1.0, math.nan, 2.0, 3.0], "mmf4")
    with pytest.raises(ValueError, match="pow3, pow4"):
        fit_family([1, 2, 3], [1, 2, 3], "pow9")
    with pytest.raises(ValueError, match="not above 0"):
        fit_family([0, 1, 2, 3], [1, 2, 3, 4], "pow3")


def test_every_shape_has_a_name_and_is_finite_where_runs_are():
    x = np.geomspace(1e-6, 1.0, 50)
    grid = shape_grid(x, float(x[20]))
    assert grid.shape == (len(SHAPE_NAMES), x.size)
    assert np.isfinite(grid).all()
    rising = [i for i, name in enumerate(SHAPE_NAMES) if not name.startswith(("flat", "peak"))]
    assert (np.diff(grid[rising], axis=1) >= 0.0).all()
