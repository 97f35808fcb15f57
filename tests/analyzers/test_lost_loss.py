"""A loss that leaves its best level and settles higher up, below where an explosion begins."""

from __future__ import annotations

import math

import numpy as np
import pytest

from copilot_analytics import Record, Session
from copilot_analytics.analyzers._base import Fold
from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.analyzers.stopping import StoppingAnalyzer

LOST_AT = 660


def language_model(after, seed=0, every=None, steps=2000):
    """Records of a loss that falls from 10.7, and takes another course after step 660."""
    noise = np.random.default_rng(seed)
    for step in range(10, steps + 1, 10):
        loss = 3.1 + 7.6 * math.exp(-step / 100) + 1.4 * math.exp(-step / 800)
        loss = after(step - LOST_AT, loss) if step > LOST_AT else loss
        loss += 0.04 * noise.normal()
        yield Record("train", step=step, metrics={"loss": loss}, line=step)
        if every and step % every == 0:
            result = {"val_ppl": math.exp(loss + 0.06)}
            yield Record("eval", step=step, metrics=result, line=step, facts={"split": "val"})


def told(records):
    """Return the state and the step of each change of the divergence."""
    changes = [("healthy", 0)]

    def note(run, results, _changed, _news):
        state = results.of(DivergenceAnalyzer).state
        if state != changes[-1][0]:
            changes.append((state, run.last_step))

    fold = Fold([DivergenceAnalyzer], on_look=note)
    for record in records:
        fold.update(record)
    return changes


def settles(since, _loss):
    return 7.4 - 4.0 * math.exp(-since / 20)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("every", [None, 200, 500])
def test_a_loss_that_settles_far_above_its_best_diverges_and_is_never_well_again(every, seed):
    changes = told(language_model(settles, seed, every))
    assert [state for state, _ in changes] == ["healthy", "rising"]
    assert changes[1][1] - LOST_AT <= 150


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("every", [None, 200])
@pytest.mark.parametrize(
    "after",
    [
        pytest.param(lambda since, loss: loss + 3.7 * math.exp(-since / 40), id="falls back"),
        pytest.param(lambda _since, loss: loss + 0.5, id="somewhat harder data"),
    ],
)
def test_what_falls_back_or_loses_little_is_healthy(after, every, seed):
    assert told(language_model(after, seed, every)) == [("healthy", 0)]


def test_a_loss_that_settles_higher_while_evaluations_still_improve_is_healthy():
    """Strong augmentation from then on, as the evaluations show."""
    records = []
    for record in language_model(settles):
        records.append(record)
        if record.step % 20 == 0:
            score = {"val_acc": 0.8 - 0.7 * math.exp(-record.step / 900)}
            records.append(
                Record("eval", record.step, metrics=score, line=record.step, facts={"split": "val"})
            )
    assert told(records) == [("healthy", 0)]


def advised(records):
    """Return the advice and the states of the loss on the way."""
    advice, states, session = set(), set(), Session()
    for record in records:
        session.update(record)
        advice.add(session.results.of(StoppingAnalyzer).advice)
        states.add(session.results.of(DivergenceAnalyzer).state)
    return advice, states


def staged(score, *, height, left, seed=0, steps=4000):
    """A loss that jumps at half of the run, as where a harder stage begins, and falls again."""
    noise = np.random.default_rng(seed)
    yield Record("config", facts={"planned_steps": steps})
    for step in range(10, steps + 1, 10):
        done = step / steps
        loss = 0.3 + 2.5 * math.exp(-12 * done)
        if done > 0.5:
            loss += height * (left + (1 - left) * math.exp(-8 * (done - 0.5)))
        loss *= 1 + 0.02 * noise.normal()
        yield Record("train", step=step, metrics={"loss": loss}, line=step)
        if step % 100 == 0:
            result = {"val_acc": score(done) + 0.002 * noise.normal()}
            yield Record("eval", step=step, metrics=result, line=step, facts={"split": "val"})


@pytest.mark.parametrize("seed", range(2))
def test_a_jump_from_which_the_loss_falls_again_is_no_reason_to_kill(seed):
    def dips(done):
        return 0.9 - 0.8 * math.exp(-9 * done) - (0.3 * math.exp(-9 * (done - 0.5)) * (done > 0.5))

    advice, states = advised(staged(dips, height=3.0, left=0.1, seed=seed))
    assert "exploded" in states and "kill" not in advice


