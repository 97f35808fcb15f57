"""A device that waits most of the time while training runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers.gpu import GpuAnalyzer, GpuDevice
from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._gpus import called, in_use
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Trouble
    from copilot_analytics.run import Run

_MEDIAN_PCT = 30.0
_P95_PCT = 70.0


class GpuIdle(Diagnosis):
    """Utilisation between training records has p95 below 70 % and a median below 30 %."""

    name: ClassVar[str] = "gpu_idle"
    trouble: ClassVar[Trouble | None] = "pace"
    needs = (GpuAnalyzer, LifecycleAnalyzer)
    holds_for: ClassVar[int] = 2

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding if all devices that the training may use are idle."""
        if results.of(LifecycleAnalyzer).status not in {"running", "evaluating"}:
            return None
        devices = list(in_use(results))
        told = [one for one in devices if one.utilization_median_pct is not None]
        # Where no device tells whose memory it holds, an idle one may simply not be ours.
        unsure = len(devices) > 1 and any(one.used is None for one in devices)
        idle = [one for one in told if _is_idle(one)]
        if not idle or (unsure and len(idle) < len(devices)):
            return None
        device = min(idle, key=lambda one: one.utilization_median_pct or 0.0)
        median, p95 = device.utilization_median_pct or 0.0, device.utilization_p95_pct or 0.0
        return Finding(
            self.name,
            Severity.INFO,
            None,
            f"{called(device)} is busy {median:.0f} % of the time while training runs",
            "The device waits for something else, most often for data or for the host; samples "
            "taken during evaluations are left out.",
            (
                Evidence("median utilisation", f"{median:.0f} %", f"{_MEDIAN_PCT:.0f} %"),
                Evidence("95th percentile", f"{p95:.0f} %", f"{_P95_PCT:.0f} %"),
            ),
            "Profile the loader: more workers, pinned memory, decoded images on fast disk; or "
            "use a larger batch.",
        )


def _is_idle(device: GpuDevice) -> bool:
    median, p95 = device.utilization_median_pct, device.utilization_p95_pct
    return median is not None and p95 is not None and median < _MEDIAN_PCT and p95 < _P95_PCT


DIAGNOSIS = GpuIdle()
