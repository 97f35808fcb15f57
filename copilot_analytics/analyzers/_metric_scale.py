"""What the numbers of a metric are: a fraction, per cent, a loss or something else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from copilot_analytics.analyzers._primary import is_a_share

if TYPE_CHECKING:
    from copilot_analytics.records import Floats

Scale: TypeAlias = Literal["fraction", "percent", "loss", "other"]


def scale_of(name: str, value: Floats) -> Scale:
    if is_a_share(name):
        largest = float(np.max(np.abs(value))) if len(value) else 0.0
        if largest <= 1.0 + 1e-9:
            return "fraction"
        return "percent" if largest <= 100.0 + 1e-6 else "other"
    return "loss" if "loss" in name.lower() else "other"


def difference_text(difference: float, scale: Scale) -> str:
    """Print a difference of the metric for a reader: in points for shares.

    Examples
    --------
    >>> difference_text(0.004, "fraction"), difference_text(0.012, "loss")
    ('0.4 pt', '0.012')
    """
    if scale == "fraction":
        return f"{100 * difference:.2g} pt"
    if scale == "percent":
        return f"{difference:.2g} pt"
    return f"{difference:.3g}"
