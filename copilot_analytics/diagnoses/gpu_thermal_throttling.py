"""Heat slows a device down."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers.gpu import GpuAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._gpus import called, in_use
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Trouble
    from copilot_analytics.run import Run

_SHARE = 0.1


class GpuThermalThrottling(Diagnosis):
    """Thermal clock limits in over 10 % of the samples; the power cap is normal and not counted."""

    name: ClassVar[str] = "gpu_thermal_throttling"
    trouble: ClassVar[Trouble | None] = "pace"
    headline: ClassVar[str] = "GPU SLOWED BY HEAT"
    needs = (GpuAnalyzer,)
    holds_for: ClassVar[int] = 2

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding for the device that is slowed most."""
        hot = [
            (device.throttled_share, device)
            for device in in_use(results)
            if device.throttled_share is not None and device.throttled_share > _SHARE
        ]
        if not hot:
            return None
        share, device = max(hot, key=lambda pair: pair[0])
        evidence = [Evidence("samples with a thermal clock limit", f"{share:.0%}", f"{_SHARE:.0%}")]
        degrees = device.latest.get("gpu_temperature_c")
        if degrees is not None:
            evidence.append(Evidence("temperature now", f"{degrees:.0f} °C"))
        return Finding(
            self.name,
            Severity.WARNING,
            None,
            f"heat slows {called(device)} down in {share:.0%} of the samples",
            "The driver lowers the clocks to keep the device from overheating, so steps take "
            "longer than they need to.",
            tuple(evidence),
            "Check fans, dust and the air around it, move the job, or lower the power limit a "
            "little (nvidia-smi -pl), which costs less than throttling.",
        )


DIAGNOSIS = GpuThermalThrottling()
