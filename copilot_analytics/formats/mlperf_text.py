"""The ``:::MLLOG`` lines of MLPerf training, in whatever else a benchmark prints.

Its first rounds wrote ``:::MLPv0.5.0 resnet 1543000000.5 (train.py:7) eval_accuracy: {...}``.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._json_rows import flattened
from copilot_analytics.formats._json_text import JsonTextFormat
from copilot_analytics.formats._numbers import is_number, moment
from copilot_analytics.formats._rows import Naming
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from copilot_analytics.formats._base import Json
    from copilot_analytics.formats._rows import RowReader
    from copilot_analytics.records import Item

_FACTS = {"submission_benchmark": "name", "seed": "seed", "eval_samples": "eval_samples"}
_RESULTS = frozenset({"eval_accuracy", "eval_error", "eval_loss"})
_TRAINING = frozenset({"tracked_stats", "train_loss"})
_STEPS = ("step_num", "step", "iteration", "train_step")
_EPOCHS = ("epoch_num", "epoch", "epoch_count")
_SAMPLES = ("samples_count", "samples_num")
_EARLY = re.compile(
    r":::MLPv0\.\d{1,2}\.\d{1,2} (?P<benchmark>[\w-]{1,40}) (?P<seconds>\d{9,11}(?:\.\d{1,9})?)"
    r" \([^()\n]{1,400}\) (?P<key>\w{1,60})(?:: (?P<value>[^\n]{1,2000}))?\s*$"
)


class MLPerfText(JsonTextFormat):
    """Results with the epoch, step or sample at which they were measured."""

    name: ClassVar[str] = "mlperf_text"
    title: ClassVar[str] = "MLPerf log"
    url: ClassVar[str] = "https://github.com/mlcommons/logging"
    smoothing: ClassVar[int | None] = None
    before: ClassVar[re.Pattern[str]] = re.compile(r":::MLLOG (?=\{)")
    naming: ClassVar[Naming] = Naming({"train_loss": "loss"})

    def is_own(self, statement: Json) -> bool:
        """Tell whether an object names an event."""
        return "event_type" in statement and "key" in statement

    def object_in(self, line: str) -> Json | None:
        """Return the event of a line, also of the first rounds; None if it has none."""
        return super().object_in(line) or _early_event(line)

    def read(
        self, statement: Json, time: Mapping[str, float], number: int, rows: RowReader
    ) -> Iterable[Item]:
        """Read one event."""
        key, value = statement.get("key"), statement.get("value")
        metadata = statement.get("metadata")
        about: Json = metadata if isinstance(metadata, dict) else {}
        when = statement.get("time_ms")
        at = moment(float(when) / 1000) if is_number(when) else None
        if key in _FACTS and value is not None:
            yield from rows.config({_FACTS[key]: value}, number, at)
        elif key in _RESULTS and is_number(value):
            yield from rows.config({"time_is_utc": True}, number, at)
            step, epoch, facts = _place(about)
            yield from rows.config(facts, number, at)
            metrics = {str(key): float(value)}
            yield rows.record("eval", number, at, step, epoch, metrics, {"split": "val"})
        elif key in _TRAINING and (step := _place(about)[0]) is not None:
            numbers = flattened(value if isinstance(value, dict) else {str(key): value})
            if numbers:
                columns = {name: np.array([one]) for name, one in numbers.items()}
                columns["#step"] = np.array([float(step)])
                if at is not None:
                    columns["#time_s"] = np.array([at])
                yield from rows.rows(columns, np.array([number]))
        elif key == "run_stop":
            status = about.get("status", value)
            kind = {"aborted": "crash"}.get(str(status), "end")
            reason = f"run_stop with status {status}"
            if kind == "crash":
                yield rows.record("crash", number, at, facts={"error": reason})
            else:
                yield rows.record("end", number, at, facts={"reason": reason})

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
+ echo training
:::MLLOG {"namespace": "", "time_ms": 1700000000000, "event_type": "POINT_IN_TIME", \
"key": "submission_benchmark", "value": "toy", "metadata": {"file": "train.py", "lineno": 1}}
:::MLLOG {"namespace": "", "time_ms": 1700000060500, "event_type": "POINT_IN_TIME", \
"key": "eval_accuracy", "value": 0.25, "metadata": {"file": "train.py", "epoch_num": 1}}
:::MLLOG {"namespace": "", "time_ms": 1700000090000, "event_type": "INTERVAL_END", \
"key": "run_stop", "value": null, "metadata": {"file": "train.py", "status": "success"}}
""",
            (
                Record("config", facts={"name": "toy"}, line=2),
                Record("config", facts={"time_is_utc": True}, line=3),
                Record("config", facts={"step_unit": "epoch"}, line=3),
                Record("eval", 1, 1.0, 1700000060.5, {"eval_accuracy": 0.25}, {"split": "val"}, 3),
                Record("end", None, None, 1700000090.0, line=4),
            ),
        ),
        Sample(
            """\
0: :::MLLOG {"namespace": "", "time_ms": 1700000060500, "event_type": "POINT_IN_TIME", \
"key": "tracked_stats", "value": {"loss": 2.5, "throughput": 10}, "metadata": {"step": 7}}
""",
            (Record("train", 7, None, 1700000060.5, {"loss": 2.5}, line=1),),
        ),
        Sample(
            """\
:::MLPv0.5.0 toy 1543000000.5 (train.py:7) run_start
:::MLPv0.5.0 toy 1543000060.5 (train.py:9) eval_accuracy: {"epoch": 4, "value": 0.25}
:::MLPv0.5.0 toy 1543000090.5 (train.py:12) run_stop: {"success": true}
""",
            (
                Record("config", facts={"time_is_utc": True}, line=2),
                Record("config", facts={"step_unit": "epoch"}, line=2),
                Record("eval", 4, 4.0, 1543000060.5, {"eval_accuracy": 0.25}, {"split": "val"}, 2),
                Record("end", None, None, 1543000090.5, line=3),
            ),
        ),
    )


def _early_event(line: str) -> Json | None:
    """Return an event of the rounds before ``:::MLLOG`` as those after them write it."""
    found = _EARLY.search(line) if ":::MLPv0" in line else None
    if found is None:
        return None
    try:
        held = json.loads(found["value"] or "null")
    except (ValueError, RecursionError):
        held = found["value"]
    about: Json = held if isinstance(held, dict) else {"value": held}
    if isinstance(about.get("success"), bool):
        about = {**about, "status": "success" if about["success"] else "aborted"}
    return {
        "event_type": "",
        "key": found["key"],
        "value": about.get("value"),
        "time_ms": 1000 * float(found["seconds"]),
        "metadata": about,
    }


def _place(about: Json) -> tuple[int | None, float | None, dict[str, Any]]:
    """Return step, epoch and what the steps count, from what is said of an event."""
    step = next((about[key] for key in _STEPS if is_number(about.get(key))), None)
    epoch = next((about[key] for key in _EPOCHS if is_number(about.get(key))), None)
    samples = next((about[key] for key in _SAMPLES if is_number(about.get(key))), None)
    if step is not None:
        return int(step), None if epoch is None else float(epoch), {}
    if samples is not None:
        return int(samples), None, {"step_unit": "sample"}
    if epoch is not None:
        return round(epoch), float(epoch), {"step_unit": "epoch"}
    return None, None, {}


FORMAT = MLPerfText()
