"""What the forecast is measured against: quantiles of the final value in the scored scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from curve_ensemble import ensemble as families

from copilot_analytics.errors import NotEnoughPoints
from copilot_analytics.stats._paths import normal_quantile
from copilot_analytics.stats.curve_families import fit_family

if TYPE_CHECKING:
    from forecast_curves import Case
    from numpy.typing import NDArray

LEVELS = np.linspace(0.005, 0.995, 100)
NORMAL = normal_quantile(LEVELS)


def last_and_walk(case: Case, y: NDArray[np.float64]) -> NDArray[np.float64]:
    """No change, and a random walk of the recent steps."""
    half = np.diff(y[len(y) // 2 - 1 :]) if len(y) > 3 else np.diff(y)
    sd = 1.4826 * float(np.median(np.abs(half))) * np.sqrt(case.curve.steps.size - case.n)
    return y[-1] + max(sd, 1e-9) * NORMAL


def log_line(case: Case, y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least squares in log step over the last half."""
    tail = slice(min(case.n // 2, case.n - 3), None)
    t, u = np.log(np.maximum(case.steps[tail], 0.5)), y[tail]
    design = np.column_stack((np.ones_like(t), t))
    beta, *_ = np.linalg.lstsq(design, u, rcond=None)
    at = np.array([1.0, np.log(case.curve.steps[-1])])
    residual = float(((u - design @ beta) ** 2).sum()) / max(t.size - 2, 1)
    lever = float(at @ np.linalg.pinv(design.T @ design) @ at)
    return float(at @ beta) + max(np.sqrt(residual * (1.0 + lever)), 1e-9) * NORMAL


def pow3(case: Case, y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least squares and curvature."""
    keep = case.steps > 0
    try:
        fitted = fit_family(case.steps[keep], y[keep], "pow3")
    except NotEnoughPoints:
        return last_and_walk(case, y)
    mean, error = fitted.predict(case.curve.steps[-1:])
    sd = np.hypot(float(error[0]), 0.0 if case.n < 4 else fitted.residual_sd)
    return float(mean[0]) + (sd if np.isfinite(sd) and sd > 0 else 1e-9) * NORMAL


def ensemble(case: Case, y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ten families by AICc weight; the last value where there are too few points."""
    keep = case.steps > 0
    found = families(case.steps[keep], y[keep], float(case.curve.steps[-1]), LEVELS)
    return last_and_walk(case, y) if found is None else found


RIVALS = {
    "last + walk": last_and_walk,
    "log line": log_line,
    "pow3": pow3,
    "ensemble": ensemble,
}
