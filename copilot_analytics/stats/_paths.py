"""Simulated rests of a run, by the grid; then moved so that they end as the blend says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import erfc, sqrt
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.stats._grid import (
    WARP,
    Posterior,
    Prepared,
)
from copilot_analytics.stats.finite import median

if TYPE_CHECKING:
    from copilot_analytics.stats._fitted import Priors
    from copilot_analytics.stats.finite import FloatArray

N_DRAWS = 256
BLOCKS = 24
WANDER = 0.35
"""Share kept of the drift's detours between now and the horizon."""


def log_weights(priors: Priors) -> FloatArray:
    """Prior log weight of each cell, flattened."""
    grid = priors.drift[:, None, None] + priors.shape[None, :, None] + priors.noise[None, None, :]
    return np.asarray(grid.ravel())


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


def blocks_ahead(n_ahead: int) -> FloatArray:
    """Sizes of the groups in which the evaluations to come are simulated; the last is alone."""
    if n_ahead <= BLOCKS:
        return np.ones(n_ahead)
    edges = np.linspace(0, n_ahead - 1, BLOCKS).round()
    return np.append(edges[1:] - edges[:-1], 1.0)


@dataclass(frozen=True)
class Draws:
    """Simulated rests of a run; the way to their end is made when it is asked for.

    Attributes
    ----------
    end : ndarray, shape (N_DRAWS,)
        Evaluation at the horizon, noise included.
    now : ndarray, shape (N_DRAWS,)
        Level now.
    noise_sd : float
    """

    end: FloatArray
    now: FloatArray
    noise_sd: float
    _rise: FloatArray
    _drift: FloatArray
    _noise: FloatArray
    _shapes: FloatArray
    _clock: FloatArray
    _sizes: FloatArray

    @cached_property
    def level(self) -> float:
        """Median of the level now."""
        return median(self.now)

    def paths(self) -> tuple[FloatArray, FloatArray]:
        """Return the level of each draw, and what to add for the best evaluation of each group.

        Returns
        -------
        level, noise : ndarray, shape (N_DRAWS, k)
        """
        normals, noise_normals, depths = _chances()
        k = self._clock.size
        walk = np.cumsum(normals[:, 2 : 2 + k] * _steps(self._clock), axis=1)
        walk *= self._drift[:, None]
        # Cells of strong drift fit early steps that will not come again: wander less on the way.
        bridge = walk[:, -1:] * (self._clock / self._clock[-1])
        walk = bridge + WANDER * (walk - bridge)
        level = self.now[:, None] + self._rise[:, None] * self._shapes + walk
        z = noise_normals[:, :k]
        if self._sizes.max() > 1.0:
            # The best of s evaluations of equal level has the rank of one, to the power 1 / s.
            z = _normal_at_depth(depths[:, :k] - np.log(self._sizes))
        return level, self._noise[:, None] * z


def _steps(clock: FloatArray) -> FloatArray:
    """Return the standard deviation of each step of a random walk."""
    return np.asarray(np.sqrt(np.maximum(np.diff(clock, prepend=0.0), 0.0)))


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
    normals, noise_normals, _ = _chances()
    rise_error = np.sqrt(posterior.rise_var[cell]) * normals[:, 0]
    now = posterior.level[cell] - posterior.lever[cell] * rise_error
    now = now + np.sqrt(posterior.level_var[cell]) * normals[:, 1]
    shapes = posterior.shapes[posterior.shape_index[cell]]
    clock = (ahead**WARP - prefix.now**WARP) * prefix.clock_unit
    k = ahead.size
    rise = posterior.rise[cell] + rise_error
    drift = np.sqrt(posterior.drift_var[cell])
    noise = np.sqrt(posterior.noise_var[cell])
    level = now + rise * shapes[:, -1] + drift * (normals[:, 2 : 2 + k] @ _steps(clock))
    return Draws(
        level + noise * noise_normals[:, k - 1],
        now,
        float(np.sqrt((weight * posterior.noise_var).sum())),
        rise,
        drift,
        noise,
        shapes,
        clock,
        sizes,
    )


def mapped(draws: Draws, level: FloatArray, final: FloatArray, clock: FloatArray) -> FloatArray:
    """Move the level of each draw so that the last evaluations have given quantiles.

    Every draw keeps its rank (Clark et al., Journal of Hydrometeorology 5 (2004)).

    Parameters
    ----------
    draws : Draws
    level : ndarray, shape (N_DRAWS, k)
    final : ndarray, shape (m,)
        Quantiles at equally spaced probabilities.
    clock : ndarray, shape (k,)
        Share of the way from now to the horizon, in drift time: all of the move is made there,
        and none of it now.

    Returns
    -------
    ndarray, shape (N_DRAWS, k)
        Levels, noise-free.
    """
    rank = np.empty(N_DRAWS)
    rank[np.argsort(draws.end, kind="stable")] = (np.arange(N_DRAWS) + 0.5) / N_DRAWS
    probabilities = (np.arange(final.size) + 0.5) / final.size
    move = np.interp(rank, probabilities, final) - draws.end
    return np.asarray(level + clock * move[:, None])
