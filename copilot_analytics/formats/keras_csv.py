"""What Keras' CSVLogger writes, and the table that people save of ``History.history``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._splits import split_of
from copilot_analytics.formats._table import Heading, TableFormat, named
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

_RATES = frozenset({"lr", "learning_rate"})
_FOREIGN = frozenset({"step", "iter", "iteration", "batch", "time"})
_OWN = re.compile(r"[a-z]\w*")


class KerasCsv(TableFormat):
    """One row an epoch; every validation metric repeats the name of a training metric."""

    name: ClassVar[str] = "keras_csv"
    title: ClassVar[str] = "Keras CSVLogger table"
    url: ClassVar[str] = "https://keras.io/api/callbacks/csv_logger/"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming({"epoch": "#epoch"})

    def axis(self) -> Axis:
        """Return an axis of epochs; Keras counts from 0, those who imitate it may not."""
        return Axis("epoch")

    def is_header(self, names: Sequence[str]) -> bool:
        """Tell whether ``loss`` is there and all else as Keras names and orders it."""
        metrics = [name for name in names if name not in {"", "epoch"}]
        trained = {name for name in metrics if not name.startswith("val_")} - _RATES
        validated = {name.removeprefix("val_") for name in metrics if name.startswith("val_")}
        in_place = names[0] in {"epoch", ""} or "epoch" not in names
        known = "loss" in trained and validated <= trained and (validated or len(trained) > 1)
        if not known or not in_place or _FOREIGN & trained or not all(map(_OWN.fullmatch, metrics)):
            return False
        if any(map(split_of, trained)):  # Keras names no other part of the data than ``val_``
            return False
        if "epoch" in names:
            return _is_sorted([n for n in metrics if not n.startswith("val_")]) and (
                _is_sorted(metrics) or validated == trained | (_RATES & set(metrics))
            )
        return bool(validated) and (names[0] != "" or len(names) > 2)

    def heading(self, names: Sequence[str]) -> Heading | None:
        """Return what the columns are called; without a column for epochs the rows are counted."""
        if not self.is_header(names):
            return None
        called = named(names, self.naming)
        if "epoch" in names:
            return Heading(called, self.naming)
        return Heading(called, self.naming, rows_are_epochs=True)

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
epoch,accuracy,learning_rate,loss,val_accuracy,val_loss
0,0.25,0.001,2.5,0.5,2.25
1,0.5,0.0005,1.5,0.625,1.75
""",
            (
                Record("config", facts={"step_unit": "epoch"}, line=2),
                Record(
                    "train", 1, 1.0, metrics={"accuracy": 0.25, "loss": 2.5, "lr": 0.001}, line=2
                ),
                Record("eval", 1, 1.0, metrics={"val_accuracy": 0.5, "val_loss": 2.25}, line=2),
                Record("train", 2, 2.0, metrics={"loss": 1.5}, line=3),
                Record("eval", 2, 2.0, metrics={"val_loss": 1.75}, line=3),
            ),
        ),
        Sample(
            """\
,loss,mae,val_loss,val_mae
0,0.75,0.5,0.875,0.625
1,0.5,0.375,0.75,0.5
""",
            (
                Record("config", facts={"step_unit": "epoch"}, line=2),
                Record("train", 1, 1.0, metrics={"loss": 0.75, "mae": 0.5}, line=2),
                Record("eval", 1, 1.0, metrics={"val_loss": 0.875, "val_mae": 0.625}, line=2),
                Record("train", 2, 2.0, metrics={"loss": 0.5}, line=3),
                Record("eval", 2, 2.0, metrics={"val_mae": 0.5}, line=3),
            ),
        ),
    )


def _is_sorted(names: Sequence[str]) -> bool:
    return list(names) == sorted(names)


FORMAT = KerasCsv()
