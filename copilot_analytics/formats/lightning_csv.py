"""``metrics.csv`` of PyTorch Lightning's CSVLogger: sparse rows, a column for every metric."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._epoch_length import EpochLength
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._table import TableFormat, TableParser
from copilot_analytics.records import Record
from copilot_analytics.schema import names_a_loss

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from copilot_analytics.formats._table import Columns
    from copilot_analytics.records import Ints


class Progress:
    """Tells how many epochs are done: rows name the epoch that goes on, counted from 0.

    Steps count from 0 as well: the last row of an epoch of 38 steps is at step 37.

    Examples
    --------
    >>> import numpy as np
    >>> columns = {"#epoch": np.array([0.0, 1.0]), "#step": np.array([37.0, 75.0])}
    >>> [part["#progress"] for part, _ in Progress().told(columns, np.array([1, 2]))]
    [array([nan,  2.])]
    """

    def __init__(self) -> None:
        self._length = EpochLength()

    def told(self, columns: Columns, lines: Ints) -> Iterator[tuple[Columns, Ints]]:
        """Yield rows with the epochs that are done, NaN until the first epoch is over."""
        if {"#epoch", "#step"} <= columns.keys():
            done = self._length.of_global(columns["#epoch"] + 1, columns["#step"] + 1)
            columns = {**columns, "#progress": done}
        elif "#step" in columns and self._length.closed:  # a learning rate, on a row of its own
            columns = {**columns, "#progress": (columns["#step"] + 1) / self._length.length}
        yield columns, lines


class LightningCsv(TableFormat):
    """Train and validation values of one step stand on rows of their own."""

    name: ClassVar[str] = "lightning_csv"
    title: ClassVar[str] = "PyTorch Lightning metrics.csv"
    url: ClassVar[str] = "https://lightning.ai/docs/pytorch/stable/extensions/logging.html"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming({"step": "#step", "epoch": "#epoch"})

    def parser(self, file: str) -> TableParser:
        """Return a fresh parser for a log."""
        rows = RowReader(file, self.axis(), self.naming)
        return TableParser(rows, self.heading, Progress().told)

    def is_header(self, names: Sequence[str]) -> bool:
        """Tell whether there is a step and an epoch, and columns in one of Lightning's orders.

        It writes them sorted, or as they were logged with its own last; versions before 2.0 wrote
        a set, in any order, whose metrics are told by the names that ``self.log`` makes. Those
        before 0.6 logged by test-tube, which wrote the time of day in place of a step.
        """
        if {"epoch", "created_at"} <= set(names):
            return any(map(names_a_loss, names))
        own = {"step", "epoch"}
        styled = [name for name in names if name not in own]
        if not own <= set(names) or not styled:
            return False
        metric = any(names_a_loss(name) or name.startswith("lr-") for name in styled)
        ordered = list(names) == sorted(names) or set(names[-2:]) == own
        marks = ("_step", "_epoch", "train_", "val_", "train/", "val/", "lr-", "test_", "valid_")
        return (metric and ordered) or any(
            name.startswith(marks) or name.endswith(marks) for name in styled
        )

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
epoch,lr-Adam,step,train_loss,val_acc,val_loss
,0.001,0,,,
0,,49,0.75,,
0,,99,,0.5,0.625
""",
            (
                Record("train", 0, metrics={"lr": 0.001}, line=2),
                Record("train", 49, metrics={"train_loss": 0.75}, line=3),
                Record(
                    "eval",
                    99,
                    metrics={"val_acc": 0.5, "val_loss": 0.625},
                    facts={"split": "val"},
                    line=4,
                ),
            ),
        ),
        Sample(
            """\
train_loss,accuracy,epoch,created_at,val_loss
0.75,0.5,0,2019-03-01 10:00:00.500000,
0.5,0.625,0,2019-03-01 10:00:05.500000,
,,0,2019-03-01 10:00:09.500000,0.875
""",
            (
                Record("config", facts={"step_unit": "epoch"}, line=2),
                Record("train", 1, 1.0, metrics={"train_loss": 0.75, "accuracy": 0.5}, line=2),
                Record("train", 1, 1.0, metrics={"train_loss": 0.5}, line=3),
                Record("eval", 1, 1.0, metrics={"val_loss": 0.875}, line=4),
            ),
        ),
    )


FORMAT = LightningCsv()
