"""How busy the devices were lately: a silent run whose device works is not stalled."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from copilot_analytics.records import Record


class BusyDevices:
    """Remembers the utilisation of the last minutes.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> busy = BusyDevices()
    >>> busy.note(Record("gpu", metrics={"gpu_utilization_pct": 80.0}), 100.0)
    >>> busy.lately(160.0), busy.lately(300.0)
    (80.0, None)
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=64)

    def note(self, sample: Record, now: float) -> None:
        """Remember a sample; one that does not tell the utilisation says nothing."""
        busy = sample.metrics.get("gpu_utilization_pct")
        if busy is not None:
            self._samples.append((now, busy))

    def lately(self, now: float) -> float | None:
        """Return the highest utilisation in per cent; None if unknown."""
        since = now - _MEMORY_S
        return max((busy for at, busy in self._samples if at >= since), default=None)


_MEMORY_S = 120.0
