"""Remake the table of interval widths in ``copilot_analytics/stats/rates.py``.

Reads finished runs with time stamps, asks for the remaining time at several fractions, and takes
quantiles of log(true / predicted) by dispersion class and fraction done. Every run of a source
weighs the same and so does every source. Coverage is printed leave-one-source-out, beside
"elapsed / done x rest" and an exponential mean (0.3). Only runs under Apache-2.0 or MIT are used
to fit; others are printed as a check.

Usage: python benchmarks/fit_eta_widths.py [folder holding curves/ and corpus/]
"""

from __future__ import annotations

import csv
import json
import math
import re
import sys
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from copilot_analytics.stats import rates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

FREE = {"Apache-2.0", "MIT"}
PER_SOURCE = 400
FRACTIONS = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9)
LINE = re.compile(
    r"(?P<at>\d{4}[-/]\d\d[-/]\d\d \d\d:\d\d:\d\d)\S* - \S+ - INFO - "
    r"(?:Epoch(?:\(train\)\s*)? ?\[(?P<epoch>\d+)\]|Iter(?:\(train\))?) ?"
    r"\[\s*(?P<i>\d+)/\s*(?P<n>\d+)\]"
)


class Timed(NamedTuple):
    """A finished run: positions and seconds, with the start of logging at index 0."""

    source: str
    free: bool
    step: NDArray[np.float64]
    time_s: NDArray[np.float64]


class Case(NamedTuple):
    """One forecast, made at a fraction of a run."""

    source: str
    free: bool
    run: int
    fraction: float
    dispersion_class: rates.DispersionClass
    band: int
    wandered: float
    ratio: float
    simple: float
    ema: float


def licences(shared: Path) -> dict[str, str]:
    """Licence of each repository of curves."""
    with (shared / "curves/manifest.csv").open() as stream:
        return {row["repo"]: row["licence"] for row in csv.DictReader(stream)}


def curve_runs(shared: Path) -> Iterator[Timed]:
    """Yield the runs of the curve folders; several metrics of one run count once."""
    licence = licences(shared)
    for folder in sorted((shared / "curves").iterdir()):
        if not folder.is_dir():
            continue
        with (folder / "curves.csv").open() as stream:
            repo = {row["curve_id"]: row["repo"] for row in csv.DictReader(stream)}
        points: dict[str, list[tuple[float, float]]] = defaultdict(list)
        with (folder / "points.csv").open() as stream:
            for row in csv.DictReader(stream):
                if row["time_s"]:
                    points[row["curve_id"]].append((float(row["step"]), float(row["time_s"])))
        seen = set()
        for curve, pairs in sorted(points.items()):
            key = (pairs[0], pairs[-1], len(pairs))
            if key in seen:
                continue
            seen.add(key)
            step, time_s = np.array(pairs).T
            yield Timed(folder.name, licence.get(repo[curve]) in FREE, step, time_s)


