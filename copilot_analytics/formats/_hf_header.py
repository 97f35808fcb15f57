"""Steps of the Trainer's lines by the header of its training, where no bar is drawn."""

from __future__ import annotations


class Header:
    """Counts of a header: ``steps``, ``epochs``, ``examples`` and ``batch``, as far as printed.

    Examples
    --------
    >>> header = Header()
    >>> header.step_at(0.5, 0)
    >>> header.counts.update(steps=20, epochs=2, examples=80, batch=8)
    >>> header.step_at(0.5, 0)
    5
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def step_at(self, epoch: float | None, last: int) -> int | None:
        """Return the step that an epoch means, never below the last one; None if untold."""
        per_epoch = self._per_epoch()
        return None if epoch is None or per_epoch is None else max(round(epoch * per_epoch), last)

    def _per_epoch(self) -> float | None:
        counts = self.counts
        if not {"steps", "epochs"} <= counts.keys():
            return None
        whole = counts["steps"] / max(counts["epochs"], 1)
        if "examples" not in counts or not counts.get("batch"):
            return whole if counts["epochs"] and whole else None
        share = counts["examples"] / counts["batch"]
        return whole if abs(whole - share) <= 1 else max(share, 1.0)
