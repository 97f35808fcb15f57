"""Score the time left on runs whose end is known, each source with widths fitted to the others.

Asks at 10, 20, 40, 60 and 80 % of a run, and prints the mean and the median absolute error in per
cent of the time that was truly left, beside elapsed / done x rest, tqdm's exponential mean, the
mean of the intervals and what the log itself printed; and how often the 80 and 90 % intervals
hold the truth, and how wide they are. Runs: learning curves with time stamps, and whole logs of
any trainer as `copilot_analytics` reads them. Every figure is the mean over sources of the mean
over their runs; an error counts as at most 200 %.

Usage: python benchmarks/bench_eta.py
../shared (or COPILOT_SHARED) must hold curves/ and corpus/; about five minutes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from eta_runs import Case, cases, find_shared
from fit_eta_widths import fit

from copilot_analytics.analyzers.eta import widened
from copilot_analytics.stats import rates

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FRACTIONS = (0.1, 0.2, 0.4, 0.6, 0.8)
RIVALS = ("elapsed / done", "tqdm", "mean interval", "the log's own")
MOST = 2.0


def error(said_s: float, truth_s: float) -> float:
    """Relative error, at most MOST so that a broken stamp does not decide a mean."""
    return min(abs(said_s / truth_s - 1.0), MOST)


def errors(made: Sequence[Case], method: str) -> list[float]:
    """Errors of one method where it says something."""
    said = [
        (case.said[0] if method == "copilot" else case.rivals[method], case.truth_s)
        for case in made
    ]
    return [error(value, truth) for value, truth in said if math.isfinite(value)]


def over_sources(
    made: Sequence[Case], of: Callable[[list[Case]], Sequence[float]], at: float | None = None
) -> list[list[float]]:
    """Values by source, sources without any left out."""
    sources = sorted({case.source for case in made})
    found = [
        list(of([c for c in made if c.source == source and at in {None, c.fraction}]))
        for source in sources
    ]
    return [values for values in found if values]


def mean_of_sources(values: list[list[float]]) -> float:
    """Mean over sources of the mean of each."""
    return float(np.mean([np.mean(of_source) for of_source in values])) if values else math.nan


def median_of_sources(values: list[list[float]]) -> float:
    """Mean over sources of the median of each."""
    return float(np.mean([np.median(of_source) for of_source in values])) if values else math.nan


def bounds(case: Case, level: float) -> tuple[float, float]:
    """Return the interval under the table of widths that is in force."""
    return widened(rates.remaining_time(**{**case.asked, "level": level}))


def held_back(made: list[Case], known: list[Case]) -> list[tuple[Case, bool, bool, float]]:
    """Return per case whether the 80 and 90 % interval hold, and the relative width of the first.

    The table of widths is fitted without the case's own source.
    """
    shipped = rates.LOG_RATIOS
    found = []
    try:
        for source in sorted({case.source for case in made}):
            rates.LOG_RATIOS = fit([c for c in known if c.free and c.source != source])
            for case in made:
                if case.source != source:
                    continue
                low80, high80 = bounds(case, 0.8)
                low90, high90 = bounds(case, 0.9)
                found.append(
                    (
                        case,
                        low80 <= case.truth_s <= high80,
                        low90 <= case.truth_s <= high90,
                        min((high80 - low80) / case.truth_s, 2 * MOST),
                    )
                )
    finally:
        rates.LOG_RATIOS = shipped
    return found


def main() -> None:
    """Read the runs, and print the tables."""
    shared = find_shared()
    if shared is not None:
        show(cases(shared))


def show(found: list[Case]) -> None:
    """Print the tables of these forecasts."""
    made = [case for case in found if case.fraction in FRACTIONS]
    runs = {(case.source, case.name) for case in made}
    print(f"{len(runs)} runs, {len(made)} forecasts\n")
    titles = "".join(f"{at:>8.0%}" for at in FRACTIONS)
    for title, middle in (("mean", mean_of_sources), ("median", median_of_sources)):
        print(f"{title + ' error, % of the time left':34}{titles}")
        for method in ("copilot", *RIVALS):
            row = [
                100 * middle(over_sources(made, lambda part, m=method: errors(part, m), at))
                for at in FRACTIONS
            ]
            print(f"{method:34}" + "".join(f"{value:8.1f}" for value in row))
        print()
    print("Where the log prints its own estimate:")
    own = [case for case in made if math.isfinite(case.rivals["the log's own"])]
    for method in ("copilot", "the log's own"):
        row = [
            100 * mean_of_sources(over_sources(own, lambda part, m=method: errors(part, m), at))
            for at in FRACTIONS
        ]
        print(f"{method:34}" + "".join(f"{value:8.1f}" for value in row))
    judged = held_back(made, found)
    names = "".join(f"{name:>8}" for name in ("tqdm", "80 %", "90 %", "width"))
    print(f"\n{'by source':34}{'runs':>6}{'mean error':>12}{names}")
    rows = []
    for source in sorted({case.source for case in made}):
        part = [one for one in judged if one[0].source == source]
        own_cases = [one[0] for one in part]
        row = [
            100 * float(np.mean(values))
            for values in (
                errors(own_cases, "copilot"),
                errors(own_cases, "tqdm"),
                *zip(*((h80, h90, width) for _, h80, h90, width in part), strict=True),
            )
        ]
        rows.append(row)
        count = len({case.name for case in own_cases})
        print(
            f"{source:34}{count:6d}{row[0]:12.1f}" + "".join(f"{value:8.1f}" for value in row[1:])
        )
    mean = np.mean(rows, axis=0)
    print(f"{'mean of sources':34}{'':6}{mean[0]:12.1f}" + "".join(f"{v:8.1f}" for v in mean[1:]))
    print(f"\n{'interval, mean of sources':34}{titles}")
    for title, index in (("80 % holds", 1), ("90 % holds", 2), ("width of 80 %", 3)):
        row = []
        for at in FRACTIONS:
            by_source: dict[str, list[float]] = {}
            for one in judged:
                if one[0].fraction == at:
                    by_source.setdefault(one[0].source, []).append(float(one[index]))
            row.append(100 * float(np.mean([np.mean(v) for v in by_source.values()])))
        print(f"{title:34}" + "".join(f"{value:8.1f}" for value in row))


if __name__ == "__main__":
    main()
