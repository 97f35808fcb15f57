"""The cases that the forecast is fitted to: finished curves as they stood on the way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from forecast_curves import Case, Curve, cut, find_curves, load_small
from forecast_logs import load_logs

from copilot_analytics.stats import _grid
from copilot_analytics.stats import forecast as forecasting
from copilot_analytics.stats._forecast_input import limits_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from copilot_analytics.stats._features import Situation

PER_SOURCE = 150
FIT_FRACTIONS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


@dataclass(frozen=True)
class Prefix:
    """A case in the model's units, with what the grid says of its end."""

    case: Case
    scale: forecasting.Scale
    situation: Situation
    ahead: NDArray[np.float64]
    sizes: NDArray[np.float64]
    final: float
    best_ahead: float
    changed: bool
    log_evidence: NDArray[np.float32]
    mean: NDArray[np.float32]
    variance: NDArray[np.float32]


def prefix_of(case: Case, *, changed: bool = False) -> Prefix:
    """Condition the grid on a case."""
    planned = case.curve.steps[case.n :]
    scale, situation, ahead, sizes = forecasting._situation(
        case.steps, case.values, planned, case.curve.direction,
        limits_of(case.curve.bounds, case.values), None,
    )  # fmt: skip
    posterior = _grid.grid_posterior(situation.prefix, ahead)
    future = posterior.shapes[posterior.shape_index, -1]
    clock = (1.0 - situation.prefix.now**_grid.WARP) * situation.prefix.clock_unit
    mean = posterior.level + posterior.rise * future
    variance = (
        posterior.level_var
        + posterior.rise_var * (future - posterior.lever) ** 2
        + posterior.drift_var * clock
        + posterior.noise_var
    )
    rest = case.curve.values[case.n :]
    rest = scale.inward(np.clip(rest, 1e-300, None) if scale.is_log else rest)
    return Prefix(
        case, scale, situation, ahead, sizes, float(rest[-1]), float(rest.max()), changed,
        posterior.log_evidence.astype(np.float32),
        mean.astype(np.float32),
        variance.astype(np.float32),
    )  # fmt: skip


def changed(curve: Curve, rng: np.random.Generator) -> list[Curve]:
    """Return the curve as it would be had the run been planned shorter, or evaluated less often."""
    n = curve.steps.size
    made = []
    if n >= 24:
        cut_at = int(n * rng.uniform(0.35, 0.8))
        made.append(replace(curve, steps=curve.steps[:cut_at], values=curve.values[:cut_at]))
    if n >= 30:
        if rng.random() < 0.5:
            every = int(rng.integers(2, max(3, n // 12) + 1))
            kept = np.arange(n - 1, -1, -every)[::-1]
        else:
            spaced = np.geomspace(1, n, int(rng.integers(10, 26)))
            kept = np.unique(np.round(spaced).astype(np.int64)) - 1
        if kept.size >= 8:
            made.append(replace(curve, steps=curve.steps[kept], values=curve.values[kept]))
    return made


def training(curves: list[Curve]) -> list[Prefix]:
    """Prefixes of the curves that may be used, and of those of the logs beside them."""
    folder = find_curves()
    logs = folder.with_name("corpus") if folder is not None else None
    if logs is not None and (logs / "manifest.csv").is_file():
        curves = [*curves, *load_logs(logs)]
    curves = [*curves, *load_small()]
    rng = np.random.default_rng(1)
    made = []
    for i, curve in enumerate(curves):
        if not curve.free:
            continue
        # Every other fraction, in turn: near ones tell the same.
        made += [prefix_of(case) for case in cut(curve, FIT_FRACTIONS[i % 2 :: 2])]
        for other in changed(curve, rng):
            fractions = tuple(np.sort(rng.uniform(0.05, 0.95, 3)).tolist())
            made += [prefix_of(case, changed=True) for case in cut(other, fractions)]
    return made
