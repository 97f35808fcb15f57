"""Classifiers that guess: from the beginning to the end, or until they learn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from simulated_runs import Simulated, found

from copilot_analytics.analyzers.phase import Phase, PhaseAnalyzer
from copilot_analytics.analyzers.stopping import StoppingAnalyzer
from copilot_analytics.engine import Session


def guessing(
    seed: int, classes: int, *, val_loss: bool = True, learns_at: float = 2.0, **settings: Any
) -> Simulated:
    """Return a classifier whose rate is far too high: worse than guessing, until it learns."""
    chance = np.random.default_rng(seed)
    bad = 12.0 * math.log(classes)

    def loss(share: float) -> float:
        level = bad * (1.2 - share) if share < learns_at else 0.5 * math.log(classes)
        return float(max(level * np.exp(0.3 * chance.normal()), 1.01 * math.log(classes)))

    def row(step: int, share: float, metrics: dict[str, float]) -> dict[str, float]:
        return {**metrics, "loss": loss(share) if share < learns_at else 0.5 * math.log(classes)}

    def accuracy(share: float) -> float:
        return 1 / classes + (0.3 * (share - learns_at) if share > learns_at else 0.0)

    return Simulated(
        seed=seed, epochs=20, rows=8, schedule="", warmup=False, metric=accuracy,
        metric_name="eval_accuracy", change_row=row, val_loss=loss if val_loss else None,
        **settings,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("val_loss", [True, False])
def test_what_is_worse_than_guessing_all_along_is_told(
    seed: int, classes: int, val_loss: bool
) -> None:
    made = guessing(seed, classes, val_loss=val_loss)
    assert "dead_run" not in found(made.session(0.2))
    finding = found(made.session(0.35))["dead_run"]
    assert f"those of guessing among {classes} classes" in finding.title
    session = made.session()
    assert "dead_run" in found(session)
    phases = session.results.of(PhaseAnalyzer)
    assert phases.current is Phase.PLATEAU
    assert "all evaluations are those of guessing" in phases.history[-1].reason


@pytest.mark.parametrize("seed", range(4))
def test_what_begins_to_learn_after_a_bad_start_is_not_dead(seed: int) -> None:
    assert "dead_run" not in found(guessing(seed, 2, learns_at=0.4).session())


def test_a_slow_start_at_the_accuracy_of_guessing_is_not_dead() -> None:
    """A language model that says the commonest word at first, while its loss falls."""
    made = Simulated(
        epochs=20, rows=8, schedule="", warmup=False, metric=lambda _: 0.11, metric_noise=0.001,
        metric_name="eval_accuracy", loss=lambda share: 10.0 - 3.0 * share, noise=0.01,
        val_loss=lambda share: 10.0 - 3.0 * share,
    )  # fmt: skip
    for share in (0.3, 0.5, 1.0):
        assert "dead_run" not in found(made.session(share))


def little_above_guessing(
    seed: int, classes: int, *, first: float = 1e9, learns_at: float = 2.0
) -> Simulated:
    """Return a classifier that a giant first loss ruined: above guessing by little, for ever."""
    chance = np.random.default_rng(seed)

    def row(step: int, share: float, metrics: dict[str, float]) -> dict[str, float]:
        level = 1.07 * math.log(classes) + 0.03 * float(chance.normal())
        if share > learns_at:
            level *= 1.0 - min(share - learns_at, 0.3)
        return {**metrics, "loss": first if step <= 10 else level}

    def accuracy(share: float) -> float:
        return 0.95 / classes + (share - learns_at if share > learns_at else 0.0)

    return Simulated(
        seed=seed, epochs=40, rows=1, schedule="", warmup=False, metric=accuracy,
        metric_noise=0.08 / classes, metric_name="val_acc", change_row=row,
        val_loss=lambda _: 1.07 * math.log(classes),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("classes", [2, 4, 10])
def test_what_stays_a_little_above_guessing_never_learned(seed: int, classes: int) -> None:
    session = little_above_guessing(seed, classes).session()
    finding = found(session)["dead_run"]
    assert f"those of guessing among {classes} classes" in finding.title
    assert "learning rate is probably far too high" in finding.explanation
    assert "began with 1e+09" in finding.explanation
    assert session.results.of(StoppingAnalyzer).checkpoints == ()
    entered = [span.phase for span in session.results.of(PhaseAnalyzer).history]
    assert entered[-1] is Phase.PLATEAU
    assert not {Phase.CONVERGED, Phase.OVERFITTING_RISK} & set(entered)


@pytest.mark.parametrize("seed", range(6))
def test_what_learns_after_a_giant_first_loss_is_not_dead(seed: int) -> None:
    made = little_above_guessing(seed, 4, learns_at=0.1)
    session = Session()
    for record in made.records():
        session.update(record)
        assert "dead_run" not in found(session)


def test_one_class_said_to_all_and_a_loss_that_creeps_is_a_rate_that_is_too_low() -> None:
    made = Simulated(
        epochs=30, rows=1, schedule="", warmup=False, noise=1e-4, metric_noise=0.0,
        loss=lambda share: 0.999 * math.log(10) - 2e-4 * share, metric=lambda _: 0.16,
        metric_name="val_acc", val_loss=lambda _: math.log(10),
    )  # fmt: skip
    session = made.session()
    finding = found(session)["dead_run"]
    assert "as from guessing among 10 classes" in finding.title
    assert "ten and a hundred times as high" in finding.recommendation
    assert session.results.of(StoppingAnalyzer).checkpoints == ()


def test_one_accuracy_that_is_right_too_often_for_its_loss_is_no_guess() -> None:
    made = Simulated(
        epochs=30, rows=1, schedule="", warmup=False, noise=1e-4, metric_noise=0.0,
        loss=lambda _: 0.999 * math.log(10), metric=lambda _: 0.35, metric_name="val_acc",
    )  # fmt: skip
    assert "dead_run" not in found(made.session())
