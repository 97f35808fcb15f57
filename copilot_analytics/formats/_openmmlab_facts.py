"""What a configuration of MMEngine or mmcv says about the run: plan, optimizer, names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from copilot_analytics.formats._openmmlab_schedule import schedule_of

if TYPE_CHECKING:
    from copilot_analytics.formats._openmmlab_config import Config


def type_name(part: Any) -> str:
    """Return the last part of the ``type`` of a config entry, empty if it has none."""
    name = part.get("type") if isinstance(part, Mapping) else None
    return name.rpartition(".")[2] if isinstance(name, str) else ""


def _part(config: Any, *path: str) -> Config:
    for key in path:
        config = config.get(key) if isinstance(config, dict) else None
    return config if isinstance(config, dict) else {}


def _number(*candidates: Any) -> Any:
    for candidate in candidates:
        if isinstance(candidate, int | float) and not isinstance(candidate, bool):
            return candidate
    return None


def _count(*candidates: Any) -> int | None:
    number = _number(*candidates)
    return int(number) if number is not None and number > 0 and number == int(number) else None


def config_facts(config: Config) -> dict[str, Any]:
    """Return what a configuration of MMEngine or mmcv says about the run.

    Parameters
    ----------
    config
        As from `read_config`.

    Returns
    -------
    dict
        Facts of a ``config`` record; what the configuration does not state is absent.

    Examples
    --------
    >>> from copilot_analytics.formats._openmmlab_config import read_config
    >>> config_facts(read_config("train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=12)"))
    {'planned_epochs': 12, 'smoothing': 10}
    """
    mmengine = any(
        key in config for key in ("default_hooks", "optim_wrapper", "log_processor", "train_cfg")
    ) and not any(key in config for key in ("lr_config", "log_config", "checkpoint_config"))
    facts = _of_mmengine(config) if mmengine else _of_mmcv(config)
    optimizer, base_lr = _optimizer(config)
    facts["optimizer"], facts["base_lr"] = optimizer, base_lr
    facts["schedule"] = schedule_of(
        config, facts.get("planned_epochs"), facts.get("planned_steps"), base_lr
    )
    facts["num_classes"] = _num_classes(config.get("model"))
    work_dir = config.get("work_dir")
    facts["work_dir"] = work_dir if isinstance(work_dir, str) else None
    seed = _number(_part(config, "randomness").get("seed"), config.get("seed"))
    facts["seed"] = seed if isinstance(seed, int) else None
    return {name: fact for name, fact in facts.items() if fact is not None}


def _of_mmengine(config: Config) -> dict[str, Any]:
    loop = _part(config, "train_cfg")
    by_iteration = "max_iters" in loop or type_name(loop).startswith("IterBased")
    unit = "step" if by_iteration else "epoch"
    facts: dict[str, Any] = {}
    if by_iteration:
        facts["planned_steps"] = _count(loop.get("max_iters"))
    else:
        facts["planned_epochs"] = _count(loop.get("max_epochs"))
    interval = _count(loop.get("val_interval"))
    if interval is None and loop and config.get("val_dataloader"):
        interval = 1000 if by_iteration else 1
    if interval is not None:
        facts["val_interval"], facts["val_unit"] = interval, unit
    notes = []
    begin = _count(loop.get("val_begin"))
    if begin is not None and begin > 1:
        notes.append(f"evaluates from {unit} {begin} on")
    changes = loop.get("dynamic_intervals")
    notes.extend(
        f"from {unit} {change[0]} on it evaluates every {change[1]} {unit}s"
        for change in (changes if isinstance(changes, list) else [])
        if isinstance(change, list) and len(change) == 2
    )
    facts["note"] = "; ".join(notes) or None
    saver = _part(config, "default_hooks", "checkpoint")
    _checkpoint_facts(facts, saver, by_epoch=saver.get("by_epoch", True) is not False)
    _save_best_facts(facts, saver)
    facts["log_interval"] = _count(_part(config, "default_hooks", "logger").get("interval"))
    facts["smoothing"] = _count(_part(config, "log_processor").get("window_size"), 10)
    return facts


def _of_mmcv(config: Config) -> dict[str, Any]:
    runner = _part(config, "runner")
    by_iteration = type_name(runner).startswith("IterBased") or (
        "total_iters" in config and "total_epochs" not in config
    )
    unit = "step" if by_iteration else "epoch"
    facts: dict[str, Any] = {}
    if by_iteration:
        facts["planned_steps"] = _count(runner.get("max_iters"), config.get("total_iters"))
    else:
        facts["planned_epochs"] = _count(runner.get("max_epochs"), config.get("total_epochs"))
    evaluation = _part(config, "evaluation")
    interval = _count(evaluation.get("interval"), 1 if evaluation else None)
    if interval is not None:
        facts["val_interval"] = interval
        facts["val_unit"] = "step" if evaluation.get("by_epoch") is False else unit
    begin = _count(evaluation.get("start"))
    if begin is not None:
        facts["note"] = f"evaluates from {unit} {begin} on"
    saver = _part(config, "checkpoint_config")
    _checkpoint_facts(facts, saver, by_epoch=saver.get("by_epoch", not by_iteration) is not False)
    _save_best_facts(facts, evaluation)
    interval = _count(_part(config, "log_config").get("interval"))
    facts["log_interval"] = facts["smoothing"] = interval
    devices = config.get("gpu_ids")
    if isinstance(devices, list) and devices:
        facts["gpus"] = len(devices)
    else:
        facts["gpus"] = _count(config.get("gpus"))
    return facts


def _checkpoint_facts(facts: dict[str, Any], saver: Config, *, by_epoch: bool) -> None:
    interval = _count(saver.get("interval"))
    if interval is not None:
        facts["checkpoint_interval"] = interval
        facts["checkpoint_unit"] = "epoch" if by_epoch else "step"


def _save_best_facts(facts: dict[str, Any], saver: Config) -> None:
    chosen, rule = saver.get("save_best"), saver.get("rule")
    if isinstance(chosen, list):
        chosen = chosen[0] if chosen else None
    if isinstance(rule, list):
        rule = rule[0] if rule else None
    if isinstance(chosen, str) and chosen != "auto":
        facts["save_best"] = chosen
    if isinstance(chosen, str) and isinstance(rule, str):
        facts["save_best_direction"] = {"greater": "max", "less": "min"}.get(rule)


def _optimizer(config: Config) -> tuple[str | None, float | None]:
    wrapper = _part(config, "optim_wrapper")
    candidates = {"": _part(wrapper, "optimizer") or _part(config, "optimizer")}
    if not type_name(candidates[""]):
        homes = wrapper or candidates[""]
        nested = {name: _part(part, "optimizer") or part for name, part in homes.items()}
        candidates = {
            name: part
            for name, part in nested.items()
            if isinstance(part, dict) and type_name(part) and "lr" in part
        }
    words = []
    for name, optimizer in candidates.items():
        shown = {key: _number(optimizer.get(key)) for key in ("lr", "momentum", "weight_decay")}
        inside = ", ".join(f"{k}={v:g}" for k, v in shown.items() if v is not None)
        kind = type_name(optimizer)
        if kind:
            words.append((f"{name}: " if name else "") + f"{kind}({inside})")
    first: Config = next(iter(candidates.values()), {})
    rate = _number(first.get("lr"))
    return "; ".join(words) or None, None if rate is None else float(rate)


def _num_classes(model: Any) -> int | None:
    """Return the number of classes if all parts of the model agree on it."""
    found: set[int] = set()
    waiting = [model]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            count = part.get("num_classes")
            if isinstance(count, int) and not isinstance(count, bool) and count > 0:
                found.add(count)
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
    return found.pop() if len(found) == 1 else None
