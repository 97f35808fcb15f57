"""A prefix in numbers that mean the same for every run: what the fitted correction sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.stats._grid import RECENT, late_weights
from copilot_analytics.stats.finite import bounded

if TYPE_CHECKING:
    from copilot_analytics.stats._grid import Prepared
    from copilot_analytics.stats._paths import Draws
    from copilot_analytics.stats.finite import FloatArray

NEIGHBOUR_WEIGHTS = {
    "log progress": 1.0,
    "log evaluations": 0.5,
    "log noise": 1.0,
    "log spread": 1.0,
    "log scale": 1.0,
    "log unit": 1.0,
    "log line, half": 1.0,
    "line, half": 0.7,
    "middle": 1.0,
    "level at half": 0.7,
    "level at three quarters": 0.7,
    "below best": 0.7,
    "since best": 0.7,
    "echo": 0.3,
    "level": 0.5,
    "first": 0.4,
}
"""Features by which a prefix finds its like, and how much each counts."""
ROOM_WEIGHTS = {
    "log progress": 1.0,
    "log evaluations": 0.5,
    "log noise": 0.5,
    "log scale": 2.0,
    "log unit": 2.0,
    "room": 1.0,
    "log line, half": 0.7,
    "middle": 0.7,
    "below best": 0.5,
}
"""Those by which it finds runs that had as far to go. Where a run is in the metric's own scale
counts most: a curve that still lies flat has shown nothing else."""


@dataclass(frozen=True)
class Situation:
    """A prefix as the correction sees it, in units of the range seen; 0 is the last value.

    Attributes
    ----------
    prefix : Prepared
    best : float
        Best value so far.
    since_best : float
        Evaluations after the best, as a share of those used.
    is_log : bool
        The scale is -log of the metric.
    unit : float
        The range seen, in that scale.
    headroom : float
        Distance from the last value to the better bound; inf without one.
    spacing : float
        Newest gap between evaluations over the oldest.
    n_ahead : int
        Evaluations to come.
    n : int
        Evaluations used.
    """

    prefix: Prepared
    best: float
    since_best: float
    is_log: bool
    unit: float
    headroom: float
    spacing: float
    n_ahead: int
    n: int


@dataclass(frozen=True)
class Described:
    """What the correction is made of.

    Attributes
    ----------
    features : dict
        By name, not standardised.
    scale : float
        Spread of what the grid expects, evaluation noise included.
    middle : float
        Median of what the grid expects at the horizon.
    final, best : ndarray
        Proposals of the location; the regression weighs them.
    room : float
        A fall of the loss to 1/e of itself, or the way to the better bound; NaN without one.
    """

    features: dict[str, float]
    scale: float
    middle: float
    final: FloatArray
    best: FloatArray
    room: float


def _change_ahead(t: FloatArray, u: FloatArray, weight: FloatArray, target: float) -> float:
    """Change from the last point to `target` by a least-squares line."""
    d = t - weight @ t / weight.sum()
    pull = weight * d
    return float(pull @ u) / max(float(pull @ d), 1e-12) * (target - float(t[-1]))


def _lines(prefix: Prepared) -> dict[str, float]:
    """Change expected ahead by lines in log, root and plain progress over the newest points."""
    k, p = prefix.x.size, prefix.now
    found = {}
    for name, share in (("half", 0.5), ("quarter", 0.25)):
        tail = slice(max(min(k - 3, int(k * (1.0 - share))), 0), None)
        x, u, w = prefix.x[tail], prefix.u[tail], prefix.count[tail]
        found[f"log line, {name}"] = _change_ahead(np.log(x), u, w, 0.0)
        # Lines in progress itself are not believed beyond as much again as was seen.
        found[f"line, {name}"] = _change_ahead(x, u, w, 1.0) * min(1.0, p / max(1.0 - p, 1e-9))
        found[f"root line, {name}"] = _change_ahead(np.sqrt(x), u, w, 1.0) * p**0.5
    return {name: bounded(value, -6.0, 6.0) for name, value in found.items()}


def _levelling(prefix: Prepared, share: float) -> tuple[float, float, float]:
    """Change ahead if the newest points go on to level off geometrically.

    A parabola through them gives the pace in their middle and how fast that pace decays; Aitken's
    extrapolation, for more than three points (Brezinski and Redivo Zaglia, Extrapolation Methods
    (1991)). A pace that grows counts as steady, and is not believed beyond one more window.

    Returns
    -------
    change, decay, roughness : float
        Decay of the pace in half a window, and log of the misfit over the pace.
    """
    k = prefix.x.size
    tail = slice(max(min(k - 4, int(k * (1.0 - share))), 0), None)
    x, u, w = prefix.x[tail], prefix.u[tail], prefix.count[tail]
    half = float(x[-1] - x[0]) / 2.0
    t = (x - x[0]) / half - 1.0
    design = np.stack((np.ones_like(t), t, t * t))
    fitted = np.linalg.lstsq((design * w) @ design.T, (design * w) @ u, rcond=None)[0]
    misfit = float(np.sqrt((w * (u - fitted @ design) ** 2).sum() / w.sum()))
    pace, bend = float(fitted[1]), 2.0 * float(fitted[2])
    decay = bounded(-bend / pace, -1.0, 6.0) if abs(pace) > 1e-9 else 0.0
    slowing = max(decay, 1e-3)
    rest = (1.0 - prefix.now) / half
    change = pace * float(np.exp(-slowing) * -np.expm1(-slowing * rest) / slowing)
    if decay <= 0.0:
        change = bounded(change, -4.0 * abs(pace), 2.0 * abs(pace))
    roughness = float(np.log((misfit + 1e-4) / (abs(pace) + 1e-4)))
    return bounded(change, -6.0, 6.0), decay, roughness


def _smoothness(prefix: Prepared) -> float:
    """Log of what third differences leave over the noise, which second ones leave."""
    x, u = prefix.x[-RECENT:], prefix.u[-RECENT:]
    n = x.size - 3
    if n < 1:
        return 0.0
    near = np.stack([x[i : i + n] for i in range(4)])
    up = np.stack([u[i : i + n] for i in range(4)])
    gaps = near[:, None] - near[None, :]
    gaps[range(4), range(4)] = 1.0
    # Divided differences; their common unit cancels.
    weight = 1.0 / np.prod(gaps / (near[-1] - near[0]), axis=1)
    off = np.abs((weight * up).sum(axis=0)) / np.sqrt((weight**2).sum(axis=0))
    late = late_weights(n)
    found = 1.2533 * float((late * off).sum() / late.sum())
    return float(np.log((found + 1e-3) / (prefix.noise + 1e-3)))


def _echo(u: FloatArray) -> float:
    """Autocorrelation of the newest changes: -1/2 is noise, above 0 a steady course."""
    newest = u[-30:]
    d = newest[1:] - newest[:-1]
    if d.size <= 2:
        return -0.25
    return float((d[1:] * d[:-1]).sum() / max(float((d * d).sum()), 1e-12))


def describe(situation: Situation, draws: Draws) -> Described:
    """Return the features of a prefix and the proposals of its end.

    Parameters
    ----------
    situation : Situation
    draws : Draws
        Its rests by the grid alone.

    Returns
    -------
    Described
        The same for every choice of the metric's units.
    """
    prefix = situation.prefix
    p, u = prefix.now, prefix.u
    now = draws.level
    final = np.sort(draws.end)
    at = (np.array([0.1, 0.16, 0.5, 0.84, 0.9]) * final.size).astype(np.int64)
    q10, q16, middle, q84, q90 = final[at].tolist()
    spread = max((q84 - q16) / 2.0, 1e-4)
    noise = max(draws.noise_sd, 2e-3)
    scale = float(np.hypot(noise, spread))
    seen = np.interp(np.log(p * np.array([0.25, 0.5, 0.75])), np.log(prefix.x), u) - now
    newest = u[max(min(u.size - 4, int(0.75 * u.size)), 0) :]
    averaged = float(u[-max(1, min(u.size, round(0.1 * u.size), 8)) :].mean())
    gap = situation.best - now
    room = 1.0 / (1.0 + max(situation.headroom, 0.0))
    if situation.is_log:
        unit = bounded(np.log(situation.unit), -8.0, 2.0)
    elif np.isfinite(situation.headroom):
        unit = bounded(np.log(room / (1.0 - room + 1e-9)), -6.0, 3.0)
    else:
        unit = -2.0
    lines = _lines(prefix)
    levelled, decay, roughness = zip(
        *(_levelling(prefix, share) for share in (0.5, 0.25)), strict=True
    )
    features = {
        "rest": 1.0 - p,
        "root of rest": (1.0 - p) ** 0.5,
        "log progress": float(np.log(p)),
        "progress": p,
        "log evaluations": float(np.log(situation.n)),
        "log evaluations ahead": float(np.log1p(situation.n_ahead)),
        "log noise": float(np.log(noise)),
        "log spread": float(np.log(spread)),
        "level": now,
        "middle": middle - now,
        **lines,
        "newest": averaged,
        "level at quarter": float(seen[0]),
        "level at half": float(seen[1]),
        "level at three quarters": float(seen[2]),
        "first": bounded(u[0] - now, -3.0, 3.0),
        "below best": bounded(gap, 0.0, 5.0),
        "below best in noise": bounded(gap / noise, -2.0, 8.0),
        "since best": situation.since_best,
        "log range": float(np.log(np.ptp(u) + 1e-3)),
        "log newest range": float(np.log(newest.std() + 1e-3)),
        "echo": _echo(u),
        "room": room,
        "log scale": float(situation.is_log),
        "bounded": float(np.isfinite(situation.headroom)),
        "log unit": unit,
        "log spacing": bounded(np.log(situation.spacing), -5.0, 5.0),
        "skewness": (q90 + q10 - 2.0 * middle) / spread,
        "levelled, half": levelled[0],
        "levelled, quarter": levelled[1],
        "decay, half": decay[0],
        "decay, quarter": decay[1],
        "roughness, half": roughness[0],
        "roughness, quarter": roughness[1],
        "smoothness": _smoothness(prefix),
        "middle over best": bounded((middle - situation.best) / scale, -6.0, 6.0),
    }
    proposals = [
        scale,
        middle,
        lines["log line, half"],
        lines["line, half"],
        lines["root line, half"],
        lines["log line, quarter"],
        now,
        averaged,
        features["below best"] * features["root of rest"],
        *levelled,
    ]
    of_many = noise * float(np.sqrt(np.log1p(1.0 + situation.n_ahead)))
    return Described(
        features,
        scale,
        middle,
        np.array([*proposals, noise]),
        np.array([*proposals, of_many]),
        _room(situation),
    )


def _room(situation: Situation) -> float:
    if situation.is_log:
        return 1.0 / situation.unit
    return max(situation.headroom, 1e-6) if np.isfinite(situation.headroom) else float("nan")
