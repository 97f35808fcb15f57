"""The table that pycocotools print of a detection, for every log of a detector that shows it.

`_parts` reads it for the trainers that evaluate so, `home_text` for scripts.
"""

from __future__ import annotations

import re

_AREAS = r"area=\s{0,9}(?P<area>all|small|medium|large)\s*\|\s*maxDets=\s{0,4}(?P<most>\d{1,4})"
_COCO = re.compile(
    r"Average (?P<what>Precision|Recall)\s+\(A[PR]\) @\[ IoU=(?P<iou>[\d.:]{3,12})\s*\|\s*"
    rf"{_AREAS}\s*\] = (?P<number>-?\d+(?:\.\d+)?|nan)"
)
_COCO_TYPE = re.compile(
    r"IoU metric: (?P<kind>bbox|segm|keypoints)|Evaluate annotation type \*(?P<type>\w{1,20})\*"
)


class CocoSummary:
    """The table that pycocotools print of a detection, as metrics.

    Examples
    --------
    >>> summary = CocoSummary()
    >>> line = " Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.125"
    >>> summary.see(line)
    {'bbox_AP': 0.125}
    >>> summary.see(line.replace("0.50:0.95", "0.75     ").replace("0.125", "0.5"))
    {'bbox_AP75': 0.5}
    """

    def __init__(self) -> None:
        self._type = "bbox"

    def see(self, line: str) -> dict[str, float]:
        """Return the metric that a line of the table tells; empty for other lines."""
        if "Average " not in line:
            named = (
                _COCO_TYPE.search(line) if "IoU metric" in line or "annotation" in line else None
            )
            if named is not None:
                self._type = named["kind"] or named["type"]
            return {}
        average = coco_average(line)
        return {f"{self._type}_{average[0]}": average[1]} if average else {}


def coco_average(line: str) -> tuple[str, float] | None:
    """Return name and value of the metric that a line of the table tells; None for other lines.

    Examples
    --------
    >>> coco_average(
    ...     " Average Recall     (AR) @[ IoU=0.50:0.95 | area= small | maxDets=100 ] = 0.5"
    ... )
    ('ARs', 0.5)
    >>> coco_average("loss 0.5") is None
    True
    """
    found = _COCO.search(line) if "Average " in line else None
    if found is None:
        return None
    area = "" if found["area"] == "all" else found["area"][0]
    iou = "" if ":" in found["iou"] else found["iou"].partition(".")[2].ljust(2, "0")
    if found["what"] == "Precision":
        name = f"AP{iou}{area}"
    else:
        name = f"AR{iou}{area}" if area or iou else f"AR@{found['most']}"
    return name, float(found["number"])
