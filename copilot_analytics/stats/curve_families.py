"""Shapes of learning curves: a grid for forecasts, and least-squares families for notebooks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.errors import NotEnoughPoints
from copilot_analytics.stats.finite import finite_pairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from copilot_analytics.stats.finite import FloatArray

POWERS = (0.25, 0.5, 1.0, 2.0)
OFFSETS = (0.0, 0.05, 0.3)
RATES_OF_SEEN = (1.0, 2.0, 4.0, 8.0, 16.0)
RATES_OF_RUN = (1.0, 2.0, 4.0, 8.0)
GROWTHS = (0.5, 1.0, 2.0, 4.0)
PEAKS = (0.1, 0.25, 0.6)
TAKE_OFFS = (0.35, 0.65)

SHAPE_NAMES = (
    "flat",
    "log",
    *(f"power {a} offset {c}" for a in POWERS for c in OFFSETS),
    *(f"exponential {k} of seen" for k in RATES_OF_SEEN),
    *(f"exponential {k} of run" for k in RATES_OF_RUN),
    *(f"growth {p}" for p in GROWTHS),
    *(f"peak {p}" for p in PEAKS),
    *(f"take-off {p}" for p in TAKE_OFFS),
)
"""One name per row of `shape_grid`."""


def shape_grid(progress: FloatArray, now: float) -> FloatArray:
    """Evaluate every shape of the grid; all rise with progress but "flat" and the late "peak".

    Parameters
    ----------
    progress : ndarray, shape (n,)
        Steps as a share of the run, above 0.
    now : float
        Progress of the last evaluation: offsets and fast exponentials scale with it.

    Returns
    -------
    ndarray, shape (len(SHAPE_NAMES), n)

    Examples
    --------
    >>> shape_grid(np.array([0.1, 0.2]), 0.2).shape == (len(SHAPE_NAMES), 2)
    True
    """
    x = progress[None, :]
    seen = x / now
    offsets = np.tile(np.array(OFFSETS), len(POWERS))[:, None]
    powers = np.repeat(np.array(POWERS), len(OFFSETS))[:, None]
    log_x = np.log(x)
    rows = (
        np.zeros_like(x),
        log_x,
        -((seen + offsets) ** -powers),
        -np.exp(-np.array(RATES_OF_SEEN)[:, None] * seen),
        -np.exp(-np.array(RATES_OF_RUN)[:, None] * x),
        x ** np.array(GROWTHS)[:, None],
        -((log_x - np.log(np.array(PEAKS))[:, None]) ** 2),
        1.0 / (1.0 + np.exp((np.array(TAKE_OFFS)[:, None] - x) / 0.08)),
    )
    return np.concatenate(rows)


@dataclass(frozen=True)
class Family:
    """A parametric curve.

    Attributes
    ----------
    name : str
    parameters : tuple of str
    formula : str
        In t, the step over the last step fitted.
    """

    name: str
    parameters: tuple[str, ...]
    formula: str
    _shape: Callable[[FloatArray, FloatArray], FloatArray]
    _log_starts: tuple[tuple[float, ...], ...]

    def shape(self, t: FloatArray, log_theta: FloatArray) -> FloatArray:
        """Return the falling part, which level and rise scale; its parameters come as logs."""
        return self._shape(t, np.exp(np.clip(log_theta, -12.0, 6.0)))


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family(
            "pow3",
            ("level", "rise", "power"),
            "level - rise * t**-power",
            lambda t, p: t ** -p[0],
            ((-1.0,), (0.5,)),
        ),
        Family(
            "pow4",
            ("level", "rise", "power", "offset"),
            "level - rise * (t + offset)**-power",
            lambda t, p: (t + p[1]) ** -p[0],
            ((-1.0, -3.0), (0.5, -1.0)),
        ),
        Family(
            "exp3",
            ("level", "rise", "rate"),
            "level - rise * exp(-rate * t)",
            lambda t, p: np.exp(-p[0] * t),
            ((0.0,), (2.0,)),
        ),
        Family(
            "log-linear",
            ("level", "rise"),
            "level + rise * log(t)",
            lambda t, _: -np.log(t),
            ((),),
        ),
        Family(
            "mmf4",
            ("level", "rise", "half", "power"),
            "level - rise / (1 + (t / half)**power)",
            lambda t, p: 1.0 / (1.0 + (t / p[0]) ** p[1]),
            ((-1.0, 0.0), (-2.0, 1.0)),
        ),
    )
}


@dataclass(frozen=True)
class FamilyFit:
    """A least-squares fit.

    Attributes
    ----------
    family : str
    parameters : dict
        By name; `formula` of the family says what they mean.
    residual_sd : float
        With the degrees of freedom taken off; NaN if none are left.
    scale : float
        The step that counts as t = 1.
    """

    family: str
    parameters: dict[str, float]
    residual_sd: float
    scale: float
    _theta: FloatArray
    _covariance: FloatArray

    def predict(self, steps: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the curve at `steps` and its standard error by the curvature at the optimum.

        Parameters
        ----------
        steps : array_like, shape (m,)
            Above 0.

        Returns
        -------
        mean, standard_error : ndarray, shape (m,)
            Delta method; evaluation noise is not in it.
        """
        t = np.asarray(steps, dtype=np.float64).ravel() / self.scale
        family = FAMILIES[self.family]
        mean = _curve(family, t, self._theta)
        jacobian = _jacobian(family, t, self._theta)
        variance = np.einsum("ni,ij,nj->n", jacobian, self._covariance, jacobian)
        return mean, np.sqrt(np.maximum(variance, 0.0))


