"""A JSON document that a script of one's own writes: rows in an array, or a list a metric.

``[{"epoch": 1, "loss": 2.5}, ...]`` and, as the ``History`` of Keras, ``{"loss": [2.5, ...]}``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._document import DocumentFormat
from copilot_analytics.formats._json_rows import flattened
from copilot_analytics.formats._numbers import is_number
from copilot_analytics.formats.plain_jsonl import FORMAT as LINES
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from copilot_analytics.formats._base import Json
    from copilot_analytics.formats._rows import RowReader
    from copilot_analytics.records import Item

_ROWS = re.compile(rb'\[\s*\{[^\]]{0,2000}?"(?:epoch|step|iteration|iter|global_step)"\s*:')
_NESTED = re.compile(rb'"\w{1,40}"\s*:\s*' + _ROWS.pattern)
_LISTS = re.compile(rb'"[\w /.-]{0,40}loss[\w /.-]{0,40}"\s*:\s*\[\s*(?:-?\d|NaN)', re.IGNORECASE)
_LOSS = re.compile(rb'"[\w /.-]{0,40}loss[\w /.-]{0,40}"\s*:\s*(?:-?\d|NaN)', re.IGNORECASE)
_PLACES = frozenset({"epoch", "epochs", "step", "steps", "iteration", "iter", "global_step"})


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
        """Tell by a loss beside a step or an epoch, or by a list of losses."""
        start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        if not start:
            return None
        if start.startswith(b"["):
            return True if _ROWS.match(start) and _LOSS.search(start) else None
        if not start.startswith(b"{"):
            return False
        first, newline, rest = start.partition(b"\n")
        is_line = newline and first.rstrip().endswith(b"}") and rest.strip()
        looked_at = first if is_line else start
        if not is_line and _NESTED.search(start) and _LOSS.search(start):
            return True
        lists, single = _LISTS.search(looked_at), _LOSS.search(looked_at)
        if lists is not None and (single is None or lists.start() < single.start()):
            return True
        return False if is_line else None

    def entries(self, document: Any, text: str) -> Iterable[tuple[Json, int]]:
        """Return the rows, those of lists put together from what stands at one place."""
        if isinstance(document, dict) and document:
            written = _written_rows(document)
            return [(row, 1) for row in written or _rows_of(document)]
        return super().entries(document, text)

    def read(self, entry: Json, line: int, rows: RowReader) -> Iterator[Item]:
        """Read one row."""
        numbers = flattened(entry, texts=True)
        if numbers.keys() - _PLACES:
            columns = {key: np.array([number]) for key, number in numbers.items()}
            yield from rows.rows(columns, np.array([line]))

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


def _written_rows(document: Json) -> list[Json]:
    """Return the rows of the longest array of rows that an object holds."""
    arrays = [
        held
        for held in document.values()
        if isinstance(held, list)
        and all(isinstance(row, dict) and _PLACES & row.keys() for row in held)
    ]
    return max(arrays, key=len, default=[])


def _rows_of(document: Json) -> list[dict[str, float]]:
    """Return a row for every place of the longest lists of a document, or of an object in it."""
    levels = [document, *(held for held in document.values() if isinstance(held, dict))]
    lists: dict[str, list[float]] = {}
    for level in levels:
        for key, held in level.items():
            if isinstance(held, list) and held and all(map(is_number, held)):
                lists.setdefault(key, held)
    losses = [len(held) for key, held in lists.items() if "loss" in key.lower()]
    count = max(losses, default=0)
    has_place = any(key in _PLACES and len(held) == count for key, held in lists.items())
    rows: list[dict[str, float]] = [{} if has_place else {"epoch": n + 1.0} for n in range(count)]
    for key, held in lists.items():
        every = count // len(held)
        if every and every * len(held) == count:
            for place, number in enumerate(held, 1):
                rows[place * every - 1][key] = float(number)
    return rows


FORMAT = PlainJson()
