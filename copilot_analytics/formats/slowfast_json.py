"""What PySlowFast and the first Detectron print as ``json_stats``, into a file or a log."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._json_rows import number_in, seconds_in
from copilot_analytics.formats._json_text import JsonTextFormat
from copilot_analytics.formats._rows import Naming
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from copilot_analytics.formats._base import Json
    from copilot_analytics.formats._rows import RowReader
    from copilot_analytics.records import Item

_OF = re.compile(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*")
_GIB = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s?G.*")
_NO_METRICS = frozenset({"RAM", "split", "cur_iter", "cur_iters"})
_BEST_SO_FAR = ("min_top", "max_top")
# At the end of an epoch the timers were set to zero a moment ago: both tell the same and nothing.
_NOT_OF_AN_EPOCH = ("#inner", "dt", "dt_data")
_OF_TRAINING = ("train_iter", "train_epoch")  # later with an underscore, and what is trained
_PLACES = {"epoch": ("#epoch", "#epochs"), "iter": ("#inner", "#inner_of")}


class SlowFastJson(JsonTextFormat):
    """Iterations and epochs of training, and results of an epoch, told by ``_type``."""

    name: ClassVar[str] = "slowfast_json"
    title: ClassVar[str] = "PySlowFast or Detectron json_stats"
    url: ClassVar[str] = "https://github.com/facebookresearch/SlowFast"
    smoothing: ClassVar[int | None] = 10
    before: ClassVar[re.Pattern[str]] = re.compile(r"\bjson_stats: (?=\{)")
    naming: ClassVar[Naming] = Naming(
        {
            "dt": "iter_time_s",
            "dt_data": "data_time_s",
            "dt_net": None,
            "time_diff": None,
            "time": "iter_time_s",
            "mem": "memory_mib",
            "mb_qsize": None,
        }
    )

    def axis(self) -> Axis:
        """Return the axis of a log: epochs and iterations count from 1."""
        return Axis(epoch_base=1, inner_base=1)

    def read(
        self, statement: Json, time: Mapping[str, float], number: int, rows: RowReader
    ) -> Iterable[Item]:
        """Read the numbers of an iteration, an epoch or an evaluation."""
        kind = str(statement.get("_type", ""))
        numbers = dict(time)
        for key, held in statement.items():
            found = _OF.fullmatch(held) if isinstance(held, str) else None
            one = number_in(held)
            if key in _PLACES and found is not None:
                numbers.update(zip(_PLACES[key], map(float, found.groups()), strict=True))
            elif key == "iter" and not kind and one is not None:  # Detectron counts no epochs
                numbers["#step"] = one
            elif key in _PLACES and one is not None:
                numbers[_PLACES[key][0]] = one
            elif key == "eta":
                numbers["eta_s"] = seconds_in(held) or 0.0
            elif key == "gpu_mem" and isinstance(held, str):
                memory = _GIB.fullmatch(held)
                numbers |= {} if memory is None else {"memory_mib": float(memory[1]) * 1024}
            elif one is not None and key not in _NO_METRICS and not key.startswith(_BEST_SO_FAR):
                numbers[key] = one
        if kind.startswith(_OF_TRAINING) or "#step" in numbers:
            if kind.startswith("train_epoch"):
                for key in _NOT_OF_AN_EPOCH:
                    numbers.pop(key, None)
            columns = {key: np.array([one]) for key, one in numbers.items()}
            yield from rows.rows(columns, np.array([number]))
        elif kind == "val_epoch":
            for key in ("eta_s", "memory_mib"):
                numbers.pop(key, None)
            yield from rows.evaluation(numbers, number)
        elif kind == "test_final":
            yield from rows.evaluation(numbers, number, "test")

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
json_stats: {"RAM": "1.50/8.00G", "_type": "train_epoch", "dt": 0.5, "dt_data": 0.25, \
"epoch": "1/9", "eta": "0:10:00", "gpu_mem": "2.50G", "loss": 2.5, "lr": 0.0010, "top1_err": 80.5}
json_stats: {"_type": "val_epoch", "epoch": "1/9", "gpu_mem": "2.50G", "min_top1_err": 70.5, \
"time_diff": 0.5, "top1_err": 70.5}
""",
            (
                Record("config", facts={"planned_epochs": 9}, line=1),
                Record(
                    "train",
                    1,
                    1.0,
                    metrics={"loss": 2.5, "eta_s": 600.0, "memory_mib": 2560.0},
                    line=1,
                ),
                Record("eval", 1, 1.0, None, {"top1_err": 70.5}, {"split": "val"}, 2),
            ),
        ),
        Sample(
            """\
[08/14 12:00:00][INFO] slowfast.utils.logging:  97: json_stats: {"_type": "train_iter", \
"dt": 0.5, "dt_data": 0.25, "epoch": "2/9", "iter": "10/20", "loss": 2.5, "lr": 0.1}
""",
            (
                Record("config", facts={"planned_epochs": 9, "steps_per_epoch": 20}, line=1),
                Record("train", 30, 1.5, metrics={"loss": 2.5, "lr": 0.1}, line=1),
            ),
        ),
        Sample(
            """\
[08/14 12:00:00][INFO] logging.py:  98: json_stats: {"_type": "train_iter_", "dt": 0.5, \
"dt_data": 0.25, "dt_net": 0.25, "epoch": "1/9", "iter": "10/20", "loss": 2.5, "lr": 0.1}
""",
            (
                Record("config", facts={"planned_epochs": 9, "steps_per_epoch": 20}, line=1),
                Record("train", 10, 0.5, metrics={"loss": 2.5, "lr": 0.1}, line=1),
            ),
        ),
        Sample(
            """\
json_stats: {"accuracy_cls": 0.875, "eta": "0:10:00", "iter": 40, "loss": 1.5, "loss_bbox": 0.25, \
"lr": 0.01, "mb_qsize": 64, "mem": 2048, "time": 0.5}
""",
            (
                Record(
                    "train",
                    40,
                    metrics={"loss": 1.5, "eta_s": 600.0, "memory_mib": 2048.0, "iter_time_s": 0.5},
                    line=1,
                ),
            ),
        ),
    )


FORMAT = SlowFastJson()
