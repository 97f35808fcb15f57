"""Device memory that grows until there is none left."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers.gpu import GpuAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._gpus import called, duration, in_use
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.run import Run

_FAR_S = 7 * 24 * 3600.0


class GpuMemoryLeak(Diagnosis):
    """Memory of a device grows and meets its limit before the run ends."""

    name: ClassVar[str] = "gpu_memory_leak"
    headline: ClassVar[str] = "GPU MEMORY LEAK"
    needs = (GpuAnalyzer,)
    holds_for: ClassVar[int] = 2

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding for the device that fills first."""
        filling = [
            (device.reaches_limit_time - device.last_time, device)
            for device in in_use(results)
            if device.reaches_limit_time is not None and device.last_time is not None
        ]
        if not filling:
            return None
        left_s, device = min(filling, key=lambda pair: pair[0])
        if left_s > _FAR_S or device.mib_per_hour is None:
            return None
        evidence = [Evidence("growth", f"{device.mib_per_hour:.0f} MiB/h")]
        used, total = device.latest.get("gpu_memory_used_mib"), device.total_memory_mib
        if used is not None and total is not None:
            there_is = f"{total:.0f} MiB there are"
            evidence.append(Evidence("memory in use", f"{used:.0f} MiB", there_is))
        return Finding(
            self.name,
            Severity.WARNING,
            None,
            f"memory of {called(device)} grows by {device.mib_per_hour:.0f} MiB/h and is full in "
            f"{duration(left_s)}",
            "It rose all along and goes on rising, unlike a cache that levels off; the run would "
            "die of it before its end.",
            tuple(evidence),
            "Look for tensors kept with their graph: log loss.item(), detach what is stored, and "
            "clear lists of outputs after each epoch. Have a recent checkpoint.",
        )


DIAGNOSIS = GpuMemoryLeak()
