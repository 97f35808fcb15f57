"""Remake the table of interval widths in ``copilot_analytics/stats/rates.py``.

Reads runs whose end is known, asks for the remaining time at several fractions, and takes
quantiles of log(true / predicted) by dispersion class and fraction done. Every run of a source
weighs the same and so does every source. Only runs under Apache-2.0 or MIT are used.
``benchmarks/bench_eta.py`` scores such tables on the sources that they were not fitted to.

Usage: python benchmarks/fit_eta_widths.py
../shared (or COPILOT_SHARED) must hold curves/ and corpus/; about five minutes.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict

import numpy as np
from eta_runs import Case, cases, find_shared

from copilot_analytics.stats import rates

SHARES = (0.05, 0.1, 0.9, 0.95)
FEWEST_FOR_A_SAY = 20
NARROWEST = (-0.005, -0.003, 0.003, 0.005)
Row = tuple[float, float, float, float]
Table = dict[rates.DispersionClass, tuple[Row, ...]]
Judged = tuple[str, rates.DispersionClass, int, float]


def judged(case: Case) -> Judged:
    """Source, class, band and log(true / predicted) of a forecast."""
    found = rates.remaining_time(**case.asked)
    band = next(i for i, most in enumerate(rates.FRACTION_BOUNDS) if found.fraction_done <= most)
    return case.source, found.dispersion_class, band, math.log(case.truth_s / found.median_s)


def quantiles(made: list[Judged]) -> list[float]:
    """Weighted quantiles of the log ratio; sources with FEWEST_FOR_A_SAY cases weigh the same."""
    counts: dict[str, int] = defaultdict(int)
    for source, *_ in made:
        counts[source] += 1
    logs = np.array([ratio for *_, ratio in made])
    weights = np.array([1.0 / max(counts[source], FEWEST_FOR_A_SAY) for source, *_ in made])
    order = np.argsort(logs)
    reached = (np.cumsum(weights[order]) - weights[order] / 2) / weights.sum()
    return [float(value) for value in np.interp(SHARES, reached, logs[order])]


def outer(found: list[float], floor: Row) -> Row:
    """Widen quantiles to those of a calmer class."""
    low5, low10, high90, high95 = (
        round(min(q, f) if f < 0 else max(q, f), 4) for q, f in zip(found, floor, strict=True)
    )
    return low5, low10, high90, high95


def fit(made: list[Case]) -> Table:
    """Quantiles by class and band, never narrower than NARROWEST or than a calmer class."""
    forecasts = [judged(case) for case in made]
    table: Table = {}
    calmer: list[Row] = [NARROWEST] * len(rates.FRACTION_BOUNDS)
    for _, label in rates.CLASS_BOUNDS:
        rows = []
        for band, floor in enumerate(calmer):
            cell = [one for one in forecasts if one[1] == label and one[2] == band]
            if len(cell) < 20:
                cell = [one for one in forecasts if one[1] == label] or forecasts
            rows.append(outer(quantiles(cell), floor))
        calmer = rows
        table[label] = tuple(rows)
    few = quantiles([one for one in forecasts if one[1] == "unknown"] or forecasts)
    table["unknown"] = tuple(outer(few, row) for row in table["erratic"])
    return table


def main() -> None:
    """Read the runs, and print what they give."""
    shared = find_shared()
    if shared is not None:
        show([case for case in cases(shared) if case.free])


def show(free: list[Case]) -> None:
    """Print the table, and how many forecasts each cell rests on."""
    for source in sorted({case.source for case in free}):
        print(source, len({case.name for case in free if case.source == source}), "runs")
    forecasts = [judged(case) for case in free]
    for label, rows in fit(free).items():
        cells = [sum(one[1] == label and one[2] == band for one in forecasts) for band in range(3)]
        print(json.dumps(label), rows, cells)


if __name__ == "__main__":
    main()
