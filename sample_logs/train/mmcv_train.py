"""Train one of the mmcv 1.x sample runs: ``python mmcv_train.py mmcv_digits``.

The set-up (logger, environment, meta) is the one that mmdet 2.x and mmseg 0.x had in their
``tools/train.py``, because their logs are what mmcv logs in the wild look like. mmcv 1.x imports
torchvision for a model zoo that nothing here uses: ``stub/`` on the path is enough for it.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mmcv
import torch
from mmcv.parallel import MMDataParallel
from mmcv.runner import EvalHook, build_runner, set_random_seed
from mmcv.utils import collect_env, get_logger
from sklearn.metrics import accuracy_score, f1_score
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from toys import DigitNet, digits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmcv.runner import BaseRunner

_COMMON = {
    "data": {"samples_per_gpu": 32, "noise": 0.2},
    "optimizer": {"type": "SGD", "lr": 0.03, "momentum": 0.9, "weight_decay": 5e-4},
    "log_config": {"interval": 10, "hooks": [{"type": "TextLoggerHook"}]},
    "workflow": [("train", 1)],
    "seed": 0,
}

CONFIGS: dict[str, dict[str, Any]] = {
    "mmcv_digits": {
        **_COMMON,
        "optimizer_config": {"grad_clip": {"max_norm": 10.0, "norm_type": 2}},
        "lr_config": {
            "policy": "step",
            "warmup": "linear",
            "warmup_iters": 38,
            "warmup_ratio": 0.01,
            "step": [12, 16],
        },
        "runner": {"type": "EpochBasedRunner", "max_epochs": 18},
        "checkpoint_config": {"interval": 1, "max_keep_ckpts": 2},
        "evaluation": {"interval": 1, "save_best": "accuracy", "rule": "greater"},
    },
    "mmcv_iter": {
        **_COMMON,
        "optimizer_config": {},
        "lr_config": {"policy": "poly", "power": 0.9, "min_lr": 1e-5, "by_epoch": False},
        "runner": {"type": "IterBasedRunner", "max_iters": 2000},
        "checkpoint_config": {"by_epoch": False, "interval": 500, "max_keep_ckpts": 2},
        "evaluation": {"interval": 100, "save_best": "accuracy", "rule": "greater"},
        "log_config": {"interval": 20, "hooks": [{"type": "TextLoggerHook", "by_epoch": False}]},
    },
}


class Digits(Dataset[dict[str, Any]]):
    """Handwritten digits that know how to be evaluated, as mmcv's ``EvalHook`` wants."""

    def __init__(self, train: bool, noise: float) -> None:
        self.train = train
        self.noise = noise
        self.split = digits(train, noise=noise)

    def __len__(self) -> int:
        return len(self.split.y)

    def __getitem__(self, index: int) -> dict[str, Any]:
        x = torch.from_numpy(self.split.x[index])
        if self.train:
            x = x + self.noise * torch.randn_like(x)
        return {"inputs": x, "targets": torch.as_tensor(self.split.y[index])}

    def evaluate(self, results: Sequence[int], logger: Any = None) -> dict[str, float]:
        """Return accuracy and macro-averaged F1 of one prediction per image."""
        del logger
        return {
            "accuracy": float(accuracy_score(self.split.y, results)),
            "macro_f1": float(f1_score(self.split.y, results, average="macro")),
        }


class DigitClassifier(nn.Module):
    """A digit network with a main and an auxiliary loss, as mmcv's runners want it."""

    def __init__(self, aux_weight: float = 0.4) -> None:
        super().__init__()
        self.net = DigitNet()
        self.aux_weight = aux_weight

    def train_step(self, batch: dict[str, torch.Tensor], _: Any) -> dict[str, Any]:
        """Return the loss of one batch and what to log of it."""
        logits, aux_logits = self.net(batch["inputs"])
        targets = batch["targets"]
        loss_cls = functional.cross_entropy(logits, targets)
        loss_aux = self.aux_weight * functional.cross_entropy(aux_logits, targets)
        loss = loss_cls + loss_aux
        log_vars = {"loss_cls": loss_cls.item(), "loss_aux": loss_aux.item(), "loss": loss.item()}
        return {"loss": loss, "log_vars": log_vars, "num_samples": len(targets)}


def predict(model: MMDataParallel, loader: DataLoader[dict[str, Any]]) -> list[int]:
    """Return the predicted digit of each image."""
    model.eval()
    with torch.no_grad():
        batches = [model.module.net(batch["inputs"])[0].argmax(dim=1) for batch in loader]
    model.train()
    return torch.cat(batches).tolist()


def build(config: mmcv.Config, work_dir: Path) -> tuple[BaseRunner, DataLoader[dict[str, Any]]]:
    """Return the runner with all its hooks, and the training data."""
    work_dir.mkdir(parents=True, exist_ok=True)
    timestamp = time.strftime("%Y%m%d_%H%M%S", time.localtime())
    name = work_dir.name
    config.dump(str(work_dir / f"{name}.py"))
    logger = get_logger("digits", log_file=str(work_dir / f"{timestamp}.log"))
    env_info = "\n".join(f"{key}: {text}" for key, text in collect_env().items())
    dashes = "-" * 60
    logger.info("Environment info:\n%s\n%s\n%s\n", dashes, env_info, dashes)
    logger.info("Config:\n%s", config.pretty_text)
    logger.info("Set random seed to %s, deterministic: False", config.seed)
    set_random_seed(config.seed)
    model = MMDataParallel(DigitClassifier(), device_ids=[])
    runner = build_runner(
        config.runner,
        default_args={
            "model": model,
            "optimizer": mmcv.runner.build_optimizer(model, config.optimizer),
            "work_dir": str(work_dir),
            "logger": logger,
            "meta": {
                "env_info": env_info,
                "config": config.pretty_text,
                "seed": config.seed,
                "exp_name": f"{name}.py",
            },
        },
    )
    runner.timestamp = timestamp
    runner.register_training_hooks(
        config.lr_config, config.optimizer_config, config.checkpoint_config, config.log_config
    )
    validation = DataLoader(Digits(False, config.data.noise), batch_size=100)
    by_epoch = config.runner.type == "EpochBasedRunner"
    runner.register_hook(
        EvalHook(validation, by_epoch=by_epoch, test_fn=predict, **config.evaluation),
        priority="LOW",
    )
    training = DataLoader(
        Digits(True, config.data.noise), config.data.samples_per_gpu, shuffle=True
    )
    return runner, training


def main() -> None:
    """Train the run that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=CONFIGS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    config = mmcv.Config(CONFIGS[args.name])
    config.work_dir = f"./work_dirs/{args.name}"
    runner, training = build(config, Path(config.work_dir))
    runner.run([training], [tuple(stage) for stage in config.workflow])


if __name__ == "__main__":
    main()
