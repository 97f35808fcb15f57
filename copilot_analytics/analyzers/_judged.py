"""The evaluations by which a run can be judged: those that measured something."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.analyzers._primary import minus_one_means_nothing
from copilot_analytics.columns import Series

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copilot_analytics.run import Run

_AVERAGE_PRECISION = re.compile(r"(?i)(?:^|[/_])m?ap(?:$|[^a-z])")


def judged_series(run: Run, name: str) -> Series:
    """Return the evaluations that measured something: finite, and not the -1 of an empty class.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> from copilot_analytics.run import Run
    >>> run = Run()
    >>> for step, ap in ((1, -1.0), (2, 0.3), (3, float("nan"))):
    ...     run.append(Record("eval", step=step, metrics={"bbox_mAP": ap}))
    >>> judged_series(run, "bbox_mAP").step
    array([2])
    """
    series = run.eval_series(name)
    keep = np.isfinite(series.value)
    if minus_one_means_nothing(name):
        keep = keep & (series.value != -1.0)
    if keep.all():
        return series
    step, value, epoch, time, line = series
    return Series(step[keep], value[keep], epoch[keep], time[keep], line[keep])


def accuracies(run: Run) -> Iterator[float]:
    """Yield the best value of each accuracy of the run."""
    for name in run.metric_names:
        value = judged_series(run, name).value if "acc" in name.lower() else ()
        if len(value):
            yield float(np.max(value))


def is_usable(run: Run, name: str) -> bool:
    """Tell whether a metric measured anything so far."""
    return len(judged_series(run, name).value) > 0


def is_nothing_yet(run: Run, name: str) -> bool:
    """Tell whether an average precision was 0 in every evaluation so far."""
    value = judged_series(run, name).value
    return _AVERAGE_PRECISION.search(name) is not None and not value.any()


def is_fellow(other: str, name: str) -> bool:
    """Tell whether another metric is the average precision of another task, as whole as this."""
    end = name.rsplit("/", 1)[-1].rsplit("_", 1)[-1].lower()
    return other.lower().endswith(end)
