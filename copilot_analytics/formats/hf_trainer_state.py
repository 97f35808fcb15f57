"""``trainer_state.json`` of the Hugging Face Trainer: its whole history in one document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._document import DocumentFormat
from copilot_analytics.formats._eval_size import EvalSize
from copilot_analytics.formats._numbers import is_number
from copilot_analytics.formats._rows import Naming
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copilot_analytics.formats._base import Json
    from copilot_analytics.formats._rows import RowReader
    from copilot_analytics.records import Item

_MOST_COUNTED = 10**12  # a Trainer that is told steps prints the largest whole number as epochs
_NO_RESULT = ("_runtime", "_samples_per_second", "_steps_per_second")


class HFTrainerState(DocumentFormat):
    """Entries with a loss are training, those with ``eval_`` keys results, the last one the end."""

    name: ClassVar[str] = "hf_trainer_state"
    title: ClassVar[str] = "Hugging Face trainer_state.json"
    url: ClassVar[str] = "https://huggingface.co/docs/transformers/main_classes/trainer"
    smoothing: ClassVar[int | None] = None
    array: ClassVar[str | None] = "log_history"
    marks: ClassVar[tuple[bytes, ...]] = (b'"log_history"', b'"is_hyper_param_search"')
    naming: ClassVar[Naming] = Naming({"step": "#step", "epoch": "#progress"})

    def facts(self, document: Json) -> dict[str, Any]:
        """Return the plan and what was stated of the best checkpoint."""
        facts: dict[str, Any] = {"framework": "transformers"}
        for key, fact in (
            ("max_steps", "planned_steps"),
            ("num_train_epochs", "planned_epochs"),
            ("logging_steps", "log_interval"),
        ):
            count = document.get(key)
            if is_number(count) and 0 < count < _MOST_COUNTED and count == int(count):
                facts[fact] = int(count)
        return facts | _eval_size(document) | _chosen_by(document)

    def read(self, entry: Json, line: int, rows: RowReader) -> Iterator[Item]:
        """Read one entry of the history."""
        numbers = {
            key: float(number)
            for key, number in entry.items()
            if is_number(number) and not key.endswith(_NO_RESULT)
        }
        if "train_runtime" in entry:
            facts = {"reason": "the Trainer printed its summary"}
            step = int(entry["step"]) if is_number(entry.get("step")) else None
            yield rows.record("end", line, step=step, facts=facts)
        elif numbers.keys() - {"step", "epoch"}:
            columns = {key: np.array([number]) for key, number in numbers.items()}
            yield from rows.rows(columns, np.array([line]))

    def end(self, document: Json, line: int, rows: RowReader) -> Iterator[Item]:
        """Tell that training stopped at its last step, or because a callback said so."""
        step, last = document.get("global_step"), document.get("max_steps")
        history = _entries(document.get("log_history"))
        if not is_number(step) or any("train_runtime" in entry for entry in history):
            return
        if is_number(last) and 0 < last <= step:
            facts = {"reason": f"it made all {last} steps"}
        elif _stops(document):
            facts = {"reason": "the Trainer was told to stop"}
        else:
            return
        yield rows.record("end", line, step=int(step), facts=facts)

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
{
  "best_metric": 0.5,
  "global_step": 20,
  "is_hyper_param_search": false,
  "log_history": [
    {"epoch": 0.5, "learning_rate": 0.001, "loss": 2.5, "step": 10},
    {"epoch": 1.0, "eval_loss": 1.5, "eval_runtime": 3.125, "eval_samples_per_second": 64.0, \
"step": 20},
    {"epoch": 1.0, "step": 20, "total_flos": 1.0, "train_loss": 2.0, "train_runtime": 60.5}
  ],
  "max_steps": 20,
  "num_train_epochs": 1
}
""",
            (
                Record("config", facts={"planned_epochs": 1, "eval_samples": 200}, line=6),
                Record("train", 10, 0.5, metrics={"loss": 2.5, "lr": 0.001}, line=6),
                Record("eval", 20, 1.0, None, {"eval_loss": 1.5}, {"split": "val"}, 7),
                Record("end", 20, line=8),
            ),
        ),
        Sample(
            """{
  "global_step": 12,
  "is_hyper_param_search": false,
  "log_history": [
    {"epoch": 2.5, "learning_rate": 0.001, "loss": 2.5, "step": 10}
  ],
  "max_steps": 12
}
""",
            (
                Record("config", facts={"planned_steps": 12}, line=5),
                Record("train", 10, 2.5, metrics={"loss": 2.5, "lr": 0.001}, line=5),
                Record("end", 12, line=5),
            ),
        ),
        Sample(
            """{
  "global_step": 20,
  "is_hyper_param_search": false,
  "log_history": [
    {"epoch": 1.0, "loss": 2.5, "step": 20}
  ],
  "max_steps": 60,
  "stateful_callbacks": {"TrainerControl": {"args": {"should_training_stop": true}}}
}
""",
            (
                Record("config", facts={"planned_steps": 60}, line=5),
                Record("train", 20, 1.0, metrics={"loss": 2.5}, line=5),
                Record("end", 20, line=5),
            ),
        ),
        Sample(  # shorter than its first report
            """{
  "global_step": 8,
  "is_hyper_param_search": false,
  "log_history": [],
  "max_steps": 8,
  "num_train_epochs": 2
}
""",
            (
                Record("config", facts={"planned_steps": 8, "planned_epochs": 2}, line=1),
                Record("end", 8, line=1),
            ),
        ),
    )


def _entries(history: Any) -> list[Json]:
    entries = history if isinstance(history, list) else []
    return [entry for entry in entries if isinstance(entry, dict)]


def _eval_size(document: Json) -> dict[str, int]:
    """Return how many examples the evaluations are of, by their durations and speeds."""
    size, fact = EvalSize(), dict[str, int]()
    for entry in _entries(document.get("log_history")):
        speed = [entry.get(f"eval_{name}") for name in ("runtime", "samples_per_second")]
        if all(map(is_number, speed)):
            fact = size.timed(*map(repr, speed))
    return fact


def _stops(document: Json) -> bool:
    """Tell whether the control that the Trainer saves says that training should stop."""
    try:
        control = document["stateful_callbacks"]["TrainerControl"]["args"]
        return control["should_training_stop"] is True
    except (KeyError, TypeError):
        return False


def _chosen_by(document: Json) -> dict[str, str]:
    """Return which metric has the best value that the Trainer keeps, and which way it is better.

    The Trainer writes the value alone; it is the extreme of the metric that it was taken from.
    """
    best = document.get("best_metric")
    if not is_number(best):
        return {}
    results: dict[str, list[float]] = {}
    for entry in _entries(document.get("log_history")):
        for key, number in entry.items():
            if key.startswith("eval_") and is_number(number) and not key.endswith(_NO_RESULT):
                results.setdefault(key, []).append(number)
    chosen = [
        (name, "max" if best == max(numbers) else "min")
        for name, numbers in results.items()
        if best in {min(numbers), max(numbers)} and min(numbers) < max(numbers)
    ]
    if len(chosen) != 1:
        return {}
    return {"save_best": chosen[0][0], "save_best_direction": chosen[0][1]}


FORMAT = HFTrainerState()
