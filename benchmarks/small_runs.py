"""Train small models on small data, and keep their learning curves for the fit of the forecast.

Boosted trees, small networks and linear models over 6 to 50 evaluations: smooth curves that level
off, that rise again, or that move in coarse steps. Many logs are like that, and the public
collections of curves hold none of them. Needs scikit-learn, LightGBM and XGBoost, in an environment
of their own; a fixed seed for each curve. The file made is part of the repository.

Usage: python benchmarks/small_runs.py
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np
import xgboost
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Array = NDArray[np.float64]
FILE = Path(__file__).with_suffix(".csv")
LENGTHS = (6, 8, 10, 12, 15, 20, 25, 30, 40, 50)
SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "cosine": lambda done: 0.5 * (1.0 + np.cos(np.pi * done)),
    "linear": lambda done: 1.0 - done,
    "two drops": lambda done: 1.0 if done < 0.6 else 0.1 if done < 0.85 else 0.01,
    "one drop": lambda done: 1.0 if done < 0.67 else 0.1,
    "late decay": lambda done: min(1.0, (1.0 - done) / 0.2),
    "inverse root": lambda done: min(1.0, (0.1 / max(done, 1e-9)) ** 0.5),
}


@dataclass(frozen=True)
class Task:
    """Data split in two; `classes` is 0 for a regression."""

    name: str
    classes: int
    train_x: Array
    test_x: Array
    train_y: Array
    test_y: Array


@dataclass(frozen=True)
class Trained:
    """A finished curve of a task."""

    task: str
    model: str
    metric: str
    steps: Array
    values: Array


def _data() -> Iterator[tuple[str, int, Array, Array]]:
    x, y = datasets.load_iris(return_X_y=True)
    yield "iris", 3, x, y
    x, y = datasets.load_digits(return_X_y=True)
    yield "digits, odd or even", 2, x[::2], y[::2] % 2
    yield "digits below five", 5, x[y < 5][:400], y[y < 5][:400]
    yield "circles", 2, *datasets.make_circles(1200, noise=0.2, factor=0.6, random_state=13)
    x, y = datasets.make_blobs(1500, 6, centers=6, cluster_std=4.0, random_state=14)
    yield "blobs", 6, x, y
    noisy = {"n_informative": 5, "flip_y": 0.2, "random_state": 15}
    yield "noisy classes", 2, *datasets.make_classification(1200, 50, **noisy)
    eight = {"n_informative": 15, "n_classes": 8, "n_clusters_per_class": 1, "random_state": 16}
    yield "eight classes", 8, *datasets.make_classification(5000, 20, **eight)
    x, y = datasets.load_diabetes(return_X_y=True)
    yield "body mass", 0, np.delete(x, 2, 1), 20.0 * x[:, 2]
    x, y = datasets.load_wine(return_X_y=True)
    yield "alcohol", 0, x[:, 1:], x[:, 0]
    x, y = datasets.load_breast_cancer(return_X_y=True)
    yield "texture", 0, np.delete(x, [1, 21], 1), x[:, 1]
    yield "swiss roll", 0, *datasets.make_swiss_roll(2000, noise=0.5, random_state=17)
    yield "sparse", 0, *datasets.make_sparse_uncorrelated(1500, 12, random_state=18)
    yield "s curve", 0, *datasets.make_s_curve(1500, noise=0.2, random_state=19)
    low = {"noise": 5.0, "tail_strength": 0.8, "effective_rank": 8, "random_state": 20}
    yield "low rank", 0, *datasets.make_regression(2500, 25, n_informative=20, **low)


def tasks(seed: int) -> Iterator[Task]:
    """Split every data set."""
    for name, classes, x, y in _data():
        yield Task(name, classes, *train_test_split(x, y, random_state=seed))


def lightgbm_curves(task: Task, rate: float, n: int, every: int, leaves: int) -> list[Trained]:
    """Boost with LightGBM."""
    named = ("regression", "l2"), ("binary", "binary_logloss"), ("multiclass", "multi_logloss")
    objective, loss = named[min(max(task.classes - 1, 0), 2)]
    metrics = [loss, "auc"] if task.classes == 2 else [loss]
    settings: dict[str, Any] = {
        "objective": objective, "metric": metrics, "learning_rate": rate, "num_leaves": leaves,
        "num_threads": 1, "verbose": -1, "seed": 0,
    }  # fmt: skip
    if task.classes > 2:
        settings["num_class"] = task.classes
    found: dict[str, dict[str, list[float]]] = {}
    lightgbm.train(
        settings, lightgbm.Dataset(task.train_x, task.train_y), n * every,
        [lightgbm.Dataset(task.test_x, task.test_y)],
        callbacks=[lightgbm.record_evaluation(found)],
    )  # fmt: skip
    return _every(task, "LightGBM", found["valid_0"], every)


def xgboost_curves(task: Task, rate: float, n: int, every: int, depth: int) -> list[Trained]:
    """Boost with XGBoost."""
    objective, *metrics = (
        ("reg:squarederror", "rmse"),
        ("binary:logistic", "logloss", "error"),
        ("multi:softprob", "mlogloss", "merror"),
    )[min(max(task.classes - 1, 0), 2)]
    settings: dict[str, Any] = {
        "objective": objective, "eval_metric": metrics, "eta": rate, "max_depth": depth,
        "nthread": 1, "seed": 0,
    }  # fmt: skip
    if task.classes > 2:
        settings["num_class"] = task.classes
    found: dict[str, dict[str, list[float]]] = {}
    xgboost.train(
        settings, xgboost.DMatrix(task.train_x, task.train_y), n * every,
        [(xgboost.DMatrix(task.test_x, task.test_y), "test")],
        evals_result=found, verbose_eval=False,
    )  # fmt: skip
    return _every(task, "XGBoost", found["test"], every)


def _every(task: Task, model: str, found: dict[str, list[float]], every: int) -> list[Trained]:
    return [
        Trained(
            task.name, model, metric,
            np.arange(every, len(values) + 1, every, dtype=np.float64),
            np.array(values)[every - 1 :: every],
        )
        for metric, values in found.items()
    ]  # fmt: skip


def sklearn_curves(task: Task, rate: float, n: int) -> list[Trained]:
    """Boost with scikit-learn, and fit a linear classifier by stochastic gradients."""
    steps = np.arange(1.0, n + 1.0)
    name = "scikit-learn"
    if not task.classes:
        boost = GradientBoostingRegressor(n_estimators=n, learning_rate=rate, random_state=0)
        staged = boost.fit(task.train_x, task.train_y).staged_predict(task.test_x)
        errors = np.array([mean_squared_error(task.test_y, guess) for guess in staged])
        return [Trained(task.name, name, "mse", steps, errors)]
    labels = np.arange(task.classes)
    boost = GradientBoostingClassifier(n_estimators=n, learning_rate=rate, random_state=0)
    staged = boost.fit(task.train_x, task.train_y).staged_predict_proba(task.test_x)
    losses = np.array([log_loss(task.test_y, guess, labels=labels) for guess in staged])
    scaler = StandardScaler().fit(task.train_x)
    x, test_x = scaler.transform(task.train_x), scaler.transform(task.test_x)
    linear = SGDClassifier(
        loss="log_loss", alpha=1e-3, learning_rate="constant", eta0=rate / 30.0, random_state=0
    )
    passes = np.empty(n)
    for i in range(n):
        linear.partial_fit(x, task.train_y, classes=labels)
        guess = np.clip(linear.predict_proba(test_x), 1e-9, 1.0)
        passes[i] = log_loss(task.test_y, guess, labels=labels)
    return [
        Trained(task.name, name, "logloss", steps, losses),
        Trained(task.name, "linear classifier", "logloss", steps, passes),
    ]


class Network:
    """One hidden layer, trained by Adam or by momentum."""

    def __init__(self, inputs: int, hidden: int, outputs: int, rng: np.random.Generator) -> None:
        self.weights = [
            rng.normal(0.0, np.sqrt(2.0 / inputs), (inputs, hidden)),
            np.zeros(hidden),
            rng.normal(0.0, np.sqrt(1.0 / hidden), (hidden, outputs)),
            np.zeros(outputs),
        ]
        self._first = [np.zeros_like(w) for w in self.weights]
        self._second = [np.zeros_like(w) for w in self.weights]
        self._updates = 0

    def outputs(self, x: Array) -> tuple[Array, Array]:
        """Return the hidden layer and the outputs."""
        hidden = np.maximum(x @ self.weights[0] + self.weights[1], 0.0)
        return hidden, hidden @ self.weights[2] + self.weights[3]

    def update(self, x: Array, hidden: Array, by_output: Array, rate: float, *, adam: bool) -> None:
        """Take one step against the gradient by the outputs."""
        by_hidden = (by_output @ self.weights[2].T) * (hidden > 0.0)
        gradients = x.T @ by_hidden, by_hidden.sum(0), hidden.T @ by_output, by_output.sum(0)
        self._updates += 1
        for w, g, m, v in zip(self.weights, gradients, self._first, self._second, strict=True):
            if adam:
                m += 0.1 * (g - m)
                v += 0.001 * (g * g - v)
                size = np.sqrt(v / (1.0 - 0.999**self._updates)) + 1e-8
                w -= rate * m / (1.0 - 0.9**self._updates) / size
            else:
                m *= 0.9
                m += g
                w -= rate * m


def network_curves(
    task: Task, schedule: str, n: int, every: int, seed: int, rate: float, *, adam: bool
) -> list[Trained]:
    """Train a small network by a schedule of the learning rate."""
    rng = np.random.default_rng(seed)
    scaler = StandardScaler().fit(task.train_x)
    x, test_x = scaler.transform(task.train_x), scaler.transform(task.test_x)
    centre, unit = (0.0, 1.0) if task.classes else (task.train_y.mean(), task.train_y.std())
    wanted = (
        np.eye(task.classes)[task.train_y] if task.classes else
        ((task.train_y - centre) / unit)[:, None]
    )  # fmt: skip
    net = Network(x.shape[1], int(rng.choice([16, 64])), wanted.shape[1], rng)
    batch = int(rng.choice([16, 32, 128]))
    of_epoch = max(len(x) // batch, 1)
    steps, first, second = [], [], []
    for epoch in range(n * every):
        order = rng.permutation(len(x))
        for i in range(of_epoch):
            rows = order[i * batch : (i + 1) * batch]
            hidden, out = net.outputs(x[rows])
            off = (_softmax(out) if task.classes else 2.0 * out) - (
                wanted[rows] if task.classes else 2.0 * wanted[rows]
            )
            done = (epoch * of_epoch + i + 1) / (n * every * of_epoch)
            net.update(
                x[rows], hidden, off / len(rows), rate * SCHEDULES[schedule](done), adam=adam
            )
        if (epoch + 1) % every == 0:
            out = net.outputs(test_x)[1]
            if not np.isfinite(out).all():
                return []
            steps.append(float((epoch + 1) * of_epoch))
            if task.classes:
                guess = _softmax(out)
                first.append(log_loss(task.test_y, guess, labels=np.arange(task.classes)))
                second.append(accuracy_score(task.test_y, guess.argmax(1)))
            else:
                guess = centre + unit * out[:, 0]
                first.append(mean_squared_error(task.test_y, guess))
                second.append(mean_absolute_error(task.test_y, guess))
    model = f"network, {'Adam' if adam else 'momentum'}, {schedule}"
    names = ("logloss", "accuracy") if task.classes else ("mse", "mae")
    return [
        Trained(task.name, model, metric, np.array(steps), np.array(values))
        for metric, values in zip(names, (first, second), strict=True)
    ]


def _softmax(out: Array) -> Array:
    away = np.exp(out - out.max(axis=1, keepdims=True))
    return np.asarray(away / away.sum(axis=1, keepdims=True))


def all_curves() -> Iterator[Trained]:
    """Train everything; settings are drawn from a fixed seed."""
    rng = np.random.default_rng(7)
    for seed in range(4):
        for task in tasks(seed):
            rate, n = float(rng.choice([0.02, 0.05, 0.1, 0.3])), int(rng.choice(LENGTHS))
            every = int(rng.choice([1, 1, 5, 10]))
            if seed % 2:
                yield from xgboost_curves(task, rate, n, every, int(rng.choice([3, 6])))
            else:
                yield from lightgbm_curves(task, rate, n, every, int(rng.choice([7, 15, 31])))
    for task in tasks(4):
        yield from sklearn_curves(
            task, float(rng.choice([0.03, 0.1, 0.3])), int(rng.choice(LENGTHS))
        )
    for seed in range(5, 10):
        for task in tasks(seed):
            adam = bool(rng.random() < 0.5)
            rate = float(rng.choice([3e-4, 1e-3, 3e-3] if adam else [3e-3, 1e-2, 3e-2]))
            schedule = str(rng.choice(list(SCHEDULES)))
            n, every = int(rng.choice(LENGTHS)), int(rng.choice([1, 1, 2, 4]))
            yield from network_curves(task, schedule, n, every, seed, rate, adam=adam)


def main() -> int:
    """Train, and write the file."""
    number = 0
    with FILE.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("curve", "data", "model", "metric", "direction", "steps", "values"))
        for made in all_curves():
            if not np.isfinite(made.values).all() or np.ptp(made.values) == 0.0:
                continue
            direction = "max" if made.metric in ("accuracy", "auc") else "min"
            steps = " ".join(f"{step:g}" for step in made.steps)
            values = " ".join(f"{value:.6g}" for value in made.values)
            writer.writerow((number, made.task, made.model, made.metric, direction, steps, values))
            number += 1
    print(f"{FILE.name}: {number} curves, {FILE.stat().st_size / 1e3:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
