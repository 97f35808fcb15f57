"""When the chance of a gain is so small that stopping pays.

A stop is wrong if the best evaluation still to come would have beaten the best so far by more than
δ. Its chance is P(gain) with four things added that P(gain) cannot know: early in a run the future
may differ from all that was seen, a run that has long been within δ of its best seldom gains, one
whose best lies far above where it is heading owes it to luck, which may strike again, and what is
said is mapped to what came true in real runs. The rule stops where that chance is small *for what
it saves*: its ratio to the square root of the share of the run that is left, the price, is at most
a limit, in three evaluations running. (Without the root, more is saved at the same share
of wrong stops, but they come early and lose much.) The limit follows from the share of runs that
may lose more than δ.
"""

from __future__ import annotations

import json
import math
from collections import deque
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Literal

import numpy as np

from copilot_analytics.stats.finite import as_floats, only_finite

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from copilot_analytics.stats.finite import FloatArray

FEWEST_EVALS = 8
"""With six, more runs are stopped that take off later and lose most of their gain."""
LATEST = 0.9
"""Share of the run after which stopping saves next to nothing."""
DEFAULT_RISK = 0.02
_RUNNING = 3
"""With two, 9.5 instead of 9.0 % of 760 runs lose where a fifth of the steps is saved."""
_FURTHEST = 1e3
_DOUBT = 0.1
"""Share of the run in which the doubt about an unseen future falls to a third."""
_SMALLEST = 1e-3
_LIKELY = 0.5


@dataclass(frozen=True)
class Calibration:
    """From chances said to chances that came true; `benchmarks/fit_stop_rule.py` remakes it.

    Attributes
    ----------
    offset : float
    slope : float
        On the log odds of a gain, doubt included; not negative.
    stale : float
        On `stale_share`; not positive.
    shortfall : float
        On the inverse hyperbolic sine of `shortfall`; not negative.
    """

    offset: float
    slope: float
    stale: float
    shortfall: float


@dataclass(frozen=True, slots=True)
class Strictness:
    """What a rule of some strictness did in finished public runs, each source held out in turn.

    Attributes
    ----------
    risk : float
        Share of runs that may lose more than δ by it: `missed` and its standard error over the
        sources stay below.
    limit : float
        Highest price at which it stops.
    runs : int
        Finished runs on which it was tried.
    stops : int
        Those in which it said to stop.
    right : int
        Those of `stops` that gained no more than δ afterwards.
    saved : float
        Share of the steps saved; mean over sources.
    missed : float
        Share of the runs that lost more than δ; mean over sources.
    """

    risk: float
    limit: float
    runs: int
    stops: int
    right: int
    saved: float
    missed: float


@dataclass(frozen=True)
class StopRule:
    """The numbers shipped with the package.

    Attributes
    ----------
    about : str
        Where they come from.
    sources : str
        The collections of runs, for a reader.
    calibration : Calibration
    levels : tuple of Strictness
        The strictest first.
    """

    about: str
    sources: str
    calibration: Calibration
    levels: tuple[Strictness, ...]


@lru_cache(maxsize=1)
def shipped_rule() -> StopRule:
    """Read the numbers shipped with the package."""
    text = resources.files("copilot_analytics.stats").joinpath("stop_rule.json").read_text()
    numbers = json.loads(text)
    levels = tuple(Strictness(**level) for level in numbers["levels"])
    return StopRule(
        numbers["about"], numbers["sources"], Calibration(**numbers["calibration"]), levels
    )


def risk_bounds() -> tuple[float, float]:
    """Return the smallest and the largest risk that was measured."""
    levels = shipped_rule().levels
    return levels[0].risk, levels[-1].risk


