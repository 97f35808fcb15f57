"""Score the forecast on real curves, each source with priors fitted on the other sources.

Prints, for the final value: mean absolute error and CRPS by share of the run, beside last value
with a random walk, a line in log step and least-squares pow3; coverage of the 80 and 90 %
intervals; Brier score and calibration error of P(gain). Losses are scored as -log, errors over
the range of the curve and clipped at 2. Everything is the mean over sources of source means.

Usage: python benchmarks/bench_forecast.py [curves per source, 60]
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from fit_forecast_priors import PER_SOURCE, fit, training
from forecast_curves import FRACTIONS, Case, cut, find_curves, load

from copilot_analytics.errors import NotEnoughPoints
from copilot_analytics.stats._paths import normal_quantile
from copilot_analytics.stats.curve_families import fit_family
from copilot_analytics.stats.forecast import forecast

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from copilot_analytics.stats._paths import Priors

LEVELS = np.linspace(0.005, 0.995, 100)
NORMAL = normal_quantile(LEVELS)
CLIP = 2.0
METHODS = ("last + walk", "log line", "pow3", "forecast")


def last_and_walk(case: Case, y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quantiles of the final value: no change, and a random walk of the recent steps."""
    half = np.diff(y[len(y) // 2 - 1 :]) if len(y) > 3 else np.diff(y)
    sd = 1.4826 * float(np.median(np.abs(half))) * np.sqrt(case.curve.steps.size - case.n)
    return y[-1] + max(sd, 1e-9) * NORMAL


def log_line(case: Case, y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quantiles by least squares in log step over the last half."""
    tail = slice(min(case.n // 2, case.n - 3), None)
    t, u = np.log(np.maximum(case.steps[tail], 0.5)), y[tail]
    design = np.column_stack((np.ones_like(t), t))
    beta, *_ = np.linalg.lstsq(design, u, rcond=None)
    at = np.array([1.0, np.log(case.curve.steps[-1])])
    residual = float(((u - design @ beta) ** 2).sum()) / max(t.size - 2, 1)
    lever = float(at @ np.linalg.pinv(design.T @ design) @ at)
    return float(at @ beta) + max(np.sqrt(residual * (1.0 + lever)), 1e-9) * NORMAL


def pow3(case: Case, y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quantiles by least squares and curvature."""
    keep = case.steps > 0
    try:
        fitted = fit_family(case.steps[keep], y[keep], "pow3")
    except NotEnoughPoints:
        return last_and_walk(case, y)
    mean, error = fitted.predict(case.curve.steps[-1:])
    sd = np.hypot(float(error[0]), 0.0 if case.n < 4 else fitted.residual_sd)
    return float(mean[0]) + (sd if np.isfinite(sd) and sd > 0 else 1e-9) * NORMAL


def crps(quantiles: NDArray[np.float64], final: float, spread: float) -> float:
    """CRPS by pinball loss, over the range of the curve; errors clipped."""
    error = np.clip((final - quantiles) / spread, -CLIP, CLIP)
    return float(2.0 * np.maximum(LEVELS * error, (LEVELS - 1.0) * error).mean())


def score(case: Case, priors: Priors) -> dict[str, float]:
    """Score every method on a prefix."""
    curve = case.curve
    y = curve.scored(case.values)
    started = time.perf_counter()
    ahead = forecast(
        case.steps, case.values, horizon=float(curve.steps[-1]), direction=curve.direction,
        bounds=curve.bounds, future_steps=curve.steps[case.n :], _priors=priors,
    )  # fmt: skip
    row = {"ms": 1e3 * (time.perf_counter() - started)}
    values = np.asarray(ahead.final.quantile(LEVELS))
    best = curve.scored(np.array([ahead.best.median]))[0]
    quantiles = {
        "last + walk": last_and_walk(case, y),
        "log line": log_line(case, y),
        "pow3": pow3(case, y),
        "forecast": np.sort(curve.scored(values)),
    }
    for name, found in quantiles.items():
        row[f"mae {name}"] = min(abs(case.final - float(np.median(found))) / curve.spread, CLIP)
        row[f"crps {name}"] = crps(found, case.final, curve.spread)
        for level in (80, 90):
            low, high = np.interp((0.5 - level / 200, 0.5 + level / 200), LEVELS, found)
            row[f"cov{level} {name}"] = float(low <= case.final <= high)
            row[f"width{level} {name}"] = min(float(high - low) / curve.spread, 2 * CLIP)
    reached = max(case.best_so_far, case.best_ahead)
    row["mae best"] = min(abs(reached - best) / curve.spread, CLIP)
    for times in (1, 2, 4):
        gain = times * curve.delta
        aim = curve.delta * times
        if curve.is_log:
            aim = ahead.best_so_far * (1.0 - np.exp(-gain))
        row[f"p x{times}"] = ahead.p_gain(float(aim))
        row[f"hit x{times}"] = float(case.best_ahead - case.best_so_far > gain)
    return row


def reliability(
    p: NDArray[np.float64], hit: NDArray[np.float64], weight: NDArray[np.float64]
) -> float:
    """Calibration error over ten bins."""
    which = np.minimum((p * 10).astype(int), 9)
    total = 0.0
    for b in range(10):
        inside = which == b
        if inside.any():
            total += abs(float((weight[inside] * (p[inside] - hit[inside])).sum()))
    return total / float(weight.sum())


def main() -> int:
    """Print the tables."""
    folder = find_curves()
    if folder is None:
        print("no folder shared/curves beside the repository; COPILOT_SHARED names another place")
        return 0
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    prefixes = training(load(folder, PER_SOURCE))
    cases: dict[str, list[Case]] = defaultdict(list)
    for curve in load(folder, count):
        cases[curve.source] += cut(curve)
    rows: dict[tuple[str, float], list[dict[str, float]]] = defaultdict(list)
    for source, of in cases.items():
        priors = fit([p for p in prefixes if p.case.curve.source != source])
        for case in of:
            rows[source, case.fraction].append(score(case, priors))
    report(rows)
    return 0


def report(rows: dict[tuple[str, float], list[dict[str, float]]]) -> None:
    """Print what was scored."""
    sources = sorted({source for source, _ in rows})

    def macro(name: str, fractions: tuple[float, ...]) -> float:
        means = []
        for source in sources:
            of = [row[name] for f in fractions for row in rows.get((source, f), [])]
            if of:
                means.append(float(np.mean(of)))
        return float(np.mean(means))

    n = sum(len(of) for of in rows.values())
    print(f"{n} prefixes of {len(sources)} sources, each scored with priors of the others\n")
    for title, name in (("MAE", "mae"), ("CRPS", "crps"), ("80 %", "cov80"), ("90 %", "cov90")):
        print(f"{title:12}" + "".join(f"{f:>8.0%}" for f in FRACTIONS) + f"{'all':>8}")
        for method in METHODS:
            cells = [macro(f"{name} {method}", (f,)) for f in FRACTIONS]
            cells.append(macro(f"{name} {method}", FRACTIONS))
            print(f"{method:12}" + "".join(f"{cell:8.3f}" for cell in cells))
        print()
    print("MAE of best " + "".join(f"{macro('mae best', (f,)):8.3f}" for f in FRACTIONS))
    print("\nby source: MAE, CRPS, best baseline's CRPS, 80 %, 90 %, width 80, Brier x1, prefixes")
    flat = [(s, f, row) for (s, f), of in rows.items() for row in of]
    for source in sources:
        of = [row for s, _, row in flat if s == source]
        mean = {key: float(np.mean([row[key] for row in of])) for key in of[0]}
        brier = float(np.mean([(row["p x1"] - row["hit x1"]) ** 2 for row in of]))
        rival = min(mean[f"crps {name}"] for name in METHODS[:3])
        cells = (mean["mae forecast"], mean["crps forecast"], rival, mean["cov80 forecast"],
                 mean["cov90 forecast"], mean["width80 forecast"], brier)  # fmt: skip
        print(f"{source:12}" + "".join(f"{cell:8.3f}" for cell in cells) + f"{len(of):6d}")
    counts = {s: sum(1 for other, _, _ in flat if other == s) for s in sources}
    weight = np.array([1.0 / counts[s] for s, _, _ in flat])
    print("\nP(gain)      Brier    base   skill     ECE")
    for times in (1, 2, 4):
        p = np.array([row[f"p x{times}"] for _, _, row in flat])
        hit = np.array([row[f"hit x{times}"] for _, _, row in flat])
        # The base rate of the other sources at that share of the run.
        rate = []
        for s, f, _ in flat:
            means = [
                np.mean([row[f"hit x{times}"] for row in rows[other, f]])
                for other in sources
                if other != s and (other, f) in rows
            ]
            rate.append(float(np.mean(means)))
        brier = float(np.average((p - hit) ** 2, weights=weight))
        base = float(np.average((np.array(rate) - hit) ** 2, weights=weight))
        skill = 1.0 - brier / base
        error = reliability(p, hit, weight)
        print(f"delta x{times}   {brier:7.3f} {base:7.3f} {skill:7.3f} {error:7.3f}")
    times_ms = [row["ms"] for _, _, row in flat]
    median, high = np.quantile(times_ms, (0.5, 0.95))
    print(f"\nms per forecast: median {median:.2f}, 95 % {high:.2f}")


if __name__ == "__main__":
    sys.exit(main())
