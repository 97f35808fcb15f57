"""Tells which way a number is better that is called by its split alone: ``train=1.5 val=1.6``."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from copilot_analytics.records import Floats
    from copilot_analytics.run import Run
    from copilot_analytics.schema import Direction

BARE_SPLIT = re.compile(r"(?i)val|valid|validation|dev|eval|test")
"""A name that is nothing but a split."""

_TRAINED = frozenset({"train", "training"})
_FEWEST = 4
_LEAST_PER_CENT = 10.0  # what is larger than 1 and never came so far is no share in per cent
_ERRORS = 2.0  # standard errors between the means of two halves


def direction_by_values(run: Run, value: Floats) -> tuple[Direction, str] | None:
    """Return the direction that values tell, and why; None if they do not.

    A share that rises while the loss falls is a score: graph networks are often logged so,
    ``Loss: 1.2, Train: 0.81, Val: 0.80``. What is called ``train`` and falls as training goes on is
    a loss, and so is its twin: no training makes its own measure worse for long.

    Parameters
    ----------
    run
        The run.
    value
        The values in question, finite ones; shape ``(n,)``.
    """
    if _is_share(value) and _rises(value) and _falls(_trained(run, "loss")):
        return "max", "a share that rises while the loss falls"
    for twin in run.train_log.metric_names:
        values = _trained(run, twin) if twin.lower() in _TRAINED else value[:0]
        if len(values) >= _FEWEST and _falls_beyond_noise(values):
            return "min", f"{twin} falls as training goes on"
    return None


def _trained(run: Run, name: str) -> Floats:
    value = run.train_series(name).value
    return value[np.isfinite(value)]


def _is_share(value: Floats) -> bool:
    if len(value) < _FEWEST or value.min() < 0.0 or value.max() > 100.0:
        return False
    return not 1.0 < value.max() < _LEAST_PER_CENT


def _halves(value: Floats) -> tuple[Floats, Floats]:
    """Return the first and the second half, so that single noisy values decide nothing."""
    half = len(value) // 2
    return value[:half], value[half:]


def _rises(value: Floats) -> bool:
    first, second = _halves(value)
    return float(np.mean(second)) > float(np.mean(first))


def _falls(value: Floats) -> bool:
    first, second = _halves(value)
    return len(first) > 0 and float(np.mean(second)) < float(np.mean(first))


def _falls_beyond_noise(value: Floats) -> bool:
    first, second = _halves(value)
    error = math.hypot(*(float(np.std(part)) / math.sqrt(len(part)) for part in (first, second)))
    return float(np.mean(second)) < float(np.mean(first)) - _ERRORS * error
