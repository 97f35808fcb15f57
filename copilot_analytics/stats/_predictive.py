"""Predictive distributions of a run's future, in the metric's units, and the forecast they make."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from copilot_analytics.stats._forecast_input import one_number
from copilot_analytics.stats.finite import as_floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

    from copilot_analytics.stats._rests import Rests
    from copilot_analytics.stats.finite import FloatArray

Direction = Literal["min", "max"]


@dataclass(frozen=True)
class Scale:
    """The monotone map between the metric and the scale in which higher is better.

    Attributes
    ----------
    is_log : bool
        ``u = -log(value)``; otherwise ``u = sign * value``.
    sign : float
    origin, unit : float
        ``(u - origin) / unit`` is what the model sees.
    low, high : float
        Bounds of the metric.
    """

    is_log: bool
    sign: float
    origin: float = 0.0
    unit: float = 1.0
    low: float = -math.inf
    high: float = math.inf

    def inward(self, values: FloatArray) -> FloatArray:
        """Metric to model."""
        u = -np.log(values) if self.is_log else self.sign * values
        return np.asarray((u - self.origin) / self.unit)

    def outward(self, u: FloatArray) -> FloatArray:
        """Model to metric."""
        raw = u * self.unit + self.origin
        values = np.exp(np.clip(-raw, -690.0, 690.0)) if self.is_log else self.sign * raw
        return np.clip(values, self.low, self.high)


@dataclass(frozen=True)
class Predictive:
    """A predictive distribution of one number, in the metric's units.

    Attributes
    ----------
    support : ndarray, shape (k,)
        Increasing.
    below : ndarray, shape (k,)
        P(value ≤ support), linear between; what is missing at an end sits on the end itself.
    """

    support: FloatArray
    below: FloatArray

    def __repr__(self) -> str:
        low, high = self.interval(0.8)
        return f"Predictive(median={self.median:.6g}, interval(0.8)=({low:.6g}, {high:.6g}))"

    def quantile(self, q: ArrayLike) -> FloatArray | float:
        """Return the value not exceeded with probability `q`.

        Parameters
        ----------
        q : float or array_like
            In [0, 1].

        Returns
        -------
        float or ndarray
            Of the shape of `q`; never decreasing in it.
        """
        try:
            wanted = np.asarray(q, dtype=np.float64)
        except (TypeError, ValueError):
            wanted = np.array(math.nan)
        if not ((wanted >= 0.0) & (wanted <= 1.0)).all():
            raise ValueError("a quantile is asked for between 0 and 1")
        found = np.interp(wanted, self.below, self.support)
        return float(found) if wanted.ndim == 0 else np.asarray(found)

    @property
    def median(self) -> float:
        """The quantile at 0.5."""
        return float(self.quantile(0.5))

    @property
    def mean(self) -> float:
        """The expected value."""
        middles = (self.support[1:] + self.support[:-1]) / 2.0
        inner = float(((self.below[1:] - self.below[:-1]) * middles).sum())
        ends = float(self.below[0] * self.support[0] + (1.0 - self.below[-1]) * self.support[-1])
        return inner + ends

    def interval(self, level: float = 0.8) -> tuple[float, float]:
        """Return the central prediction interval of that probability, in [0, 1]."""
        if not 0.0 <= level <= 1.0:
            raise ValueError(f"level is {level}; give the probability of an interval, from 0 to 1")
        tail = (1.0 - level) / 2.0
        return float(self.quantile(tail)), float(self.quantile(1.0 - tail))

    def cdf(self, x: float) -> float:
        """Return P(value ≤ x)."""
        after = int(np.searchsorted(self.support, x, side="right"))
        if after == 0:
            return 0.0
        if after == self.support.size:
            return 1.0
        left, right = self.support[after - 1], self.support[after]
        share = float((x - left) / (right - left))
        return float(self.below[after - 1] + share * (self.below[after] - self.below[after - 1]))

    def cdf_strict(self, x: float) -> float:
        """Return P(value < x): differs from `cdf` where single values have probability."""
        before = int(np.searchsorted(self.support, x, side="left"))
        if before == 0:
            return 0.0
        if before == self.support.size:
            return 1.0
        left, right = self.support[before - 1], self.support[before]
        share = float((x - left) / (right - left))
        return float(self.below[before - 1] + share * (self.below[before] - self.below[before - 1]))


@dataclass(frozen=True)
class FanTable:
    """Quantiles of the level at some steps.

    Attributes
    ----------
    steps : ndarray, shape (k,)
    q05, q10, q50, q90, q95 : ndarray, shape (k,)
        Of the level without evaluation noise, in the metric's units.
    """

    steps: FloatArray
    q05: FloatArray
    q10: FloatArray
    q50: FloatArray
    q90: FloatArray
    q95: FloatArray


@dataclass(frozen=True)
class Forecast:
    """What is ahead of a run: its end and its best, and the simulated rests between.

    Attributes
    ----------
    final : Predictive
        The evaluation at the horizon, noise included.
    best : Predictive
        The best evaluation by the horizon; never worse than `best_so_far`.
    best_so_far : float
    direction : {"min", "max"}
    horizon : float
        Last step looked at.
    last_step : float
        Step of the last finite evaluation.
    n_ahead : int
        Evaluations expected by the horizon.
    noise : float
        Standard deviation of one evaluation about the level, in the metric's units at the level.
    level_now : float
        Smoothed level at the last evaluation.
    n_used, n_ignored : int
        Evaluations used, and left out because they were not finite.
    notes : tuple of str
        What a reader should know of its limits.
    seen_steps, seen_values : ndarray, shape (n_used,)
        The evaluations used.
    """

    final: Predictive
    best: Predictive
    best_so_far: float
    direction: Direction
    horizon: float
    last_step: float
    n_ahead: int
    noise: float
    level_now: float
    n_used: int
    n_ignored: int
    notes: tuple[str, ...]
    seen_steps: FloatArray = field(repr=False)
    seen_values: FloatArray = field(repr=False)
    _rests: Rests | None = field(repr=False)

    def p_gain(self, delta: float, *, relative: bool = False) -> float:
        """Return the probability that evaluations ahead beat the best so far by `delta` or more.

        Parameters
        ----------
        delta : float
            Not negative; in the metric's units, or a share of the best so far. With 0 they must
            beat it.
        relative : bool
            Whether it is a share.

        Returns
        -------
        float
            ``1 - best.cdf_strict(best_so_far + delta)``, mirrored for "min".

        Raises
        ------
        ValueError
            If `delta` is negative, not finite or not one number.
        """
        delta = one_number("delta", delta, "a gain in the metric's units, or a share with relative")
        if not (math.isfinite(delta) and delta >= 0.0):
            raise ValueError(f"delta is {delta}; give a gain of 0 or more")
        gain = delta * abs(self.best_so_far) if relative else delta
        # A bound holds the chance of all that would lie beyond it, and may be reached.
        if self.direction == "max":
            aim = self.best_so_far + gain
            below = self.best.cdf_strict if aim > self.best_so_far else self.best.cdf
            return 1.0 - below(aim)
        aim = self.best_so_far - gain
        above = self.best.cdf if aim < self.best_so_far else self.best.cdf_strict
        return above(aim)

    @cached_property
    def peak_step(self) -> Predictive:
        """Step of the best evaluation by the horizon.

        The step of the best so far has the probability that nothing beats it, ``1 - p_gain(0)``.
        """
        seen = self.seen_values if self.direction == "max" else -self.seen_values
        best_step = float(self.seen_steps[seen.argmax()])
        if self._rests is None:
            return Predictive(np.array([best_step]), np.ones(1))
        return Predictive(*self._rests.peak((best_step, self.last_step), self.p_gain(0.0)))

    @property
    def expected_gain(self) -> float:
        """Mean gain of the best over the best so far, in the metric's units, never negative."""
        return max(abs(self.best.mean - self.best_so_far), 0.0)

    def gain_per_hour(self, hours: float) -> float:
        """Return the expected gain for each hour that the rest of the run costs.

        Parameters
        ----------
        hours : float
            Hours to the horizon, or GPU hours; above 0.

        Returns
        -------
        float
            In the metric's units.

        Raises
        ------
        ValueError
            If `hours` is not above 0.
        """
        hours = one_number("hours", hours, "what the rest of the run costs")
        if not (math.isfinite(hours) and hours > 0.0):
            raise ValueError(f"hours is {hours}; give what the rest of the run costs, above 0")
        return self.expected_gain / hours

    def plot(self, name: str = "metric") -> Figure:
        """Draw the evaluations so far and what is ahead.

        Parameters
        ----------
        name : str
            Of the metric, for the axis.

        Returns
        -------
        matplotlib.figure.Figure
            Not registered with pyplot; ``figure.savefig(path)`` writes it.
        """
        from copilot_analytics.report.forecast_figure import drawn

        return drawn(self, name)

    def path(self, steps: ArrayLike) -> FanTable:
        """Return quantiles of the level for a fan chart.

        Parameters
        ----------
        steps : array_like, shape (k,)
            From the last step to the horizon; others get the nearest of these two.

        Returns
        -------
        FanTable
        """
        wanted = as_floats(steps)
        if self._rests is None:
            return FanTable(wanted, *(np.full(wanted.size, self.level_now) for _ in range(5)))
        known = np.append(self.last_step, self._rests.at)
        return FanTable(wanted, *(np.interp(wanted, known, row) for row in self._rests.levels))
