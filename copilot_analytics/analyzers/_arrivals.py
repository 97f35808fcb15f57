"""The pace of a log without time stamps, by when a live watch saw it grow."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.analyzers._intervals import Clock

if TYPE_CHECKING:
    from copilot_analytics.run import Run


class ArrivalClock(Clock):
    """Intervals between the times at which lines came, whatever fell into them.

    A watch sees a line up to some seconds late, and a program that buffers writes many at once:
    single intervals are wrong by that, their sum is not.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> from copilot_analytics.run import Run
    >>> run, clock = Run(), ArrivalClock()
    >>> for step in (10, 20, 30):
    ...     run.append(Record("train", step=step, metrics={"loss": 1.0}))
    ...     run.append(Record("seen", time=2.0 * step))
    >>> clock.follow(run)
    >>> clock.tells, clock.intervals()[0].tolist()
    (True, [20.0, 20.0])
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen = 0
        self._evals_before = 0

    def follow(self, run: Run) -> None:
        """Take what came since the last call."""
        first = max(self._seen - 1, 0)
        new = run.arrivals[first:]
        if not self._seen and new:
            self._evals_before = new[0].evals
        for before, after in pairwise(new):
            if before.segment != after.segment:
                self.restart()
                self._evals_before = after.evals
                continue
            self.take(
                np.array([after.time - before.time]), np.array([float(after.step - before.step)])
            )
        self._seen = len(run.arrivals)

    def met_evaluation(self, run: Run) -> bool:
        """Tell whether an evaluation fell between two arrivals of the present process."""
        return bool(run.arrivals) and run.arrivals[-1].evals > self._evals_before
