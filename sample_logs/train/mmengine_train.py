"""Train one of the MMEngine sample runs: ``python mmengine_train.py digits_step``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, HOOKS, METRICS, MODELS
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from mmengine_configs import CONFIGS
from sklearn.metrics import accuracy_score, f1_score
from torch.nn import functional
from torch.utils.data import Dataset
from toys import DiabetesNet, DigitNet, Split, diabetes, digits

if TYPE_CHECKING:
    from collections.abc import Sequence

Item = dict[str, Any]


class Toy(Dataset[Item]):
    """A split held in memory; ``fresh_noise`` is drawn anew for every item."""

    def __init__(self, split: Split, fresh_noise: float = 0.0) -> None:
        self.split = split
        self.fresh_noise = fresh_noise

    def __len__(self) -> int:
        return len(self.split.y)

    def __getitem__(self, index: int) -> Item:
        x = torch.from_numpy(self.split.x[index])
        if self.fresh_noise:
            x = x + self.fresh_noise * torch.randn_like(x)
        return {"inputs": x, "targets": torch.as_tensor(self.split.y[index])}


@DATASETS.register_module()
class Digits(Toy):
    """Handwritten digits."""

    def __init__(
        self,
        train: bool,
        size: int | None = None,
        noise: float = 0.0,
        fresh_noise: float = 0.0,
        mislabelled: float = 0.0,
    ) -> None:
        super().__init__(digits(train, size, noise, mislabelled), fresh_noise)


@DATASETS.register_module()
class MixedDigits(Digits):
    """Digits blended with a second one, drawn from a pool that grows with each epoch.

    The pool is not capped at the number of images. That is the bug that the crash shows.
    """

    def __init__(self, pool_step: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pool_step = pool_step
        self.epoch = 1

    def __getitem__(self, index: int) -> Item:
        item = super().__getitem__(index)
        partner = int(torch.randint(self.pool_step * self.epoch, ()))
        item["inputs"] = 0.8 * item["inputs"] + 0.2 * torch.from_numpy(self.split.x[partner])
        return item


@DATASETS.register_module()
class Diabetes(Toy):
    """Disease progression of diabetes patients."""

    def __init__(self, train: bool) -> None:
        super().__init__(diabetes(train))


@HOOKS.register_module()
class TellEpochHook(Hook):
    """Tell the data set which epoch, counted from one, is about to start."""

    def before_train_epoch(self, runner: Runner) -> None:
        """Set ``dataset.epoch``."""
        runner.train_dataloader.dataset.epoch = runner.epoch + 1


@MODELS.register_module()
class DigitClassifier(BaseModel):
    """A digit network with a main and an auxiliary loss."""

    def __init__(
        self,
        aux_weight: float,
        aux_squared: bool = False,
        report_val_loss: bool = False,
        width: int = 96,
        dropout: float = 0,
    ) -> None:
        super().__init__()
        self.net = DigitNet(width, dropout)
        self.aux_weight = aux_weight
        self.aux_squared = aux_squared
        self.report_val_loss = report_val_loss

    def forward(self, inputs: torch.Tensor, targets: torch.Tensor, mode: str = "tensor") -> Any:
        """Return logits, losses, or what the evaluator wants, as MMEngine asks by `mode`."""
        logits, aux_logits = self.net(inputs)
        if self.aux_squared:
            aux = functional.mse_loss(aux_logits, functional.one_hot(targets, 10).float())
        else:
            aux = functional.cross_entropy(aux_logits, targets)
        losses = {
            "loss_cls": functional.cross_entropy(logits, targets),
            "loss_aux": self.aux_weight * aux,
        }
        if mode == "loss":
            return losses
        if mode == "predict":
            rows = zip(logits.argmax(dim=1).tolist(), targets.tolist(), strict=True)
            samples = [BaseDataElement(predicted=got, target=wanted) for got, wanted in rows]
            # MMEngine's ValLoop takes a last element that holds only `loss` for the losses.
            return [*samples, BaseDataElement(loss=losses)] if self.report_val_loss else samples
        return logits


@MODELS.register_module()
class DiabetesRegressor(BaseModel):
    """A perceptron with a smooth L1 loss."""

    def __init__(self) -> None:
        super().__init__()
        self.net = DiabetesNet()

    def forward(self, inputs: torch.Tensor, targets: torch.Tensor, mode: str = "tensor") -> Any:
        """Return predictions, losses, or what the evaluator wants, as MMEngine asks by `mode`."""
        predicted = self.net(inputs)
        if mode == "loss":
            return {"loss": functional.smooth_l1_loss(predicted, targets, beta=20.0)}
        if mode == "predict":
            rows = zip(predicted.tolist(), targets.tolist(), strict=True)
            return [BaseDataElement(predicted=got, target=wanted) for got, wanted in rows]
        return predicted


class PairMetric(BaseMetric):
    """Collects (predicted, target) pairs."""

    def process(self, data_batch: Any, data_samples: Sequence[Item]) -> None:
        """Keep the pairs of one batch."""
        del data_batch
        self.results.extend((sample["predicted"], sample["target"]) for sample in data_samples)


@METRICS.register_module()
class DigitMetric(PairMetric):
    """Accuracy and macro-averaged F1, both in 0..1, higher is better."""

    default_prefix = "digits"

    def compute_metrics(self, results: list[tuple[int, int]]) -> dict[str, float]:
        """Return both metrics."""
        predicted, target = zip(*results, strict=True)
        return {
            "accuracy": float(accuracy_score(target, predicted)),
            "macro_f1": float(f1_score(target, predicted, average="macro")),
        }


@METRICS.register_module()
class RegressionMetric(PairMetric):
    """Root mean square and mean absolute error, lower is better."""

    def compute_metrics(self, results: list[tuple[float, float]]) -> dict[str, float]:
        """Return both metrics."""
        error = np.subtract(*np.asarray(results).T)
        return {"rmse": float(np.sqrt(np.mean(error**2))), "mae": float(np.mean(np.abs(error)))}


def main() -> None:
    """Train the run that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=CONFIGS)
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    args = parser.parse_args()
    torch.set_num_threads(1)
    config = Config(CONFIGS[args.name]())
    config.work_dir = f"work_dirs/{args.name}"
    config.resume = args.resume
    Runner.from_cfg(config).train()


if __name__ == "__main__":
    main()
