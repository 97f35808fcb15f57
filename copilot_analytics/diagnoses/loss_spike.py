"""Spikes of the training loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.analyzers.trend import TrendAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import lines, where
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Trouble
    from copilot_analytics.run import Run

_LASTING = 0.1


class LossSpike(Diagnosis):
    """A spike that the loss did not come back from; those it did come back from are noted."""

    name: ClassVar[str] = "loss_spike"
    trouble: ClassVar[Trouble | None] = "spike"
    headline: ClassVar[str] = "LOSS JUMPED"
    needs = (DivergenceAnalyzer, TrendAnalyzer)
    holds_for: ClassVar[int] = 2

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the worst of what the spikes say."""
        health, trend = results.of(DivergenceAnalyzer), results.of(TrendAnalyzer)
        if health.state != "healthy" or not health.spikes:
            return None
        level = trend.loss_now
        for spike in reversed(health.spikes):
            height = spike.peak - spike.baseline
            stays = level is not None and level > spike.baseline + _LASTING * height
            if spike.recovered is False and stays and level is not None:
                return Finding(
                    self.name,
                    Severity.WARNING,
                    spike.step,
                    f"{health.column} spiked to {spike.peak:.4g} at {where(run, spike.step)} and "
                    f"did not come back to {spike.baseline:.4g}",
                    "The level stays raised, so something was lost that the run has to relearn.",
                    (
                        Evidence(
                            health.column,
                            f"{spike.peak:.4g}",
                            f"{spike.baseline:.4g} before",
                            lines(spike.line),
                        ),
                        Evidence("level now", f"{level:.4g}", f"{spike.baseline:.4g}"),
                    ),
                    f"If it does not fall soon, restart from a checkpoint before "
                    f"{where(run, spike.step)} and skip the batches around it.",
                )
        back = [spike for spike in health.spikes if spike.recovered]
        if not back:
            return None
        worst = max(back, key=lambda spike: spike.peak - spike.baseline)
        count = "a spike" if len(back) == 1 else f"{len(back)} spikes"
        return Finding(
            self.name,
            Severity.INFO,
            worst.step,
            f"{count} of {health.column}, up to {worst.peak:.4g}; the loss came back",
            "Single bad batches do this; it does no harm while the loss comes back.",
            tuple(
                Evidence(
                    health.column,
                    f"{spike.peak:.4g}",
                    f"{spike.baseline:.4g} before",
                    lines(spike.line),
                )
                for spike in back[-3:]
            ),
            "Nothing to do; clip gradients or lower the rate if they become more frequent.",
        )


DIAGNOSIS = LossSpike()
