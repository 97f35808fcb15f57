"""Scores of forecasts of the final value, as means over sources, and their tables."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from forecast_curves import FRACTIONS
from forecast_rivals import LEVELS, RIVALS

from copilot_analytics.stats.forecast import forecast

if TYPE_CHECKING:
    from forecast_curves import Case
    from numpy.typing import NDArray

    from copilot_analytics.stats._paths import Priors

CLIP = 2.0
METHODS = (*RIVALS, "forecast")
Rows: TypeAlias = "dict[tuple[str, float], list[dict[str, float]]]"


def crps(quantiles: NDArray[np.float64], final: float, spread: float) -> float:
    """CRPS by pinball loss, over the range of the curve; errors clipped."""
    error = np.clip((final - quantiles) / spread, -CLIP, CLIP)
    return float(2.0 * np.maximum(LEVELS * error, (LEVELS - 1.0) * error).mean())


def score(case: Case, priors: Priors) -> dict[str, float]:
    """Score every method on a prefix."""
    curve = case.curve
    y = curve.scored(case.values)
    row: dict[str, float] = {}
    quantiles = {}
    for name, rival in RIVALS.items():
        started = time.perf_counter()
        quantiles[name] = rival(case, y)
        row[f"ms {name}"] = 1e3 * (time.perf_counter() - started)
    started = time.perf_counter()
    ahead = forecast(
        case.steps, case.values, horizon=float(curve.steps[-1]), direction=curve.direction,
        bounds=curve.bounds, future_steps=curve.steps[case.n :], _priors=priors,
    )  # fmt: skip
    row["ms forecast"] = 1e3 * (time.perf_counter() - started)
    quantiles["forecast"] = np.sort(curve.scored(np.asarray(ahead.final.quantile(LEVELS))))
    for name, found in quantiles.items():
        row[f"mae {name}"] = min(abs(case.final - float(np.median(found))) / curve.spread, CLIP)
        row[f"crps {name}"] = crps(found, case.final, curve.spread)
        for level in (80, 90):
            low, high = np.interp((0.5 - level / 200, 0.5 + level / 200), LEVELS, found)
            row[f"cov{level} {name}"] = float(low <= case.final <= high)
            row[f"width{level} {name}"] = min(float(high - low) / curve.spread, 2 * CLIP)
    reached = max(case.best_so_far, case.best_ahead)
    best = curve.scored(np.array([ahead.best.median]))[0]
    row["mae best"] = min(abs(reached - best) / curve.spread, CLIP)
    return row


def macro(rows: Rows, name: str, fractions: tuple[float, ...]) -> float:
    """Mean over sources of the means of their prefixes."""
    means = []
    for source in sorted({source for source, _ in rows}):
        of = [row[name] for f in fractions for row in rows.get((source, f), [])]
        if of:
            means.append(float(np.mean(of)))
    return float(np.mean(means))


def print_scores(rows: Rows) -> None:
    """Print the tables by share of the run and by source."""
    sources = sorted({source for source, _ in rows})
    n = sum(len(of) for of in rows.values())
    print(f"{n} prefixes of {len(sources)} sources, each scored with priors of the others\n")
    titles = (
        ("MAE of final", "mae"), ("CRPS", "crps"), ("80 % covers", "cov80"),
        ("90 % covers", "cov90"), ("80 % width", "width80"), ("90 % width", "width90"),
    )  # fmt: skip
    for title, name in titles:
        print(f"{title:14}" + "".join(f"{f:>8.0%}" for f in FRACTIONS) + f"{'all':>8}")
        for method in METHODS:
            cells = [macro(rows, f"{name} {method}", (f,)) for f in FRACTIONS]
            cells.append(macro(rows, f"{name} {method}", FRACTIONS))
            print(f"{method:14}" + "".join(f"{cell:8.3f}" for cell in cells))
        print()
    cells = [macro(rows, "mae best", (f,)) for f in FRACTIONS]
    cells.append(macro(rows, "mae best", FRACTIONS))
    print("MAE of best   " + "".join(f"{cell:8.3f}" for cell in cells))
    for title, name in titles[:5]:
        print(f"\n{title + ' by source':24}" + "".join(f"{method:>14}" for method in METHODS))
        for source in sources:
            of = [row for (s, _), some in rows.items() if s == source for row in some]
            means = [float(np.mean([row[f"{name} {method}"] for row in of])) for method in METHODS]
            cells = [f"{mean:14.3f}" for mean in means]
            print(f"{source:17}{len(of):7d}" + "".join(cells))
    print_crossed(rows, sources)
    print(f"\n{'ms (median, 95 %)':24}" + "".join(f"{method:>14}" for method in METHODS))
    flat = [row for of in rows.values() for row in of]
    for q in (0.5, 0.95):
        found = [float(np.quantile([row[f"ms {m}"] for row in flat], q)) for m in METHODS]
        print(f"{'':24}" + "".join(f"{ms:14.2f}" for ms in found))


def print_crossed(rows: Rows, sources: list[str]) -> None:
    """Print our scores by source and share of the run."""
    for title, name in (("CRPS", "crps"), ("80 % covers", "cov80")):
        print(f"\n{title + ', forecast':24}" + "".join(f"{f:>8.0%}" for f in FRACTIONS))
        for source in sources:
            of = [[row[f"{name} forecast"] for row in rows.get((source, f), ())] for f in FRACTIONS]
            cells = (f"{np.mean(part):8.3f}" if part else f"{'-':>8}" for part in of)
            print(f"{source:24}" + "".join(cells))
