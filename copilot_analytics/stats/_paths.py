"""From a prefix to simulated rests of the run: features, draws and their learned correction."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from math import erfc, sqrt
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.stats._grid import (
    GRID_SHAPE,
    WARP,
    Posterior,
    Prepared,
)

if TYPE_CHECKING:
    from copilot_analytics.stats.finite import FloatArray

N_DRAWS = 512
BLOCKS = 40
WANDER = 0.35
"""Share kept of the drift's detours between now and the horizon."""
N_MEMBERS = 16
N_WIDTH = 10
N_GAIN = 12
CHANCE_LIMITS = (0.5 / N_DRAWS, 1.0 - 0.5 / N_DRAWS)


@dataclass(frozen=True)
class Priors:
    """The fitted numbers; `benchmarks/fit_forecast_priors.py` remakes them.

    Attributes
    ----------
    drift, shape, noise : ndarray
        Log weights of the grid's axes.
    temper : float
        Power of the evidence.
    shift : ndarray, shape (N_MEMBERS,)
    width : ndarray
    gain, gain_turn : ndarray
        Offset of the log odds of a gain, and its change from large gains to small ones.
    gain_slope : ndarray, shape (2,)
        On 1 and progress.
    tails : ndarray, shape (3, 2)
        Stretch of the 80 and 90 % intervals of the final value, at progress 0.1, 0.4, 0.8.
    """

    drift: FloatArray
    shape: FloatArray
    noise: FloatArray
    temper: float
    shift: FloatArray
    width: FloatArray
    gain: FloatArray
    gain_turn: FloatArray
    gain_slope: FloatArray
    tails: FloatArray


def log_weights(priors: Priors) -> FloatArray:
    """Prior log weight of each cell, flattened."""
    grid = priors.drift[:, None, None] + priors.shape[None, :, None] + priors.noise[None, None, :]
    return np.broadcast_to(grid, GRID_SHAPE).ravel()


@lru_cache(maxsize=1)
def shipped_priors() -> Priors:
    """Read the numbers shipped with the package."""
    text = resources.files("copilot_analytics.stats").joinpath("forecast_priors.json").read_text()
    return priors_from(json.loads(text))


def priors_from(numbers: dict[str, object]) -> Priors:
    """Make `Priors` of the parsed file."""
    arrays = {
        name: np.asarray(numbers[name], dtype=np.float64)
        for name in Priors.__dataclass_fields__
        if name != "temper"
    }
    return Priors(temper=float(str(numbers["temper"])), **arrays)


@lru_cache(maxsize=1)
def _chances() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return fixed normals, each row followed by its mirror, for paths, noise, and its ranks."""
    rng = np.random.default_rng(20151)
    half = rng.standard_normal((N_DRAWS // 2, 2 + 2 * BLOCKS))
    # Neighbouring draws share a cell, so mirror images must lie side by side.
    normals = np.stack((half, -half), axis=1).reshape(N_DRAWS, -1)
    noise = normals[:, 2 + BLOCKS :]
    return normals[:, : 2 + BLOCKS], noise, np.log(-np.log(normal_cdf(noise)))


def normal_cdf(z: FloatArray) -> FloatArray:
    """Distribution function of the normal by a fixed table; good to 1e-5."""
    table_z, table_p = _normal_table()
    return np.interp(z, table_z, table_p)


def normal_quantile(p: FloatArray) -> FloatArray:
    """Inverse of `normal_cdf`, within 7 standard deviations."""
    table_z, table_p = _normal_table()
    return np.interp(p, table_p, table_z)


def _normal_at_depth(depth: FloatArray) -> FloatArray:
    """Inverse of `normal_cdf` at the rank exp(-exp(depth)), by a table of equal spacing."""
    table, first, spacing = _depth_table()
    place = np.clip((depth - first) / spacing, 0.0, table.size - 1.001)
    below = place.astype(np.int64)
    low = table[below]
    return low + (place - below) * (table[below + 1] - low)


@lru_cache(maxsize=1)
def _depth_table() -> tuple[FloatArray, float, float]:
    depth, spacing = np.linspace(-28.0, 4.0, 8193, retstep=True)
    rank, rest = np.exp(-np.exp(depth)), -np.expm1(-np.exp(depth))
    z = np.where(rank < rest, normal_quantile(rank), -normal_quantile(rest))
    return z, float(depth[0]), float(spacing)


@lru_cache(maxsize=1)
def _normal_table() -> tuple[FloatArray, FloatArray]:
    z = np.linspace(-7.0, 7.0, 2801)
    return z, np.array([0.5 * erfc(-v / sqrt(2.0)) for v in z])


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
    headroom : float
        Distance from the last value to the better bound; inf without one.
    n_ahead : int
        Evaluations to come.
    n : int
        Evaluations used.
    """

    prefix: Prepared
    best: float
    since_best: float
    is_log: bool
    headroom: float
    n_ahead: int
    n: int


