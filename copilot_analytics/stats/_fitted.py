"""The numbers that were fitted to real curves: weights of the grid, regression and library."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from copilot_analytics.stats.finite import FloatArray


@dataclass(frozen=True)
class Priors:
    """The fitted numbers; `benchmarks/fit_forecast_priors.py` remakes them.

    Attributes
    ----------
    drift, shape, noise : ndarray
        Log weights of the grid's axes.
    temper : float
        Power of the evidence.
    centre, spread : ndarray, shape (f,)
        Mean and standard deviation of the features, by which they are standardised.
    final, best : ndarray, shape (f + 1, c)
        Coefficients of the regression, the last row for the constant; columns are the weights of
        the proposals of the location, then log scale, skewness and log tail weight.
    library : ndarray, shape (n, m)
        Neighbour features of finished prefixes, standardised and weighted, in hundredths.
    outcome : ndarray, shape (n,)
        What became of their last value, over the scale of the prefix, in hundredths.
    rooms : ndarray, shape (k, l)
        As `library`, of the features by which runs are found that had as far to go.
    reached : ndarray, shape (k,)
        Which share of that way they went, in ten-thousandths.
    far : float
        Squared distance of a neighbour that 19 of 20 prefixes of other sources stay below.
    tails : ndarray, shape (3, 2)
        Stretch of the 80 and 90 % intervals of the final value, at progress 0.1, 0.4, 0.8.
    """

    drift: FloatArray
    shape: FloatArray
    noise: FloatArray
    temper: float
    centre: FloatArray
    spread: FloatArray
    final: FloatArray
    best: FloatArray
    library: FloatArray
    outcome: FloatArray
    rooms: FloatArray
    reached: FloatArray
    far: float
    tails: FloatArray

    @cached_property
    def squares(self) -> FloatArray:
        """Squared distance of each of the library from the origin."""
        return np.asarray(np.einsum("ij,ij->i", self.library, self.library))

    @cached_property
    def room_squares(self) -> FloatArray:
        """The same of `rooms`."""
        return np.asarray(np.einsum("ij,ij->i", self.rooms, self.rooms))


SINGLE = ("temper", "far")
"""The fields that are one number."""


@lru_cache(maxsize=1)
def shipped_priors() -> Priors:
    """Read the numbers shipped with the package."""
    text = resources.files("copilot_analytics.stats").joinpath("forecast_priors.json").read_text()
    return priors_from(json.loads(text))


def priors_from(numbers: dict[str, object]) -> Priors:
    """Make `Priors` of the parsed file."""
    fields = {
        name: float(str(numbers[name])) if name in SINGLE else np.asarray(numbers[name], float)
        for name in Priors.__dataclass_fields__
    }
    return Priors(**fields)  # type: ignore[arg-type]  # the names are those of the fields
