"""A device that is nearly full while its peak still rises."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers.gpu import GpuAnalyzer
from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._gpus import called, in_use
from copilot_analytics.events import ENDED
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.run import Run

_NEARLY_FULL = 0.97


class GpuOomRisk(Diagnosis):
    """Peak memory is above 97 % and new peaks still arrive; a level that stays is a full cache."""

    name: ClassVar[str] = "gpu_oom_risk"
    headline: ClassVar[str] = "GPU MEMORY NEARLY FULL"
    needs = (GpuAnalyzer, LifecycleAnalyzer)
    holds_for: ClassVar[int] = 2

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding for the fullest device."""
        if results.of(LifecycleAnalyzer).status in ENDED:
            return None
        full = [
            (device.peak_memory_mib / device.total_memory_mib, device)
            for device in in_use(results)
            if device.peaks_arriving and device.peak_memory_mib and device.total_memory_mib
        ]
        if not full:
            return None
        share, device = max(full, key=lambda pair: pair[0])
        if share <= _NEARLY_FULL:
            return None
        return Finding(
            self.name,
            Severity.WARNING,
            None,
            f"{called(device)} was {share:.1%} full and its peak still rises",
            "One larger batch may not fit any more. What the allocator caches counts as used, so "
            "it may also go well.",
            (
                Evidence(
                    "peak memory / memory there is", f"{share:.3f}", f"{_NEARLY_FULL}, and rising"
                ),
            ),
            "If it breaks, use a smaller batch, shorter or smaller inputs, or checkpointed "
            "activations; PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True helps against "
            "fragmentation.",
        )


DIAGNOSIS = GpuOomRisk()
