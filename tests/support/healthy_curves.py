"""Losses of healthy runs, and the noise on them."""

from __future__ import annotations

import numpy as np


def healthy(shape, n):
    t = np.arange(n) / n
    return {
        "falling": 1 + 3 * (1 + 50 * t) ** -0.5,
        "plateau": 1 + 3 * np.exp(-30 * t),
        "flat": np.full(n, 2.3),
        "start-up bump": 1 + 3 * (1 + 50 * t) ** -0.5 + 2 * np.exp(-(((t - 0.01) / 0.004) ** 2)),
        "scheduled drops": 1.5 + 2 * np.exp(-8 * t) - 0.4 * (t > 0.5) - 0.1 * (t > 0.8),
        "middle bump": 1 + 3 * np.exp(-10 * t) + np.exp(-(((t - 0.4) / 0.05) ** 2)),
        "signed": 2 * np.exp(-5 * t) - 1,
    }[shape]


SHAPES = ["falling", "plateau", "flat", "start-up bump", "scheduled drops", "middle bump", "signed"]


def noise(kind, seed, n):
    rng = np.random.default_rng(seed)
    if kind == "skewed":
        return np.exp(0.5 * rng.normal(size=n)) - 1.13
    if kind == "heavy":
        return rng.laplace(size=n) / 1.4
    drawn = rng.normal(size=n)
    if kind == "autocorrelated":
        for i in range(1, n):
            drawn[i] = 0.7 * drawn[i - 1] + 0.7 * drawn[i]
    return drawn


NOISES = ["normal", "autocorrelated", "heavy", "skewed"]


def runs(kinds=NOISES, per_cell=12):
    for kind in kinds:
        for shape in SHAPES:
            for seed in range(per_cell):
                n = (60, 300, 1500)[seed % 3]
                sigma = (0.02, 0.1, 0.2)[seed // 3 % 3]
                yield healthy(shape, n) + sigma * noise(kind, 1000 + seed, n)
