"""The learning-rate schedules of MMEngine (``param_scheduler``) and mmcv (``lr_config``)."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

from copilot_analytics.schedule import Schedule, Stage, StageKind, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_DROPS = 1000
_KINDS: dict[str, StageKind] = {
    "multistep": "multistep",
    "step": "multistep",
    "cosineannealing": "cosine",
    "cosinerestart": "restarts",
    "poly": "poly",
    "exponential": "exponential",
    "constant": "constant",
    "linear": "linear",
    "quadraticwarmup": "warmup",
}
_POLICIES: dict[str, StageKind] = {
    "step": "multistep",
    "cosineannealing": "cosine",
    "cosineannealingcooldown": "cosine",
    "cosinerestart": "restarts",
    "poly": "poly",
    "exp": "exponential",
    "fixed": "constant",
    "linearannealing": "linear",
}


def schedule_of(
    config: Mapping[str, Any],
    planned_epochs: int | None,
    planned_steps: int | None,
    base_lr: float | None,
) -> Schedule | None:
    """Return the schedule that a configuration declares, None if it declares none.

    Parameters
    ----------
    config
        Values of the printed configuration by name.
    planned_epochs, planned_steps
        The planned end, up to which evenly spaced drops are listed.
    base_lr
        Initial learning rate, to tell which share of it remains at the end.

    Examples
    --------
    >>> config = {
    ...     "lr_config": {
    ...         "policy": "step",
    ...         "step": [8, 11],
    ...         "warmup": "linear",
    ...         "warmup_iters": 500,
    ...     }
    ... }
    >>> str(schedule_of(config, 12, None, 0.01))
    'warm-up over 500 steps, then drops ×0.1 at epochs 8, 11'
    """
    ends = {"epoch": planned_epochs, "step": planned_steps}
    declared = config.get("param_scheduler")
    if isinstance(declared, dict) and "type" not in declared:
        declared = next((part for part in declared.values() if part), None)
    if isinstance(declared, dict):
        declared = [declared]
    if isinstance(declared, list):
        parts = [part for part in declared if isinstance(part, dict)]
        stages = [_mmengine_stage(part, ends, base_lr) for part in parts]
        return _schedule([stage for stage in stages if stage is not None])
    policy = config.get("lr_config")
    if isinstance(policy, dict) and "policy" not in policy:
        policy = next((p for p in policy.values() if isinstance(p, dict) and "policy" in p), None)
    if isinstance(policy, dict):
        return _schedule(_mmcv_stages(policy, ends, base_lr))
    return None


def _schedule(stages: list[Stage]) -> Schedule | None:
    return Schedule(tuple(stages)) if stages else None


def _float(candidate: Any, default: float | None = None) -> float | None:
    if isinstance(candidate, int | float) and not isinstance(candidate, bool):
        return float(candidate)
    return default


def _every(size: Any, begin: float, end: float | None) -> tuple[float, ...]:
    """Return where a drop every `size` falls before the end."""
    width = _float(size)
    if width is None or width <= 0 or end is None:
        return ()
    count = min(int((end - begin - 1e-9) // width), _MAX_DROPS)
    return tuple(begin + width * (drop + 1) for drop in range(count))


def _milestones(declared: Any, begin: float) -> tuple[float, ...]:
    numbers = [_float(item) for item in declared] if isinstance(declared, list) else []
    return tuple(begin + number for number in numbers if number is not None)


def _cycles(periods: Any, begin: float) -> tuple[float, ...]:
    """Return where the cycles after the first begin."""
    lengths = [_float(item) for item in periods] if isinstance(periods, list) else []
    known = [length for length in lengths if length is not None and length > 0]
    return (
        tuple(begin + end for end in accumulate(known[:-1])) if len(known) == len(lengths) else ()
    )


def _final(part: Mapping[str, Any], names: tuple[str, str], base_lr: float | None) -> float | None:
    """Return the last rate as a share of the first one."""
    lowest, share = (_float(part.get(name)) for name in names)
    if share is not None:
        return share
    if lowest is None or lowest == 0:
        return 0.0
    return lowest / base_lr if base_lr else None


def _mmengine_stage(
    part: Mapping[str, Any], ends: Mapping[str, int | None], base_lr: float | None
) -> Stage | None:
    declared = part.get("type")
    kind_name = declared.rpartition(".")[2] if isinstance(declared, str) else ""
    if not kind_name or kind_name.endswith("Momentum"):
        return None
    if kind_name.endswith("ParamScheduler"):
        if part.get("param_name", "lr") != "lr":
            return None
        kind_name = kind_name.removesuffix("ParamScheduler")
    kind_name = kind_name.removesuffix("LR").lower()
    unit: Unit = "step" if part.get("by_epoch") is False else "epoch"
    begin = _float(part.get("begin"), 0.0) or 0.0
    end = _float(part.get("end"))
    kind = _KINDS.get(kind_name, "other")
    last = end if end is not None else ends[unit]
    gamma = _float(part.get("gamma"), 0.1) or 0.1
    if kind_name == "linear":
        first = _float(part.get("start_factor"), 1 / 3) or 0.0
        factor = _float(part.get("end_factor"), 1.0)
        kind = "warmup" if factor is None or first < factor else "linear"
        return Stage(kind, unit, begin, end, final_factor=factor)
    if kind_name == "constant":
        factor = _float(part.get("factor"), 1 / 3)
        lowered = factor is not None and factor < 1 and end is not None and begin == 0
        return Stage("warmup" if lowered else "constant", unit, begin, end)
    if kind_name == "step":
        drops = _every(part.get("step_size"), begin, None if last is None else float(last))
        return Stage(kind, unit, begin, end, milestones=drops, gamma=gamma)
    if kind == "multistep":
        drops = _milestones(part.get("milestones"), begin)
        return Stage(kind, unit, begin, end, milestones=drops, gamma=gamma)
    if kind == "restarts":
        share = _final(part, ("eta_min", "eta_min_ratio"), base_lr)
        turns = _cycles(part.get("periods"), begin)
        return Stage(kind, unit, begin, end, milestones=turns, final_factor=share)
    if kind in {"cosine", "poly"}:
        period = _float(part.get("T_max"))
        if end is None and period is not None:
            end = begin + period
        names = ("eta_min", "eta_min_ratio")
        power = _float(part.get("power"), 1.0) or 1.0
        return Stage(kind, unit, begin, end, final_factor=_final(part, names, base_lr), power=power)
    return Stage(kind, unit, begin, end, gamma=gamma)


def _mmcv_stages(
    policy: Mapping[str, Any], ends: Mapping[str, int | None], base_lr: float | None
) -> list[Stage]:
    stages = []
    length = _float(policy.get("warmup_iters"))
    if isinstance(policy.get("warmup"), str) and length:
        warm_unit: Unit = "epoch" if policy.get("warmup_by_epoch") is True else "step"
        stages.append(Stage("warmup", warm_unit, 0, length, final_factor=1.0))
    name = str(policy.get("policy", "")).lower()
    kind = _POLICIES.get(name, "other")
    unit: Unit = "step" if policy.get("by_epoch") is False else "epoch"
    gamma = _float(policy.get("gamma"), 0.1) or 0.1
    if kind == "multistep":
        spaced, last = policy.get("step"), ends[unit]
        if isinstance(spaced, list):
            drops = _milestones(spaced, 0)
        else:
            drops = _every(spaced, 0, None if last is None else float(last))
        stages.append(Stage(kind, unit, milestones=drops, gamma=gamma))
    elif kind in {"cosine", "poly", "linear"}:
        share = _final(policy, ("min_lr", "min_lr_ratio"), base_lr)
        power = _float(policy.get("power"), 1.0) or 1.0
        stages.append(Stage(kind, unit, final_factor=share, power=power))
    elif kind == "restarts":
        share = _final(policy, ("min_lr", "min_lr_ratio"), base_lr)
        turns = _cycles(policy.get("periods"), 0)
        stages.append(Stage(kind, unit, milestones=turns, final_factor=share))
    elif name:
        stages.append(Stage(kind, unit, gamma=gamma))
    return stages
