"""What the stopping analyzer says of made-up runs."""

from __future__ import annotations

import math
from dataclasses import replace

from simulated_runs import Simulated

from copilot_analytics.analyzers._base import Fold, Options
from copilot_analytics.analyzers.stopping import StopAdvice, StoppingAnalyzer
from copilot_analytics.records import Record


def advice_of(records: list[Record], options: Options | None = None) -> StopAdvice:
    fold = Fold([StoppingAnalyzer], options)
    for record in records:
        fold.update(record)
    return fold.results.of(StoppingAnalyzer)


def flat_metric(share: float) -> float:
    return 0.4 * (1 - math.exp(-25 * share))


def flat_run(**changes: object) -> Simulated:
    made = Simulated(
        epochs=60, schedule="none", warmup=False, metric=flat_metric, metric_noise=0.0005,
        loss=lambda share: 0.5 + 2.0 * math.exp(-25 * share), noise=0.03,
    )  # fmt: skip
    return replace(made, **changes)


def measured(step: int, value: float) -> Record:
    return Record("eval", step, metrics={"accuracy": value}, line=step)
