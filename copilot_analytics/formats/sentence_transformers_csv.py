"""Results that the evaluators of Sentence Transformers append to a table.

A row says after which epoch it was measured, counted from 0, and after how many steps of it; -1
stands for the end of the epoch. Version 3 writes fractions of epochs and steps of the training.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._table import TableFormat, TableParser
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from copilot_analytics.records import Floats, Ints

_METRIC = re.compile(
    r"(?i)^(?:(?:cosine|euclidean|manhattan|dot|max)_(?:pearson|spearman)"
    r"|(?:pearson|spearman)_(?:cosine|euclidean|manhattan|dot|max)"
    r"|(?:cossim|cosine|manhattan|euclidean|dot)_\w{1,40}|accuracy(?:_\w{1,40})?"
    r"|(?:cos_sim|dot_score|cosine|dot)-\w{1,20}@\d{1,4}|MSE|src2trg|trg2src|F1_Macro|Macro_F1)$"
)


class SentenceTransformersCsv(TableFormat):
    """``epoch,steps,cosine_pearson,cosine_spearman,...``."""

    name: ClassVar[str] = "sentence_transformers_csv"
    title: ClassVar[str] = "Sentence Transformers evaluation results"
    url: ClassVar[str] = (
        "https://sbert.net/docs/package_reference/sentence_transformer/evaluation.html"
    )
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(
        {"steps": "#step", "epoch": "#progress"}, evaluations=re.compile(r"^(?!#)")
    )

    def is_header(self, names: Sequence[str]) -> bool:
        """Tell whether the columns begin as those of the evaluators do."""
        return list(names[:2]) == ["epoch", "steps"] and any(map(_METRIC.match, names[2:]))

    def parser(self, file: str) -> TableParser:
        """Return a fresh parser for a log."""
        rows = RowReader(file, self.axis(), self.naming)
        return TableParser(rows, self.heading, _Places())

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            "epoch,steps,cosine_pearson,cosine_spearman\n0,-1,0.5,0.625\n1,-1,0.75,0.875\n",
            (
                Record("eval", None, 1.0, metrics={"cosine_spearman": 0.625}, line=2),
                Record("eval", None, 2.0, metrics={"cosine_spearman": 0.875}, line=3),
            ),
        ),
        Sample(
            "epoch,steps,accuracy\n0,100,0.5\n0,-1,0.625\n1,100,0.75\n1,-1,0.875\n",
            (
                Record("eval", 100, None, metrics={"accuracy": 0.5}, line=2),
                Record("eval", None, 1.0, metrics={"accuracy": 0.625}, line=3),
                Record("eval", None, 2.0, metrics={"accuracy": 0.875}, line=5),
            ),
        ),
        Sample(
            "epoch,steps,accuracy\n-1,-1,0.125\n0,0,0.25\n0.5,100,0.5\n1.0,200,0.75\n",
            (
                Record("eval", 0, 0.0, metrics={"accuracy": 0.25}, line=3),
                Record("eval", 100, 0.5, metrics={"accuracy": 0.5}, line=4),
                Record("eval", 200, 1.0, metrics={"accuracy": 0.75}, line=5),
            ),
        ),
    )


class _Places:
    """Tells where rows stand; rows within an epoch are left out after the first epoch.

    How many steps the epochs before had is not told. What is measured before any training is left
    out where epoch and steps are -1, and tells nothing of how steps are counted.
    """

    def __init__(self) -> None:
        self._counts_within: bool | None = None  # whether steps are counted in each epoch

    def __call__(
        self, columns: Mapping[str, Floats], lines: Ints
    ) -> Iterator[tuple[dict[str, Floats], Ints]]:
        if not {"#step", "#progress"} <= columns.keys():
            return
        places = zip(columns["#step"].tolist(), columns["#progress"].tolist(), strict=True)
        for row, (step, epoch) in enumerate(places):
            one = {name: column[row : row + 1] for name, column in columns.items()}
            if self._counts_within is None and epoch >= 0 and (epoch, step) != (0, 0):
                self._counts_within = step < 0 or epoch == 0
            if step < 0:
                del one["#step"]
                one["#progress"] = np.array([epoch + 1])
            elif self._counts_within:
                del one["#progress"]
            if epoch >= 0 and (step < 0 or epoch < 1 or not self._counts_within):
                yield one, lines[row : row + 1]


FORMAT = SentenceTransformersCsv()