def _curve(family: Family, t: FloatArray, theta: FloatArray) -> FloatArray:
    return np.asarray(theta[0] - theta[1] * family.shape(t, theta[2:]))


def _jacobian(family: Family, t: FloatArray, theta: FloatArray) -> FloatArray:
    """Forward differences, shape (n, parameters)."""
    jacobian = np.empty((t.size, theta.size))
    centre = _curve(family, t, theta)
    for i in range(theta.size):
        bump = 1e-5 * max(1.0, abs(float(theta[i])))
        moved = theta.copy()
        moved[i] += bump
        jacobian[:, i] = (_curve(family, t, moved) - centre) / bump
    return jacobian


def fit_family(steps: ArrayLike, values: ArrayLike, family: str = "pow3") -> FamilyFit:
    """Fit one family to a curve by least squares.

    A forecast should not rest on one family: its interval ignores that the family may be wrong,
    and covers far less than it says. Use `forecast` for that; this is for looking at curves.

    Parameters
    ----------
    steps, values : array_like, shape (n,)
        Steps above 0; either direction; points that are not finite are dropped.
    family : {"pow3", "pow4", "exp3", "log-linear", "mmf4"}

    Returns
    -------
    FamilyFit

    Raises
    ------
    NotEnoughPoints
        If there are fewer points than parameters.
    ValueError
        If the family is unknown, lengths differ or a step is not above 0.

    References
    ----------
    Viering and Loog, The shape of learning curves: a review, IEEE TPAMI 45 (2023).

    Examples
    --------
    >>> steps = np.arange(1, 40)
    >>> fit = fit_family(steps, 0.8 - 0.5 * steps**-0.5, "pow3")
    >>> fit.parameters["level"], fit.parameters["power"]
    (0.80, 0.50)
    """
    if family not in FAMILIES:
        raise ValueError(f"no family {family!r}; there are {', '.join(FAMILIES)}")
    from scipy.optimize import least_squares

    x, y = finite_pairs(steps, values)
    known = FAMILIES[family]
    if x.size < len(known.parameters):
        raise NotEnoughPoints(
            f"{family} has {len(known.parameters)} parameters and there are {x.size} finite points"
        )
    if x.min() <= 0.0:
        raise ValueError("a step is not above 0; shift the steps or leave that point out")
    scale = float(x.max())
    t = x / scale

    # Level and rise are linear: only the shape is searched (variable projection).
    def solved(log_theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        design = np.column_stack((np.ones_like(t), -known.shape(t, log_theta)))
        linear = np.asarray(np.linalg.lstsq(design, y, rcond=None)[0], dtype=np.float64)
        return linear, design @ linear - y

    def residual(log_theta: FloatArray) -> FloatArray:
        return solved(log_theta)[1]

    cost, shape = math.inf, np.empty(0)
    for start in known._log_starts:
        theta = np.array(start, dtype=np.float64)
        if theta.size:
            theta = least_squares(residual, theta, bounds=(-12.0, 6.0)).x
        reached = float((residual(theta) ** 2).sum())
        if reached < cost:
            cost, shape = reached, theta
    full: FloatArray = np.concatenate((solved(shape)[0], shape))
    freedom = x.size - full.size
    variance = cost / freedom if freedom > 0 else math.nan
    jacobian = _jacobian(known, t, full)
    covariance: FloatArray = np.asarray(np.linalg.pinv(jacobian.T @ jacobian) * variance)
    named = zip(known.parameters, (*full[:2], *np.exp(full[2:])), strict=True)
    return FamilyFit(
        family=family,
        parameters={name: float(value) for name, value in named},
        residual_sd=math.sqrt(variance) if freedom > 0 else math.nan,
        scale=scale,
        _theta=full,
        _covariance=covariance,
    )
