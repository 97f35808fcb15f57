"""How fast the steps go, how much of it waits for data, and whether it slows down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.analyzers._base import Analyzer, Options, Results
from copilot_analytics.analyzers._course import Course
from copilot_analytics.findings import NotJudged
from copilot_analytics.stats.changes import rate_change
from copilot_analytics.stats.finite import median

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from copilot_analytics.events import Event
    from copilot_analytics.records import Floats, Record
    from copilot_analytics.run import Run


@dataclass(frozen=True, slots=True)
class Throughput:
    """Speed of the run.

    Parameters
    ----------
    iter_time_s
        Median time of an iteration lately, None if not logged.
    data_share
        Share of it spent waiting for data (time-weighted, lately), None if not logged.
    waits_for_data
        Whether that is much: it rose above 0.3, and did not fall below 0.15 since.
    slowdown
        Median iteration time of the last fifth over that of the first fifth (after the first
        records), above 1 when slower; None if too few.
    slowdown_significant
        Whether that is more than noise.
    slow_since_step
        Where the slow stretch began, None if there is none.
    work_slowdown
        The same ratio of the newest to the first records without the waiting for data; None if the
        log does not tell that, or nothing is slower.
    outliers
        Records whose iteration took over three times the median; the first record of an epoch,
        which starts the loader, is not counted.
    outlier_period
        Their period in steps if they are regular, None otherwise.
    """

    iter_time_s: float | None = None
    data_share: float | None = None
    waits_for_data: bool = False
    slowdown: float | None = None
    slowdown_significant: bool = False
    slow_since_step: int | None = None
    work_slowdown: float | None = None
    outliers: int = 0
    outlier_period: int | None = None
    not_judged: tuple[NotJudged, ...] = ()


class ThroughputAnalyzer(Analyzer[Throughput]):
    """Measures step and data-loading time.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> from copilot_analytics.run import Run
    >>> run = Run.from_records(
    ...     Record("train", step=i, metrics={"iter_time_s": 0.5, "data_time_s": 0.2})
    ...     for i in range(1, 100)
    ... )
    >>> speed = ThroughputAnalyzer.of(run)
    >>> speed.iter_time_s, speed.data_share
    (0.5, 0.4)
    """

    name: ClassVar[str] = "throughput"

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options)
        self._now = Throughput()
        self._rows = 0
        self._course = Course(_POINTS)
        self._segment = -1
        self._outliers = 0
        self._counted = 0
        self._outlier_steps: list[int] = []
        self._waits = False

    def look(self, run: Run, results: Results, record: Record) -> Iterable[Event]:
        """Look at the run as it stands after `record`."""
        log = run.train_log
        rows = len(log)
        if rows == self._rows:
            return ()
        if _TIME not in log.metric_names:
            self._rows = rows
            self._now = Throughput(
                not_judged=(NotJudged("throughput", "the log prints no time per iteration"),)
            )
            return ()
        self._course.take(log, _TIME)
        first = max(rows - _RECENT, 0)
        time_s = log.column(_TIME)[first:]
        usable = np.isfinite(time_s) & (time_s > 0)
        if not usable.any():
            self._rows = rows
            return ()
        usual = median(time_s[usable])
        self._count_outliers(run, usual)
        self._rows = rows
        ratio, significant, since = self._slowdown()
        spacing = median(np.diff(log.step[first:].astype(np.float64))) if rows > 1 else 1.0
        data_share = _data_share(run, first)
        limit = WAITS_NO_MORE if self._waits else WAITS_FOR_DATA
        self._waits = rows >= _FEWEST_WAITS and data_share is not None and data_share > limit
        self._now = Throughput(
            iter_time_s=usual,
            data_share=data_share,
            waits_for_data=self._waits,
            slowdown=ratio,
            slowdown_significant=significant,
            slow_since_step=since,
            work_slowdown=_work_slowdown(run) if significant else None,
            outliers=self._outliers,
            outlier_period=self._period(spacing),
        )
        return ()

    def result(self) -> Throughput:
        """Return the answer as of the last look."""
        return self._now

    def _count_outliers(self, run: Run, usual: float) -> None:
        log = run.train_log
        if int(log.segment[-1]) != self._segment:
            self._segment = int(log.segment[-1])
            self._outlier_steps.clear()
        if len(log) < _FEWEST:
            return
        first, self._counted = self._counted, len(log)
        slow = log.column(_TIME)[first:] > _OUTLIER * usual
        slow &= ~_starts_epoch(run, first)
        if first == 0:
            slow[:_START_UP] = False
        self._outliers += int(np.count_nonzero(slow))
        self._outlier_steps.extend(log.step[first:][slow].tolist())
        del self._outlier_steps[:-_KEPT]

    def _period(self, spacing: float) -> int | None:
        if len(self._outlier_steps) < 5:
            return None
        gaps = np.diff(np.array(self._outlier_steps[-30:], dtype=np.float64))
        usual = float(np.median(gaps))
        regular = np.mean(np.abs(gaps - usual) <= 0.05 * usual)
        # Records next to each other are one slow stretch.
        apart = usual > 2.5 * spacing
        return round(usual) if apart and regular >= 0.8 else None

    def _slowdown(self) -> tuple[float | None, bool, int | None]:
        # What the process does first is slow for its own reasons.
        skip = max(2, len(self._course) // 20)
        step, time_s = self._course.step[skip:], self._course.value[skip:]
        if len(time_s) < _FEWEST_POINTS:
            return None, False, None
        change = rate_change(time_s)
        if not np.isfinite(change.ratio):
            return None, False, None
        significant = change.ratio >= _SLOWER and change.p < _P
        if not significant:
            return change.ratio, False, None
        smooth = np.median(np.lib.stride_tricks.sliding_window_view(time_s, 5), axis=1)
        fast = np.flatnonzero(smooth <= np.sqrt(change.first * change.last))
        at = min(int(fast[-1]) + 3 if len(fast) else 0, len(step) - 1)
        return change.ratio, True, round(float(step[at]))


ANALYZER = ThroughputAnalyzer

WAITS_FOR_DATA = 0.3
# Half of it: a share that wanders around one limit would begin and end again and again.
WAITS_NO_MORE = 0.15

_TIME = "iter_time_s"
_DATA = "data_time_s"
_POINTS = 64
_RECENT = 200
_FEWEST = 20
_FEWEST_POINTS = 20
_FEWEST_WAITS = 30
_START_UP = 3
_OUTLIER = 3.0
_KEPT = 60
_SLOWER = 1.2
_P = 0.01


def _starts_epoch(run: Run, first: int) -> NDArray[np.bool_]:
    """Tell for the rows from `first` on whether they are the first of an epoch."""
    epoch = run.train_log.epoch
    begin = max(first - 1, 0)
    # A row at 2.0 is the last of the second epoch.
    number = np.ceil(epoch[begin:] - 1e-6)
    new = np.concatenate([[first == 0], number[1:] > number[:-1]])
    return new[first - begin :]


def _data_share(run: Run, first: int) -> float | None:
    """Share of the time that waits for data, over the rows from `first` on."""
    log = run.train_log
    if _DATA not in log.metric_names:
        return None
    time_s, data_s = log.column(_TIME)[first:], log.column(_DATA)[first:]
    usable = np.isfinite(time_s) & np.isfinite(data_s) & (time_s > 0) & (data_s >= 0)
    inside = usable & ~_starts_epoch(run, first)
    # Where each epoch is one row, all rows start one.
    if np.count_nonzero(inside) >= _FEWEST // 2:
        usable = inside
    if np.count_nonzero(usable) < _FEWEST // 2:
        return None
    return _share(time_s[usable], data_s[usable])


def _work_slowdown(run: Run) -> float | None:
    """Return how much longer the newest iterations take than the first, loading left out."""
    log = run.train_log
    if _DATA not in log.metric_names:
        return None
    many = max(min(_RECENT, len(log) // 5), _FEWEST // 4)
    work = (
        log.column(_TIME)[rows] - log.column(_DATA)[rows]
        for rows in (slice(_START_UP, _START_UP + many), slice(-many, None))
    )
    first, last = (median(some[np.isfinite(some)]) for some in work)
    return last / first if first > 0 else None


def _share(time_s: Floats, data_s: Floats) -> float:
    whole = float(time_s.sum())
    return min(float(np.minimum(data_s, time_s).sum()) / whole, 1.0)
