"""A device that fell off the bus."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers.gpu import GpuAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._gpus import called
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Reason
    from copilot_analytics.run import Run


class GpuLost(Diagnosis):
    """The driver says that a device is lost."""

    name: ClassVar[str] = "gpu_lost"
    headline: ClassVar[str] = "GPU LOST"
    reason: ClassVar[Reason] = "explanation"
    needs = (GpuAnalyzer,)

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while a device is lost."""
        lost = [device for device in results.of(GpuAnalyzer).devices if device.lost]
        if not lost:
            return None
        # The training's own devices first.
        lost.sort(key=lambda device: device.used is False)
        others = all(device.used is False for device in lost)
        names = ", ".join(called(device) for device in lost[:4])
        return Finding(
            self.name,
            Severity.WARNING if others else Severity.CRITICAL,
            None,
            f"{names} fell off the bus",
            "The driver cannot reach the device any more. "
            + ("This run does not use it." if others else "Training on it cannot go on."),
            tuple(Evidence(called(d), "lost", "reachable") for d in lost[:4]),
            "Look for 'Xid' in the kernel log (dmesg), reset or reboot the machine, and resume "
            "from the last checkpoint; if it returns, check power and seating.",
        )


DIAGNOSIS = GpuLost()
