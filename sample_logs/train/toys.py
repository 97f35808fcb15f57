"""Toy data and small networks that the training scripts share; nothing here knows a trainer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_diabetes, load_digits
from sklearn.model_selection import train_test_split
from torch import nn

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Split(NamedTuple):
    """Inputs and targets of one half of a data set."""

    x: NDArray[np.float32]
    y: NDArray[np.int64] | NDArray[np.float32]


def digits(
    train: bool, size: int | None = None, noise: float = 0.0, mislabelled: float = 0.0
) -> Split:
    """Return the 8x8 digits, scaled to 0..1, 1200 for training and 597 for validation.

    Parameters
    ----------
    train
        Which half.
    size
        Keep this many of them; all when not given.
    noise
        Standard deviation of noise that is added once, so that the task has a ceiling.
    mislabelled
        Share of labels that are replaced by the next digit.
    """
    x, y = load_digits(return_X_y=True)
    halves = train_test_split(x / 16.0, y, train_size=1200, random_state=0, stratify=y)
    images, labels = (halves[0], halves[2]) if train else (halves[1], halves[3])
    images, labels = images[:size], labels[:size]
    rng = np.random.default_rng(int(train))
    images = images + rng.normal(0.0, noise, images.shape)
    labels = np.where(rng.random(len(labels)) < mislabelled, (labels + 1) % 10, labels)
    return Split(images.reshape(-1, 1, 8, 8).astype(np.float32), labels.astype(np.int64))


def diabetes(train: bool) -> Split:
    """Return the diabetes data, 330 patients for training and 112 for validation.

    The target keeps its own unit (25..346), so the RMSE of the mean is about 77.
    """
    x, y = load_diabetes(return_X_y=True, scaled=False)
    halves = train_test_split(x, y, train_size=330, random_state=0)
    mean, std = halves[0].mean(axis=0), halves[0].std(axis=0)
    x, y = (halves[0], halves[2]) if train else (halves[1], halves[3])
    return Split(((x - mean) / std).astype(np.float32), y.astype(np.float32))


class DigitNet(nn.Module):
    """Two convolutions, a hidden layer, and an auxiliary head on the convolutions."""

    def __init__(self, width: int = 96, dropout: float = 0.0) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(width, width, 3, padding=1),
            nn.LeakyReLU(0.1),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.hidden = nn.Sequential(
            nn.Linear(16 * width, 128), nn.LeakyReLU(0.1), nn.Dropout(dropout)
        )
        self.head = nn.Linear(128, 10)
        self.aux_head = nn.Linear(16 * width, 10)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the logits of both heads, each of shape (batch, 10)."""
        features = self.features(x)
        return self.head(self.hidden(features)), self.aux_head(features)


class DiabetesNet(nn.Module):
    """A perceptron with dropout that predicts the target in its own unit."""

    def __init__(self, width: int = 512, dropout: float = 0.3) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(10, width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, 1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return predictions of shape (batch,)."""
        scaled: torch.Tensor = self.layers(x)
        return scaled.squeeze(1) * 77.0 + 152.0
