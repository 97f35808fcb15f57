"""How noisy the evaluations of a metric are, and what the size of their set leaves open."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Literal

import numpy as np

from copilot_analytics.analyzers._metric_scale import WHOLE
from copilot_analytics.stats.noise import difference_noise
from copilot_analytics.stats.shares import may_count, share_error

if TYPE_CHECKING:
    from copilot_analytics.analyzers._metric_scale import Scale
    from copilot_analytics.records import Floats

FEWEST_FOR_NOISE = 5
_NEWEST = 200
# An accuracy of pixels, tokens or classes is called otherwise, or its values are no counts.
_COUNTS_EXAMPLES = re.compile(
    r"(?:(?:val|valid|validation|eval|test|dev)[ _.-]?)?"
    r"(?:(?:sparse_)?categorical_|accuracy_)?"
    r"(?:acc|accu|accuracy|exact_match|(?:acc|accuracy|prec|top)[-_@ ]?\d{1,2}"
    r"(?:[-_ ]acc(?:uracy)?)?)"
)


def counted_examples(
    name: str, scale: Scale, value: Floats, best: float, told: int | None
) -> tuple[int | None, float | None, float | None]:
    """Return the examples that a metric is a share of, one of them, and the error of its best.

    Parameters
    ----------
    name, scale, value, best
        Of the metric; the values are finite.
    told
        Examples of each evaluation as the log tells; None or 0 if it does not.

    Returns
    -------
    examples : int or None
        None if the log does not tell them, or the metric does not count them.
    resolution : float or None
        What one example makes, in the metric's units.
    error : float or None
        Standard error of the best, in the metric's units.

    Examples
    --------
    >>> import numpy as np
    >>> counted_examples("val_accuracy", "fraction", np.array([0.9, 0.85]), 0.9, 400)
    (400, 0.0025, 0.015)
    >>> counted_examples("val_auc", "fraction", np.array([0.9, 0.85]), 0.9, 400)
    (None, None, None)
    """
    whole = WHOLE.get(scale)
    short = name.rsplit("/", 1)[-1].strip().lower()
    if not told or whole is None or _COUNTS_EXAMPLES.fullmatch(short) is None:
        return None, None, None
    if not may_count(value[-_NEWEST:], told, whole=whole):
        return None, None, None
    return told, whole / told, whole * share_error(min(best / whole, 1.0), told)


def eval_noise(value: Floats) -> float | None:
    """Estimate the standard deviation of one evaluation; None for fewer than five.

    The newest three fifths count (at least eight, at most 200), because the steep start of a
    curve looks like noise. A log of few digits falls back on the mean absolute difference.
    """
    if len(value) < FEWEST_FOR_NOISE:
        return None
    newest = value[-min(max(8, math.ceil(0.6 * len(value))), _NEWEST) :]
    noise = difference_noise(newest)
    if not math.isfinite(noise) or noise <= 0.0:
        moves = np.diff(newest)
        noise = 1.2533 / math.sqrt(2.0) * float(np.mean(np.abs(moves - np.median(moves))))
    return noise if math.isfinite(noise) else None


def noise_of_the_best(value: Floats, direction: Literal["min", "max"]) -> float | None:
    """Estimate the standard deviation of the best evaluation; None for fewer than five.

    A loss or a perplexity wavers the more the higher it stands, so that of a run that got lost, or
    of its steep beginning, is no measure of how well its best is known. What is positive and gets
    better by falling is taken relative to its level where that gives less.

    Examples
    --------
    >>> import numpy as np
    >>> perplexity = np.array([197, 63, 47, 1520, 1970, 1518, 1750, 1888, 1457, 1727.0])
    >>> round(eval_noise(perplexity)), round(noise_of_the_best(perplexity, "min"))
    (229, 6)
    """
    noise = eval_noise(value)
    if noise is None or direction == "max" or not float(value.min()) > 0.0:
        return noise
    relative = eval_noise(np.log(value))
    return noise if relative is None else min(noise, relative * float(value.min()))
