"""A loss that climbs away within few records, as a log of one line an epoch shows it."""

from __future__ import annotations

import numpy as np
import pytest

from copilot_analytics import PhaseAnalyzer, Record
from copilot_analytics.analyzers._base import Fold
from copilot_analytics.analyzers.divergence import DivergenceAnalyzer

FALL = [0.62, 0.47, 0.44, 0.43, 0.42, 0.40, 0.39, 0.38, 0.37]


def follow(losses, accuracies=(), analyzer=DivergenceAnalyzer):
    """Return what an analyzer says after each epoch."""
    fold, said = Fold([analyzer]), []
    for epoch, loss in enumerate(losses, 1):
        fold.update(Record("train", epoch, float(epoch), metrics={"loss": loss}, line=epoch))
        if epoch <= len(accuracies):
            metrics = {"val_acc": accuracies[epoch - 1]}
            fold.update(Record("eval", epoch, float(epoch), metrics=metrics, line=epoch))
        said.append(fold.results.of(analyzer))
    return said


def states(losses, accuracies=()):
    return [found.state for found in follow(losses, accuracies)]


@pytest.mark.parametrize("growth", [1.15, 1.4, 2.0])
def test_a_loss_that_grows_by_a_factor_an_epoch_diverges(growth):
    rise = [0.37 * growth**k for k in range(1, 13)]
    said = states(FALL + rise)
    assert set(said[: len(FALL) + 2]) == {"healthy"}
    first = next(n for n, state in enumerate(said) if state != "healthy")
    # No later than with the fourth value above twice the best and above all before.
    above = next(k for k, loss in enumerate(rise) if loss > 0.74)
    assert first <= len(FALL) + above + 3
    assert set(said[first:]) <= {"rising", "exploded"}


def test_what_stays_up_after_its_rise_has_not_converged():
    losses = [*FALL, 0.39, 0.64, 1.75, 2.4, 4.2, 4.4, 5.1, 5.2, 5.8, 5.7, 5.6, 6.4, 6.4]
    found = follow(losses)[-1]
    assert (found.state, found.since_step, found.last_good_step) == ("rising", 9, 9)
    assert follow(losses, analyzer=PhaseAnalyzer)[-1].current.value == "DIVERGING"


def test_what_comes_back_is_over():
    losses = [*FALL, 0.9, 1.4, 2.0, 2.2, 1.0, 0.5, 0.4, 0.36]
    said = states(losses)
    assert "rising" in said and said[-1] == "healthy"


def test_evaluations_that_go_on_improving_excuse_a_loss_that_doubles():
    losses = [*FALL, 0.7, 0.8, 0.9, 1.0, 1.1]
    better = [0.5 + 0.02 * n for n in range(len(losses))]
    assert set(states(losses, better)) == {"healthy"}
    assert "rising" in states(losses, [0.5 + 0.02 * min(n, 8 - n) for n in range(len(losses))])


def test_noise_about_a_falling_or_a_level_loss_is_no_rise():
    rng = np.random.default_rng(7)
    alarms = 0
    for _ in range(150):
        fall = rng.uniform(0.0, 0.6)
        level = np.arange(1, 39) ** -fall * np.exp(rng.normal(0.0, 0.35, 38))
        alarms += "rising" in states(level.tolist())
    assert alarms <= 3


def test_a_loss_that_doubles_is_given_one_epoch_more_than_one_that_quadruples():
    assert states([*FALL, 0.8, 0.9, 1.0, 1.1])[-2:] == ["healthy", "rising"]
    assert states([*FALL, 1.6, 1.8, 2.0])[-2:] == ["healthy", "rising"]


def test_a_loss_that_had_hardly_fallen_does_not_rise():
    assert set(states([0.5, 0.49, 0.48, 0.47, 0.47, 0.47, 0.47, 1.0, 1.1, 1.2, 1.3])) == {"healthy"}
