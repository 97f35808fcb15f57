"""Hardly any memory is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.analyzers.memory import MemoryAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import last_line
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.run import Run

_SHARE = 0.97
_LATELY = 0.2
_LOOKED_AT = 5000


class MemoryNearLimit(Diagnosis):
    """A peak close to the limit, while new peaks still arrive."""

    name: ClassVar[str] = "memory_near_limit"
    headline: ClassVar[str] = "MEMORY NEARLY FULL"
    needs = (MemoryAnalyzer,)
    holds_for: ClassVar[int] = 2

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while new peaks come close to the limit."""
        memory = results.of(MemoryAnalyzer)
        peak, limit = memory.peak_mib, memory.limit_mib
        if peak is None or limit is None or not _SHARE * limit < peak <= 1.05 * limit:
            return None
        level = run.train_log.column("memory_mib")[-_LOOKED_AT:]
        newest = level[-max(int(_LATELY * len(level)), 10) :]
        before = level[: len(level) - len(newest)]
        if not len(before) or not np.nanmax(newest) > np.nanmax(before):
            return None
        return Finding(
            self.name,
            Severity.WARNING,
            run.last_step,
            f"{peak / limit:.1%} of the device's memory is taken, and the peak still rises",
            "A larger batch or image than those so far may not fit any more.",
            (
                Evidence(
                    "peak memory",
                    f"{peak:.0f} MiB",
                    f"{_SHARE:.0%} of {limit:.0f} MiB",
                    last_line(run.train_log),
                ),
            ),
            "Lower the batch size or the largest input size, or use gradient checkpointing; save "
            "checkpoints often until then.",
        )


DIAGNOSIS = MemoryNearLimit()
