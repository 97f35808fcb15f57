"""The steps take longer than they did."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers.throughput import ThroughputAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import last_line, line_at, where
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Trouble
    from copilot_analytics.run import Run

_RATIO = 1.4


class Slowdown(Diagnosis):
    """The newest fifth is much slower than the first, and not by waiting for data alone."""

    name: ClassVar[str] = "slowdown"
    trouble: ClassVar[Trouble | None] = "pace"
    headline: ClassVar[str] = "SLOWED DOWN"
    needs = (ThroughputAnalyzer,)
    holds_for: ClassVar[int] = 3

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding while the steps are slow."""
        speed = results.of(ThroughputAnalyzer)
        ratio = speed.slowdown
        if ratio is None or ratio < _RATIO or not speed.slowdown_significant:
            return None
        if speed.waits_for_data and (speed.work_slowdown or ratio) < _RATIO:
            return None  # which is told as such
        since = ""
        if speed.slow_since_step is not None:
            since = f" since {where(run, speed.slow_since_step)}"
        return Finding(
            self.name,
            Severity.WARNING,
            speed.slow_since_step,
            f"iterations take {ratio:.1f} times as long as in the beginning{since}",
            "The median of the newest fifth of the records is compared with that of the first.",
            (
                Evidence(
                    "iteration time, newest over first fifth",
                    f"{ratio:.2f}",
                    f"{_RATIO:g}, p < 0.01",
                    (*line_at(run.train_log, speed.slow_since_step), *last_line(run.train_log)),
                ),
            ),
            "Look for a neighbour on the machine, heat, a growing cache or log, and inputs that "
            "became larger by plan.",
        )


DIAGNOSIS = Slowdown()
