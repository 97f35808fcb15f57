"""A rival of the forecast: many curve families by least squares, averaged by AICc weights.

After Domhan, Springenberg and Hutter (IJCAI 2015), with closed forms in place of their MCMC: in
every family level and rise are linear, so only one or two shape parameters are searched, on a
grid that is zoomed twice. A family predicts by the curvature at its optimum (Laplace).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

POINTS = 9
ZOOMS = 3
DRAWS = 2000


@dataclass(frozen=True)
class Shape:
    """A falling curve over t, the share of the steps seen; its parameters are logarithms."""

    name: str
    of: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
    low: tuple[float, ...]
    high: tuple[float, ...]


SHAPES = (
    Shape("pow3", lambda t, p: t ** -np.exp(p[0]), (-3.0,), (1.5,)),
    Shape("pow4", lambda t, p: (t + np.exp(p[1])) ** -np.exp(p[0]), (-3.0, -6.0), (1.5, 1.0)),
    Shape("exp3", lambda t, p: np.exp(-np.exp(p[0]) * t), (-2.0,), (4.0,)),
    Shape(
        "janoschek",
        lambda t, p: np.exp(-((np.exp(p[0]) * t) ** np.exp(p[1]))),
        (-2.0, -1.5),
        (4.0, 1.2),
    ),
    Shape("log", lambda t, p: -np.log(t), (), ()),
    Shape("log with offset", lambda t, p: -np.log(t + np.exp(p[0])), (-6.0,), (1.0,)),
    Shape("inverse log", lambda t, p: 1.0 / np.log(1.0 + np.exp(p[0]) * t), (-1.0,), (6.0,)),
    Shape(
        "mmf",
        lambda t, p: 1.0 / (1.0 + (t / np.exp(p[0])) ** np.exp(p[1])),
        (-4.0, -1.5),
        (1.0, 1.8),
    ),
    Shape("michaelis", lambda t, p: 1.0 / (1.0 + t / np.exp(p[0])), (-5.0,), (1.5,)),
    Shape(
        "logistic",
        lambda t, p: 1.0 / (1.0 + np.exp(np.clip(np.exp(p[0]) * (t - np.exp(p[1])), -50, 50))),
        (0.0, -3.0),
        (3.5, 0.7),
    ),
)


def ensemble(
    steps: NDArray[np.float64], y: NDArray[np.float64], end: float, levels: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Return quantiles of the value at `end`; None with too few points for any family."""
    t, at = steps / steps[-1], np.array([end / steps[-1]])
    found = [_fit(shape, t, y, at) for shape in SHAPES if t.size > len(shape.low) + 4]
    if not found:
        return None
    score, mean, sd = np.array(found).T
    weight = np.exp(-0.5 * (score - score.min()))
    rng = np.random.default_rng(2015)
    family = rng.choice(weight.size, DRAWS, p=weight / weight.sum())
    return np.quantile(mean[family] + sd[family] * rng.standard_normal(DRAWS), levels)


def _fit(
    shape: Shape, t: NDArray[np.float64], y: NDArray[np.float64], at: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Return AICc, and mean and standard deviation of the value at the end."""
    low, high = np.array(shape.low), np.array(shape.high)
    theta = np.empty(0)
    for _ in range(ZOOMS if low.size else 1):
        axes = [np.linspace(a, b, POINTS) for a, b in zip(low, high, strict=True)]
        grid = np.array(np.meshgrid(*axes, indexing="ij")).reshape(low.size, POINTS**low.size)
        cells = np.broadcast_to(shape.of(t[None], grid[:, :, None]), (grid.shape[1], t.size))
        cost = _costs(cells, y)
        theta = grid[:, int(np.argmin(cost))] if low.size else theta
        step = (high - low) / (POINTS - 1)
        low, high = np.maximum(theta - step, shape.low), np.minimum(theta + step, shape.high)
    curve = shape.of(t, theta)
    design = np.column_stack((np.ones_like(t), -curve))
    linear, *_ = np.linalg.lstsq(design, y, rcond=None)
    rest = float(((y - design @ linear) ** 2).sum())
    n, k = t.size, theta.size + 3
    score = n * np.log(max(rest / n, 1e-16)) + 2.0 * k + 2.0 * k * (k + 1) / max(n - k - 1, 0.5)
    noise = rest / max(n - k + 1, 1)
    columns, ahead = [design], [np.array([1.0, -float(shape.of(at, theta)[0])])]
    for i in range(theta.size):
        bumped = theta.copy()
        bumped[i] += 1e-4
        columns.append((-linear[1] * (shape.of(t, bumped) - curve) / 1e-4)[:, None])
        slope = (shape.of(at, bumped) - shape.of(at, theta)) / 1e-4
        ahead.append(-linear[1] * slope)
    jacobian, lever = np.hstack(columns), np.concatenate(ahead)
    spread = float(lever @ np.linalg.pinv(jacobian.T @ jacobian, rcond=1e-9) @ lever)
    mean = float(np.array([1.0, ahead[0][1]]) @ linear)
    return score, mean, float(np.sqrt(noise * (1.0 + max(spread, 0.0)))) + 1e-12


def _costs(cells: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rest after the best level and rise in each cell."""
    s = cells - cells.mean(axis=1, keepdims=True)
    d = y - y.mean()
    power = (s**2).sum(axis=1)
    along = s @ d
    safe = np.where(power > 1e-20, power, np.inf)
    return (d**2).sum() - along**2 / safe
