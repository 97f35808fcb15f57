"""Memory that grows without end."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers._plan import planned_end
from copilot_analytics.analyzers.memory import Memory, MemoryAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import last_line, where
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.run import Run

_WORTH = 0.2


class MemoryLeak(Diagnosis):
    """Grows steadily and will meet the limit; a warning only if the limit is known."""

    name: ClassVar[str] = "memory_leak"
    headline: ClassVar[str] = "MEMORY LEAK"
    needs = (MemoryAnalyzer,)
    holds_for: ClassVar[int] = 3

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while memory grows."""
        memory = results.of(MemoryAnalyzer)
        slope, now = memory.mib_per_1000_steps, memory.now_mib
        if not memory.growing or slope is None or now is None:
            return None
        meets = memory.reaches_limit_step
        planned = planned_end(run)
        left = run.last_step if planned is None else planned - run.last_step
        grows_by = slope * left / 1000.0
        if meets is None and (memory.limit_mib is not None or grows_by < _WORTH * now):
            return None
        if meets is None:
            what = f"another {grows_by:.0f} MiB until the end"
        else:
            what = f"it meets the {memory.limit_mib:.0f} MiB of the device at {where(run, meets)}"
        return Finding(
            self.name,
            Severity.WARNING if meets is not None else Severity.INFO,
            run.last_step,
            f"memory grows by {slope:.3g} MiB per 1000 steps: {what}",
            "The highest level of each stretch of the run still rises, steadily and lately too.",
            (self._evidence(run, memory, slope),),
            "Look for tensors kept with their graph (use .item() or .detach() for running sums), "
            "caches and lists that grow; save a checkpoint before the limit.",
        )

    def _evidence(self, run: Run, memory: Memory, slope: float) -> Evidence:
        limit = "unknown limit" if memory.limit_mib is None else f"{memory.limit_mib:.0f} MiB"
        seen = f"{memory.peak_mib:.0f} MiB, + {slope:.3g} MiB per 1000 steps"
        return Evidence("peak memory", seen, limit, last_line(run.train_log))


DIAGNOSIS = MemoryLeak()
