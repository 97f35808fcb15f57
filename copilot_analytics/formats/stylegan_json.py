"""``metric-fid50k_full.jsonl`` of StyleGAN: one line for every snapshot that was measured."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._json_rows import JsonRowsFormat
from copilot_analytics.formats._numbers import is_number
from copilot_analytics.formats._rows import Naming
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot_analytics.formats._base import Json

_SNAPSHOT = re.compile(r"network-snapshot-(?P<kimg>\d{1,12})\.pkl$")
_FOUND = re.compile(r"^(?!#)")


class StyleGanJson(JsonRowsFormat):
    """The name of the snapshot tells how many thousand images it was trained with."""

    name: ClassVar[str] = "stylegan_json"
    title: ClassVar[str] = "StyleGAN metric-*.jsonl"
    url: ClassVar[str] = "https://github.com/NVlabs/stylegan3"
    smoothing: ClassVar[int | None] = None
    nests: ClassVar[bool] = True
    naming: ClassVar[Naming] = Naming({"timestamp": "#time_s"}, evaluations=_FOUND)
    required: ClassVar[frozenset[str]] = frozenset({"snapshot_pkl"})

    def axis(self) -> Axis:
        """Return an axis of images."""
        return Axis("image")

    def is_row(self, statement: Json) -> bool:
        """Tell whether a statement is the result of a snapshot."""
        snapshot = _SNAPSHOT.search(str(statement.get("snapshot_pkl")))
        return snapshot is not None and isinstance(statement.get("results"), dict)

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: the console prints the same objects between its ticks."""
        others = any(line.lstrip()[:1] not in {"{", ""} for line in lines)
        return 0.0 if others else super().confidence(lines)

    def numbers(self, statement: Json) -> dict[str, float]:
        """Return the results of a snapshot and where it stands."""
        snapshot = _SNAPSHOT.search(str(statement.get("snapshot_pkl")))
        results = statement.get("results")
        if snapshot is None or not isinstance(results, dict):
            return {}
        numbers = {key: float(held) for key, held in results.items() if is_number(held)}
        if is_number(statement.get("timestamp")):
            numbers["timestamp"] = float(statement["timestamp"])
        return {"#step": 1000.0 * int(snapshot["kimg"]), **numbers}

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
{"results": {"fid50k_full": 120.5}, "metric": "fid50k_full", "total_time": 90.5, "num_gpus": 1, \
"snapshot_pkl": "network-snapshot-000200.pkl", "timestamp": 1650000000.5}
{"results": {"fid50k_full": 80.25}, "metric": "fid50k_full", "total_time": 90.5, "num_gpus": 1, \
"snapshot_pkl": "network-snapshot-000400.pkl", "timestamp": 1650009000.5}
""",
            (
                Record("config", facts={"step_unit": "image"}, line=1),
                Record(
                    "eval", 200_000, None, 1650000000.5, {"fid50k_full": 120.5}, {"split": "val"}, 1
                ),
                Record("eval", 400_000, metrics={"fid50k_full": 80.25}, line=2),
            ),
        ),
    )


FORMAT = StyleGanJson()
