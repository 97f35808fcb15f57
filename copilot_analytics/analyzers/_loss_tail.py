"""The newest rows of the training loss, and what explains a jump among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from copilot_analytics.analyzers._course import Recent, recent
from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.run import Run

WINDOW = 100
"""Rows that a jump is held against."""
MARGIN = 12


class LossTail(NamedTuple):
    """The newest rows of the loss at one look.

    `first_new` is the first row that came since the last look, `segment_row` the first one of the
    present segment; `resumed` says whether another one came before it.
    """

    run: Run
    results: Results
    rows: Recent
    first_new: int
    segment_row: int
    resumed: bool

    @classmethod
    def of(
        cls, run: Run, results: Results, column: str, *, first_new: int, segment_row: int
    ) -> LossTail:
        """Take the new rows of a column and a window before them, of the present segment alone."""
        log = run.train_log
        if log.segment[first_new] != log.segment[-1]:
            first = segment_row
        else:
            first = max(first_new - WINDOW - MARGIN, segment_row)
        resumed = int(log.segment[-1]) != 0
        return cls(run, results, recent(log, column, first), first_new, segment_row, resumed)

    def excuses(self, step: int, times: float = 1.0) -> bool:
        """Tell whether losses may jump at a step: the start, a warm-up, a change of the rate.

        `times` is how many times its level before the loss stands at: no drop of the rate
        explains many times.
        """
        rate = self.results.of(LearningRateAnalyzer)
        planned = self.run.planned_steps
        length = planned or self.run.last_step
        first = int(self.run.train_log.step[0])
        if step - first < _EARLY * length:
            return True
        if rate.warming_up:
            return True
        near = _NEAR * length
        # A warm-up may be a low rate that is kept for a while: its end comes early in the run.
        raised = rate.raised
        young = planned is not None and step - first < _YOUNG * planned
        if raised is not None and young and 0 <= step - raised.step <= near:
            return True
        small = times < BEYOND_EXCUSE
        if small and any(abs(step - drop.step) <= near for drop in rate.drops):
            return True
        resumed = int(self.run.train_log.step[self.segment_row]) if self.resumed else None
        return resumed is not None and 0 <= step - resumed <= near


def times(value: float, level: float) -> float:
    """Return how many times a level a value is; 1 where that means nothing."""
    return value / level if level > 0 else 1.0


BEYOND_EXCUSE = 10.0
"""Times its level at which a loss is lost, whatever could explain less."""
_EARLY = 0.02
_NEAR = 0.01
_YOUNG = 0.1
