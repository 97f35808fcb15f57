"""A JSON document that a script of one's own writes: rows in an array, or a list a metric.

``[{"epoch": 1, "loss": 2.5}, ...]`` and, as the ``History`` of Keras, ``{"loss": [2.5, ...]}``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._document import DocumentFormat, DocumentParser
from copilot_analytics.formats._json_history import (
    PLACES,
    SPLIT_NAMES,
    as_far_as_it_goes,
    histories,
    planned_epochs,
)
from copilot_analytics.formats._json_home import Stamps, by_rare_counter
from copilot_analytics.formats._rows import RowReader
from copilot_analytics.formats._splits import split_of
from copilot_analytics.formats.plain_jsonl import COUNTERS
from copilot_analytics.formats.plain_jsonl import FORMAT as LINES
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from copilot_analytics.formats._base import Json
    from copilot_analytics.records import Item


class PlainJson(DocumentFormat):
    """Lists of one length count epochs; a list that divides them was logged every so many."""

    name: ClassVar[str] = "plain_json"
    title: ClassVar[str] = "JSON document of metrics"
    url: ClassVar[str] = "https://keras.io/api/models/model_training_apis/"
    smoothing: ClassVar[int | None] = None
    is_fallback: ClassVar[bool] = True
    marks: ClassVar[tuple[bytes, ...]] = ()
    naming = LINES.naming

    @property
    def closing(self) -> bytes | tuple[bytes, ...]:
        """What ends an array or an object."""
        return (b"]", b"}")

    def claims(self, head: bytes) -> bool | None:
        """Tell by what the document holds so far."""
        start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        if not start:
            return None
        second = start[1:].lstrip()[:1]
        if start[:1] not in b"[{" or second not in {b"", b"{", b'"'}:
            return False
        first, newline, rest = start.partition(b"\n")
        is_line = start[:1] == b"{" and newline and first.rstrip().endswith(b"}") and rest.strip()
        if is_line:
            return False
        try:
            document = as_far_as_it_goes(start.decode("utf-8", "ignore"))
        except (ValueError, RecursionError):
            return None
        return True if histories(document) else None

    def facts(self, document: Json) -> dict[str, Any]:
        """Return the epochs that settings in the document plan."""
        planned = planned_epochs(document)
        return {} if planned is None else {"planned_epochs": planned}

    def entries(self, document: Any, text: str) -> Iterable[tuple[Json, int]]:
        """Return the rows of the document; those of an array have their lines."""
        if isinstance(document, list):
            written = list(super().entries(document, text))
            runs = histories(document)
            if len(runs) == 1 and len(runs[0]) == len(written):
                return [(row, line) for row, (_, line) in zip(runs[0], written, strict=True)]
            return [(row, 1) for run in runs for row in run]
        if not document and text.lstrip().startswith("["):  # it is cut off
            document = [entry for entry, _ in super().entries(document, text)]
            return self.entries(document, text) if document else []
        return [(row, 1) for run in histories(document) for row in run]

    def read(self, entry: Json, line: int, rows: RowReader) -> Iterator[Item]:
        """Read one row."""
        splits = {split_of(key) for key in entry}
        if splits & {"val", "test"}:
            rows.naming = replace(rows.naming, test_is_val="val" not in splits)
        if entry.keys() - PLACES:
            columns = {key: np.array([number]) for key, number in entry.items()}
            named = Stamps().named(by_rare_counter(columns, COUNTERS))
            yield from rows.rows(named, np.array([line]))

    def parser(self, file: str) -> DocumentParser:
        """Return a fresh parser; the name of the file may tell what lists of a split hold."""
        naming = self.naming
        if "loss" in file.lower():
            losses = {name: f"{name}/loss" for name in SPLIT_NAMES}
            naming = replace(naming, names={**naming.names, **losses})
        return DocumentParser(self, RowReader(file, self.axis(), naming))

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
{
  "loss": [2.5, 1.5],
  "accuracy": [0.25, 0.5],
  "val_loss": [2.75, 1.75]
}
""",
            (
                Record("config", facts={"step_unit": "epoch"}, line=1),
                Record("train", 1, 1.0, None, {"loss": 2.5, "accuracy": 0.25}, line=1),
                Record("eval", 1, 1.0, None, {"val_loss": 2.75}, {"split": "val"}, 1),
                Record("train", 2, 2.0, None, {"loss": 1.5}, line=1),
                Record("eval", 2, 2.0, None, {"val_loss": 1.75}, {"split": "val"}, 1),
            ),
        ),
        Sample(
            """\
{
  "lr": 0.5,
  "history": [
    {"epoch": 1, "train": {"loss": 2.5}, "val": {"loss": 2.75, "acc": 0.25}}
  ]
}
""",
            (
                Record("config", facts={"step_unit": "epoch"}, line=1),
                Record("train", 1, 1.0, None, {"loss": 2.5}, line=1),
                Record("eval", 1, 1.0, None, {"val/loss": 2.75, "val/acc": 0.25}, line=1),
            ),
        ),
        Sample(
            """\
[
  {"step": 10, "train_loss": 2.5},
  {"step": 20, "train_loss": 1.5, "val_loss": 1.75}
]
""",
            (
                Record("train", 10, metrics={"loss": 2.5}, line=2),
                Record("train", 20, metrics={"loss": 1.5}, line=3),
                Record("eval", 20, metrics={"val_loss": 1.75}, facts={"split": "val"}, line=3),
            ),
        ),
    )


FORMAT = PlainJson()
