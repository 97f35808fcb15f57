"""The configuration of each MMEngine sample run, as plain dicts by name."""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]


def _loader(dataset: Config, batch_size: int, train: bool, workers: int = 0) -> Config:
    return {
        "batch_size": batch_size,
        "num_workers": workers,
        "sampler": {"type": "DefaultSampler", "shuffle": train},
        "collate_fn": {"type": "default_collate"},
        "dataset": dataset,
    }


def _sgd(lr: float, weight_decay: float = 0.0) -> Config:
    return {
        "type": "OptimWrapper",
        "optimizer": {"type": "SGD", "lr": lr, "momentum": 0.9, "weight_decay": weight_decay},
    }


def _warmup(iters: int, start_factor: float = 0.01) -> Config:
    return {
        "type": "LinearLR",
        "start_factor": start_factor,
        "by_epoch": False,
        "begin": 0,
        "end": iters,
    }


def _hooks(save_best: str, rule: str, log_every: int, **checkpoint: Any) -> Config:
    return {
        "logger": {"type": "LoggerHook", "interval": log_every},
        "checkpoint": {
            "type": "CheckpointHook",
            "max_keep_ckpts": 2,
            "save_best": save_best,
            "rule": rule,
            **checkpoint,
        },
    }


def _common(seed: int) -> Config:
    return {
        "default_scope": "mmengine",
        "env_cfg": {"cudnn_benchmark": False, "mp_cfg": {"mp_start_method": "fork"}},
        "visualizer": {
            "type": "Visualizer",
            "vis_backends": [{"type": "LocalVisBackend"}],
        },
        "log_level": "INFO",
        "load_from": None,
        "resume": False,
        "randomness": {"seed": seed},
    }


def _digits(
    epochs: int,
    lr: float,
    *,
    seed: int = 0,
    schedule: tuple[Config, ...] = (),
    model: Config | None = None,
    data: Config | None = None,
    batch_size: int = 32,
    workers: int = 0,
    weight_decay: float = 0.0,
) -> Config:
    train_set = {"type": "Digits", "train": True, "noise": 0.2, **(data or {})}
    val_set = {"type": "Digits", "train": False, "noise": 0.2}
    return {
        **_common(seed),
        "model": {"type": "DigitClassifier", "aux_weight": 0.4, **(model or {})},
        "train_dataloader": _loader(train_set, batch_size, True, workers),
        "val_dataloader": _loader(val_set, 100, False),
        "val_evaluator": {"type": "DigitMetric"},
        "train_cfg": {"type": "EpochBasedTrainLoop", "max_epochs": epochs, "val_interval": 1},
        "val_cfg": {"type": "ValLoop"},
        "optim_wrapper": _sgd(lr, weight_decay),
        "param_scheduler": list(schedule),
        "default_hooks": _hooks("digits/accuracy", "greater", 10, interval=1),
    }


def digits_step() -> Config:
    """Return a healthy run: a noisy plateau at a high rate, then a gain at each decay."""
    decay = {
        "type": "MultiStepLR",
        "by_epoch": True,
        "begin": 0,
        "end": 24,
        "milestones": [16, 21],
        "gamma": 0.1,
    }
    return _digits(
        24,
        0.055,
        batch_size=16,
        schedule=(_warmup(75), decay),
        data={"fresh_noise": 0.2},
        weight_decay=5e-4,
    )


def digits_overfit() -> Config:
    """Return a long run on 300 images, a fifth with a wrong label, without regularisation."""
    return _digits(
        60,
        0.01,
        data={"size": 300, "mislabelled": 0.2},
        batch_size=10,
        model={"report_val_loss": True},
    )


def digits_nan() -> Config:
    """Return a run whose rate climbs for its whole length, until it blows up."""
    return _digits(20, 0.5, schedule=(_warmup(38 * 20, 1e-2),), model={"aux_squared": True})


def digits_resumed() -> Config:
    """Return a healthy cosine run, which the caller kills and resumes."""
    cosine = {
        "type": "CosineAnnealingLR",
        "by_epoch": True,
        "begin": 0,
        "end": 20,
        "T_max": 20,
        "eta_min": 1e-5,
        "convert_to_iter_based": True,
    }
    return _digits(
        20, 0.03, schedule=(_warmup(38), cosine), data={"fresh_noise": 0.2}, weight_decay=5e-4
    )


def digits_crash() -> Config:
    """Return a run whose data set has a bug that shows in the seventh epoch."""
    mixed = {"type": "MixedDigits", "pool_step": 172}
    config = _digits(20, 0.03, seed=3, data=mixed, workers=2)
    config["custom_hooks"] = [{"type": "TellEpochHook"}]
    return config


def digits_plateau() -> Config:
    """Return a run at a constant rate that has learned all it can early on."""
    return _digits(40, 0.02, data={"fresh_noise": 0.2}, weight_decay=0.03)


def diabetes_iter() -> Config:
    """Return an iteration-based regression with warm-up and cosine decay."""
    cosine = {
        "type": "CosineAnnealingLR",
        "by_epoch": False,
        "begin": 200,
        "end": 3000,
        "eta_min": 0.0,
    }
    return {
        **_common(seed=0),
        "model": {"type": "DiabetesRegressor"},
        "train_dataloader": {
            **_loader({"type": "Diabetes", "train": True}, 32, True),
            "sampler": {"type": "InfiniteSampler", "shuffle": True},
        },
        "val_dataloader": _loader({"type": "Diabetes", "train": False}, 28, False),
        "val_evaluator": {"type": "RegressionMetric"},
        "train_cfg": {"type": "IterBasedTrainLoop", "max_iters": 3000, "val_interval": 100},
        "val_cfg": {"type": "ValLoop"},
        "optim_wrapper": {
            "type": "OptimWrapper",
            "optimizer": {"type": "AdamW", "lr": 3e-6, "weight_decay": 0.05},
            "clip_grad": {"max_norm": 500.0},
        },
        "param_scheduler": [_warmup(200), cosine],
        "default_hooks": _hooks("rmse", "less", 20, by_epoch=False, interval=500),
        "log_processor": {"type": "LogProcessor", "window_size": 20, "by_epoch": False},
    }


CONFIGS = {
    make.__name__: make
    for make in (
        digits_step,
        digits_overfit,
        digits_nan,
        digits_resumed,
        digits_crash,
        digits_plateau,
        diabetes_iter,
    )
}
