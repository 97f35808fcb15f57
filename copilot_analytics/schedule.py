"""The learning-rate schedule that a log declares.

Only what a forecast or a piece of advice needs is kept: where the rate is about to drop, by how
much, and where it ends. Positions are steps; a stage declared in epochs is converted once the
steps of an epoch are known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

StageKind: TypeAlias = Literal[
    "warmup",
    "multistep",
    "cosine",
    "restarts",
    "linear",
    "poly",
    "exponential",
    "constant",
    "other",
]
Unit: TypeAlias = Literal["step", "epoch"]

_NEAR_ZERO = 0.1


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a schedule.

    Parameters
    ----------
    kind
        Its shape.
    unit
        Unit of `begin`, `end` and `milestones`.
    begin, end
        Where it acts; `end` None means until training ends.
    milestones
        Where a ``multistep`` stage multiplies the rate by `gamma`, and where a ``restarts`` stage,
        a cosine in cycles, begins the next cycle.
    gamma
        Factor of one drop of a ``multistep`` or ``exponential`` stage.
    final_factor
        Rate at the end of a gradual stage, as a share of its start; None if unknown.
    power
        Exponent of a ``poly`` stage.
    """

    kind: StageKind
    unit: Unit = "epoch"
    begin: float = 0
    end: float | None = None
    milestones: tuple[float, ...] = ()
    gamma: float = 0.1
    final_factor: float | None = None
    power: float = 1.0


@dataclass(frozen=True, slots=True)
class Drop:
    """A scheduled drop of the learning rate.

    Parameters
    ----------
    step
        The last step before the lower rate.
    epoch
        The same in epochs, None if unknown.
    factor
        New rate divided by the old one, in (0, 1).
    """

    step: int
    epoch: float | None
    factor: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """The stages of a schedule, in the order in which the log declares them.

    Examples
    --------
    >>> schedule = Schedule((Stage("multistep", "epoch", milestones=(16, 22), gamma=0.1),))
    >>> schedule.drops(steps_per_epoch=100)
    (Drop(step=1600, epoch=16, factor=0.1), Drop(step=2200, epoch=22, factor=0.1))
    >>> str(schedule)
    'drops ×0.1 at epochs 16, 22'
    """

    stages: tuple[Stage, ...] = ()

    def drops(self, steps_per_epoch: float | None) -> tuple[Drop, ...]:
        """Return all step-wise drops in the order of their steps.

        Parameters
        ----------
        steps_per_epoch
            Needed for stages declared in epochs; such stages are left out while it is None.
        """
        found = []
        for stage in self.stages:
            if stage.kind != "multistep" or not 0 < stage.gamma < 1:
                continue
            for milestone in stage.milestones:
                step = _to_step(milestone, stage.unit, steps_per_epoch)
                if step is None:
                    continue
                epoch = milestone if stage.unit == "epoch" else None
                if epoch is None and steps_per_epoch:
                    epoch = milestone / steps_per_epoch
                found.append(Drop(step, epoch, stage.gamma))
        return tuple(sorted(found, key=lambda drop: drop.step))

    def next_drop(self, step: int, steps_per_epoch: float | None) -> Drop | None:
        """Return the first drop that lies after `step`, None if there is none."""
        ahead = (drop for drop in self.drops(steps_per_epoch) if drop.step > step)
        return next(ahead, None)

    def next_restart(self, step: int, steps_per_epoch: float | None) -> int | None:
        """Return where the first new cycle after `step` begins, None if there is none.

        Examples
        --------
        >>> schedule = Schedule((Stage("restarts", "epoch", milestones=(10, 30)),))
        >>> schedule.next_restart(1500, steps_per_epoch=100)
        3000
        """
        declared = (
            _to_step(milestone, stage.unit, steps_per_epoch)
            for stage in self.stages
            if stage.kind == "restarts"
            for milestone in stage.milestones
        )
        return min((at for at in declared if at is not None and at > step), default=None)

    @property
    def is_known(self) -> bool:
        """Whether the shape of every stage is known, and there is one."""
        return bool(self.stages) and all(stage.kind != "other" for stage in self.stages)

    def warmup_end(self, steps_per_epoch: float | None) -> int | None:
        """Return the step at which the warm-up ends, None if there is none or it is unknown."""
        ends = [
            _to_step(stage.end, stage.unit, steps_per_epoch)
            for stage in self.stages
            if stage.kind == "warmup" and stage.end is not None
        ]
        known = [end for end in ends if end is not None]
        return max(known) if known else None

    def gradual(self, planned_steps: int | None, steps_per_epoch: float | None) -> Stage | None:
        """Return the stage that lowers the rate smoothly to the end of training, if any.

        Examples
        --------
        >>> Schedule((Stage("cosine", "step", end=1000),)).gradual(1000, None).kind
        'cosine'
        """
        for stage in reversed(self.stages):
            if stage.kind not in {"cosine", "restarts", "linear", "poly", "exponential"}:
                continue
            end = _to_step(stage.end, stage.unit, steps_per_epoch)
            if end is None or planned_steps is None or end >= 0.95 * planned_steps:
                return stage
        return None

    def cool_down(self, planned_steps: int, steps_per_epoch: float | None) -> int | None:
        """Return the step where a constant rate begins to decay to near zero, None if none does.

        A decay right behind the warm-up is none: the rate was never constant.

        Examples
        --------
        >>> cool = Stage("linear", "step", begin=800, end=1000, final_factor=0.0)
        >>> Schedule((Stage("constant", "step", end=800), cool)).cool_down(1000, None)
        800
        >>> Schedule((Stage("cosine", "step", end=1000, final_factor=0.0),)).cool_down(1000, None)
        """
        stage = self.gradual(planned_steps, steps_per_epoch)
        if stage is None or stage.kind not in {"linear", "cosine", "poly"}:
            return None
        if any(other.kind not in {"warmup", "constant"} for other in self.stages if other != stage):
            return None
        begin = _to_step(stage.begin, stage.unit, steps_per_epoch)
        warm = self.warmup_end(steps_per_epoch) or 0
        near_zero = stage.final_factor is not None and stage.final_factor <= _NEAR_ZERO
        return begin if begin is not None and begin > 2 * warm and near_zero else None

    def __str__(self) -> str:
        """Return the schedule in a few words."""
        return ", then ".join(_in_words(self.stages)) or "no schedule"


def _to_step(position: float | None, unit: Unit, steps_per_epoch: float | None) -> int | None:
    if position is None or not math.isfinite(position):
        return None
    if unit == "step":
        return round(position)
    return None if not steps_per_epoch else round(position * steps_per_epoch)


def _in_words(stages: Iterable[Stage]) -> list[str]:
    words = []
    for stage in stages:
        plural = "epochs" if stage.unit == "epoch" else "steps"
        if stage.kind == "warmup":
            words.append(f"warm-up over {stage.end:g} {plural}" if stage.end else "warm-up")
        elif stage.kind == "multistep":
            at = ", ".join(f"{milestone:g}" for milestone in stage.milestones)
            words.append(f"drops ×{stage.gamma:g} at {plural} {at}")
        elif stage.kind == "restarts" and stage.milestones:
            at = ", ".join(f"{milestone:g}" for milestone in stage.milestones)
            words.append(f"cosine, restarting at {plural} {at}")
        else:
            until = "" if stage.end is None else f" until {plural[:-1]} {stage.end:g}"
            words.append(stage.kind + until)
    return words
