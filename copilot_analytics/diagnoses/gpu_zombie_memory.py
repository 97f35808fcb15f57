"""Memory that is still held after the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers.gpu import GpuAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._gpus import called, duration, in_use
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.run import Run

_PATIENCE_S = 600.0


class GpuZombieMemory(Diagnosis):
    """The run is over and its process has held memory for ten more minutes."""

    name: ClassVar[str] = "gpu_zombie_memory"
    needs = (GpuAnalyzer,)

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding for the device that is held longest."""
        held = [
            (device.held_after_end_s, device)
            for device in in_use(results)
            if device.held_after_end_s is not None and device.held_after_end_s >= _PATIENCE_S
        ]
        if not held:
            return None
        held_s, device = max(held, key=lambda pair: pair[0])
        memory = device.latest.get("gpu_process_memory_mib", 0.0)
        who = "its process" if device.pid is None else f"process {device.pid}"
        return Finding(
            self.name,
            Severity.INFO,
            None,
            f"{who} still holds {memory:.0f} MiB of {called(device)}, {duration(held_s)} after "
            "the run",
            "The training is over but its process did not let go of the device. A notebook kernel "
            "does so by design.",
            (
                Evidence("memory of the process", f"{memory:.0f} MiB", "0 MiB"),
                Evidence("time since the run was over", duration(held_s), duration(_PATIENCE_S)),
            ),
            f"Restart the notebook's kernel, or end {who} if nobody needs it any more.",
        )


DIAGNOSIS = GpuZombieMemory()
