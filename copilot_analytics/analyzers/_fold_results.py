"""What became of each fold of a cross-validation whose log is one file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.wording import number, place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot_analytics.analyzers.metric import MainMetric
    from copilot_analytics.columns import Series
    from copilot_analytics.run import Run

_MOST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class FoldResult:
    """What became of a fold.

    Parameters
    ----------
    fold
        Its number, as the log counts them.
    metric, best
        Main metric and its best value; None if nothing was judged.
    lost
        Where the loss, or what was judged, became NaN to the end, as words; empty if it did not.
    """

    fold: int
    metric: str | None
    best: float | None
    lost: str = ""


def result_of_fold(run: Run, main: MainMetric | None) -> FoldResult | None:
    """Return what became of a run that is a fold; None for one that is none.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> from copilot_analytics.run import Run
    >>> run = Run()
    >>> run.append(Record("config", facts={"fold": 2, "step_unit": "epoch"}))
    >>> for epoch, loss in ((1, 0.5), (2, float("nan"))):
    ...     run.append(Record("train", epoch, epoch, metrics={"loss": loss}))
    >>> result_of_fold(run, None)
    FoldResult(fold=2, metric=None, best=None, lost='NaN from epoch 2 on')
    """
    fold = run.meta.fold
    if fold is None:
        return None
    name = main.name if main is not None else None
    values = judged_series(run, name).value if name is not None else np.empty(0)
    best = None
    if main is not None and len(values):
        best = float(np.min(values) if main.direction == "min" else np.max(values))
    series = [run.train_series(loss) for loss in run.loss_names[:1]]
    series += [run.eval_series(one) for one in run.metric_names]
    lost = next((words for one in series if (words := _lost(run, one))), "")
    return FoldResult(fold, name, best, lost)


def further_fold(run: Run, results: Sequence[FoldResult]) -> tuple[str, str]:
    """Return which fold of how many a run is and the one that follows; both empty if none does.

    Parameters
    ----------
    run
        The fold that goes on, or went on last.
    results
        What became of the folds of its log so far.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> from copilot_analytics.run import Run
    >>> run = Run.from_records([Record("config", facts={"fold": 1, "folds": 3})])
    >>> further_fold(run, [])
    ('fold 1 of 3', 'fold 2')
    """
    fold, folds = run.meta.fold, run.meta.folds
    if fold is None or folds is None:
        return "", ""
    first = min([fold, 1, *(one.fold for one in results)])
    if fold - first + 1 >= folds:
        return "", ""
    return f"fold {fold} of {folds}", f"fold {fold + 1}"


def _lost(run: Run, series: Series) -> str:
    """Say since when a series is NaN to its end; empty if it is not."""
    finite = np.flatnonzero(np.isfinite(series.value))
    first = int(finite[-1]) + 1 if len(finite) else 0
    if first >= len(series.value):
        return ""
    step = int(series.step[first])
    return f"NaN from {place(step, run.epoch_of(step))} on"


def folds_in_words(results: Sequence[FoldResult]) -> str:
    """Say in one sentence what became of each fold; empty for fewer than two.

    Examples
    --------
    >>> folds_in_words(
    ...     [FoldResult(1, "acc", 0.9), FoldResult(2, "acc", 0.4, "NaN from epoch 5 on")]
    ... )
    'the log holds 2 folds, best acc 0.9 (fold 1); 0.4, then NaN from epoch 5 on (fold 2)'
    """
    if len(results) < 2:
        return ""
    told = []
    for one in results[-_MOST_SHOWN:]:
        known = "" if one.best is None else number(one.best)
        told.append(f"{', then '.join(filter(None, (known, one.lost))) or '–'} (fold {one.fold})")
    metric = next((one.metric for one in results if one.metric), None)
    more = ", the last" if len(results) > _MOST_SHOWN else ""
    return f"the log holds {len(results)} folds{more}, best {metric or 'metric'} {'; '.join(told)}"
