"""Real learning curves for the forecast benchmarks: loading, sampling, prefixes and outcomes."""

from __future__ import annotations

import csv
import os
import zlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FREE = {"Apache-2.0", "MIT"}
FRACTIONS = (0.1, 0.2, 0.4, 0.6, 0.8)
FEWEST = 3


@dataclass(frozen=True)
class Curve:
    """A finished curve; `stratum` is its workload."""

    name: str
    source: str
    stratum: str
    free: bool
    direction: str
    steps: NDArray[np.float64]
    values: NDArray[np.float64]

    @property
    def is_log(self) -> bool:
        """Whether it is scored as -log: positive, and lower is better."""
        return self.direction == "min" and bool((self.values > 0.0).all())

    @property
    def bounds(self) -> tuple[float | None, float | None] | None:
        """What a user would know: a score between 0 and 1, or a positive loss."""
        if self.direction == "min":
            return (0.0, None) if self.is_log else None
        return (0.0, 1.0) if self.values.min() >= 0.0 and self.values.max() <= 1.0 else None

    def scored(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """In the scale in which errors are counted; higher is better."""
        if self.is_log:
            return -np.log(np.maximum(values, 1e-12))
        return values if self.direction == "max" else -values

    @property
    def delta(self) -> float:
        """The gain worth having, in the scored scale."""
        if self.is_log or self.bounds is not None:
            return 0.005
        return 0.005 * max(float(np.abs(self.values).max()), 1e-9)

    @property
    def spread(self) -> float:
        """What errors are divided by."""
        return max(float(np.ptp(self.scored(self.values[2:]))), 4.0 * self.delta)


def find_curves() -> Path | None:
    """Return the folder of curves beside the repository, or under COPILOT_SHARED."""
    here = Path(__file__).resolve().parents[1]
    shared = Path(os.environ.get("COPILOT_SHARED") or here.parent / "shared")
    return shared / "curves" if (shared / "curves" / "manifest.csv").is_file() else None


def load(folder: Path, per_source: int, *, skip: int = 0) -> list[Curve]:
    """Return up to `per_source` curves of each source, spread evenly over workloads.

    `skip` leaves out that many per source first, for a second sample disjoint from the first.
    """
    with (folder / "manifest.csv").open() as stream:
        licence = {(row["source"], row["repo"]): row["licence"] for row in csv.DictReader(stream)}
    curves = []
    for place in sorted(entry for entry in folder.iterdir() if entry.is_dir()):
        with (place / "curves.csv").open() as stream:
            rows = [row for row in csv.DictReader(stream) if int(row["n"]) >= 12]
        chosen = _spread(rows, per_source, skip)
        points: dict[str, list[tuple[float, float]]] = defaultdict(list)
        with (place / "points.csv").open() as stream:
            for row in csv.DictReader(stream):
                if row["curve_id"] in chosen and row["value"]:
                    points[row["curve_id"]].append((float(row["step"]), float(row["value"])))
        for name in sorted(points):
            row = chosen[name]
            last = dict(sorted(points[name]))
            steps, values = np.array(list(last)), np.array(list(last.values()))
            keep = np.isfinite(values)
            if keep.sum() < 12:
                continue
            curves.append(
                Curve(
                    name,
                    place.name,
                    row["workload"],
                    licence.get((place.name, row["repo"])) in FREE,
                    "max" if row["direction"] == "up" else "min",
                    steps[keep],
                    values[keep],
                )
            )
    return curves


def load_small() -> list[Curve]:
    """Return the curves of the small runs that `small_runs.py` made."""
    curves = []
    with Path(__file__).with_name("small_runs.csv").open() as stream:
        for row in csv.DictReader(stream):
            steps = np.array(row["steps"].split(), dtype=np.float64)
            values = np.array(row["values"].split(), dtype=np.float64)
            name = f"small-{row['curve']}"
            curves.append(Curve(name, "small", row["data"], True, row["direction"], steps, values))
    return curves


def _spread(rows: list[dict[str, str]], count: int, skip: int) -> dict[str, dict[str, str]]:
    """Take workloads in turn; within one, in an order fixed by a checksum of the name."""
    strata: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: zlib.crc32(row["curve_id"].encode())):
        strata[row["workload"]].append(row)
    turns = [
        (turn, zlib.crc32(name.encode()), row)
        for name, of in strata.items()
        for turn, row in enumerate(of)
    ]
    turns.sort(key=lambda item: item[:2])
    return {row["curve_id"]: row for _, _, row in turns[skip : skip + count]}


@dataclass(frozen=True)
class Case:
    """A prefix and what came of it, in the scored scale."""

    curve: Curve
    fraction: float
    n: int
    final: float
    best_so_far: float
    best_ahead: float

    @property
    def steps(self) -> NDArray[np.float64]:
        """Steps of the prefix."""
        return self.curve.steps[: self.n]

    @property
    def values(self) -> NDArray[np.float64]:
        """Values of the prefix."""
        return self.curve.values[: self.n]


def cut(curve: Curve, fractions: tuple[float, ...] = FRACTIONS) -> list[Case]:
    """Cut a curve at shares of its steps; prefixes of fewer than 3 points are left out."""
    scored = curve.scored(curve.values)
    made = []
    for fraction in fractions:
        n = int(np.searchsorted(curve.steps, fraction * curve.steps[-1] * (1 + 1e-9), "right"))
        if n < FEWEST or n >= curve.steps.size or (made and made[-1].n == n):
            continue
        made.append(
            Case(
                curve,
                fraction,
                n,
                final=float(scored[-1]),
                best_so_far=float(scored[:n].max()),
                best_ahead=float(scored[n:].max()),
            )
        )
    return made
