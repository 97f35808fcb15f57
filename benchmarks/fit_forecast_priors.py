"""Remake ``copilot_analytics/stats/forecast_priors.json`` from finished curves.

Three stages, each on what the one before gives: weights of the grid by log score of the final
value; shift and width of the final value by pinball loss over 19 levels (CRPS); the logistic line
of P(gain) by log loss. Every source weighs the same. Only curves under Apache-2.0 or MIT are
used. Runs that stop at a target leak their end into such a fit; they are used all the same, since
only two sources of six do, and `bench_forecast.py` shows every source by itself.

Usage: python benchmarks/fit_forecast_priors.py
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from forecast_curves import Case, Curve, cut, find_curves, load
from scipy.optimize import minimize

from copilot_analytics.stats import _grid, _paths
from copilot_analytics.stats import forecast as forecasting

if TYPE_CHECKING:
    from numpy.typing import NDArray

PER_SOURCE = 150
FIT_FRACTIONS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
LEVELS = np.arange(0.05, 0.96, 0.05)
RIDGE = (5e-3, 1e-2)
"""On shift and width; chosen leave-one-source-out, where weak ones fare worse."""
ROUNDS = {"weights": 60, "width": 250}


@dataclass(frozen=True)
class Prefix:
    """A case in the model's units, with what the grid says of its end."""

    case: Case
    scale: forecasting.Scale
    situation: _paths.Situation
    ahead: NDArray[np.float64]
    sizes: NDArray[np.float64]
    final: float
    log_evidence: NDArray[np.float32]
    mean: NDArray[np.float32]
    variance: NDArray[np.float32]