def blocks_ahead(n_ahead: int) -> FloatArray:
    """Sizes of the groups in which the evaluations to come are simulated; the last is alone."""
    if n_ahead <= BLOCKS:
        return np.ones(n_ahead)
    edges = np.linspace(0, n_ahead - 1, BLOCKS).round()
    return np.append(np.diff(edges), 1.0)


@dataclass(frozen=True)
class Draws:
    """Simulated rests of a run.

    Attributes
    ----------
    level : ndarray, shape (N_DRAWS, k)
        Noise-free.
    noise : ndarray, shape (N_DRAWS, k)
        What to add for the best evaluation of each group.
    now : ndarray, shape (N_DRAWS,)
        Level now.
    noise_sd : float
    """

    level: FloatArray
    noise: FloatArray
    now: FloatArray
    noise_sd: float


def draw(
    prefix: Prepared, posterior: Posterior, priors: Priors, ahead: FloatArray, sizes: FloatArray
) -> Draws:
    """Simulate from the mixture: cells by systematic sampling, the rest from fixed normals."""
    log_weight = priors.temper * posterior.log_evidence + log_weights(priors)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    final = posterior.level + posterior.rise * posterior.shapes[posterior.shape_index, -1]
    heavy = np.flatnonzero(weight > 1e-5)
    order = heavy[np.argsort(final[heavy], kind="stable")]
    cumulated = np.cumsum(weight[order])
    at = (np.arange(N_DRAWS) + 0.5) / N_DRAWS * cumulated[-1]
    cell = order[np.searchsorted(cumulated, at)]
    normals, noise_normals, depths = _chances()
    rise_error = np.sqrt(posterior.rise_var[cell]) * normals[:, 0]
    now = posterior.level[cell] - posterior.lever[cell] * rise_error
    now = now + np.sqrt(posterior.level_var[cell]) * normals[:, 1]
    shapes = posterior.shapes[posterior.shape_index[cell]]
    clock = (ahead**WARP - prefix.now**WARP) * prefix.clock_unit
    steps = np.sqrt(np.maximum(np.diff(clock, prepend=0.0), 0.0))
    k = ahead.size
    walk = np.cumsum(normals[:, 2 : 2 + k] * steps, axis=1)
    walk *= np.sqrt(posterior.drift_var[cell])[:, None]
    # Cells of strong drift fit early steps that will not come again: wander less on the way.
    bridge = walk[:, -1:] * (clock / clock[-1])
    walk = bridge + WANDER * (walk - bridge)
    level = now[:, None] + (posterior.rise[cell] + rise_error)[:, None] * shapes + walk
    z = noise_normals[:, :k]
    if sizes.max() > 1.0:
        # The best of s evaluations of equal level has the rank of one, to the power 1 / s.
        z = _normal_at_depth(depths[:, :k] - np.log(sizes))
    noise_sd = np.sqrt(posterior.noise_var[cell])
    return Draws(
        level,
        noise_sd[:, None] * z,
        now,
        float(np.sqrt((weight * posterior.noise_var).sum())),
    )


@dataclass(frozen=True)
class Corrected:
    """What the learned correction is made of.

    Attributes
    ----------
    members : ndarray, shape (N_MEMBERS,)
        The shift is linear in them.
    width_features, gain_features : ndarray
        The logarithm of the width and the offset of the gain are linear in them.
    """

    members: FloatArray
    width_features: FloatArray
    gain_features: FloatArray


