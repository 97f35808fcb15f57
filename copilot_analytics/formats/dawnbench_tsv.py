"""Tables that were handed in to DAWNBench: hours and accuracy after every epoch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._table import TableFormat
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence


class DawnBenchTsv(TableFormat):
    """Nothing but evaluations, and when they were."""

    name: ClassVar[str] = "dawnbench_tsv"
    title: ClassVar[str] = "DAWNBench table"
    url: ClassVar[str] = "https://dawn.cs.stanford.edu/benchmark/"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(
        {"epoch": "#epoch", "hours": ("#time_s", 3600.0)},
        evaluations=re.compile(r"^(?:top[15]Accuracy|f1Score)$"),
    )

    def axis(self) -> Axis:
        """Return an axis of epochs."""
        return Axis("epoch")

    def is_header(self, names: Sequence[str]) -> bool:
        """Tell whether the columns are those that DAWNBench asks for."""
        return {"epoch", "hours"} <= set(names) and bool({"top1Accuracy", "f1Score"} & set(names))

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            "epoch\thours\ttop1Accuracy\ttop5Accuracy\n1\t0.25\t40.5\t75.25\n2\t0.5\t55.5\t80.0\n",
            (
                Record("config", facts={"step_unit": "epoch"}, line=2),
                Record(
                    "eval",
                    epoch=1.0,
                    time=900.0,
                    metrics={"top1Accuracy": 40.5, "top5Accuracy": 75.25},
                    facts={"split": "val"},
                    line=2,
                ),
                Record("eval", epoch=2.0, time=1800.0, metrics={"top1Accuracy": 55.5}, line=3),
            ),
        ),
    )


FORMAT = DawnBenchTsv()
