"""Learning curves from whole training logs, of many frameworks: one more source to fit on.

Curves of one benchmark resemble one another; those of strangers' logs do not, which is what a
forecast meets. Only logs under Apache-2.0 or MIT are taken, and of each up to four metrics.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
from forecast_curves import FREE, Curve

from copilot_analytics import read_run
from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.errors import CopilotError
from copilot_analytics.schema import direction_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from copilot_analytics.run import Run

SOURCE = "logs"
LARGEST = 1_500_000
MOST_OF_ONE = 4
FEWEST = 12
SAME = 0.98


def load_logs(folder: Path) -> list[Curve]:
    """Return the curves of the logs in `folder`, which holds a ``manifest.csv``."""
    curves = []
    with (folder / "manifest.csv").open() as stream:
        rows = [
            row
            for row in csv.DictReader(stream)
            if row["licence"] in FREE
            and int(row["bytes"]) <= LARGEST
            and int(row["val_points"] or 0) >= FEWEST
        ]
    for row in rows:
        try:
            run = read_run(folder / row["file"])
        except CopilotError:
            continue
        curves += _curves_of(run, row["file"], row["repo"])
    return curves


def _curves_of(run: Run, file: str, repository: str) -> list[Curve]:
    main = MetricAnalyzer.of(run)
    names = ([main.name] if main.name else []) + [
        name for name in run.eval_log.metric_names if name != main.name
    ]
    taken: list[Curve] = []
    for name in names:
        direction = main.direction if name == main.name else direction_of(name)[0]
        if direction is None or len(taken) == MOST_OF_ONE:
            continue
        steps, values = _distinct(run, name)
        if steps.size < FEWEST or np.ptp(values) == 0.0:
            continue
        if any(_alike(values, other.values) for other in taken):
            continue
        if direction == "max" and 1.0 < values.max() <= 100.0 and main.scale == "percent":
            values = values / 100.0
        taken.append(Curve(f"{file} {name}", SOURCE, repository, True, direction, steps, values))
    return taken


def _distinct(run: Run, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    series = judged_series(run, name)
    steps, last = np.unique(np.asarray(series.step, dtype=np.float64)[::-1], return_index=True)
    values = np.asarray(series.value, dtype=np.float64)[::-1][last]
    return steps[steps > 0], values[steps > 0]


def _alike(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    """Tell whether two metrics say the same, as AP and AP50 do."""
    return a.size == b.size and abs(float(np.corrcoef(a, b)[0, 1])) > SAME
