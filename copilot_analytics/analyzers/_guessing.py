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

_FEWEST_EVALS = 5
_MOST_CLASSES = 10  # a lower accuracy lies near that of guessing among some number of classes
_NEAR = 0.1
_MOST_ABOVE = 1.3  # the best of several evaluations is a lucky one
_FAR = 3.0
_JUMP = 0.15


class Guessing(NamedTuple):
    """What shows that a model is worse than guessing.

    `classes` is the number of classes, by the log or by the accuracy, `chance` the loss of guessing
    among them, `level` the median of the training loss, and `evals` how many evaluations show it.
    """

    classes: int
    chance: float
    level: float
    evals: int


def worse_than_guessing(run: Run, main: MainMetric) -> Guessing | None:
    """Return what shows that all evaluations are those of guessing; None if they are not.

    The accuracy is that of guessing in all evaluations, and the training loss has never been below
    the cross-entropy of guessing, ln K, and mostly stood at more than three times as much. What
    learns slowly is spared: its loss is steady and gets better from most evaluations to the next.

    Parameters
    ----------
    run
        The run.
    main
        Its main metric; only an accuracy can tell.
    """
    whole = WHOLE.get(main.scale)
    if whole is None or main.n < _FEWEST_EVALS or main.direction != "max":
        return None
    if "acc" not in (main.name or "").lower() or main.best is None:
        return None
    if (run.meta.num_classes or 2) * main.best > _MOST_ABOVE * whole:
        return None  # most runs that learn, for little: this is asked at each row
    accuracy = judged_series(run, main.name or "").value / whole
    middle = float(np.median(accuracy))
    if middle <= 0.0:
        return None
    classes = run.meta.num_classes or round(1.0 / middle)
    if classes < 2 or (run.meta.num_classes is None and classes > _MOST_CLASSES):
        return None
    if abs(classes * middle - 1.0) > _NEAR or classes * float(accuracy.max()) > _MOST_ABOVE:
        return None
    column = total_loss(run.train_log)
    loss = run.train_series(column).value if column is not None else np.empty(0)
    loss = loss[np.isfinite(loss)]
    chance = math.log(classes)
    if len(loss) < _FEWEST_EVALS or float(loss.min()) < chance:
        return None
    level = float(np.median(loss))
    if level < _FAR * chance or (_gets_better(_at_evals(run, loss)) and not _is_erratic(loss)):
        return None
    return Guessing(classes, chance, level, main.n)


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