@pytest.mark.parametrize("seed", range(2))
def test_a_jump_after_which_the_metric_is_better_than_ever_is_over(seed):
    changes = told(staged(lambda done: 0.4 + 0.4 * done, height=3.0, left=0.9, seed=seed))
    assert [state for state, _ in changes] == ["healthy", "exploded", "healthy"]
    assert changes[-1][1] <= 2300
    assert "kill" not in advised(staged(lambda done: 0.4 + 0.4 * done, height=3.0, left=0.9))[0]


@pytest.mark.parametrize("seed", range(2))
def test_a_jump_that_stays_with_a_metric_that_is_lost_is_to_be_killed(seed):
    def lost(done):
        return 0.8 - 0.7 * math.exp(-9 * done) if done <= 0.5 else 0.1

    assert "kill" in advised(staged(lost, height=3.0, left=1.0, seed=seed))[0]


def test_a_loss_of_which_a_term_weighs_more_and_more_may_rise():
    records = []
    for epoch in range(1, 101):
        beta = min(epoch / 60, 1.0)
        fit = 95 + 45 * math.exp(-epoch / 4)
        losses = {"loss": fit + 30 * beta, "recon": fit, "kl": 30.0, "beta": beta}
        records.append(Record("train", step=epoch, metrics=losses, line=epoch))
    assert told(records) == [("healthy", 0)]
    plain = [
        Record("train", r.step, metrics={"loss": r.metrics["loss"]}, line=r.line) for r in records
    ]
    assert told(plain) != [("healthy", 0)]


def test_strong_augmentation_from_half_way_on_is_no_divergence_once_the_metric_is_level():
    def level_at_its_best(done):
        return 0.92 - 0.8 * math.exp(-9 * done) + 0.01 * (done > 0.5)

    assert told(staged(level_at_its_best, height=0.35, left=1.0)) == [("healthy", 0)]


def ruined(seed=0, epochs=50, turn=15):
    """Records of a run whose rate stands and then grows by a quarter an epoch, without an end."""
    noise = np.random.default_rng(seed)
    lr, loss, accuracy = 0.02, 2.0, 0.2
    for epoch in range(1, epochs + 1):
        lr *= 1.25 if epoch > turn else 1.0
        if lr < 0.3:
            loss, accuracy = 0.1 + 2.0 * math.exp(-epoch / 4), 0.95 - 0.75 * math.exp(-epoch / 4)
        elif lr < 12.0:
            loss, accuracy = min(loss + 0.25, 2.5), max(accuracy - 0.12, 0.1)
        else:
            loss *= 1.8
        metrics = {"loss": loss * (1 + 0.03 * noise.normal()), "lr": lr}
        yield Record("train", step=epoch, epoch=float(epoch), metrics=metrics, line=2 * epoch)
        result = {"acc": accuracy + 0.005 * noise.normal()}
        facts = {"split": "val"}
        yield Record(
            "eval", step=epoch, epoch=float(epoch), metrics=result, line=2 * epoch + 1, facts=facts
        )


@pytest.mark.parametrize("seed", range(3))
def test_a_run_that_is_to_be_killed_is_so_all_the_more_when_it_explodes(seed):
    plan = Record("config", facts={"planned_epochs": 50, "step_unit": "epoch"})
    advice, states, peaks = [], [], []

    def note(_run, results, _changed, _news):
        health = results.of(DivergenceAnalyzer)
        advice.append(results.of(StoppingAnalyzer).advice)
        states.append(health.state)
        if health.peak is not None:
            peaks.append(health.peak >= health.level)
            assert health.last_good_step <= 30

    fold = Fold([StoppingAnalyzer], on_look=note)
    for record in (plan, *ruined(seed)):
        fold.update(record)
    first = advice.index("kill")
    assert "rising" in states[: first + 1] and states[-1] == "exploded"
    assert {*advice[first:]} <= {"kill", "none"} and all(peaks)
    rate = fold.results.of(LearningRateAnalyzer)
    assert rate.raised is not None and rate.raised.before == 0.02


def test_a_rate_that_rises_after_a_long_stand_is_no_warm_up():
    warm = []
    fold = Fold(
        [LearningRateAnalyzer],
        on_look=lambda _, results, *__: warm.append(results.of(LearningRateAnalyzer).warming_up),
    )
    for record in (Record("config", facts={"planned_epochs": 50}), *ruined()):
        fold.update(record)
    assert not any(warm)
