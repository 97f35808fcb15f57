"""``trainer_log.jsonl`` of LLaMA-Factory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._json_rows import JsonRowsFormat, flattened, seconds_in
from copilot_analytics.formats._numbers import is_number
from copilot_analytics.formats._rows import Naming
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from copilot_analytics.formats._base import Json
    from copilot_analytics.formats._rows import RowReader
    from copilot_analytics.records import Item

_NEARLY_ALL = 0.99  # the last step of some runs is one before the planned one


class LlamaFactoryJsonl(JsonRowsFormat):
    """Steps with their plan and clock; older versions write what they do not know as null.

    The summary that ends a training is a row without metrics.
    """

    name: ClassVar[str] = "llamafactory_jsonl"
    title: ClassVar[str] = "LLaMA-Factory trainer_log.jsonl"
    url: ClassVar[str] = "https://github.com/hiyouga/LLaMA-Factory"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(
        {
            "current_steps": "#step",
            "total_steps": "#steps",
            "epoch": "#progress",
            "percentage": None,
            "total_tokens": None,
            "throughput": None,
            "elapsed_time": "#time_s",
            "remaining_time": "eta_s",
        }
    )
    required: ClassVar[frozenset[str]] = frozenset({"current_steps"})

    def is_row(self, statement: Json) -> bool:
        """Tell whether a statement counts steps of a training, and the share that is done.

        Predictions count the steps of their own pass, in rows without an epoch.
        """
        counts = {"current_steps", "total_steps", "percentage"} <= statement.keys()
        return counts and ("epoch" in statement or is_number(statement.get("loss")))

    def clocks(self, statement: Json) -> Collection[str]:
        """Name the durations; what is left is told beside a loss alone."""
        trains = is_number(statement.get("loss"))
        return ("elapsed_time", "remaining_time") if trains else ("elapsed_time",)

    def others(self, statement: Json, number: int, rows: RowReader) -> Iterable[Item]:
        """Read the summary at the end."""
        places: dict[str, Any] = flattened(statement)
        done, planned = places.get("current_steps", 0), places.get("total_steps", 0)
        has_metrics = any(map(self.naming.of, places.keys() - self.naming.names.keys()))
        if not has_metrics and planned > 0:  # some trainings never write a loss
            yield from rows.config({"planned_steps": int(planned)}, number)
        if not has_metrics and 0 < _NEARLY_ALL * planned <= done:
            facts = {"reason": "the Trainer printed its summary"}
            time = seconds_in(statement.get("elapsed_time"))
            yield rows.record("end", number, time, int(done), places.get("epoch"), facts=facts)

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
{"current_steps": 5, "total_steps": 10, "loss": 2.5, "lr": 0.001, "epoch": 0.5, \
"percentage": 50.0, "elapsed_time": "0:01:00", "remaining_time": "1 day, 0:01:00"}
{"current_steps": 10, "total_steps": 10, "eval_loss": 2.25, "epoch": 1.0, "percentage": 100.0, \
"elapsed_time": "0:02:05", "remaining_time": "0:00:00"}
{"current_steps": 10, "total_steps": 10, "epoch": 1.0, "percentage": 100.0, \
"elapsed_time": "0:02:05", "remaining_time": "0:00:00"}
""",
            (
                Record("config", facts={"planned_steps": 10}, line=1),
                Record(
                    "train",
                    5,
                    0.5,
                    60.0,
                    metrics={"loss": 2.5, "lr": 0.001, "eta_s": 86460.0},
                    line=1,
                ),
                Record("eval", 10, 1.0, None, {"eval_loss": 2.25}, {"split": "val"}, 2),
                Record("end", 10, 1.0, 125.0, line=3),
            ),
        ),
        Sample(
            """\
{"current_steps": 5, "total_steps": 10, "loss": 2.5, "eval_loss": null, "predict_loss": null, \
"reward": null, "learning_rate": 0.001, "epoch": 0.5, "percentage": 50.0, \
"elapsed_time": "0:01:00", "remaining_time": "0:01:00"}
{"current_steps": 5, "total_steps": 10, "loss": null, "eval_loss": 2.25, "predict_loss": null, \
"reward": null, "learning_rate": null, "epoch": 0.5, "percentage": 50.0, \
"elapsed_time": "0:01:05", "remaining_time": "0:01:05"}
""",
            (
                Record("config", facts={"planned_steps": 10}, line=1),
                Record("train", 5, metrics={"loss": 2.5, "lr": 0.001}, line=1),
                Record("eval", 5, metrics={"eval_loss": 2.25}, facts={"split": "val"}, line=2),
            ),
        ),
        Sample(
            """\
{"current_steps": 5, "total_steps": 10, "epoch": 1.0, "percentage": 50.0, \
"elapsed_time": "0:01:00", "remaining_time": "0:01:00"}
{"current_steps": 10, "total_steps": 10, "epoch": 2.0, "percentage": 100.0, \
"elapsed_time": "0:02:00", "remaining_time": "0:00:00"}
""",
            (
                Record("config", facts={"planned_steps": 10}, line=1),
                Record("end", 10, 2.0, 120.0, line=2),
            ),
        ),
    )


FORMAT = LlamaFactoryJsonl()
