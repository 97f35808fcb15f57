"""What the numbers of a metric are: a fraction, per cent, a loss or something else."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from copilot_analytics.analyzers._primary import is_a_share
from copilot_analytics.schema import names_a_loss
from copilot_analytics.wording import number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from copilot_analytics.records import Floats

Scale: TypeAlias = Literal["fraction", "percent", "loss", "other"]
WHOLE: dict[str, float] = {"fraction": 1.0, "percent": 100.0}
"""What a share is of, by its scale."""


def scale_of(name: str, value: Floats, accuracies: Iterable[float]) -> Scale:
    """Tell what the numbers of a metric are.

    A share above 1 is in per cent. One that never was may be either; an overlap (IoU, dice) is
    then held against the accuracy beside it: the mean IoU of all classes is at most their mean
    recall, so as a fraction it cannot lie far above an accuracy in per cent.

    Parameters
    ----------
    name
        Of the metric.
    value
        Its finite values so far.
    accuracies
        Best values of the accuracies beside it.

    Examples
    --------
    >>> import numpy as np
    >>> scale_of("mIoU", np.array([0.2, 0.3]), [0.8])
    'fraction'
    >>> scale_of("mIoU", np.array([0.2, 0.3]), [2.7])
    'percent'
    """
    if not is_a_share(name):
        return "loss" if names_a_loss(name) else "other"
    largest = float(np.max(np.abs(value))) if len(value) else 0.0
    if largest > 1.0 + 1e-9:
        return "percent" if largest <= 100.0 + 1e-6 else "other"
    if _OVERLAP.search(name.lower()) is None:
        return "fraction"
    accuracy = max((best for best in accuracies if 1.0 < best <= 100.0), default=math.inf)
    return "percent" if 100.0 * largest > _FAR_ABOVE * accuracy else "fraction"


def difference_text(difference: float, scale: Scale) -> str:
    """Print a difference of the metric for a reader: in points for shares.

    Examples
    --------
    >>> difference_text(0.004, "fraction"), difference_text(0.012, "loss")
    ('0.4 pt', '0.012')
    >>> difference_text(1.2, "fraction")
    '120 pt'
    """
    if scale == "fraction":
        return f"{number(100 * difference, 2)} pt"
    if scale == "percent":
        return f"{number(difference, 2)} pt"
    return f"{difference:.3g}"


_OVERLAP = re.compile(r"iou|dice")
_FAR_ABOVE = 2.0
