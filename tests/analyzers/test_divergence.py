from __future__ import annotations

import math

import numpy as np
import pytest
from made_up_runs import falling, growing, made_up, rising

from copilot_analytics.analyzers._base import Fold
from copilot_analytics.analyzers._loss_not_finite import NonFiniteLoss
from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.records import Record
from copilot_analytics.run import Run


def judge(losses, name="loss", **columns):
    fold = Fold([DivergenceAnalyzer])
    for number, loss in enumerate(losses, start=1):
        more = {key: column[number - 1] for key, column in columns.items()}
        fold.update(Record("train", step=number, metrics={name: loss, **more}, line=number))
    fold.update(Record("tick", facts={"final": True}))
    return fold.results.of(DivergenceAnalyzer)


def noisy(n=300, level=1.0, noise=0.05, seed=0):
    chance = np.random.default_rng(seed)
    return (level * (1 + noise * chance.normal(size=n))).tolist()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("at", [0, 5, 200])
def test_a_loss_that_is_not_finite(bad, at):
    losses = noisy()[: at + 1]
    losses[at] = bad
    found = judge(losses)
    assert found.state == "nan"
    assert (found.since_step, found.since_line) == (at + 1, at + 1)
    assert found.last_good_step == (at or None)
    assert found.not_finite == 1


def test_it_recovers_after_three_finite_losses():
    losses = noisy(50)
    losses[20] = math.nan
    assert judge(losses[:23]).state == "nan"
    found = judge(losses)
    assert found.state == "healthy"
    assert found.recovered_nan


def test_a_component_is_told_apart_from_the_total():
    found = judge(noisy(30), loss_cls=[*noisy(20), *[math.nan] * 10])
    assert found.state == "healthy"
    assert found.components == (("loss_cls", "nan", 21),)
    assert judge([math.nan], name="loss_cls").state == "nan"


def test_losses_that_are_not_called_so_are_judged_too():
    assert judge([*noisy(20), math.nan], name="train mse").state == "nan"
    found = judge(noisy(30), name="D_A", G_A=[*noisy(20), *[math.nan] * 10])
    assert found.components == (("G_A", "nan", 21),)


@pytest.mark.parametrize("name", ["loss", "Train Loss", "l_pix"])
def test_a_nan_is_told_at_once_however_the_loss_is_written(name):
    seen = []
    fold = Fold(
        [DivergenceAnalyzer],
        on_look=lambda run, results, *_: seen.append(
            (run.last_step, results.of(DivergenceAnalyzer).state)
        ),
    )
    losses = noisy(3000)
    losses[2950] = math.nan
    for step, loss in enumerate(losses, 1):
        fold.update(Record("train", step=step, metrics={name: loss}))
    assert (2951, "nan") in seen


def test_an_infinite_gradient_is_a_skipped_step():
    gradient = [1.0] * 30
    gradient[10] = math.inf
    assert judge(noisy(30), grad_norm=gradient).state == "healthy"


def test_hidden_nan():
    assert judge([*noisy(40), *[0.0] * 5]).state == "masked"
    assert judge([*noisy(40), *[0.0] * 4]).state == "healthy"
    shrinking = [2.0 * 0.8**i for i in range(80)]
    assert judge([*(v if v > 5e-5 else 0.0 for v in shrinking)]).state == "healthy"
    assert judge(noisy(40), grad_norm=[1.0] * 30 + [math.nan] * 10).state == "masked"


def test_an_explosion():
    found = judge([*noisy(), *(30.0 + i for i in range(8))])
    assert found.state == "exploded"
    assert found.since_step == 301
    assert found.last_good_step == 300
    assert found.level is not None and found.threshold is not None
    assert found.level > found.threshold


def after_a_drop(times, drop_at=300, explode_at=302, rows=60):
    losses = [*noisy(explode_at), *(times + 0.01 * i for i in range(rows))]
    rates = [0.1 if step < drop_at else 0.01 for step in range(len(losses))]
    return judge(losses, lr=rates)


def test_a_drop_of_the_rate_excuses_no_explosion():
    found = after_a_drop(1000.0, rows=6)
    assert (found.state, found.since_step) == ("exploded", 303)
    assert found.before == pytest.approx(1.0, abs=0.1)


def test_a_warm_up_excuses_an_explosion_only_while_it_lasts():
    losses = [*noisy(100), *[50.0 + 0.01 * i for i in range(300)]]
    rates = [0.001 * (i + 1) for i in range(180)] + [0.18] * 220
    assert judge(losses[:170], lr=rates).state == "healthy"
    found = judge(losses, lr=rates)
    assert (found.state, found.since_step, found.last_good_step) == ("exploded", 101, 100)
    back = [*losses[:150], *noisy(250)]
    assert judge(back, lr=rates).state == "healthy"


def test_an_explosion_in_the_first_rows():
    assert judge([1.0, 3.0, 40.0, 500.0, 9e3, 2e5]).state == "exploded"


@pytest.mark.parametrize("before", [17, 19, 21, 25])
@pytest.mark.parametrize("times", [30.0, 110.0])
def test_an_explosion_of_a_log_with_a_row_an_epoch(before, times):
    falls = [2.0 * epoch**-0.5 for epoch in range(1, before + 1)]
    found = judge([*falls, *(times * falls[-1] + epoch for epoch in range(11))])
    if before < 18 and times < 100.0:
        assert found.state == "rising"  # too little is known of its noise to call it a jump
    else:
        assert found.state == "exploded"
        assert found.since_step in {before + 1, before + 2}


def test_an_explosion_that_passes_is_over():
    assert judge([*noisy(), *[30.0] * 8, *noisy(60)]).state == "healthy"