def strictness(risk: float | None = None) -> Strictness:
    """Return the laxest measured rule that keeps to a risk.

    Parameters
    ----------
    risk : float, optional
        Share of runs that may lose more than δ by following it; 0.02 if it is not given.

    Raises
    ------
    ValueError
        If it is outside `risk_bounds`.

    Examples
    --------
    >>> strictness(0.02).limit < strictness(0.1).limit
    True
    """
    wanted = DEFAULT_RISK if risk is None else risk
    low, high = risk_bounds()
    if not low <= wanted <= high:
        raise ValueError(f"risk is {wanted}; give a share of runs from {low} to {high}")
    return [level for level in shipped_rule().levels if level.risk <= wanted][-1]


def chance_of_loss(
    p_gain: float,
    progress: float,
    stale: float,
    short: float,
    calibration: Calibration | None = None,
) -> float:
    """Return the chance that stopping here loses more than δ.

    Parameters
    ----------
    p_gain : float
        P(best evaluation to come beats the best so far by at least δ).
    progress : float
        Share of the run that is done, in (0, 1).
    stale : float
        See `stale_share`.
    short : float
        See `shortfall`.
    calibration : Calibration, optional
        Default: the one shipped.

    Returns
    -------
    float
        Never decreasing in `p_gain` and `short`, never increasing in `stale`.
    """
    numbers = shipped_rule().calibration if calibration is None else calibration
    p = min(max(with_doubt(p_gain, progress), _SMALLEST), 1.0 - _SMALLEST)
    z = numbers.offset + numbers.slope * math.log(p / (1.0 - p)) + numbers.stale * stale
    z += numbers.shortfall * math.asinh(short)
    return 1.0 / (1.0 + math.exp(-z))


def with_doubt(p_gain: float, progress: float) -> float:
    """Add what no forecast knows: that the rest of a run may be unlike what was seen of it.

    Flat curves that take off late look like flat curves.
    """
    return 1.0 - (1.0 - p_gain) * (1.0 - math.exp(-max(progress, 0.0) / _DOUBT))


def stale_share(
    steps: ArrayLike, values: ArrayLike, *, direction: Literal["min", "max"], delta: float
) -> float:
    """Return for which share of the steps so far the curve has been within δ of its best.

    Parameters
    ----------
    steps, values : array_like, shape (n,)
        In order; values that are not finite are passed over.
    direction : {"min", "max"}
        Which is better.
    delta : float
        In the metric's units.

    Returns
    -------
    float
        In [0, 1]: 0 if only the newest is within δ of the best, or no value is finite.

    Examples
    --------
    >>> stale_share([100, 200, 300, 400], [0.5, 0.71, 0.712, 0.70], direction="max", delta=0.005)
    0.5
    """
    across, up = as_floats(steps), as_floats(values)
    better = np.where(np.isfinite(up), up if direction == "max" else -up, -math.inf)
    if not better.size or better.max() == -math.inf or across[-1] <= 0:
        return 0.0
    first = int(np.argmax(better >= better.max() - delta * (1.0 + 1e-9)))
    return float(np.clip((across[-1] - across[first]) / across[-1], 0.0, 1.0))


def shortfall(
    values: ArrayLike, expected: float, *, direction: Literal["min", "max"], delta: float
) -> float:
    """Return by how many δ the value expected at the end falls short of the best so far.

    Parameters
    ----------
    values : array_like, shape (n,)
        So far; values that are not finite are passed over.
    expected : float
        Median of the final value.
    direction : {"min", "max"}
        Which is better.
    delta : float
        In the metric's units, not negative.

    Returns
    -------
    float
        Negative if more is expected; at most 1000 either way; 0 if no value is finite.

    Examples
    --------
    >>> shortfall([0.5, 0.75, 0.625], 0.5, direction="max", delta=0.125)
    2.0
    """
    known = only_finite(values)
    if not known.size:
        return 0.0
    short = known.max() - expected if direction == "max" else expected - known.min()
    return float(np.clip(short / max(delta, 1e-300), -_FURTHEST, _FURTHEST))


