"""What was told is over when it is no longer so, not when the evidence to begin it is gone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from simulated_runs import found

from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.engine import Session
from copilot_analytics.findings import Evidence, Finding, Severity
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable

PER_EPOCH = 10


def trained(
    epochs: int,
    loss: Callable[[float], float],
    rate: Callable[[float], float],
    *scores: Callable[[int], dict[str, float]],
    noise: float = 0.02,
    planned: int = 100,
    seed: int = 0,
) -> Session:
    """Follow a run whose loss and rate are functions of the epoch, and so are its evaluations."""
    rng = np.random.default_rng(seed)
    session = Session()
    facts = {"planned_epochs": planned, "steps_per_epoch": PER_EPOCH}
    session.update(Record("config", facts=facts))
    line = 1
    for step in range(1, epochs * PER_EPOCH + 1):
        epoch, line = step / PER_EPOCH, line + 1
        values = {"loss": loss(epoch) + noise * rng.normal(), "lr": rate(epoch)}
        session.update(Record("train", step, epoch, float(step), values, line=line))
        if step % PER_EPOCH == 0:
            line += 1
            metrics = {k: v for score in scores for k, v in score(step // PER_EPOCH).items()}
            session.update(Record("eval", step, epoch, float(step), metrics, line=line))
    return session


def told(session: Session, key: str) -> list[str]:
    return [event.kind for event in session.events if event.key == key]


def learning(epoch: int) -> dict[str, float]:
    return {"val_acc": round(0.8 - 0.5 * math.exp(-min(epoch, 8) / 3), 4)}


@pytest.mark.parametrize("seed", range(6))
def test_a_rate_of_zero_is_told_once_while_it_is_zero(seed: int) -> None:
    session = trained(
        90, lambda e: 0.5 + math.exp(-min(e, 6.0) / 3), lambda e: 0.001 if e <= 6 else 0.0,
        learning, seed=seed,
    )  # fmt: skip
    assert told(session, "lr_zero") == ["finding"]


@pytest.mark.parametrize("end", ["rate", "loss"])
def test_a_rate_that_comes_back_or_that_was_only_printed_as_zero_ends_it(end: str) -> None:
    session = trained(
        90,
        lambda e: 1.5 - (0.02 * (e - 40) if e > 40 and end == "loss" else 0.0),
        lambda e: 0.001 if e <= 6 or (e > 60 and end == "rate") else 0.0,
        learning,
    )
    assert told(session, "lr_zero") == ["finding", "resolved"]


def test_a_metric_that_stays_the_same_is_told_once_though_the_loss_moves() -> None:
    rng = np.random.default_rng(3)

    def loss(epoch: int) -> dict[str, float]:
        equal = epoch in {13, 14, 15, 30, 31, 32}
        return {"val_loss": 0.5 if equal else round(0.5 + 0.01 * rng.normal(), 4)}

    session = trained(40, lambda e: 0.5, lambda _: 0.001, learning, loss)
    assert told(session, "frozen_metric") == ["finding"]
    finding = found(session)["frozen_metric"]
    assert finding.title == "33 evaluations in a row gave exactly val_acc = 0.7653"
    assert "weights do change" in finding.explanation
    moved = trained(
        40, lambda e: 0.5, lambda _: 0.001, loss,
        lambda e: learning(e) if e < 38 else {"val_acc": 0.77},
    )  # fmt: skip
    assert told(moved, "frozen_metric") == ["finding", "resolved"]


@pytest.mark.parametrize(("gain", "kinds"), [(0.0, 1), (0.05, 2)])
def test_a_drop_that_brought_nothing_is_so_until_the_metric_gains(gain: float, kinds: int) -> None:
    rng = np.random.default_rng(4)

    def score(epoch: int) -> dict[str, float]:
        return {"val_acc": 0.8 + 0.001 * rng.normal() + (gain if epoch > 80 else 0.0)}

    session = trained(
        95, lambda e: 1.0 - (0.04 if e > 75 else 0.0), lambda e: 0.1 if e <= 50 else 0.01, score
    )
    assert told(session, "late_decay_ineffective") == ["finding", "resolved"][:kinds]


def overfitting(epoch: int) -> dict[str, float]:
    """Return an accuracy that is best at the fifth epoch, level for a while and worse then."""
    rng = np.random.default_rng(epoch)
    level = 0.55 + 0.03 * min(epoch, 5) if epoch <= 5 else 0.69
    return {"val_acc": level - 0.01 * max(epoch - 14, 0) + 0.001 * rng.normal()}


def test_a_best_long_ago_is_silently_superseded_by_overfitting() -> None:
    session = trained(30, lambda e: 2.0 * math.exp(-e / 8), lambda _: 0.001, overfitting)
    assert "overfitting" in found(session)
    assert told(session, "best_long_ago") == ["finding"]
    assert "best_long_ago" not in found(session)


def test_a_best_long_ago_is_over_when_a_better_value_comes() -> None:
    session = trained(
        30, lambda e: 2.0 * math.exp(-e / 8), lambda _: 0.001,
        lambda e: overfitting(e) if e < 28 else {"val_acc": 0.75},
    )  # fmt: skip
    assert told(session, "best_long_ago") == ["finding", "resolved"]


def test_the_end_of_a_finding_is_told_in_the_words_of_its_beginning() -> None:
    """Its title may count from elsewhere by then: a plateau from the newest drop of the rate."""

    class Flat(Diagnosis):
        name = "flat"
        since = "epoch 54"
        holds_for = 1

        def check(self, run, results):
            if run.last_step > 3:
                return None
            evidence = (Evidence("loss", "1.0"),)
            return Finding(
                "flat", Severity.WARNING, 1, f"flat since {self.since}", "", evidence, ""
            )

    rule = Flat()
    session = Session(analyzers=(), diagnoses=(rule,))
    for step in range(1, 6):
        rule.since = "epoch 54" if step < 3 else "epoch 60"
        session.update(Record("train", step, metrics={"loss": 1.0}, line=step))
    texts = [event.text for event in session.events if event.key == "flat"]
    assert texts == ["flat since epoch 54", "No longer so: flat since epoch 54"]
