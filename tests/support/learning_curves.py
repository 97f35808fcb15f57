"""Curves of a score that learns, for the tests of the forecast."""

from __future__ import annotations

import numpy as np

QS = np.linspace(0.0, 1.0, 41)


def learning(n: int, noise: float = 0.004, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    steps = np.arange(1, n + 1) * 100.0
    jitter = noise * np.random.default_rng(seed).normal(size=n)
    return steps, 0.85 - 0.6 * np.arange(1, n + 1) ** -0.6 + jitter
