"""Where the learning rate of a run restarted, as its log shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.stats.restarts import restarts

if TYPE_CHECKING:
    from copilot_analytics.run import Run


def restarts_seen(run: Run) -> list[int]:
    """Return the steps at which a new cycle of the learning rate began, but for the last row.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> from copilot_analytics.run import Run
    >>> cycle = [1.0, 0.9, 0.7, 0.4, 0.1, 0.02]
    >>> rows = (Record("train", s, metrics={"lr": lr}) for s, lr in enumerate(cycle * 2))
    >>> restarts_seen(Run.from_records(rows))
    [6]
    """
    names = run.train_log.metric_names
    column = next((name for name in ("lr", "base_lr") if name in names), None)
    if column is None:
        return []
    series = run.train_series(column)
    usable = np.isfinite(series.value) & (series.value >= 0)
    step, rate = series.step[usable], series.value[usable]
    return [int(step[at]) for at in restarts(rate) if at < len(rate) - 1]
