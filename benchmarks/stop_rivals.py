"""Rules for stopping from the literature: each returns where it stops a curve, or None.

Every rule sees the values in the scored scale (higher is better) and stops at an index of the
curve. Patience counts evaluations without a new best, the default of the callbacks that people
use. GL, PQ and UP are those of Prechelt, "Early stopping - but when?" (1998), with strips of five
evaluations; PQ needs a training loss.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.stats._paths import normal_cdf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from forecast_curves import Curve
    from numpy.typing import NDArray

STRIP = 5
FEWEST = 3


@dataclass(frozen=True)
class Rival:
    """A rule and the strictness values over which it is drawn, laxest last."""

    name: str
    stops: Callable[[Curve, float], int | None]
    strictness: tuple[float, ...]


def _first(hit: NDArray[np.bool_], *, start: int = FEWEST - 1) -> int | None:
    """Return the first place that is hit, the last evaluation left out: it saves nothing."""
    places = np.flatnonzero(hit[start:-1])
    return int(places[0]) + start if places.size else None


def _since_best(curve: Curve) -> NDArray[np.int64]:
    scored = curve.scored(curve.values)
    best = np.maximum.accumulate(scored)
    new = np.r_[True, scored[1:] > best[:-1]]
    return np.arange(scored.size) - np.maximum.accumulate(np.where(new, np.arange(scored.size), 0))


def patience(curve: Curve, k: float) -> int | None:
    """Stop after k evaluations without a new best."""
    return _first(_since_best(curve) >= k)


def patience_share(curve: Curve, share: float) -> int | None:
    """Stop after a share of the run without a new best."""
    at = np.arange(curve.steps.size) - _since_best(curve)
    return _first(curve.steps - curve.steps[at] >= share * curve.steps[-1])


def _error(curve: Curve) -> NDArray[np.float64]:
    """Return a positive error: the loss, what a score lacks to 1, or the distance to the top."""
    if curve.is_log:
        return curve.values
    if curve.bounds == (0.0, 1.0):
        return 1.0 - curve.values + 1e-9
    scored = curve.scored(curve.values)
    # Rewards have no zero: their range stands in for it.
    return np.ptp(scored) + scored.max() - scored + 1e-9


def _generalisation_loss(curve: Curve) -> NDArray[np.float64]:
    error = _error(curve)
    return 100.0 * (error / np.minimum.accumulate(error) - 1.0)


def gl(curve: Curve, alpha: float) -> int | None:
    """Stop when the error is alpha per cent above its lowest."""
    return _first(_generalisation_loss(curve) > alpha)


def pq(trains: dict[str, NDArray[np.float64]], curve: Curve, alpha: float) -> int | None:
    """Stop when GL is alpha times the progress of the training loss in a strip."""
    train = trains.get(curve.name)
    if train is None or train.size != curve.steps.size or not (train > 0).all():
        return None
    strips = np.lib.stride_tricks.sliding_window_view(train, STRIP)
    progress = 1000.0 * (strips.mean(axis=1) / strips.min(axis=1) - 1.0)
    quotient = _generalisation_loss(curve)[STRIP - 1 :] / np.maximum(progress, 1e-9)
    hit = np.r_[np.zeros(STRIP - 1, dtype=bool), quotient > alpha]
    return _first(hit, start=STRIP - 1)


def up(curve: Curve, s: float) -> int | None:
    """Stop when the error rose over s strips in a row."""
    ends = np.arange(STRIP - 1, curve.steps.size, STRIP)
    rose = np.diff(_error(curve)[ends]) > 0
    count = 0
    for end, worse in zip(ends[1:], rose, strict=True):
        count = count + 1 if worse else 0
        if count >= s and end < curve.steps.size - 1:
            return int(end)
    return None


def log_line_chances(curve: Curve) -> NDArray[np.float64]:
    """P(gain of δ) by a line in log step over the last half, itself uncertain, and noise."""
    scored, t = curve.scored(curve.values), np.log(np.maximum(curve.steps, 0.5))
    chance = np.ones(scored.size)
    normals = np.random.default_rng(1998).standard_normal((64, 2))
    for n in range(6, scored.size):
        tail = slice(n // 2, n)
        design = np.column_stack((np.ones(n - n // 2), t[tail]))
        beta, *_ = np.linalg.lstsq(design, scored[tail], rcond=None)
        rest = scored[tail] - design @ beta
        sd = max(float(np.sqrt((rest**2).sum() / max(rest.size - 2, 1))), 1e-9)
        lines = beta + sd * normals @ np.linalg.cholesky(np.linalg.pinv(design.T @ design)).T
        mean = lines[:, :1] + lines[:, 1:] * t[n:]
        below = normal_cdf((scored[:n].max() + curve.delta - mean) / sd)
        chance[n - 1] = 1.0 - float(below.prod(axis=1).mean())
    return chance


def schedule(progress: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale a limit of the chance: stricter in the first six tenths of a run."""
    return np.clip((progress - 0.1) / 0.5, 0.1, 1.0)


def oracle(curve: Curve, _: float = 0.0) -> int | None:
    """Stop at the first evaluation within δ of the best of the run."""
    scored = curve.scored(curve.values)
    return _first(scored >= scored.max() - curve.delta * (1.0 - 1e-9), start=0)


def training_losses(folder: Path, curves: list[Curve]) -> dict[str, NDArray[np.float64]]:
    """Return the training loss at each evaluation, of the curves that have all of them."""
    wanted = {curve.name: curve for curve in curves}
    found: dict[str, dict[float, float]] = defaultdict(dict)
    for place in sorted(entry for entry in folder.iterdir() if entry.is_dir()):
        with (place / "points.csv").open() as stream:
            for row in csv.DictReader(stream):
                if row["train"] and row["curve_id"] in wanted:
                    found[row["curve_id"]][float(row["step"])] = float(row["train"])
    complete = {}
    for name, by_step in found.items():
        train = np.array([by_step.get(step, np.nan) for step in wanted[name].steps])
        if np.isfinite(train).all():
            complete[name] = train
    return complete


def rivals(trains: dict[str, NDArray[np.float64]]) -> list[Rival]:
    """Return the rules that need nothing but the curve and its training loss."""
    chances: dict[str, NDArray[np.float64]] = {}

    def by_log_line(curve: Curve, limit: float) -> int | None:
        if curve.name not in chances:
            chances[curve.name] = log_line_chances(curve)
        progress = curve.steps / curve.steps[-1]
        return _first(chances[curve.name] < limit * schedule(progress))

    return [
        Rival("patience (evaluations)", patience, (50, 40, 30, 25, 20, 15, 12, 10, 7, 5)),
        Rival("patience (share of run)", patience_share, (0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1)),
        Rival("GL", gl, (100, 50, 30, 20, 10, 7, 5, 3, 2, 1)),
        Rival("PQ", lambda c, a: pq(trains, c, a), (100, 50, 20, 10, 5, 3, 2, 1, 0.5, 0.2)),
        Rival("UP", up, (6, 5, 4, 3, 2)),
        Rival(
            "P by a log line",
            by_log_line,
            (1e-5, 1e-4, 0.001, 0.01, 0.03, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5),
        ),
    ]
