"""Memory that the log reports: how much, and whether it leaks towards a limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.analyzers._base import Analyzer, Options, Results
from copilot_analytics.analyzers._devices import memory_of
from copilot_analytics.analyzers._peaks import Peaks
from copilot_analytics.analyzers._plan import planned_end
from copilot_analytics.findings import NotJudged
from copilot_analytics.stats.changes import leak

if TYPE_CHECKING:
    from collections.abc import Iterable

    from copilot_analytics.events import Event
    from copilot_analytics.records import Floats, Record
    from copilot_analytics.run import Run


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of the run.

    Parameters
    ----------
    now_mib, peak_mib
        Last and highest logged memory; None if not logged.
    limit_mib
        Memory of the device as far as the log tells (its name); None if unknown.
    growing
        Whether it still grows significantly, levelled-off growth left out.
    mib_per_1000_steps
        Slope while growing.
    reaches_limit_step
        Step at which it would reach the limit, None if it does not or the limit is unknown.
    """

    now_mib: float | None = None
    peak_mib: float | None = None
    limit_mib: float | None = None
    growing: bool = False
    mib_per_1000_steps: float | None = None
    reaches_limit_step: int | None = None
    not_judged: tuple[NotJudged, ...] = ()


class MemoryAnalyzer(Analyzer[Memory]):
    """Follows the logged memory.

    Trainers print a running maximum or a level that jumps with the size of the inputs, so what is
    judged is the highest level of each of at most 96 equal stretches. A maximum over inputs of
    many sizes rises ever more rarely; a leak goes on rising.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> from copilot_analytics.run import Run
    >>> run = Run.from_records(
    ...     Record("train", step=step, metrics={"memory_mib": 4000.0 + step})
    ...     for step in range(1, 200)
    ... )
    >>> MemoryAnalyzer.of(run).growing
    True
    """

    name: ClassVar[str] = "memory"

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options)
        self._now = Memory()
        self._rows = 0
        self._segment = -1
        self._peaks = Peaks()
        self._peak = -np.inf

    def look(self, run: Run, results: Results, record: Record) -> Iterable[Event]:
        """Look at the run as it stands after `record`."""
        log = run.train_log
        if len(log) == self._rows:
            return ()
        if _NAME not in log.metric_names:
            self._rows = len(log)
            self._now = Memory(not_judged=(NotJudged("memory", "the log does not print any"),))
            return ()
        if int(log.segment[-1]) != self._segment:
            # A new process starts with empty memory.
            self._segment = int(log.segment[-1])
            first = int(np.searchsorted(log.segment, self._segment))
            self._rows = max(self._rows, first)
            self._peaks = Peaks()
        value, step = log.column(_NAME)[self._rows :], log.step[self._rows :]
        usable = np.isfinite(value) & (value > 0)
        self._rows = len(log)
        value, step = value[usable], step[usable]
        if not len(value):
            return ()
        self._peaks.extend(step.astype(np.float64), value)
        self._peak = max(self._peak, float(value.max()))
        self._now = self._judge(run, float(value[-1]))
        return ()

    def result(self) -> Memory:
        """Return the answer as of the last look."""
        return self._now

    def _judge(self, run: Run, now: float) -> Memory:
        limit = memory_of(run.meta.gpu_name)
        found = Memory(now, self._peak, limit)
        steps, peaks = self._peaks.settled
        if len(peaks) < _FEWEST or not _keeps_rising(peaks):
            return found
        planned = planned_end(run)
        left = float(planned - run.last_step) if planned is not None else np.nan
        growth = leak(steps, peaks, np.nan if limit is None else limit, left)
        if not growth.growing:
            return found
        at = None
        if np.isfinite(growth.limit_in) and (growth.reaches_limit or planned is None):
            at = round(run.last_step + growth.limit_in)
        return Memory(now, self._peak, limit, True, 1000.0 * growth.slope, at)


ANALYZER = MemoryAnalyzer

_NAME = "memory_mib"
_FEWEST = 16
_LEAST_RISE = 0.02


def _keeps_rising(peaks: Floats) -> bool:
    """Tell whether the level rises in most stretches, and by more than a trifle."""
    third = len(peaks) // 3
    early, late = np.diff(peaks[:-third]), np.diff(peaks[-third - 1 :])
    often = np.mean(late > 0) >= 0.5 and np.mean(early > 0) >= 0.3
    return bool(often and peaks[-1] - peaks[0] > _LEAST_RISE * peaks[0])
