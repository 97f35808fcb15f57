"""Spikes of the training loss, and whether it came back."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.analyzers._loss_tail import WINDOW, times
from copilot_analytics.stats.spikes import FEWEST, Baseline, find_spikes

if TYPE_CHECKING:
    from copilot_analytics.analyzers._loss_tail import LossTail


@dataclass(frozen=True, slots=True)
class Spike:
    """A spike of the training loss.

    Parameters
    ----------
    step, line
        Its highest point.
    peak, baseline
        The loss there, and its level before.
    recovered
        Whether the loss came back, soon or in the end; None while that is open.
    """

    step: int
    line: int
    peak: float
    baseline: float
    recovered: bool | None


class LossSpikes:
    """Collects spikes and follows those that are open.

    Attributes
    ----------
    found
        Spikes so far, the newest last; at most the last 50.
    bound
        Loss above which a new value may be one.
    """

    def __init__(self) -> None:
        self.found: list[Spike] = []
        self.bound = math.inf
        self._open: list[_OpenSpike] = []
        self._lasting: list[_OpenSpike] = []  # the loss had not come back when patience ended

    def begin_segment(self, again_from: int) -> None:
        """Forget what a resume rolled back."""
        self._open, self._lasting = [], []
        self.found = [spike for spike in self.found if spike.step < again_from]
        self.bound = math.inf

    def renew_bound(self, base: Baseline) -> None:
        """Take the baseline of the newest rows."""
        self.bound = base.bound if base.n >= FEWEST else math.inf

    def look(self, tail: LossTail) -> None:
        """Close what came back, and collect spikes among the new rows."""
        new = tail.rows.value[tail.rows.row >= tail.first_new]
        self._close(tail)
        if bool(np.any(~(new <= self.bound))) or len(new) > WINDOW:
            self._collect(tail)

    def _collect(self, tail: LossTail) -> None:
        rows = tail.rows
        places = find_spikes(rows.value, WINDOW, SPIKE_Z)
        places = places[rows.row[places] >= tail.first_new]
        if not len(places):
            return
        groups = np.split(places, np.flatnonzero(np.diff(places) > 3) + 1)
        for group in groups[-_MOST:]:
            top = int(group[np.argmax(rows.value[group])])
            base = Baseline.of(rows.value[: int(group[0])], WINDOW, SPIKE_Z)
            row, peak = int(rows.row[top]), float(rows.value[top])
            if tail.excuses(int(rows.step[top]), times(peak, base.median)):
                continue
            if self._open and row - self._open[-1].row <= 3:
                old = self._open[-1]
                if peak > old.spike.peak:
                    risen = replace(
                        old.spike, step=int(rows.step[top]), line=int(rows.line[top]), peak=peak
                    )
                    self._replace(old.spike, risen)
                    self._open[-1] = replace(old, spike=risen, row=row)
                continue
            spike = Spike(int(rows.step[top]), int(rows.line[top]), peak, base.median, None)
            self.found.append(spike)
            del self.found[:-_MOST]
            self._open.append(_OpenSpike(spike, row, base.median + 3.0 * base.sigma))
        self._close(tail)

    def _close(self, tail: LossTail) -> None:
        total = len(tail.run.train_log)
        patience = max(_LEAST_PATIENCE, int(0.01 * total))
        still, lasting = [], []
        for item in (*self._lasting, *self._open):
            spike = item.spike
            if _came_back(tail, item):
                self._replace(spike, replace(spike, recovered=True))
            elif spike.recovered is False:
                lasting.append(item)
            elif total - item.row > patience:
                lasts = replace(spike, recovered=False)
                self._replace(spike, lasts)
                lasting.append(replace(item, spike=lasts))
            else:
                still.append(item)
        self._open, self._lasting = still[-_MOST:], lasting[-_MOST:]

    def _replace(self, old: Spike, new: Spike) -> None:
        self.found = [new if spike is old or spike == old else spike for spike in self.found]


@dataclass(frozen=True, slots=True)
class _OpenSpike:
    spike: Spike
    row: int
    level: float


def _came_back(tail: LossTail, item: _OpenSpike) -> bool:
    """Tell whether the loss fell to its level before a spike, by the median of three rows."""
    after = tail.rows.value[tail.rows.row > item.row]
    if len(after) < 3:
        return False
    middle = np.median(np.lib.stride_tricks.sliding_window_view(after, 3), axis=1)
    return bool(np.any(middle <= item.level))


SPIKE_Z = 6.0
"""Distance of a spike from the level, in sigma."""
_MOST = 50
_LEAST_PATIENCE = 10
