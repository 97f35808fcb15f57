"""The distribution of a run's end: a regression on features, pooled with what similar runs did.

The regression gives a Johnson SU distribution on a logistic base: its location weighs proposals
(the grid's median, lines, the level), its scale, skewness and tails go with the features. The
library adds the outcomes of the finished prefixes that lie nearest, twice: in units of what each
had shown so far, and as a share of the way that each had left. The first knows nothing of curves
that lie flat before they take off, the second nothing of metrics without a bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.stats._features import NEIGHBOUR_WEIGHTS, ROOM_WEIGHTS
from copilot_analytics.stats._schedule import NOWHERE, adjusted, adjusted_best
from copilot_analytics.stats.finite import bounded

if TYPE_CHECKING:
    from copilot_analytics.stats._features import Described
    from copilot_analytics.stats._fitted import Priors
    from copilot_analytics.stats._schedule import Standing
    from copilot_analytics.stats.finite import FloatArray

N_LEVELS = 512
MIDDLES = (np.arange(N_LEVELS) + 0.5) / N_LEVELS
"""Probabilities at which the distributions are tabled."""
_LOGIT = np.log(MIDDLES / (1.0 - MIDDLES))
CLIP = 3.0
"""Standardised features are not believed beyond. This and what follows was varied on public curves,
each source forecast by the others; errors are the CRPS, mean over five shares of a run: with 2, 3
and 5 it is 0.1845, 0.1850 and 0.1854."""
SCALE_LIMITS = (-6.0, 2.5)
SKEW_LIMIT = 4.0
TAIL_LIMITS = (float(np.log(0.7)), float(np.log(8.0)))
NEIGHBOURS = 20
"""With 10, 20 and 40 the error is 0.1847, 0.1850 and 0.1854, and the 80 % interval holds 78.5, 78.7
and 79.0 %: little depends on it."""
OUTCOME_LIMIT = 12.0
REACH_LIMIT = 5.0
"""An outcome farther out counts as this far, or one broken run would move a table. With half or
twice the first, or less than half or three times the second, the error changes by 0.0002 at
most."""
SHARES = ((1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0), (0.65, 0.2, 0.15))
"""Shares of the regression, of like runs and of runs with as far to go, early and late in a run.
Shares learned on features were no better on sources held out. With more for the last of them late
in a run, CRPS at 60 % would fall by another hundredth, but a metric that has not moved through
half of a run would be said to gain with more than 5 %. A fourth part of 7 % that a run may end
anywhere between its level and the better bound lowers the error on MLPerf at a tenth by 3 %, but
raises it on TaskSet by 6 and on AlgoPerf by 2 %; without MLPerf nothing is gained."""
SHARE_KNOTS = (0.12, 0.5)
"""Progress up to which a run is early, and from which it is late. With knots of 0.05 and 0.3, or of
0.2 and 0.8, the error changes by 0.0002 at most, and the 80 % interval holds 77.8 or 79.2 %."""
WIDEST = 2.0
"""Most that an interval is widened for being far from all that was fitted to. None of the six
sources lies so far that 4 would differ; without it, the 80 % interval holds 0.3 % less."""
TAIL_KNOTS = (0.1, 0.4, 0.8)
"""About the middles of the bands of progress that the stretch of the intervals is fitted on."""


@dataclass(frozen=True)
class Johnson:
    """A Johnson SU distribution on a logistic base.

    Attributes
    ----------
    location, scale, skew, tail : float
        ``logit(P(value <= x)) = skew + tail * asinh((x - location) / (scale * tail))``.

    References
    ----------
    Johnson, Biometrika 36 (1949); Tadikamalla and Johnson, Biometrika 69 (1982).
    """

    location: float
    scale: float
    skew: float
    tail: float

    def quantiles(self, stretch: float = 1.0) -> FloatArray:
        """Values at `MIDDLES`, their distances from the location stretched."""
        z = np.clip((_LOGIT - self.skew) / self.tail, -8.0, 8.0)
        return np.asarray(self.location + stretch * self.scale * self.tail * np.sinh(z))


@dataclass(frozen=True)
class Blend:
    """The distributions of the end, in the units of the prefix.

    Attributes
    ----------
    final, best : ndarray, shape (N_LEVELS,)
        Quantiles at `MIDDLES` of the last evaluation, and of the best of the run.
    stretch : float
        How much wider they are because the prefix is unlike those fitted to; 1 if it is not.
    """

    final: FloatArray
    best: FloatArray
    stretch: float


def standardised(described: Described, priors: Priors) -> FloatArray:
    """Features in standard deviations from their mean, bounded."""
    raw = np.array(list(described.features.values()))
    return np.asarray(np.clip((raw - priors.centre) / priors.spread, -CLIP, CLIP))


def regression(
    z: FloatArray, proposals: FloatArray, scale: float, coefficients: FloatArray
) -> Johnson:
    """Return the distribution that a regression gives."""
    out = z @ coefficients[:-1] + coefficients[-1]
    e = proposals.size
    return Johnson(
        location=float(out[:e] @ proposals),
        scale=scale * float(np.exp(bounded(out[e], *SCALE_LIMITS))),
        skew=bounded(out[e + 1], -SKEW_LIMIT, SKEW_LIMIT),
        tail=float(np.exp(bounded(out[e + 2], *TAIL_LIMITS))),
    )


def columns_of(described: Described, weights: dict[str, float]) -> tuple[list[int], FloatArray]:
    """Places and weights of the features by which neighbours are found."""
    names = list(described.features)
    return [names.index(name) for name in weights], np.array(list(weights.values()))


def _outcomes(
    place: FloatArray, library: FloatArray, squares: FloatArray, outcome: FloatArray
) -> tuple[FloatArray, float]:
    """Quantiles of the outcomes of the nearest, and how far those lie.

    A kernel average (Nadaraya and Watson, 1964) whose width is the distance of the nearest few.
    """
    # |a - b|^2 by its three terms: one product with a vector instead of a table of differences.
    distance = squares - 2.0 * (library @ place) + place @ place
    distance = np.maximum(distance, 0.0) / 1e4
    width = float(np.partition(distance, NEIGHBOURS)[NEIGHBOURS]) + 1e-9
    # The outcomes are kept in increasing order.
    kernel = np.exp(-2.0 * distance / width)
    cumulated = np.cumsum(kernel)
    below = (cumulated - 0.5 * kernel) / cumulated[-1]
    return np.interp(MIDDLES, below, outcome), width


def neighbours(z: FloatArray, described: Described, priors: Priors) -> tuple[FloatArray, float]:
    """Return quantiles of the outcomes of similar prefixes, and how far those lie."""
    columns, weight = columns_of(described, NEIGHBOUR_WEIGHTS)
    place = 100.0 * z[columns] * weight
    outcome, width = _outcomes(place, priors.library, priors.squares, priors.outcome)
    return described.middle + described.scale * outcome / 100.0, width


def _with_as_far_to_go(z: FloatArray, described: Described, priors: Priors) -> FloatArray:
    """Quantiles by the share of their way that similar prefixes went."""
    columns, weight = columns_of(described, ROOM_WEIGHTS)
    place = 100.0 * z[columns] * weight
    reached, _ = _outcomes(place, priors.rooms, priors.room_squares, priors.reached)
    return described.room * reached / 1e4


def _pooled(members: list[FloatArray], shares: FloatArray) -> FloatArray:
    """Quantiles of the linear pool."""
    values = np.concatenate(members)
    # Each of them is sorted, which a stable sort makes use of.
    order = np.argsort(values, kind="stable")
    weight = np.repeat(shares / shares.sum() / N_LEVELS, N_LEVELS)[order]
    return np.interp(MIDDLES, np.cumsum(weight) - 0.5 * weight, values[order])


def blended(
    described: Described, best_so_far: float, priors: Priors, at: Standing = NOWHERE
) -> Blend:
    """Return the distributions of the last and of the best evaluation.

    Parameters
    ----------
    described : Described
    best_so_far : float
    priors : Priors
    at : Standing
        Where the run stands in the schedule of its learning rate.

    Returns
    -------
    Blend
        The best is nowhere worse than the final value or the best so far.
    """
    z = standardised(described, priors)
    of_library, distance = neighbours(z, described, priors)
    stretch = bounded(np.sqrt(distance / priors.far), 1.0, WIDEST)
    of_final = regression(z, described.final, described.scale, priors.final)
    of_best = regression(z, described.best, described.scale, priors.best)
    members = [of_final.quantiles(), of_library]
    if np.isfinite(described.room):
        members.append(_with_as_far_to_go(z, described, priors))
    late = np.interp(described.features["log progress"], np.log(SHARE_KNOTS), (0.0, 1.0))
    shares = (1.0 - late) * np.array(SHARES[0]) + late * np.array(SHARES[1])
    final = _pooled(members, shares[: len(members)])
    middle = float(final[N_LEVELS // 2 - 1] + final[N_LEVELS // 2]) / 2.0
    # Only the outer parts are stretched by the conformal step, so the bulk keeps its shape.
    now = described.features["progress"]
    inner, outer = (float(np.interp(now, TAIL_KNOTS, column)) for column in priors.tails.T)
    edge = np.abs(2.0 * MIDDLES - 1.0)
    wider = np.interp(edge, (0.0, 0.8, 0.9), (1.0, inner, outer)) * stretch
    final = np.maximum.accumulate(middle + (final - middle) * wider)
    best = np.maximum(of_best.quantiles(stretch), best_so_far)
    # Where the end would lie beyond the best of the run, both give way by half.
    best = best + 0.5 * np.maximum(final - best, 0.0)
    final = adjusted(final, described.scale, at)
    best = np.maximum(adjusted_best(best, described.scale, best_so_far, at), best_so_far)
    return Blend(np.minimum(final, best), best, stretch)