def test_a_loss_that_came_back_late_is_not_blamed_for_what_comes_later():
    losses = noisy(1000)
    losses[200] = 40.0
    losses[201:260] = noisy(59, 20.0)
    assert judge(losses[:255]).spikes[-1].recovered is False
    found = judge(losses)
    assert found.spikes[0].step == 201 and all(spike.recovered for spike in found.spikes)
    losses[200:] = [40.0, *noisy(799, 20.0, seed=1)]
    assert judge(losses).spikes[0].recovered is False


def test_a_spike_that_recovers_and_one_that_is_open():
    losses = noisy()
    losses[200] = 5.0
    found = judge(losses)
    assert found.state == "healthy"
    assert [(s.step, s.recovered) for s in found.spikes] == [(201, True)]
    assert found.spikes[0].baseline == pytest.approx(1.0, abs=0.1)
    assert judge(losses[:201]).spikes[-1].recovered is None


def test_a_signed_loss_needs_a_multiple_of_its_noise():
    chance = np.random.default_rng(0)
    losses = chance.normal(size=600).tolist()
    assert judge(losses).state == "healthy"
    assert judge([*losses, *[80.0] * 6]).state == "exploded"


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("noise", [0.02, 0.2, 0.5])
def test_noise_of_any_size_is_healthy(seed, noise):
    chance = np.random.default_rng(seed)
    skewed = np.exp(noise * chance.normal(size=1500)) * np.linspace(3, 1, 1500)
    states = set()
    fold = Fold(
        [DivergenceAnalyzer],
        on_look=lambda _r, results, _c, _n: states.add(results.of(DivergenceAnalyzer).state),
    )
    for number, loss in enumerate(skewed.tolist()):
        fold.update(Record("train", step=number, metrics={"loss": loss}))
    assert states == {"healthy"}


def test_adversarial_losses_may_rise():
    chance = np.random.default_rng(1)
    rising_loss = (1 + np.linspace(0, 4, 800) + 0.1 * chance.normal(size=800)).tolist()
    assert judge(rising_loss, name="loss_g", loss_d=noisy(800, 0.5)).state == "healthy"


@pytest.mark.parametrize("seed", range(3))
def test_a_rising_loss_with_a_climbing_metric_is_healthy(seed):
    def loss(share):
        return (0.07 + 1.1 * (1 - math.exp(-40 * share))) * (1 - 0.3 * share)

    states = set()
    fold = Fold(
        [DivergenceAnalyzer],
        on_look=lambda _r, results, _c, _n: states.add(results.of(DivergenceAnalyzer).state),
    )
    for record in made_up(loss, lambda s: rising(s, 10), seed=seed):
        fold.update(record)
    assert states == {"healthy"}


def test_a_slow_rise_needs_a_worse_metric():
    def loss(share):
        return falling(share) if share < 0.5 else falling(0.5) + 2 * (share - 0.5)

    def state(metric):
        fold = Fold([DivergenceAnalyzer])
        for record in made_up(loss, metric):
            fold.update(record)
        return fold.results.of(DivergenceAnalyzer).state

    assert state(growing) == "healthy"
    assert state(lambda s: growing(min(s, 0.5)) - 0.4 * max(s - 0.5, 0)) == "rising"


def test_a_resume_begins_with_a_clean_slate():
    fold = Fold([DivergenceAnalyzer])
    for step, loss in [*enumerate([*noisy(60), *[math.nan] * 5], start=1), (50, 1.0), (51, 1.0)]:
        fold.update(Record("train", step=step, metrics={"loss": loss}))
    fold.update(Record("tick", facts={"final": True}))
    found = fold.results.of(DivergenceAnalyzer)
    assert found.state == "healthy"
    assert found.recovered_nan


def test_a_step_that_is_written_again_takes_its_nan_back():
    fold = Fold([DivergenceAnalyzer])
    for line, (step, loss) in enumerate([(10, 1.0), (20, math.nan), (20, 0.75), (30, 0.5)], 1):
        fold.update(Record("train", step=step, metrics={"loss": loss}, line=line))
        state = fold.results.of(DivergenceAnalyzer).state
        assert state == ("nan" if line == 2 else "healthy")
    assert fold.results.of(DivergenceAnalyzer).recovered_nan


def test_rows_without_a_loss_leave_one_that_is_no_number_as_it_is():
    fold = Fold([DivergenceAnalyzer])
    fold.update(Record("train", step=1, metrics={"loss": -math.inf}, line=1))
    for step in range(2, 80):
        fold.update(Record("train", step=step, metrics={"lr": 0.5}, line=step))
    found = fold.results.of(DivergenceAnalyzer)
    assert (found.state, found.level) == ("nan", -math.inf)


def test_without_a_loss_it_is_not_judged():
    fold = Fold([DivergenceAnalyzer])
    fold.update(Record("train", step=1, metrics={"acc": 1.0}))
    assert fold.results.of(DivergenceAnalyzer).not_judged


@pytest.mark.parametrize("size", [1, 4, 20])
def test_batches_that_are_nan_now_and_then_are_told_once(size):
    """The first is news at once; later ones once they last longer than what it recovered from."""
    losses = [1.0] * 400
    for place in (100, 101, 160, 161, 220, 300):
        losses[place] = math.nan
    losses[380:] = [math.nan] * 20
    run, watched, told = Run(), NonFiniteLoss(), []
    for number, loss in enumerate(losses, 1):
        run.append(Record("train", step=number, metrics={"loss": loss}))
        if number % size == 0:
            watched.follow(run, "loss", number - size, 0, 1.0)
            told += [] if watched.now is None else [number]
    assert watched.not_finite == 26
    assert watched.now is not None and watched.now.step == 381
    assert told[-1] == 400 and (told[0] == 101 if size == 1 else told[0] <= 400)
    assert not [number for number in told if 120 < number < 385]
