"""What the forecast says at every evaluation of real runs, each with priors of other sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from fit_forecast_priors import fit

from copilot_analytics.stats.forecast import forecast
from copilot_analytics.stats.stopping import shortfall, stale_share

if TYPE_CHECKING:
    from collections.abc import Iterable

    from forecast_curves import Curve
    from forecast_prefixes import Prefix
    from numpy.typing import NDArray

    from copilot_analytics.stats._paths import Priors

MOST_LOOKS = 50
FEWEST = 3


@dataclass(frozen=True)
class Trace:
    """Forecasts along a curve, up to its last evaluation but one.

    Attributes
    ----------
    curve : Curve
    at : ndarray of int, shape (n,)
        Index of the newest evaluation of each forecast.
    progress : ndarray, shape (n,)
        Share of the steps that is done.
    p_gain : ndarray, shape (n,)
        P(a gain of at least δ until the end).
    stale : ndarray, shape (n,)
        As `stale_share` says.
    short : ndarray, shape (n,)
        As `shortfall` says.
    forgone : ndarray, shape (n,)
        What stopping there would have given up, in δ.
    """

    curve: Curve
    at: NDArray[np.int64]
    progress: NDArray[np.float64]
    p_gain: NDArray[np.float64]
    stale: NDArray[np.float64]
    short: NDArray[np.float64]
    forgone: NDArray[np.float64]


def forgone(curve: Curve) -> NDArray[np.float64]:
    """Return what stopping at each evaluation gives up, in δ."""
    scored = curve.scored(curve.values)
    best = np.maximum.accumulate(scored)
    return (best[-1] - best) / curve.delta


def trace(curve: Curve, priors: Priors, most: int = MOST_LOOKS) -> Trace:
    """Forecast at up to `most` evaluations, spread evenly."""
    n = curve.steps.size
    at = np.unique(np.linspace(FEWEST - 1, n - 2, min(most, n - FEWEST)).round().astype(np.int64))
    p_gain, stale, short = np.empty((3, at.size))
    scored = curve.scored(curve.values)
    for i, last in enumerate(at):
        ahead = forecast(
            curve.steps[: last + 1], curve.values[: last + 1], horizon=float(curve.steps[-1]),
            direction=curve.direction, bounds=curve.bounds,
            future_steps=curve.steps[last + 1 :], _priors=priors,
        )  # fmt: skip
        delta = curve.delta
        if curve.is_log:
            delta = ahead.best_so_far * (1.0 - np.exp(-delta))
        p_gain[i] = ahead.p_gain(float(delta))
        short[i] = shortfall(
            curve.values[: last + 1], ahead.final.median,
            direction=curve.direction, delta=float(delta),
        )  # fmt: skip
        stale[i] = stale_share(
            curve.steps[: last + 1], scored[: last + 1], direction="max", delta=curve.delta
        )
    progress = curve.steps[at] / curve.steps[-1]
    return Trace(curve, at, progress, p_gain, stale, short, forgone(curve)[at])


def priors_by_source(curves: Iterable[Curve], prefixes: list[Prefix]) -> dict[str, Priors]:
    """Fit priors for each source on all the others."""
    sources = sorted({curve.source for curve in curves})
    return {
        source: fit([p for p in prefixes if p.case.curve.source != source]) for source in sources
    }


def traces(curves: Iterable[Curve], priors: dict[str, Priors]) -> list[Trace]:
    """Trace curves, each with the priors that do not know its source."""
    return [trace(curve, priors[curve.source]) for curve in curves]
