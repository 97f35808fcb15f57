"""The ``log`` of Chainer's LogReport, also of ESPnet 1: one JSON array, rewritten whole."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._document import DocumentFormat
from copilot_analytics.formats._numbers import is_number
from copilot_analytics.formats._rows import Naming
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copilot_analytics.formats._base import Json
    from copilot_analytics.formats._rows import RowReader
    from copilot_analytics.records import Item

_FIRST = re.compile(rb"\[\s*\{(?P<entry>[^{}\[\]]*)(?P<end>\}?)")
_OWN = (b'"iteration"', b'"elapsed_time"')


class ChainerJson(DocumentFormat):
    """An entry for every report: ``main/*`` is training, ``validation/main/*`` a result."""

    name: ClassVar[str] = "chainer_json"
    title: ClassVar[str] = "Chainer log"
    url: ClassVar[str] = "https://docs.chainer.org"
    smoothing: ClassVar[int | None] = None
    marks: ClassVar[tuple[bytes, ...]] = _OWN
    naming: ClassVar[Naming] = Naming(
        {
            "iteration": "#step",
            "epoch": "#progress",
            "elapsed_time": "#time_s",
            "main/loss": "loss",
        },
        test_is_val=True,
    )

    def claims(self, head: bytes) -> bool | None:
        """Tell by the first entry: an iteration, and the time since the start."""
        start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        if not start:
            return None
        found = _FIRST.match(start)
        if found is None:
            blank = start[1:].strip()
            return None if start[:1] == b"[" and not blank else False
        if all(key in found["entry"] for key in _OWN):
            return True
        return False if found["end"] or len(found[0]) < len(start) else None

    def read(self, entry: Json, line: int, rows: RowReader) -> Iterator[Item]:
        """Read one report."""
        numbers = {key: float(number) for key, number in entry.items() if is_number(number)}
        if numbers.keys() - {"iteration", "epoch", "elapsed_time"}:
            columns = {key: np.array([number]) for key, number in numbers.items()}
            yield from rows.rows(columns, np.array([line]))

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
[
    {
        "main/loss": 2.5,
        "iteration": 50,
        "elapsed_time": 10.5,
        "epoch": 0
    },
    {
        "main/loss": 1.5,
        "validation/main/loss": 1.75,
        "validation/main/acc": 0.5,
        "epoch": 1,
        "iteration": 100,
        "elapsed_time": 21.0
    }
]
""",
            (
                Record("train", 50, 0.0, 10.5, {"loss": 2.5}, line=2),
                Record("train", 100, 1.0, 21.0, {"loss": 1.5}, line=8),
                Record("eval", 100, 1.0, 21.0, {"validation/main/acc": 0.5}, {"split": "val"}, 8),
            ),
        ),
    )


FORMAT = ChainerJson()