def log_runs(shared: Path) -> Iterator[Timed]:
    """Longest unbroken stretch of train lines of the OpenMMLab logs."""
    with (shared / "corpus/manifest.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        if row["family"] not in {"mmcv_text", "mmengine_text"}:
            continue
        text = (shared / "corpus" / row["file"]).read_text(errors="replace")
        stretch: list[tuple[float, float]] = []
        longest: list[tuple[float, float]] = []
        for hit in LINE.finditer(text):
            at = datetime.fromisoformat(hit["at"].replace("/", "-") + "+00:00").timestamp()
            epochs_before = int(hit["epoch"]) - 1 if hit["epoch"] else 0
            done = float(hit["i"]) + epochs_before * float(hit["n"])
            if stretch and (done <= stretch[-1][0] or at < stretch[-1][1]):
                stretch = []
            stretch.append((done, at))
            longest = max(longest, stretch, key=len)
        if len(longest) >= 20:
            step, time_s = np.array(longest).T
            yield Timed(row["family"], row["licence"] in FREE, step, time_s)


def band_of(fraction: float) -> int:
    """Index of the band of a fraction done."""
    return next(i for i, bound in enumerate(rates.FRACTION_BOUNDS) if fraction <= bound)


def spread_of(duration: NDArray[np.float64], units: NDArray[np.float64], rest: float) -> float:
    """Dispersion as `remaining_time` sees it."""
    used, amount = rates.usable_intervals(duration, units)
    return rates.dispersion(rates.without_pauses(used, amount), amount, rest)


def cases(shared: Path) -> list[Case]:
    """Forecasts at every fraction of every run."""
    runs: dict[tuple[str, bool], list[Timed]] = defaultdict(list)
    for run in [*curve_runs(shared), *log_runs(shared)]:
        if run.step.size >= 12:
            runs[run.source, run.free].append(run)
    made = []
    number = 0
    for _, of_source in sorted(runs.items()):
        pick = np.unique(np.linspace(0, len(of_source) - 1, PER_SOURCE).astype(int))
        for index in pick:
            run = of_source[int(index)]
            number += 1
            # The first interval holds start-up and is dropped, as the caller would.
            duration, units = np.diff(run.time_s), np.diff(run.step)
            start = run.step[0]
            total = run.step[-1] - start
            for fraction in FRACTIONS:
                k = int(np.searchsorted(run.step - start, fraction * total, side="right")) - 1
                if k < 3 or k >= run.step.size - 1:
                    continue
                rest = run.step[-1] - run.step[k]
                truth = run.time_s[-1] - run.time_s[k]
                found = rates.remaining_time(duration[1:k], units[1:k], remaining_units=rest)
                if not (truth > 0 and found.rate_s_per_step > 0):
                    continue
                wandered = spread_of(duration[1:k], units[1:k], rest)
                ema = math.nan
                for d, u in zip(duration[:k], units[:k], strict=True):
                    if d > 0 and u > 0:
                        ema = d / u if math.isnan(ema) else 0.7 * ema + 0.3 * d / u
                simple = run.time_s[k] - (run.time_s[0] if run.source.startswith("mm") else 0)
                from_zero = run.step[k] if not run.source.startswith("mm") else run.step[k] - start
                made.append(
                    Case(
                        run.source,
                        run.free,
                        number,
                        fraction,
                        found.dispersion_class,
                        band_of(found.fraction_done),
                        wandered,
                        truth / (found.rate_s_per_step * rest),
                        truth / (simple / from_zero * rest),
                        truth / (ema * rest),
                    )
                )
    return made


def quantile(made: list[Case], shares: tuple[float, ...]) -> list[float]:
    """Weighted quantiles of the log ratio; each source with 60 cases or more weighs the same."""
    counts: dict[str, int] = defaultdict(int)
    for case in made:
        counts[case.source] += 1
    logs = np.array([math.log(case.ratio) for case in made])
    weights = np.array([1.0 / max(counts[case.source], 60) for case in made])
    order = np.argsort(logs)
    reached = (np.cumsum(weights[order]) - weights[order] / 2) / weights.sum()
    return [float(value) for value in np.interp(shares, reached, logs[order])]


SHARES = (0.05, 0.1, 0.9, 0.95)
NARROWEST = (-0.005, -0.003, 0.003, 0.005)
Table = dict[rates.DispersionClass, tuple[tuple[float, ...], ...]]


def fit(made: list[Case]) -> Table:
    """Quantiles by class and band, never narrower than NARROWEST or than a calmer class."""
    table: Table = {}
    calmer: list[tuple[float, ...]] = [NARROWEST] * len(rates.FRACTION_BOUNDS)
    for _, label in rates.CLASS_BOUNDS:
        rows = []
        for band, floor in enumerate(calmer):
            cell = [c for c in made if c.dispersion_class == label and c.band == band]
            if len(cell) < 20:
                cell = [c for c in made if c.dispersion_class == label] or made
            found = quantile(cell, SHARES)
            rows.append(
                tuple(
                    round(min(q, f) if f < 0 else max(q, f), 4)
                    for q, f in zip(found, floor, strict=True)
                )
            )
        calmer = rows
        table[label] = tuple(rows)
    few = quantile([case for case in made if case.dispersion_class == "unknown"], SHARES)
    table["unknown"] = tuple(
        tuple(round(min(q, f) if f < 0 else max(q, f), 4) for q, f in zip(few, row, strict=True))
        for row in table["erratic"]
    )
    return table


def apart(ratio: float) -> float:
    """Relative error of a forecast, at most 2 so that a broken stamp does not decide a mean."""
    return min(abs(1.0 / ratio - 1.0), 2.0)


def covered(made: list[Case], table: Table) -> tuple[float, float, float]:
    """Share inside the 80 and the 90 % interval, and the mean width of the 80 % one in per cent."""
    inside = []
    for case in made:
        row, log = table[case.dispersion_class][case.band], math.log(case.ratio)
        inside.append(
            (row[1] <= log <= row[2], row[0] <= log <= row[3], math.exp(row[2]) - math.exp(row[1]))
        )
    c80, c90, width = np.mean(np.array(inside, dtype=float), axis=0)
    return float(c80), float(c90), 100 * float(width)


def describe(label: str, made: list[Case], table: Table) -> str:
    """One line: size, errors of three estimators, coverage and width."""
    errors = [
        100 * float(np.mean([apart(getattr(case, name)) for case in made]))
        for name in ("ratio", "simple", "ema")
    ]
    c80, c90, width = covered(made, table)
    return (
        f"{label:28} {len(made):5d}  MAPE half {errors[0]:6.1f}  simple {errors[1]:7.1f}  "
        f"ema {errors[2]:6.1f}  cover80 {100 * c80:5.1f}  cover90 {100 * c90:5.1f}  "
        f"width80 {width:5.1f} %"
    )


def main(shared: Path) -> None:
    """Print coverage and the table."""
    made = cases(shared)
    free = [case for case in made if case.free]
    sources = sorted({case.source for case in free})
    print("Leave one source out:")
    kept: dict[str, tuple[list[Case], Table]] = {}
    for source in sources:
        table = fit([case for case in free if case.source != source])
        kept[source] = ([case for case in free if case.source == source], table)
        print(describe(source, *kept[source]))
        for fraction in FRACTIONS:
            part = [case for case in kept[source][0] if case.fraction == fraction]
            if part:
                print(describe(f"  at {fraction:.0%}", part, table))
    print("Mean of sources by fraction:")
    for fraction in FRACTIONS:
        rows = []
        for of_source, table in kept.values():
            part = [case for case in of_source if case.fraction == fraction]
            if part:
                errors = [
                    float(np.mean([apart(getattr(case, name)) for case in part]))
                    for name in ("ratio", "simple", "ema")
                ]
                rows.append([*errors, *covered(part, table)])
        half, simple, ema, c80, c90, width = np.mean(np.array(rows), axis=0)
        print(
            f"  {fraction:4.0%}  half {half:.3f}  simple {simple:.3f}  ema {ema:.3f}  "
            f"cover80 {c80:.3f}  cover90 {c90:.3f}  width80 {width:.1f} %"
        )
    table = fit(free)
    print("Other licences, with the shipped table:")
    for source in sorted({case.source for case in made if not case.free}):
        print(describe(source, [c for c in made if c.source == source and not c.free], table))
    print("Runs:", {s: len({c.run for c in free if c.source == s}) for s in sources})
    for label, rows_of in table.items():
        cells = [
            sum(c.dispersion_class == label and c.band == band for c in free) for band in range(3)
        ]
        print(json.dumps(label), rows_of, cells)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("../shared"))
