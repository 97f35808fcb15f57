"""``catboost_training.json``, which CatBoost writes into ``catboost_info``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._document import DocumentFormat
from copilot_analytics.formats._numbers import is_number
from copilot_analytics.formats._rows import Naming
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from copilot_analytics.formats._base import Json
    from copilot_analytics.formats._rows import RowReader
    from copilot_analytics.records import Item


class CatboostJson(DocumentFormat):
    """The plan and the names of the metrics, and numbers by their places for every tree."""

    name: ClassVar[str] = "catboost_json"
    title: ClassVar[str] = "CatBoost training JSON"
    url: ClassVar[str] = "https://catboost.ai/docs/en/features/visualization_jupyter-notebook"
    smoothing: ClassVar[int | None] = 1
    array: ClassVar[str | None] = "iterations"
    marks: ClassVar[tuple[bytes, ...]] = (b'"iteration_count"', b'"launch_mode"')
    naming: ClassVar[Naming] = Naming(
        {"passed_time": "#time_s", "remaining_time": "eta_s"}, test_is_val=True
    )

    def axis(self) -> Axis:
        """Return an axis of trees."""
        return Axis("tree")

    def facts(self, document: Json) -> dict[str, Any]:
        """Return the planned trees."""
        planned = document.get("meta", {}).get("iteration_count")
        return {"planned_steps": int(planned)} if is_number(planned) and planned > 0 else {}

    def entries(self, document: Any, text: str) -> Iterable[tuple[Json, int]]:
        """Return the rows with their numbers named."""
        meta = document.get("meta", {}) if isinstance(document, dict) else {}
        learned, tested = (
            [str(metric.get("name")) for metric in meta.get(f"{part}_metrics", ())]
            for part in ("learn", "test")
        )
        sets = [str(name) for name in meta.get("test_sets", ())]
        for entry, line in super().entries(document, text):
            named = {key: held for key, held in entry.items() if is_number(held)}
            for title, metrics in (("learn", learned), *((name, tested) for name in sets[::-1])):
                numbers = entry.get(title)
                if isinstance(numbers, list):
                    named.update(
                        (f"{title}/{n}", x) for n, x in zip(metrics, numbers, strict=False)
                    )
            yield named, line

    def read(self, entry: Json, line: int, rows: RowReader) -> Iterator[Item]:
        """Read the numbers after one tree; ``learn`` is the training, all else evaluations."""
        numbers = {key: float(number) for key, number in entry.items() if is_number(number)}
        place = {"#step": numbers.pop("iteration", 0.0)}
        shared = {key: numbers.pop(key) for key in ("passed_time",) if key in numbers}
        train = {
            key.removeprefix("learn/"): number
            for key, number in numbers.items()
            if key.startswith("learn/") or key == "remaining_time"
        }
        if train:
            columns = {key: np.array([x]) for key, x in {**place, **shared, **train}.items()}
            yield from rows.rows(columns, np.array([line]))
        results = {k: x for k, x in numbers.items() if "/" in k and not k.startswith("learn/")}
        if results:
            yield from rows.evaluation({**place, **shared, **results}, line)
        if numbers.get("remaining_time") == 0.0:  # trees count from 0: the last is none of the plan
            yield rows.record("end", line, step=int(place["#step"]))

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
{"meta": {"test_sets": ["test"], "test_metrics": [{"best_value": "Min", "name": "RMSE"}],
"learn_metrics": [{"best_value": "Min", "name": "RMSE"}], "launch_mode": "Train",
"iteration_count": 2, "learn_sets": ["learn"], "name": "experiment"},
"iterations": [
{"learn": [2.5], "iteration": 0, "passed_time": 0.5, "remaining_time": 0.5, "test": [2.75]},
{"learn": [1.5], "iteration": 1, "passed_time": 1.0, "remaining_time": 0, "test": [1.75]}
]}
""",
            (
                Record("config", facts={"planned_steps": 2}, line=5),
                Record("config", facts={"step_unit": "tree"}, line=5),
                Record("train", 0, None, 0.5, {"RMSE": 2.5, "eta_s": 0.5}, line=5),
                Record("eval", 0, None, 0.5, {"test/RMSE": 2.75}, {"split": "val"}, 5),
                Record("train", 1, None, 1.0, {"RMSE": 1.5}, line=6),
                Record("eval", 1, None, 1.0, {"test/RMSE": 1.75}, line=6),
                Record("end", 1, line=6),
            ),
        ),
    )


FORMAT = CatboostJson()