@dataclass
class StopGauge:
    """Follows a run from evaluation to evaluation.

    Attributes
    ----------
    chance : float
        Chance that stopping now loses more than δ; NaN before the first evaluation.
    price : float
        That chance over the square root of the share of the run that is left.

    Examples
    --------
    >>> gauge = StopGauge()
    >>> for progress in (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65):
    ...     gauge.update(0.004, progress, 0.3, 0.0)
    >>> gauge.stops(strictness(0.02).limit)
    True
    """

    calibration: Calibration | None = None
    chance: float = math.nan
    price: float = math.inf
    _p_gain: float = math.nan
    _progress: float = 0.0
    _n: int = 0
    _prices: deque[float] = field(default_factory=lambda: deque(maxlen=_RUNNING))

    def update(
        self, p_gain: float, progress: float, stale: float, short: float, *, evals: int = 1
    ) -> None:
        """Take the forecast of one evaluation; `evals` came since the last one."""
        self._n += evals
        self._p_gain, self._progress = p_gain, progress
        self.chance = chance_of_loss(p_gain, progress, stale, short, self.calibration)
        self.price = self.chance / math.sqrt(max(1.0 - progress, 1e-9))
        self._prices.append(self.price)

    @property
    def begins_at(self) -> float:
        """The lowest limit at which advice to stop begins here; infinite where none does."""
        few = len(self._prices) < _RUNNING or self._n < FEWEST_EVALS
        return math.inf if few or self._progress >= LATEST else max(self._prices)

    def stops(self, limit: float) -> bool:
        """Tell whether to begin advising to stop."""
        return self.begins_at <= limit

    def keeps(self, limit: float) -> bool:
        """Tell whether advice that was given still holds: until a loss is clearly more likely.

        That is twice as likely as the limit, and for high limits a fifth of the way from it to 1.
        What is left to save no longer counts, or every advice would be taken back near the end.
        A forecast that says a gain is likelier than not ends it too, unless the limit allows that.
        """
        if self._p_gain >= _LIKELY and self.price > limit:
            return False
        return self.chance <= min(2.0 * limit, 0.2 + 0.8 * limit)


def lasting_prices(
    p_gain: ArrayLike,
    progress: ArrayLike,
    stale: ArrayLike,
    short: ArrayLike,
    *,
    evals: ArrayLike | None = None,
    calibration: Calibration | None = None,
) -> FloatArray:
    """Return at each evaluation the lowest limit at which the rule would begin to stop there.

    Parameters
    ----------
    p_gain, progress, stale, short : array_like, shape (n,)
        As `StopGauge.update` takes them.
    evals : array_like, shape (n,), optional
        How many evaluations there were by then, where they are thinned; default 1, 2, ...
    calibration : Calibration, optional
        Default: the one shipped.

    Returns
    -------
    ndarray, shape (n,)
        Infinite where it would not stop at any limit.
    """
    gauge = StopGauge(calibration)
    looks = np.column_stack([as_floats(each) for each in (p_gain, progress, stale, short)])
    counts = np.arange(1, len(looks) + 1) if evals is None else as_floats(evals)
    prices = np.full(len(looks), math.inf)
    for i, new in enumerate(np.diff(counts, prepend=0)):
        gauge.update(*looks[i].tolist(), evals=int(new))
        prices[i] = gauge.begins_at
    return prices


def first_stop(
    p_gain: ArrayLike,
    progress: ArrayLike,
    stale: ArrayLike,
    short: ArrayLike,
    *,
    risk: float | None = None,
) -> int | None:
    """Return at which evaluation of a run the rule first says to stop; None if at none.

    Parameters
    ----------
    p_gain, progress, stale, short : array_like, shape (n,)
        As `StopGauge.update` takes them, one for each evaluation.
    risk : float, optional
        As `strictness` takes it; a higher one never stops later.

    Examples
    --------
    >>> progress = np.linspace(0.05, 1.0, 20)
    >>> first_stop(np.full(20, 0.9), progress, np.zeros(20), np.zeros(20)) is None
    True
    >>> first_stop(np.full(20, 0.002), progress, progress - 0.05, np.zeros(20)) < 12
    True
    """
    hit = lasting_prices(p_gain, progress, stale, short) <= strictness(risk).limit
    return int(np.argmax(hit)) if hit.any() else None
