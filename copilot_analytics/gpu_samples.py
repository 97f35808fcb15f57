"""Samples of device telemetry as columns: a long watch takes hundreds of thousands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from copilot_analytics.columns import Table
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from copilot_analytics.records import Ints


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
        named = repr(sorted(record.facts.items()))
        self._facts.append(self._known.setdefault(named, record.facts))

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
