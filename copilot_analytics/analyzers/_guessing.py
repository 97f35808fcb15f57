"""Whether a classifier is worse than one that guesses, and has been all along."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from copilot_analytics.analyzers._course import total_loss
from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.analyzers._metric_scale import WHOLE
from copilot_analytics.analyzers.overfitting import validation_loss

if TYPE_CHECKING:
    from copilot_analytics.analyzers.metric import MainMetric
    from copilot_analytics.records import Floats
    from copilot_analytics.run import Run

NEAR_CHANCE = 0.02
_FEWEST_EVALS = 5
_FEWEST_IF_LITTLE = 10  # what learns late stands there too at first
_MOST_CLASSES = 10  # a lower accuracy lies near that of guessing among some number of classes
_NEAR = 0.1
_NEAR_BOTH = 0.2  # where the loss says so too: one class of a small set may be larger by as much
_ONE_CLASS = (0.5, 2.0)  # times 1 / K, where one class is said to all
_MOST_NATS = 10.0
_MOST_ABOVE = 1.3  # the best of several evaluations is a lucky one, and luck counts for more
_MOST_ABOVE_RARE = 2.0  # where each class is rare
_RARE = 50
_FAR = 3.0
_LITTLE = 1.25  # times ln K: what has learned to be right as seldom as that has a higher loss
_JUMP = 0.15


class Guessing(NamedTuple):
    """What shows that a model is worse than guessing.

    `classes` is the number of classes, by the log or by the accuracy, `chance` the loss of guessing
    among them, `first` the first training loss, `level` the median of all, and `evals` how many
    evaluations show it.
    """

    classes: int
    chance: float
    first: float
    level: float
    evals: int


def worse_than_guessing(run: Run, main: MainMetric) -> Guessing | None:
    """Return what shows that all evaluations are those of guessing; None if they are not.

    The accuracy is that of guessing in all evaluations, and the training loss stays above the
    cross-entropy of guessing, ln K: by little, or by more than three times as much. Between the
    two lies what is right as seldom among classes of which the log does not tell the number, such
    as words. What learns slowly is spared: its loss is steady and gets better from most evaluations
    to the next.

    Parameters
    ----------
    run
        The run.
    main
        Its main metric; only an accuracy can tell.
    """
    accuracy = accuracies(run, main)
    if accuracy is None:
        return None
    middle = float(np.median(accuracy))
    if middle <= 0.0:
        return None
    column = total_loss(run.train_log)
    loss = run.train_series(column).value if column is not None else np.empty(0)
    loss = loss[np.isfinite(loss)]
    declared, level = run.meta.num_classes, float(np.median(loss)) if len(loss) else 0.0
    classes = declared or min(round(1.0 / middle), _MOST_CLASSES)
    if classes < 2 or len(loss) < _FEWEST_EVALS:
        return None
    chance = math.log(classes)
    little = level < _LITTLE * chance
    off = abs(classes * middle - 1.0)
    if little and main.n < _FEWEST_IF_LITTLE:
        return None
    if off > (_NEAR_BOTH if little else _NEAR):
        return None
    if classes * float(accuracy.max()) > _luckiest(classes):
        return None
    lowest = float(loss.min())
    if little:
        if level < (1.0 + NEAR_CHANCE) * chance and loss[0] < _FAR * chance:
            return None  # as where nothing trains at all
        parts = np.array_split(loss, _FEWEST_EVALS)
        lowest = min(float(np.median(part)) for part in parts) + NEAR_CHANCE * chance
    if lowest < chance or not (little or declared or level >= _FAR * chance):
        return None
    if _gets_better(_at_evals(run, loss)) and (little or not _is_erratic(loss)):
        return None
    return Guessing(classes, chance, float(loss[0]), level, main.n)


def accuracies(run: Run, main: MainMetric) -> Floats | None:
    """Return the accuracy of all evaluations as a share; None if there are few, or it is none.

    None also if the best is no guess among however few classes, as in most runs that learn: this is
    asked at each look.
    """
    whole = WHOLE.get(main.scale)
    if whole is None or main.n < _FEWEST_EVALS or main.direction != "max":
        return None
    if "acc" not in (main.name or "").lower() or main.best is None:
        return None
    classes = run.meta.num_classes or 2
    if classes * main.best > _luckiest(classes) * whole:
        return None
    return judged_series(run, main.name or "").value / whole


def _luckiest(classes: int) -> float:
    """Return how many times the accuracy of guessing its best of several evaluations may be."""
    return _MOST_ABOVE if classes < _RARE else _MOST_ABOVE_RARE


def guessed_among(run: Run, main: MainMetric, loss: float) -> int | None:
    """Return the number of classes among which both loss and accuracy are those of guessing.

    The cross-entropy of a calibrated model is no less than minus the logarithm of its accuracy,
    and as little only where it cannot tell K classes apart at all: then the one is ln K and the
    other 1 / K. A model that learned something has a loss that lies above.

    Parameters
    ----------
    run
        The run.
    main
        Its main metric; only an accuracy can tell.
    loss
        Level of the cross-entropy of training, in nats.

    Returns
    -------
    int or None
        None if the two do not agree.
    """
    accuracy = accuracies(run, main)
    if accuracy is None or not 0.0 < loss < _MOST_NATS:
        return None
    classes = round(math.exp(loss))
    if classes < 2:
        return None
    if np.ptp(accuracy) == 0.0:
        if not _ONE_CLASS[0] <= classes * float(accuracy[0]) <= _ONE_CLASS[1]:
            return None
        return classes
    if abs(classes * float(np.median(accuracy)) - 1.0) > _NEAR_BOTH:
        return None
    if classes * float(accuracy.max()) > _luckiest(classes):
        return None
    # A loss with noise leaves the third digit open.
    return classes if classes < _RARE else int(float(f"{classes:.2g}"))


def _at_evals(run: Run, loss: Floats) -> Floats:
    """Return the loss of the evaluations, or means of that of training over as many stretches."""
    name = validation_loss(run)
    if name is not None:
        return judged_series(run, name).value
    return np.array([part.mean() for part in np.array_split(loss, _FEWEST_EVALS)])


def _gets_better(loss: Floats) -> bool:
    """Tell whether more than half of the values are better than all before them."""
    best = np.minimum.accumulate(loss)
    return 2 * int(np.count_nonzero(np.diff(best) < 0)) > len(loss) - 1


def _is_erratic(loss: Floats) -> bool:
    """Tell whether the loss jumps from row to row, by more than batches that differ explain."""
    return float(np.median(np.abs(np.diff(loss)))) > _JUMP * float(np.median(loss))
