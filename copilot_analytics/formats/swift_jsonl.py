"""``logging.jsonl`` of ms-swift."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._json_rows import JsonRowsFormat, flattened
from copilot_analytics.formats._rows import Naming
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from copilot_analytics.formats._base import Json
    from copilot_analytics.formats._rows import RowReader
    from copilot_analytics.records import Item

_PLACE = "global_step/max_steps"
_SHARE = re.compile(r"^(?P<step>\d{1,12})/(?P<steps>\d{1,12})$")


class SwiftJsonl(JsonRowsFormat):
    """Rows that say ``"global_step/max_steps": "10/240"``; the last ones sum the training up."""

    name: ClassVar[str] = "swift_jsonl"
    title: ClassVar[str] = "ms-swift logging.jsonl"
    url: ClassVar[str] = "https://swift.readthedocs.io/"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(
        {
            "epoch": "#progress",
            "memory(GiB)": ("memory_mib", 1024.0),
            **dict.fromkeys(
                "train_speed(iter/s) train_speed(s/it) eval_runtime eval_samples_per_second"
                " eval_steps_per_second num_input_tokens_seen".split()
            ),
        }
    )
    required: ClassVar[frozenset[str]] = frozenset({_PLACE})

    def is_row(self, statement: Json) -> bool:
        """Tell whether a statement says its place as this trainer does."""
        return _SHARE.match(str(statement.get(_PLACE))) is not None

    def is_nested(self, statement: Json) -> bool:
        """Tell that the place, which is a text, is to be read by `numbers`."""
        return True

    def numbers(self, statement: Json) -> dict[str, float]:
        """Return the numbers of a row; none of the summary at the end."""
        place = _SHARE.match(str(statement.get(_PLACE)))
        if place is None or "train_runtime" in statement:
            return {}
        return {
            "#step": float(place["step"]),
            "#steps": float(place["steps"]),
            **flattened(statement),
        }

    def others(self, statement: Json, number: int, rows: RowReader) -> Iterable[Item]:
        """Read the summary at the end."""
        place = _SHARE.match(str(statement.get(_PLACE)))
        if place is not None and "train_runtime" in statement:
            facts = {"reason": "the Trainer printed its summary"}
            yield rows.record("end", number, step=int(place["step"]), facts=facts)

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
{"loss": 2.5, "token_acc": 0.5, "grad_norm": 1.5, "learning_rate": 1e-05, "memory(GiB)": 30.0, \
"train_speed(iter/s)": 0.25, "epoch": 0.5, "global_step/max_steps": "10/40", "percentage": "25.00%"}
{"eval_loss": 2.25, "eval_runtime": 1.5, "epoch": 0.5, "global_step/max_steps": "10/40"}
{"train_runtime": 90.5, "train_loss": 2.0, "epoch": 2.0, "global_step/max_steps": "40/40"}
{"last_model_checkpoint": "toy/checkpoint-40", "best_metric": 1.5, "global_step": 40}
""",
            (
                Record("config", facts={"planned_steps": 40}, line=1),
                Record("train", 10, 0.5, metrics={"loss": 2.5, "memory_mib": 30720.0}, line=1),
                Record("eval", 10, 0.5, metrics={"eval_loss": 2.25}, line=2),
                Record("end", 40, line=3),
            ),
        ),
    )


FORMAT = SwiftJsonl()
