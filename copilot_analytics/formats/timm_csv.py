"""``summary.csv`` of timm's training script."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._table import TableFormat
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence


class TimmCsv(TableFormat):
    """One row an epoch, counted from 0."""

    name: ClassVar[str] = "timm_csv"
    title: ClassVar[str] = "timm summary.csv"
    url: ClassVar[str] = "https://huggingface.co/docs/timm/training_script"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming({"epoch": "#epoch"})

    def axis(self) -> Axis:
        """Return an axis of epochs."""
        return Axis("epoch", epoch_base=0)

    def is_header(self, names: Sequence[str]) -> bool:
        """Tell whether the columns begin as timm's do."""
        wanted = {"train_loss", "eval_loss", "eval_top1"}
        return names[0] == "epoch" and wanted <= set(names)

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
epoch,train_loss,eval_loss,eval_top1,eval_top5,lr
0,6.5,6.25,1.5,5.25,0.0001
1,6.0,5.5,4.5,12.5,0.0002
""",
            (
                Record("config", facts={"step_unit": "epoch"}, line=2),
                Record("train", 1, 1.0, metrics={"train_loss": 6.5, "lr": 0.0001}, line=2),
                Record(
                    "eval",
                    1,
                    1.0,
                    metrics={"eval_loss": 6.25, "eval_top1": 1.5, "eval_top5": 5.25},
                    line=2,
                ),
                Record("train", 2, 2.0, metrics={"train_loss": 6.0}, line=3),
                Record("eval", 2, 2.0, metrics={"eval_top1": 4.5}, line=3),
            ),
        ),
    )


FORMAT = TimmCsv()
