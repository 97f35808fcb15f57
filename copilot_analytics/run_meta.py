"""What a log states about its run: plan, schedule and names."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from copilot_analytics.schedule import Schedule
    from copilot_analytics.schema import Direction


@dataclass(frozen=True, slots=True)
class RunMeta:
    """What the log states about the run; None where it says nothing.

    The fields are the facts of ``config`` records, see :data:`copilot_analytics.schema.FACTS`.
    """

    name: str | None = None
    log_format: str | None = None
    framework: str | None = None
    planned_epochs: int | None = None
    planned_steps: int | None = None
    steps_per_epoch: int | None = None
    steps_per_epoch_exact: bool = True
    step_unit: str = "iteration"
    val_interval: float | None = None
    val_unit: str | None = None
    checkpoint_interval: float | None = None
    checkpoint_unit: str | None = None
    log_interval: int | None = None
    smoothing: int | None = None
    schedule: Schedule | None = None
    optimizer: str | None = None
    base_lr: float | None = None
    save_best: str | None = None
    save_best_direction: Direction | None = None
    num_classes: int | None = None
    gpus: int | None = None
    gpu_name: str | None = None
    seed: int | None = None
    work_dir: str | None = None
    fold: int | None = None
    folds: int | None = None
    time_is_utc: bool = False
    eval_samples: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def has_plan(self) -> bool:
        """Whether a planned end is stated."""
        return self.planned_epochs is not None or self.planned_steps is not None

    def updated(self, facts: Mapping[str, Any]) -> RunMeta:
        """Return the meta with newer facts; unknown names are left out."""
        known = {field.name for field in dataclasses.fields(self)} - {"notes"}
        changes: dict[str, Any] = {k: v for k, v in facts.items() if k in known and v is not None}
        note = facts.get("note")
        if note and note not in self.notes:
            changes["notes"] = (*self.notes, str(note))
        return dataclasses.replace(self, **changes)
