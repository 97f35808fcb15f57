"""``measurements.csv`` of the AlgoPerf benchmark of training algorithms."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._table import Heading, TableFormat, named
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

_NO_METRIC = (
    "score",
    "preemption_count",
    "accumulated_submission_time",
    "accumulated_eval_time",
    "accumulated_logging_time",
)


class AlgoPerfCsv(TableFormat):
    """Evaluations on three splits at a step; training rows of their own where they are logged."""

    name: ClassVar[str] = "algoperf_csv"
    title: ClassVar[str] = "AlgoPerf measurements.csv"
    url: ClassVar[str] = "https://github.com/mlcommons/algorithmic-efficiency"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming(
        {
            "global_step": "#step",
            "total_duration": "#time_s",
            **dict.fromkeys(_NO_METRIC, None),
        }
    )

    def is_header(self, names: Sequence[str]) -> bool:
        """Tell whether the columns that the benchmark adds are there."""
        return {"global_step", "accumulated_submission_time"} <= set(names)

    def heading(self, names: Sequence[str]) -> Heading | None:
        """Return what the columns are called; the size of a split is no metric."""
        if not self.is_header(names):
            return None
        called = [
            None if name.endswith("num_examples") else title
            for name, title in zip(names, named(names, self.naming), strict=True)
        ]
        return Heading(called, self.naming)

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
accumulated_submission_time,global_step,score,test/wer,total_duration,train/wer,validation/num_examples,validation/wer
20.5,1,20.5,1.5,64.0,1.25,100,1.375
120.5,700,120.5,0.5,200.0,0.25,100,0.375
""",
            (
                Record("train", 1, time=64.0, metrics={"train/wer": 1.25}, line=2),
                Record("eval", 1, metrics={"test/wer": 1.5}, facts={"split": "test"}, line=2),
                Record(
                    "eval", 1, metrics={"validation/wer": 1.375}, facts={"split": "val"}, line=2
                ),
                Record("train", 700, time=200.0, metrics={"train/wer": 0.25}, line=3),
                Record("eval", 700, metrics={"test/wer": 0.5}, line=3),
                Record("eval", 700, metrics={"validation/wer": 0.375}, line=3),
            ),
        ),
    )


FORMAT = AlgoPerfCsv()
