"""Tells which way a number is better that is called by its split alone: ``train=1.5 val=1.6``."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.formats._splits import split_of

if TYPE_CHECKING:
    from copilot_analytics.records import Floats
    from copilot_analytics.run import Run
    from copilot_analytics.schema import Direction

BARE_SPLIT = re.compile(r"(?i)va|vl|val|valid|validation|dev|eval|test|(?:held|hold)[-_]?out")
"""A name that is nothing but a split."""

_TRAINED = frozenset({"tr", "trn", "train", "training"})
_FEWEST = 4
_LEAST_PER_CENT = 10.0  # what is larger than 1 and never came so far is no share in per cent
_ACCURACY = re.compile(r"(?i)(?<![a-z])(?:acc(?:uracy)?|top[-@_]?1)(?![a-z])")
_ALIKE = 2.0
_ERRORS = 2.0  # standard errors between the means of two halves


def direction_by_values(run: Run, value: Floats) -> tuple[Direction, str] | None:
    """Return the direction that values tell, and why; None if they do not.

    A share that rises while the loss falls is a score: graph networks are often logged so,
    ``Loss: 1.2, Train: 0.81, Val: 0.80``. It need not be one where it begins where the loss does,
    for the loss of a network that learns by heart rises too; nor where an accuracy is printed
    beside it, which then is the score: ``loss=0.60 val=0.52 acc=0.75``. What is called ``train``
    and falls as training goes on is a loss, and so is its twin: no training makes its own measure
    worse for long.

    Parameters
    ----------
    run
        The run.
    value
        The values in question, finite ones; shape ``(n,)``.
    """
    loss = _trained(run, "loss")
    beside = _accuracy_beside(run)
    like_loss = _starts_alike(value, loss)
    if beside is not None and like_loss:
        score = beside[1][:1]
        if len(score) and abs(value[0] - loss[0]) < abs(value[0] - score[0]):
            return "min", f"it begins where the loss does, and {beside[0]} stands beside it"
    if beside is None and like_loss and len(value) >= _FEWEST and _falls_beyond_noise(value):
        return "min", "it begins where the loss does, and falls"
    is_open = beside is None and not like_loss
    if is_open and _is_share(value) and _rises(value) and _falls(loss):
        return "max", "a share that rises while the loss falls"
    for twin in run.train_log.metric_names:
        values = _trained(run, twin) if twin.lower() in _TRAINED else value[:0]
        if len(values) >= _FEWEST and _falls_beyond_noise(values):
            return "min", f"{twin} falls as training goes on"
    return None


def _accuracy_beside(run: Run) -> tuple[str, Floats] | None:
    """Return an accuracy that names no part of the training data, and its finite values."""
    logs = (
        (run.eval_log.metric_names, run.eval_series),
        (run.train_log.metric_names, run.train_series),
    )
    for names, series in logs:
        for name in names:
            if _ACCURACY.search(name) and split_of(name) != "train":
                value = series(name).value
                return name, value[np.isfinite(value)]
    return None


def _starts_alike(value: Floats, loss: Floats) -> bool:
    """Tell whether values begin at the height of the loss: within a factor of 2 of it."""
    if not len(value) or not len(loss):
        return False
    low, high = sorted((float(value[0]), float(loss[0])))
    return low > 0.0 and high <= _ALIKE * low


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
