"""The process ran out of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer
from copilot_analytics.analyzers.memory import MemoryAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import lines, where
from copilot_analytics.findings import LAST, Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Trouble
    from copilot_analytics.run import Run


class OutOfMemory(Diagnosis):
    """A crash for want of memory."""

    name: ClassVar[str] = "out_of_memory"
    trouble: ClassVar[Trouble | None] = "crash"
    headline: ClassVar[str] = "OUT OF MEMORY"
    needs = (LifecycleAnalyzer, MemoryAnalyzer)

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding once the log shows the crash."""
        life, memory = results.of(LifecycleAnalyzer), results.of(MemoryAnalyzer)
        if not life.out_of_memory:
            return None
        evidence = [Evidence("failure", life.error or "", "", lines(life.line))]
        if memory.peak_mib is not None:
            limit = "" if memory.limit_mib is None else f"{memory.limit_mib:.0f} MiB"
            evidence.append(Evidence("peak memory in the log", f"{memory.peak_mib:.0f} MiB", limit))
        return Finding(
            self.name,
            Severity.CRITICAL,
            run.last_step,
            f"out of memory at {where(run, run.last_step)}",
            "An allocation did not fit; if memory did not grow before, a single large input is "
            "the usual cause.",
            tuple(evidence),
            f"Lower the batch or input size, or accumulate gradients, and resume from {LAST}.",
        )


DIAGNOSIS = OutOfMemory()
