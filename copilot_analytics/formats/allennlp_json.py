"""``metrics_epoch_N.json`` of AllenNLP: what is known after an epoch, in one object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._document import DocumentFormat
from copilot_analytics.formats._json_rows import flattened
from copilot_analytics.formats._rows import Naming
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from copilot_analytics.formats._base import Json
    from copilot_analytics.formats._rows import RowReader
    from copilot_analytics.records import Item

_NO_METRICS = ("best_", "peak_", "training_cpu_", "training_gpu_", "validation_gpu_")
_COUNTS = frozenset({"training_start_epoch", "training_epochs", "training_duration"})


class AllenNLPJson(DocumentFormat):
    """One epoch a document; ``metrics.json``, written at the end, tells the last one."""

    name: ClassVar[str] = "allennlp_json"
    title: ClassVar[str] = "AllenNLP metrics"
    url: ClassVar[str] = "https://github.com/allenai/allennlp"
    smoothing: ClassVar[int | None] = None
    array: ClassVar[str | None] = ""
    marks: ClassVar[tuple[bytes, ...]] = (b'"training_start_epoch"', b'"best_validation_loss"')
    naming: ClassVar[Naming] = Naming({"epoch": "#epoch", "training_loss": "loss"})

    def axis(self) -> Axis:
        """Return the axis of a log: its epochs count from 0."""
        return Axis(epoch_base=0)

    def entries(self, document: Any, text: str) -> Iterable[tuple[Json, int]]:
        """Return the document, which is the entry."""
        return [(document, 1)] if isinstance(document, dict) and document else []

    def read(self, entry: Json, line: int, rows: RowReader) -> Iterator[Item]:
        """Read what was measured in the epoch."""
        numbers = {
            key: number
            for key, number in flattened(entry).items()
            if key not in _COUNTS and not key.startswith(_NO_METRICS)
        }
        if numbers.keys() - {"epoch"}:
            columns = {key: np.array([number]) for key, number in numbers.items()}
            yield from rows.rows(columns, np.array([line]))

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
{
  "best_epoch": 1,
  "peak_worker_0_memory_MB": 100.5,
  "training_duration": "0:01:00.5",
  "training_start_epoch": 0,
  "training_epochs": 1,
  "epoch": 1,
  "training_accuracy": 0.5,
  "training_loss": 1.5,
  "validation_accuracy": 0.25,
  "validation_loss": 1.75,
  "best_validation_accuracy": 0.25,
  "best_validation_loss": 1.75
}
""",
            (
                Record("config", facts={"step_unit": "epoch"}, line=1),
                Record("train", 2, 2.0, None, {"loss": 1.5, "training_accuracy": 0.5}, line=1),
                Record("eval", 2, 2.0, None, {"validation_accuracy": 0.25}, {"split": "val"}, 1),
            ),
        ),
    )


FORMAT = AllenNLPJson()
