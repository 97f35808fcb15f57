"""``metrics.json`` of Detectron2: one JSON object for every printed step, results among them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._json_rows import JsonRowsFormat
from copilot_analytics.formats._rows import Naming
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from copilot_analytics.formats._base import Json

# ``bbox/AP``, ``sem_seg/mIoU``: a task and its measure, below the data set where there are several.
_RESULTS = re.compile(
    r"(?:^|/)(?:bbox\w*|segm|keypoints|sem_seg|panoptic_seg|box_proposals|densepose\w*)/"
    r"|(?:^|/)(?:AP\w{0,9}|mIoU|fwIoU|mACC|pACC|[PRS]Q)(?:$|-)"
)


class Detectron2Json(JsonRowsFormat):
    """Losses by iteration; the results of an evaluation stand in an object of their own."""

    name: ClassVar[str] = "detectron2_json"
    title: ClassVar[str] = "Detectron2 metrics.json"
    url: ClassVar[str] = "https://detectron2.readthedocs.io"
    smoothing: ClassVar[int | None] = 20
    naming: ClassVar[Naming] = Naming(
        {
            "iteration": "#step",
            "total_loss": "loss",
            "time": "iter_time_s",
            "data_time": "data_time_s",
            "eta_seconds": "eta_s",
            "rank_data_time": None,
        },
        evaluations=_RESULTS,
    )
    required: ClassVar[frozenset[str]] = frozenset({"iteration"})

    def is_row(self, statement: Json) -> bool:
        """Tell whether a statement can only come from Detectron2."""
        names = ("total_loss", "bbox/AP", "segm/AP", "sem_seg/mIoU", "panoptic_seg/PQ")
        return "iteration" in statement and any(name in statement for name in names)

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
{"data_time": 0.01, "eta_seconds": 90.5, "iteration": 19, "lr": 0.001, "total_loss": 2.5}
{"eta_seconds": 88.5, "iteration": 39, "lr": 0.002, "time": 0.2, "total_loss": 2.25}
{"bbox/AP": 12.5, "bbox/AP-cat": 10.5, "iteration": 40, "sem_seg/mIoU": 30.5}
""",
            (
                Record(
                    "train", 19, metrics={"loss": 2.5, "data_time_s": 0.01, "eta_s": 90.5}, line=1
                ),
                Record("train", 39, metrics={"loss": 2.25, "lr": 0.002}, line=2),
                Record("eval", 40, metrics={"bbox/AP": 12.5, "sem_seg/mIoU": 30.5}, line=3),
            ),
        ),
    )


FORMAT = Detectron2Json()
