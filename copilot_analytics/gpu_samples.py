"""Samples of device telemetry as columns: a long watch takes hundreds of thousands."""

from __future__ import annotations

from itertools import compress, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from copilot_analytics.columns import Table
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from copilot_analytics.records import Floats, Ints


# Of the samples of a device. What is told more often than in one of twenty is no exception, and to
# keep all of it would leave little to thin.
_SELDOM = 0.05
MOST_ROWS = 100_000
"""So many samples are kept in memory, of a device that is sampled every 10 s those of eleven days.
Where there are more, the older half is thinned again and again."""


def worth_keeping(
    devices: Sequence[str], facts: Sequence[object], columns: Iterable[Floats], older: int
) -> NDArray[np.bool_]:
    """Tell which samples are to be kept where the older ones are thinned.

    Of the older ones that is every second one of a device, and besides those in which a metric of
    the device was highest or lowest of all, those with a metric that is seldom told (an Xid error),
    and those where its facts change if that is seldom (it was lost): no peak and no error is lost.

    Parameters
    ----------
    devices
        Which device each sample is of, shape ``(n,)``.
    facts
        What else a sample says, shape ``(n,)``; equal facts compare equal.
    columns
        Metrics, each of shape ``(n,)``, NaN where a sample has none.
    older
        How many samples from the first on are thinned.

    Returns
    -------
    ndarray of bool
        Shape ``(n,)``.

    Examples
    --------
    >>> power = np.array([1.0, 2.0, 9.0, 2.0, 2.0, 2.0, 1.5, 2.0])
    >>> worth_keeping(["a"] * 8, [0] * 8, [power], 7).tolist()
    [True, False, True, False, True, False, True, True]
    >>> worth_keeping(["a"] * 8, [0] * 8, [np.roll(power, 1)], 7).tolist()
    [True, True, True, True, True, False, True, True]
    """
    keep = np.ones(len(devices), dtype=np.bool_)
    rows_of: dict[str, list[int]] = {}
    for row, device in enumerate(devices):
        rows_of.setdefault(device, []).append(row)
    known = list(columns)
    for mine in rows_of.values():
        rows = np.array(mine)
        chosen = np.arange(len(rows)) % 2 == 0
        changed = np.array([facts[a] != facts[b] for a, b in pairwise(mine)], dtype=np.bool_)
        if np.count_nonzero(changed) <= _SELDOM * len(rows):
            chosen[1:] |= changed
            chosen[:-1] |= changed
        for column in known:
            part = column[rows]
            told = np.isfinite(part)
            if told.any():
                chosen[[np.nanargmax(part), np.nanargmin(part)]] = True
            if 0 < np.count_nonzero(told) <= _SELDOM * len(rows):
                chosen |= told
        keep[rows] = chosen
    keep[older:] = True
    return keep


class GpuSamples(Table):
    """Rows of ``gpu`` records, each with the facts that name its device.

    Examples
    --------
    >>> samples = GpuSamples()
    >>> for line, uuid in enumerate(("GPU-a", "GPU-b", "GPU-a"), 1):
    ...     samples.append(Record("gpu", facts={"uuid": uuid}, line=line), 0)
    >>> {uuid: rows.tolist() for uuid, rows in samples.rows_of_devices().items()}
    {'GPU-a': [0, 2], 'GPU-b': [1]}
    """

    def __init__(self) -> None:
        super().__init__()
        self._facts: list[Mapping[str, Any]] = []
        self._known: dict[str, Mapping[str, Any]] = {}

    def append(self, record: Record, step: int, segment: int = 0) -> None:
        """Add one sample, taken at a step of the training; equal facts are kept once."""
        super().append(record, step, segment)
        self._facts.append(self._known.setdefault(_named(record.facts), record.facts))

    def thin(self) -> Ints:
        """Thin the older half; return for each old row how many of the new ones precede it.

        Returns
        -------
        ndarray
            Shape ``(n + 1,)``, so that rows ``a:b`` become ``result[a]:result[b]``.
        """
        devices = [str(facts.get("uuid", "")) for facts in self._facts]
        marks = [id(facts) for facts in self._facts]  # equal facts are kept once
        columns = (self.column(name) for name in self.metric_names)
        keep = worth_keeping(devices, marks, columns, len(self) // 2)
        self._facts = list(compress(self._facts, keep.tolist()))
        self._known = {_named(facts): facts for facts in self._facts}
        self._keep_rows(keep)
        return np.concatenate([[0], np.cumsum(keep)])

    def fact(self, name: str) -> list[Any]:
        """Return a fact for every row, None where it is unknown."""
        return [facts.get(name) for facts in self._facts]

    def rows_of_devices(self) -> dict[str, Ints]:
        """Return the rows of each device by its UUID, in the order of the log."""
        rows: dict[str, list[int]] = {}
        for row, facts in enumerate(self._facts):
            rows.setdefault(str(facts.get("uuid", "")), []).append(row)
        return {uuid: np.array(mine) for uuid, mine in rows.items()}

    def records(self, rows: range, file: str) -> Iterator[Record]:
        """Yield rows as records; the step is the training's, so they name none."""
        columns = {name: (self.column(name), self.was_logged(name)) for name in self.metric_names}
        for row in rows:
            metrics = {name: float(c[row]) for name, (c, logged) in columns.items() if logged[row]}
            time, epoch = float(self.time[row]), float(self.epoch[row])
            yield Record(
                "gpu",
                epoch=None if epoch != epoch else epoch,
                time=None if time != time else time,
                metrics=metrics,
                facts=dict(self._facts[row]),
                line=int(self.line[row]),
                file=file,
            )


def _named(facts: Mapping[str, Any]) -> str:
    """Return what is the same for equal facts."""
    return repr(sorted(facts.items()))
