"""The way from the last evaluation to the forecast end: levels, and where the best will lie.

Made only when a figure or a table asks: a report forecasts at every evaluation, and shows the way
of the last one alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.stats._paths import N_DRAWS, Draws, mapped

if TYPE_CHECKING:
    from copilot_analytics.stats._predictive import Scale
    from copilot_analytics.stats.finite import FloatArray

PATH_QUANTILES = (0.05, 0.1, 0.5, 0.9, 0.95)


@dataclass(frozen=True)
class Rests:
    """Simulated rests that end as a forecast says.

    Attributes
    ----------
    draws : Draws
    final : ndarray, shape (m,)
        Quantiles of the last evaluation at equally spaced probabilities, in the model's units.
    way : ndarray, shape (k,)
        Share of the way to the horizon, in drift time.
    scale : Scale
        From the model's units to the metric's.
    at : ndarray, shape (k,)
        Last step of each group of evaluations ahead.
    """

    draws: Draws
    final: FloatArray
    way: FloatArray
    scale: Scale
    at: FloatArray

    @cached_property
    def _paths(self) -> tuple[FloatArray, FloatArray]:
        level, noise = self.draws.paths()
        return mapped(self.draws, level, self.final, self.way), noise

    @cached_property
    def levels(self) -> FloatArray:
        """Quantiles of the level now and at `at`, shape (len(PATH_QUANTILES), 1 + k)."""
        ordered = np.sort(np.column_stack((self.draws.now, self._paths[0])), axis=0)
        rank = np.array(PATH_QUANTILES) * (N_DRAWS - 1)
        under = rank.astype(np.int64)
        share = (rank - under)[:, None]
        quantiles = ordered[under] + share * (ordered[under + 1] - ordered[under])
        lower_is_better = self.scale.is_log or self.scale.sign < 0.0
        return self.scale.outward(quantiles[::-1] if lower_is_better else quantiles)

    def peak(self, behind: tuple[float, float], chance: float) -> tuple[FloatArray, FloatArray]:
        """Return where the best of the run will lie: the share `chance` of draws that rise highest.

        Parameters
        ----------
        behind : tuple of float
            Step of the best so far, and last step.
        chance : float
            Probability that something beats the best so far.

        Returns
        -------
        steps, below : ndarray
            Steps, and the probability that the best lies no later.
        """
        level, noise = self._paths
        paths = level + noise
        count = max(round(chance * N_DRAWS), 1)
        highest = np.argsort(-paths.max(axis=1), kind="stable")[:count]
        steps = np.sort(self.at[paths[highest].argmax(axis=1)])
        share = (np.arange(steps.size) + 1.0) / steps.size
        # Between the step of the best so far and the last one nothing more can come.
        past = np.unique(behind)
        below = 1.0 - chance * (1.0 - np.append(np.zeros(past.size), share))
        return np.append(past, steps), below
