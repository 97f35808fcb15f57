"""How far a law that has held so far can be trusted to hold to the end of a run.

On a smooth curve, a power or an exponential fitted to the first three fifths of what was seen often
foretells the rest of it to a hundredth. An interval as narrow as that looks right, and would be on
curves that are one law. This asks real ones: of every prefix whose newest two fifths such a law
foretold to within a share of the range seen, how far off is the law, fitted to all that was seen,
at the end of the run?

Usage: python benchmarks/one_law.py
../shared (or COPILOT_SHARED) must hold curves/ and corpus/; under a minute.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from forecast_curves import Case, cut, find_curves, load, load_small
from forecast_logs import load_logs

if TYPE_CHECKING:
    from numpy.typing import NDArray

PER_SOURCE = 150
FRACTIONS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
POWERS = (-2.0, -1.5, -1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0)
RATES = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0)
CLASSES = (0.01, 0.02, 0.03, 0.05)
FEWEST = 8
SHARE_FITTED = 0.6
STILL = 3.0
"""What was foretold must have moved by so many times the error, or a flat line is a law too."""


@dataclass(frozen=True)
class Held:
    """A prefix, in units of the range seen after its first third.

    Attributes
    ----------
    source : str
    foretold : float
        Error of the law fitted to the first three fifths over the rest of the prefix.
    moved : float
        Change of the curve over that rest.
    at_end : float
        Error at the end of the run of the law fitted to the whole prefix.
    """

    source: str
    foretold: float
    moved: float
    at_end: float


def laws(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of powers of x, the logarithm among them, and exponentials; `x` is 1 now."""
    powers = [np.log(x) if power == 0.0 else (x**power - 1.0) / power for power in POWERS]
    return np.stack([*powers, *(-np.exp(-rate * x) for rate in RATES)])


def carried_on(shapes: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fit every shape to its first points, those of `y`, and follow the one that fits best."""
    n = y.size
    away = shapes - shapes[:, :n].mean(axis=1, keepdims=True)
    centred = y - y.mean()
    power = np.maximum((away[:, :n] ** 2).sum(axis=1), 1e-300)
    fitted = y.mean() + (away[:, :n] @ centred / power)[:, None] * away
    best = int(((fitted[:, :n] - y) ** 2).sum(axis=1).argmin())
    return fitted[best]


def held(case: Case) -> Held | None:
    """Judge a prefix; None where there is too little of it."""
    steps, y = case.steps, case.curve.scored(case.values)
    begin = int(steps[0] <= 0.0)
    steps, y = steps[begin:], y[begin:]
    n = y.size
    if n < FEWEST or (spread := float(np.ptp(y[n // 3 :]))) <= 0.0:
        return None
    shapes = laws(np.append(steps, case.curve.steps[-1]) / steps[-1])
    # The start is often of another kind.
    shapes, y, n = shapes[:, n // 8 :], y[n // 8 :], n - n // 8
    fitted = max(int(np.ceil(SHARE_FITTED * n)), 4)
    missed = y[fitted:] - carried_on(shapes[:, :n], y[:fitted])[fitted:]
    end = float(carried_on(shapes, y)[-1])
    return Held(
        case.curve.source,
        float(np.sqrt((missed**2).mean())) / spread,
        abs(float(y[-1] - y[fitted - 1])) / spread,
        abs(case.final - end) / spread,
    )


def main() -> int:
    """Judge all prefixes and print the classes."""
    folder = find_curves()
    if folder is None:
        print("no folder shared/curves beside the repository; COPILOT_SHARED names another place")
        return 0
    curves = [*load(folder, PER_SOURCE), *load_logs(folder.with_name("corpus")), *load_small()]
    judged = [one for curve in curves for case in cut(curve, FRACTIONS) if (one := held(case))]
    print(f"{len(judged)} prefixes of {len(curves)} curves; errors over the range seen\n")
    print("foretold to within    prefixes  at the end: 50 %    80 %    90 %")
    low = 0.0
    for high in CLASSES:
        found = [h for h in judged if low <= h.foretold < high and h.moved > STILL * h.foretold]
        by_source: dict[str, list[float]] = defaultdict(list)
        for h in found:
            by_source[h.source].append(h.at_end)
        if found:
            cells = np.quantile([h.at_end for h in found], (0.5, 0.8, 0.9))
            print(f"{high:<20.0%}{len(found):10d}{cells[0]:18.2f}{cells[1]:8.2f}{cells[2]:8.2f}")
            print("    80 % by source: " + ", ".join(
                f"{source} {np.quantile(of, 0.8):.2f} ({len(of)})"
                for source, of in sorted(by_source.items())
            ))  # fmt: skip
        low = high
    return 0


if __name__ == "__main__":
    sys.exit(main())