def prefix_of(case: Case) -> Prefix:
    """Condition the grid on a case."""
    planned = case.curve.steps[case.n :]
    scale, situation, ahead, sizes = forecasting._situation(
        case.steps, case.values, planned, case.curve.direction,
        case.curve.bounds or (None, None), False,
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
    final = float(scale.inward(case.curve.values[-1:])[0])
    return Prefix(
        case, scale, situation, ahead, sizes, final,
        posterior.log_evidence.astype(np.float32),
        mean.astype(np.float32),
        variance.astype(np.float32),
    )  # fmt: skip


def source_weights(prefixes: list[Prefix]) -> NDArray[np.float64]:
    """Every source weighs the same."""
    count = Counter(prefix.case.curve.source for prefix in prefixes)
    # A source of few curves would otherwise be learned by heart.
    weight = np.array([1.0 / max(count[p.case.curve.source], 300) for p in prefixes])
    return weight / weight.sum()


def fit_weights(prefixes: list[Prefix]) -> dict[str, Any]:
    """Stage 1."""
    evidence = np.stack([p.log_evidence for p in prefixes])
    evidence = evidence - evidence.max(axis=1, keepdims=True)
    evidence = np.maximum(evidence, -60.0)
    mean = np.stack([p.mean for p in prefixes])
    variance = np.stack([p.variance for p in prefixes])
    y = np.clip([p.final for p in prefixes], -1e6, 1e6).astype(np.float32)
    density = np.maximum(-0.5 * ((y[:, None] - mean) ** 2 / variance + np.log(variance)), -60.0)
    weight = source_weights(prefixes)
    done = np.array([p.situation.prefix.now for p in prefixes])
    reach = 1.0 + np.sqrt((1.0 - done) / done)
    floor = 0.03 * np.exp(-np.abs(y) / reach) / reach
    d, s, k = _grid.GRID_SHAPE

    def loss(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        temper = np.exp(theta[0])
        drift, shape, noise = np.split(theta[1:], [d, d + s])
        grid = drift[:, None, None] + shape[None, :, None] + noise[None, None, :]
        log_weight = (temper * evidence + grid.ravel()[None]).astype(np.float32)
        prior = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
        prior /= prior.sum(axis=1, keepdims=True)
        joint = prior * np.exp(density)
        total = joint.sum(axis=1)
        joint /= np.maximum(total, 1e-30)[:, None]
        share = total / (total + floor)
        value = -(weight * np.log(total + floor)).sum()
        gradient = -(weight * share)[:, None] * (joint - prior)
        by_temper = (gradient * evidence).sum() * temper
        cells = gradient.sum(axis=0).reshape(d, s, k)
        ridge = 3e-3
        full = np.concatenate(
            ([by_temper], cells.sum((1, 2)), cells.sum((0, 2)), cells.sum((0, 1)))
        ) + ridge * np.concatenate(([0.0], theta[1:]))
        return float(value + 0.5 * ridge * (theta[1:] ** 2).sum()), full

    start = np.zeros(1 + d + s + k)
    start[0] = np.log(0.5)
    rounds = {"maxiter": ROUNDS["weights"]}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=rounds)
    drift, shape, noise = np.split(found.x[1:], [d, d + s])
    return {"drift": drift, "shape": shape, "noise": noise, "temper": float(np.exp(found.x[0]))}


def blank(weights: dict[str, Any]) -> _paths.Priors:
    """Priors without a correction."""
    return _paths.Priors(
        **weights,
        shift=np.zeros(_paths.N_MEMBERS),
        width=np.zeros(_paths.N_WIDTH),
        gain=np.zeros(_paths.N_GAIN),
        gain_turn=np.zeros(_paths.N_GAIN),
        gain_slope=np.zeros(2),
        tails=np.ones((3, 2)),
    )


def fit_shift(
    weight: NDArray[np.float64],
    unit: NDArray[np.float64],
    quantiles: NDArray[np.float64],
    y: NDArray[np.float64],
    members: NDArray[np.float64],
    features: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Stage 2: pinball loss of shifted and stretched quantiles, errors in units of the curve."""
    middle = quantiles[:, LEVELS.size // 2]
    away = quantiles - middle[:, None]
    n_shift = members.shape[1]
    soft = 0.003

    def loss(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        shift, width = theta[:n_shift], theta[n_shift:]
        raw = features @ width
        factor = np.exp(np.clip(raw, -2.5, 1.5))
        moved = middle + members @ shift
        error = (y - moved)[:, None] - factor[:, None] * away
        error = error * unit[:, None]
        # Smooth near 0 and clipped softly far out, as errors are clipped in the score.
        size = np.sqrt(error**2 + soft**2)
        slope = error / size
        far = size > 2.0
        pinball = 0.5 * np.where(far, 2.0 + 0.2 * (size - 2.0), size) + (LEVELS - 0.5) * np.where(
            far, 2.0 * slope, error
        )
        by_error = 0.5 * slope * np.where(far, 0.2, 1.0) + (LEVELS - 0.5) * np.where(far, 0.0, 1.0)
        by_error = by_error * (weight * unit)[:, None] / LEVELS.size
        value = float((weight[:, None] * pinball).sum() / LEVELS.size)
        by_shift = -(by_error.sum(axis=1)) @ members
        inside = (raw > -2.5) & (raw < 1.5)
        by_width = -((by_error * away).sum(axis=1) * factor * inside) @ features
        ridge = np.concatenate((np.full(n_shift, RIDGE[0]), np.full(width.size, RIDGE[1])))
        value += 0.5 * float((ridge * theta**2).sum())
        return value, np.concatenate((by_shift, by_width)) + ridge * theta

    start = np.zeros(n_shift + features.shape[1])
    rounds = {"maxiter": ROUNDS["width"]}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=rounds)
    return found.x[:n_shift], found.x[n_shift:]


def fit_gain(
    weight: NDArray[np.float64],
    chance: NDArray[np.float64],
    progress: NDArray[np.float64],
    features: NDArray[np.float64],
    happened: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    """Stage 3: log odds of a gain as those simulated, with positive slope, and an offset."""
    around = np.column_stack((np.ones_like(progress), 2.0 * progress - 1.0))
    logit = np.log(chance / (1.0 - chance))
    both = np.hstack((features, features * (chance - 0.5)[:, None]))

    def loss(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        raw = around @ theta[:2]
        slope = np.exp(np.clip(raw, -2.0, 1.0))
        z = slope * logit + both @ theta[2:]
        p = 1.0 / (1.0 + np.exp(-np.clip(z, -30, 30)))
        p = np.clip(p, 1e-6, 1 - 1e-6)
        value = -(weight * (happened * np.log(p) + (1 - happened) * np.log(1 - p))).sum()
        by_z = weight * (p - happened)
        inside = (raw > -2.0) & (raw < 1.0)
        gradient = np.concatenate(((by_z * logit * slope * inside) @ around, by_z @ both))
        ridge = 2e-3
        return float(value + 0.5 * ridge * (theta**2).sum()), gradient + ridge * theta

    found = minimize(loss, np.zeros(2 + both.shape[1]), jac=True, method="L-BFGS-B")
    offset, turn = np.split(found.x[2:], 2)
    return {"gain": offset, "gain_turn": turn, "gain_slope": found.x[:2]}


def fit_tails(
    weight: NDArray[np.float64],
    outside: NDArray[np.float64],
    progress: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Stretch of the 80 and 90 % interval: weighted quantiles of how far outside the truth is."""
    stretch = np.ones((3, 2))
    for i, (low, high) in enumerate(((0.0, 0.25), (0.25, 0.6), (0.6, 1.0))):
        inside = (progress > low) & (progress <= high)
        for j, level in enumerate((0.8, 0.9)):
            order = np.argsort(outside[inside, j])
            cumulated = np.cumsum(weight[inside][order])
            at = int(np.searchsorted(cumulated, level * cumulated[-1]))
            found = outside[inside, j][order][min(at, order.size - 1)]
            stretch[i, j] = float(np.clip(found, 0.8, 1.8))
    return stretch


def fit(prefixes: list[Prefix]) -> _paths.Priors:
    """All stages."""
    priors = blank(fit_weights(prefixes))
    weight = source_weights(prefixes)
    unit = np.array([p.scale.unit / p.case.curve.spread for p in prefixes])
    unit = np.minimum(unit, 20.0)
    quantiles, found, all_draws = [], [], []
    for p in prefixes:
        draws = _draw(p, priors)
        quantiles.append(np.quantile(draws.level[:, -1] + draws.noise[:, -1], LEVELS))
        found.append(_paths.correction(p.situation, draws))
        all_draws.append(draws)
    y = np.clip([p.final for p in prefixes], -1e6, 1e6)
    members = np.stack([f.members for f in found])
    features = np.stack([f.width_features for f in found])
    shift, width = fit_shift(weight, unit, np.stack(quantiles), y, members, features)
    priors = _with(priors, shift=shift, width=width)

    chances, happened, rows, emphasis = [], [], [], []
    for i, p in enumerate(prefixes):
        way = (p.ahead**_grid.WARP - p.situation.prefix.now**_grid.WARP) / (
            1.0 - p.situation.prefix.now**_grid.WARP
        )
        level, noise = _paths.corrected_paths(all_draws[i], found[i], priors, way)
        path = level + noise
        best = path.max(axis=1) - p.situation.best
        gain = p.case.best_ahead - p.case.best_so_far
        thresholds = [times * p.case.curve.delta for times in (1.0, 2.0, 4.0)]
        # Large gains too, or the body of the distribution of the best is not calibrated.
        wide = [float(v) * p.scale.unit for v in np.quantile(best, (0.15, 0.4, 0.6, 0.85))]
        thresholds += [v for v in wide if v > thresholds[-1]]
        for k, threshold in enumerate(thresholds):
            chances.append(np.clip((best > threshold / p.scale.unit).mean(), *_paths.CHANCE_LIMITS))
            happened.append(float(gain > threshold))
            rows.append(i)
            emphasis.append(1.0 if k < 3 else 0.4)
    at = np.array(rows)
    progress = np.array([p.situation.prefix.now for p in prefixes])
    gain_features = np.stack([f.gain_features for f in found])
    fitted = fit_gain(
        weight[at] * np.array(emphasis) / 3.0,
        np.array(chances),
        progress[at],
        gain_features[at],
        np.array(happened),
    )
    outside = _outside(prefixes, weight, unit, np.stack(quantiles), y, members, features)
    tails = fit_tails(weight, outside, progress)
    return _with(priors, **fitted, tails=tails)


def _outside(
    prefixes: list[Prefix],
    weight: NDArray[np.float64],
    unit: NDArray[np.float64],
    quantiles: NDArray[np.float64],
    y: NDArray[np.float64],
    members: NDArray[np.float64],
    features: NDArray[np.float64],
) -> NDArray[np.float64]:
    """How far the truth lies from the median, in half widths at 80 and 90 %.

    Each source is seen with a correction fitted on the others: within the sources fitted on,
    intervals look better than they are elsewhere.
    """
    source = np.array([p.case.curve.source for p in prefixes])
    found = np.empty((y.size, 2))
    for name in np.unique(source):
        out = source == name
        shift, width = fit_shift(
            weight[~out], unit[~out], quantiles[~out], y[~out], members[~out], features[~out]
        )
        middle = quantiles[out, LEVELS.size // 2]
        factor = np.exp(np.clip(features[out] @ width, -2.5, 1.5))
        error = y[out] - middle - members[out] @ shift
        for j, k in enumerate((1, 0)):
            upper = (quantiles[out, -1 - k] - middle) * factor
            lower = (middle - quantiles[out, k]) * factor
            found[out, j] = np.abs(error) / np.maximum(np.where(error > 0, upper, lower), 1e-9)
    return found


def _draw(prefix: Prefix, priors: _paths.Priors) -> _paths.Draws:
    posterior = _grid.grid_posterior(prefix.situation.prefix, prefix.ahead)
    return _paths.draw(prefix.situation.prefix, posterior, priors, prefix.ahead, prefix.sizes)


def _with(priors: _paths.Priors, **changed: NDArray[np.float64]) -> _paths.Priors:
    fields = {name: getattr(priors, name) for name in _paths.Priors.__dataclass_fields__}
    return _paths.Priors(**{**fields, **changed})


def training(curves: list[Curve]) -> list[Prefix]:
    """Prefixes of the curves that may be used."""
    return [
        prefix_of(case)
        for i, curve in enumerate(curves)
        if curve.free
        # Every other fraction, in turn: near ones tell the same.
        for case in cut(curve, FIT_FRACTIONS[i % 2 :: 2])
    ]


def main() -> int:
    """Fit on all sources and write the file."""
    folder = find_curves()
    if folder is None:
        print("no folder shared/curves beside the repository; COPILOT_SHARED names another place")
        return 0
    curves = load(folder, PER_SOURCE)
    prefixes = training(curves)
    priors = fit(prefixes)
    counts = Counter(p.case.curve.source for p in prefixes)
    numbers: dict[str, Any] = {
        "about": "Fitted by benchmarks/fit_forecast_priors.py on public learning curves under "
        "Apache-2.0 or MIT; prefixes by source: "
        + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())),
    }
    for name in _paths.Priors.__dataclass_fields__:
        numbers[name] = np.asarray(getattr(priors, name)).round(4).tolist()
    target = Path(_paths.__file__).with_name("forecast_priors.json")
    rows = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in numbers.items())
    target.write_text("{\n" + rows + "\n}\n")
    print(f"{target.name}: {len(prefixes)} prefixes of {len(curves)} curves")
    return 0


if __name__ == "__main__":
    sys.exit(main())
