"""``log.txt`` of DeiT, DETR, MAE, DINO and their many relatives: one JSON object an epoch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._json_rows import (
    JsonRowsFormat,
    JsonRowsParser,
    flattened,
    number_in,
)
from copilot_analytics.formats._numbers import is_number
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from copilot_analytics.formats._base import Json
    from copilot_analytics.records import Floats, Ints, Item

_COCO = "AP AP50 AP75 APs APm APl AR1 AR10 AR100 ARs ARm ARl".split()
_KINDS = {"bbox": "bbox", "masks": "segm", "segm": "segm", "keypoints": "keypoints"}
_RESULTS = re.compile(r"(?P<before>.{0,60})coco_eval_(?P<kind>bbox|masks|segm|keypoints)")
_CHOICE = {"save_best": "val_agg_metrics", "save_best_direction": "max"}  # of LAVIS
_PANOPTIC = re.compile(r".{0,60}PQ_(?:all|th|st)")


class DeiTParser(JsonRowsParser):
    """Counts epochs where rows do not, as those of LAVIS and MiniGPT-4."""

    _epochs = 0

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn the numbers of rows into blocks and evaluations."""
        if "epoch" not in columns and "train_lr" in columns:
            columns = {**columns, "#epoch": np.arange(float(len(lines))) + self._epochs}
            self._epochs += len(lines)
        if "val_agg_metrics" in columns:
            yield from self._rows.config(_CHOICE, int(lines[0]))
        yield from super().block(columns, lines)


class DeiTJson(JsonRowsFormat):
    """What was averaged over the epoch as ``train_*``, results as ``test_*`` or ``val_*``.

    The test split of these trainers is what chooses the checkpoint. COCO results of DETR are
    arrays of twelve. ALBEF, BLIP and LAVIS write their numbers as texts.
    """

    name: ClassVar[str] = "deit_json"
    title: ClassVar[str] = "DeiT/DETR log.txt"
    url: ClassVar[str] = "https://github.com/facebookresearch/deit"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(
        {
            "epoch": "#epoch",
            "train_loss": "loss",
            "train_lr": "lr",
            "train_grad_norm": "grad_norm",
            "n_parameters": None,
            "best_epoch": None,
            "val_best_epoch": None,
        },
        test_is_val=True,
    )
    required: ClassVar[frozenset[str]] = frozenset({"train_lr", "n_parameters", "val_agg_metrics"})
    nests: ClassVar[bool] = True

    def axis(self) -> Axis:
        """Return the axis of a log: its epochs count from 0."""
        return Axis(epoch_base=0)

    def is_row(self, statement: Json) -> bool:
        """Tell whether a statement has an epoch, and the averages of a MetricLogger."""
        of_epoch = "epoch" in statement and any(key.startswith("train_") for key in statement)
        if of_epoch and ("train_lr" in statement or "n_parameters" in statement):
            return True
        rate = statement.get("train_lr")
        in_texts = isinstance(rate, str) and number_in(rate) is not None
        return in_texts and all(key.startswith("train_") for key in statement)

    def is_nested(self, statement: Json) -> bool:
        """Tell whether a row holds arrays, objects or texts."""
        return super().is_nested(statement) or any(
            isinstance(held, str) for held in statement.values()
        )

    def parser(self, file: str) -> DeiTParser:
        """Return a fresh parser for a log."""
        return DeiTParser(self, RowReader(file, self.axis(), self.naming))

    def numbers(self, statement: Json) -> dict[str, float]:
        """Return the numbers of a row, those of COCO by their names."""
        numbers = flattened(statement, texts=True)
        for key, held in statement.items():
            if not isinstance(held, list) or not all(map(is_number, held)):
                continue
            found = _RESULTS.fullmatch(key)
            if found is not None:
                names = [f"{found['before']}{_KINDS[found['kind']]}_{name}" for name in _COCO]
            elif _PANOPTIC.fullmatch(key) and len(held) == 3:
                start, _, part = key.rpartition("PQ_")
                names = [f"{start}{name}_{part}" for name in ("PQ", "SQ", "RQ")]
            else:
                continue
            numbers.update(zip(names, map(float, held), strict=False))
        return numbers

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            '{"train_lr": "0.001", "train_loss_itm": "2.500", "epoch": 0, "best_epoch": 0}\n'
            '{"train_lr": "0.002", "train_loss_itm": "1.500", "epoch": 1, "best_epoch": 1}\n',
            (
                Record("config", facts={"step_unit": "epoch"}, line=1),
                Record("train", 1, 1.0, metrics={"train_loss_itm": 2.5, "lr": 0.001}, line=1),
                Record("train", 2, 2.0, metrics={"train_loss_itm": 1.5, "lr": 0.002}, line=2),
            ),
        ),
        Sample(
            '{"train_lr": "0.001", "train_loss": "2.500"}\n'
            '{"val_agg_metrics": 0.25, "val_best_epoch": 0}\n'
            '{"train_lr": "0.002", "train_loss": "1.500"}\n',
            (
                Record("config", facts={"step_unit": "epoch"}, line=1),
                Record("train", 1, 1.0, metrics={"loss": 2.5, "lr": 0.001}, line=1),
                Record("config", facts=_CHOICE, line=2),
                Record(
                    "eval", 1, metrics={"val_agg_metrics": 0.25}, facts={"split": "val"}, line=2
                ),
                Record("train", 2, 2.0, metrics={"loss": 1.5, "lr": 0.002}, line=3),
            ),
        ),
        Sample(
            """\
{"train_lr": 0.001, "train_loss": 6.5, "test_loss": 6.25, "test_acc1": 1.5, "epoch": 0, \
"n_parameters": 9}
{"train_lr": 0.002, "train_loss": 5.5, "test_loss": 5.25, "test_acc1": 2.5, "epoch": 1, \
"n_parameters": 9}
""",
            (
                Record("config", facts={"step_unit": "epoch"}, line=1),
                Record("train", 1, 1.0, metrics={"loss": 6.5, "lr": 0.001}, line=1),
                Record(
                    "eval",
                    1,
                    metrics={"test_loss": 6.25, "test_acc1": 1.5},
                    facts={"split": "val"},
                    line=1,
                ),
                Record("train", 2, 2.0, metrics={"loss": 5.5}, line=2),
                Record("eval", 2, metrics={"test_acc1": 2.5}, facts={"split": "val"}, line=2),
            ),
        ),
        Sample(
            '{"train_lr": 0.001, "train_loss": 9.5, "test_coco_eval_bbox": '
            "[0.25, 0.5, 0.2, 0.1, 0.3, 0.4, 0.2, 0.3, 0.35, 0.1, 0.4, 0.5], "
            '"test_PQ_all": [0.4, 0.7, 0.5], "epoch": 0}\n',
            (
                Record("config", facts={"step_unit": "epoch"}, line=1),
                Record("train", 1, 1.0, metrics={"loss": 9.5}, line=1),
                Record(
                    "eval",
                    1,
                    metrics={"test_bbox_AP": 0.25, "test_bbox_ARl": 0.5, "test_SQ_all": 0.7},
                    facts={"split": "val"},
                    line=1,
                ),
            ),
        ),
    )


FORMAT = DeiTJson()
