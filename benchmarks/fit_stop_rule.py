"""Remake ``copilot_analytics/stats/stop_rule.json``; run it after every change of the forecast.

Each source is forecast with priors of the others. Its chances of a gain are mapped to chances of
losing by a logistic line fitted on the others too, so that what the file says of a strictness is
what it did where nothing was fitted. Only curves under Apache-2.0 or MIT are used; every source
weighs the same.

Usage: python benchmarks/fit_stop_rule.py [curves per source, 150]
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from forecast_curves import find_curves, load
from forecast_prefixes import PER_SOURCE, training
from gain_traces import Trace, priors_by_source, traces
from scipy.optimize import minimize
from stop_scores import Score, score

from copilot_analytics.stats import stopping
from copilot_analytics.stats.stopping import Calibration, Strictness, lasting_prices, with_doubt

if TYPE_CHECKING:
    from numpy.typing import NDArray

RISKS = (0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.10, 0.15, 0.20)
LIMITS = np.geomspace(3e-3, 3.0, 121)
RIDGE = 1e-3
NAMES = {
    "algoperf": "AlgoPerf",
    "mlperf": "MLPerf",
    "nanogpt": "modded-nanogpt",
    "rlzoo": "RL Baselines3 Zoo",
    "taskset": "TaskSet",
    "yolo": "YOLO",
}
FEWEST_IN_SOURCE = 40
"""A source of fewer curves weighs less, or it would be learned by heart."""


def fit_calibration(known: list[Trace]) -> Calibration:
    """Fit the chance of losing by log loss; every source weighs the same, and so does each run."""
    count = Counter(t.curve.source for t in known)
    design, lost, weight = [], [], []
    for t in known:
        p = np.array([with_doubt(*pair) for pair in zip(t.p_gain, t.progress, strict=True)])
        p = np.clip(p, 1e-3, 1.0 - 1e-3)
        odds = np.log(p / (1.0 - p))
        design.append(np.column_stack((np.ones_like(p), odds, t.stale, np.arcsinh(t.short))))
        lost.append((t.forgone > 1.0 + 1e-9).astype(np.float64))
        each = 1.0 / max(count[t.curve.source], FEWEST_IN_SOURCE) / p.size
        weight.append(np.full(p.size, each))
    x, y, w = np.vstack(design), np.concatenate(lost), np.concatenate(weight)
    w = w / w.sum()
    start = np.array([0.0, 1.0, 0.0, 0.0])

    def loss(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = x @ theta
        value = float((w * (np.logaddexp(0.0, z) - y * z)).sum())
        gradient = x.T @ (w * (1.0 / (1.0 + np.exp(-z)) - y))
        away = theta - start
        return value + 0.5 * RIDGE * float(away @ away), gradient + RIDGE * away

    bounds = [(None, None), (0.0, None), (None, 0.0), (0.0, None)]
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    return Calibration(*(float(value) for value in found))


def prices_of(known: list[Trace], calibration: Calibration) -> list[NDArray[np.float64]]:
    """Return the limits at which the rule would begin to stop, for each look at each run."""
    return [
        lasting_prices(
            t.p_gain, t.progress, t.stale, t.short, evals=t.at + 1, calibration=calibration
        )
        for t in known
    ]  # fmt: skip


def held_out(known: list[Trace], fitting: list[Trace]) -> list[NDArray[np.float64]]:
    """Return the prices of each run by a calibration that does not know its source."""
    by_source = {
        source: fit_calibration([t for t in fitting if t.curve.source != source])
        for source in {t.curve.source for t in known}
    }
    return [
        prices_of([t], by_source[t.curve.source])[0] for t in known
    ]  # fmt: skip


def stop_at(t: Trace, prices: NDArray[np.float64], limit: float) -> int | None:
    """Return the index of the evaluation at which a run is stopped."""
    hit = prices <= limit
    return int(t.at[np.argmax(hit)]) if hit.any() else None


def score_at(known: list[Trace], prices: list[NDArray[np.float64]], limit: float) -> Score:
    """Score the rule at one limit."""
    return score((t.curve, stop_at(t, p, limit)) for t, p in zip(known, prices, strict=True))


def limit_for(scores: list[Score], risk: float) -> int | None:
    """Return the place of the highest limit up to which no limit misses more than `risk`.

    One standard error over the sources is added: sources differ, and the next one is a new one.
    """
    over = np.flatnonzero([s.missed + s.missed_error > risk for s in scores])
    first = int(over[0]) if over.size else len(scores)
    return first - 1 if first else None


def levels(known: list[Trace], prices: list[NDArray[np.float64]]) -> tuple[Strictness, ...]:
    """Choose a limit for each risk."""
    scores = [score_at(known, prices, float(limit)) for limit in LIMITS]
    found = []
    for risk in RISKS:
        at = limit_for(scores, risk)
        if at is None:
            continue
        s = scores[at]
        wrong = 0
        for t, p in zip(known, prices, strict=True):
            stop = stop_at(t, p, float(LIMITS[at]))
            looks = np.flatnonzero(t.at == stop) if stop is not None else []
            wrong += sum(bool(t.forgone[i] > 1.0 + 1e-9) for i in looks)
        found.append(
            Strictness(
                risk, round(float(LIMITS[at]), 5), len(known), s.stops, s.stops - wrong,
                round(s.saved, 4), round(s.missed, 4),
            )
        )  # fmt: skip
    return tuple(found)


def main() -> int:
    """Fit on all sources, measure on each with the others, and write the file."""
    folder = find_curves()
    if folder is None:
        print("no folder shared/curves beside the repository; COPILOT_SHARED names another place")
        return 0
    count = int(sys.argv[1]) if len(sys.argv) > 1 else PER_SOURCE
    prefixes = training(load(folder, PER_SOURCE))
    curves = [curve for curve in load(folder, count) if curve.free]
    known = traces(curves, priors_by_source(curves, prefixes))
    write(known)
    return 0


def write(known: list[Trace]) -> None:
    """Write the file and print its levels."""
    sources = Counter(t.curve.source for t in known)
    named = ", ".join(f"{source} {n}" for source, n in sorted(sources.items()))
    calibration = fit_calibration(known)
    calibration = replace(
        calibration, **{name: round(value, 4) for name, value in asdict(calibration).items()}
    )
    numbers = {
        "about": "Fitted by benchmarks/fit_stop_rule.py on finished public runs under Apache-2.0 "
        f"or MIT, each source measured with numbers of the others: {named}",
        "sources": ", ".join(NAMES.get(source, source) for source in sorted(sources)),
        "calibration": asdict(calibration),
    }
    found = levels(known, held_out(known, known))
    rows = ",\n".join(f"    {json.dumps(asdict(level))}" for level in found)
    head = json.dumps(numbers, indent=2)[:-2]
    target = Path(stopping.__file__).with_name("stop_rule.json")
    target.write_text(f'{head},\n  "levels": [\n{rows}\n  ]\n}}\n')
    for level in found:
        print(level)


if __name__ == "__main__":
    sys.exit(main())
