"""The steps wait for data."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers.throughput import WAITS_FOR_DATA, ThroughputAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import last_line
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Trouble
    from copilot_analytics.run import Run


class DataLoadingBound(Diagnosis):
    """A third of each iteration goes to loading; the start of an epoch does not count."""

    name: ClassVar[str] = "data_loading_bound"
    trouble: ClassVar[Trouble | None] = "pace"
    headline: ClassVar[str] = "WAITING FOR DATA"
    needs = (ThroughputAnalyzer,)
    holds_for: ClassVar[int] = 3

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while loading takes that much."""
        speed = results.of(ThroughputAnalyzer)
        share = speed.data_share
        if share is None or not speed.waits_for_data:
            return None
        return Finding(
            self.name,
            Severity.WARNING,
            run.last_step,
            f"{100 * share:.0f} % of the iteration time waits for data",
            "The device idles while batches are made; training could be up to "
            f"{1 / max(1 - share, 0.01):.1f} times as fast.",
            (
                Evidence(
                    "data_time / time over the newest records",
                    f"{share:.2f}",
                    f"{WAITS_FOR_DATA:.2f}",
                    last_line(run.train_log),
                ),
            ),
            "Use more loader workers, keep them alive between epochs, move decoding and "
            "augmentation off the critical path, or put the data on faster storage.",
        )


DIAGNOSIS = DataLoadingBound()