def _slopes(prefix: Prepared) -> tuple[float, float]:
    """Change expected ahead by a line in log progress and by one in progress, last half."""
    n = prefix.x.size
    tail = slice(min(n - 3, n // 2), None)
    x, u, w = prefix.x[tail], prefix.u[tail], prefix.count[tail]
    ahead = []
    for t, target in ((np.log(x), 0.0), (x, 1.0)):
        centre = np.average(t, weights=w)
        d = t - centre
        slope = (w * d * u).sum() / max((w * d * d).sum(), 1e-12)
        ahead.append(float(slope * (target - t[-1])))
    return ahead[0], ahead[1]


def correction(situation: Situation, draws: Draws) -> Corrected:
    """Features of a prefix."""
    prefix = situation.prefix
    p = prefix.now
    now = float(np.median(draws.now))
    final = np.sort(draws.level[:, -1] + draws.noise[:, -1])
    middle = float(np.median(final))
    spread = max(float(final[int(0.84 * N_DRAWS)] - final[int(0.16 * N_DRAWS)]) / 2.0, 1e-4)
    log_line, line = _slopes(prefix)
    gap = situation.best - now
    noise = max(draws.noise_sd, 2e-3)
    room = 1.0 / (1.0 + max(situation.headroom, 0.0))
    rest = np.sqrt(1.0 - p)
    members = np.array(
        [
            rest,
            now,
            middle - now,
            np.clip(log_line, -3.0, 3.0) - (middle - now),
            np.clip(line, -2.0, 2.0) * p,
            np.clip(gap, 0.0, 3.0) * rest,
            min(spread, 3.0) * rest,
            room * rest,
        ]
    )
    context = np.array([1.0, float(situation.is_log) - 0.5])
    disagreement = abs(float(np.clip(log_line, -3.0, 3.0)) - (middle - now))
    log_n = np.log(situation.n) - 3.0
    width = np.array(
        [
            1.0,
            2.0 * p - 1.0,
            np.log(p) + 1.0,
            0.5 * np.log(1.0 - p + 0.01),
            np.log(noise) + 2.5,
            np.log(spread) + 1.0,
            np.log(spread + disagreement) + 1.0,
            log_n,
            float(situation.is_log),
            room,
        ]
    )
    total = np.hypot(noise, spread)
    gain = np.array(
        [
            1.0,
            2.0 * p - 1.0,
            np.log(noise) + 2.5,
            np.log(spread) + 1.0,
            np.clip(gap / noise, -2.0, 6.0) / 3.0,
            np.clip((middle - situation.best) / total, -4.0, 4.0) / 2.0,
            situation.since_best,
            situation.since_best * p,
            np.log1p(situation.n_ahead) - 3.0,
            log_n,
            float(situation.is_log),
            room,
        ]
    )
    return Corrected(np.outer(members, context).ravel(), width, gain)


def corrected_paths(
    draws: Draws, found: Corrected, priors: Priors, clock: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Shift and stretch the draws so that the final value is calibrated.

    Parameters
    ----------
    draws : Draws
    found : Corrected
    priors : Priors
    clock : ndarray, shape (k,)
        Share of the way from now to the horizon, in drift time.

    Returns
    -------
    level, noise : ndarray, shape (N_DRAWS, k)
    """
    shift = float(found.members @ priors.shift)
    factor = float(np.exp(np.clip(found.width_features @ priors.width, -2.5, 1.5)))
    middle = np.median(draws.level, axis=0)
    # All of the correction at the horizon, none of it now, on the shift and on the spread alike.
    stretch = 1.0 + clock * (factor - 1.0)
    level = middle + clock * shift + stretch * (draws.level - middle)
    return level, draws.noise * stretch


def gain_survival(above: FloatArray, found: Corrected, priors: Priors, now: float) -> FloatArray:
    """Map simulated P(gain > d) to calibrated ones: logistic, and increasing."""
    p = np.clip(above, *CHANCE_LIMITS)
    slope = np.exp(np.clip(priors.gain_slope @ np.array([1.0, 2.0 * now - 1.0]), -2.0, 1.0))
    common, turn = found.gain_features @ priors.gain, found.gain_features @ priors.gain_turn
    # A turn of more than 4 slopes would make small gains less likely than large ones.
    turn = np.clip(turn, -3.9 * slope, 3.9 * slope)
    logit = slope * np.log(p / (1.0 - p)) + common + turn * (p - 0.5)
    return np.asarray(1.0 / (1.0 + np.exp(-logit)))
