from __future__ import annotations

import math
import pickle
from itertools import pairwise

import numpy as np
import pytest
from followed_phases import at_epoch, follow, names
from made_up_runs import (
    cosine,
    cosine_schedule,
    dropping,
    falling,
    growing,
    levelling,
    made_up,
    rising,
    step_schedule,
)

from copilot_analytics.analyzers._base import Fold
from copilot_analytics.analyzers.phase import Phase, PhaseAnalyzer
from copilot_analytics.records import Record
from copilot_analytics.run import Run

pytestmark = pytest.mark.usefixtures("no_forecast")


def warmed_up(share):
    return min(share / 0.1, 1.0) * 0.01


def before_and_after(share):
    drop = 0.25 * (1 - math.exp(-60 * (share - 0.6))) if share > 0.6 else 0.0
    return levelling(share, 15) - drop


def metric_before_and_after(share):
    more = 0.08 * (1 - math.exp(-60 * (share - 0.6))) if share > 0.6 else 0.0
    return rising(share, 15, 0.3) + more


SEEDS = (0, 1, 2)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_that_keeps_learning_is_never_a_plateau(seed):
    phases, _ = follow(made_up(falling, growing, seed=seed))
    assert names(phases) == ["INITIALIZING", "LEARNING_FAST", "STABLE_CONVERGENCE"]


@pytest.mark.parametrize(("noise", "shown"), [(0.0, False), (0.004, True)])
def test_an_error_is_shown_only_where_there_is_noise(noise, shown):
    phases, _ = follow(made_up(falling, lambda _: 0.5, metric_noise=noise, until=0.5))
    said = phases.reason + "".join(e.observed for e in phases.history[-1].evidence)
    assert "evals against the" in said
    assert ("±" in said) is shown


def test_what_shows_that_a_run_improves_is_said_first():
    flat, _ = follow(made_up(falling, lambda _: 0.5, metric_noise=0.004, until=0.8))
    assert flat.current is Phase.STABLE_CONVERGENCE
    assert flat.reason.startswith("the training loss") and "evals against the" in flat.reason
    both, _ = follow(made_up(falling, growing, until=0.8))
    assert both.reason.index("evals against the") < both.reason.index("the training loss")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("noise", [0.01, 0.03])
def test_a_falling_loss_alone_is_never_a_plateau(seed, noise):
    phases, _ = follow(made_up(falling, noise=noise, seed=seed))
    assert Phase.PLATEAU not in names(phases)
    assert phases.current is Phase.STABLE_CONVERGENCE


@pytest.mark.parametrize("seed", SEEDS)
def test_levelling_off_under_a_cosine_ends_converged(seed):
    run = made_up(levelling, rising, rate=cosine, schedule=cosine_schedule(), seed=seed)
    phases, _ = follow(run)
    assert at_epoch(phases, 5) is Phase.LEARNING_FAST
    assert at_epoch(phases, 24) is Phase.STABLE_CONVERGENCE
    assert phases.current is Phase.CONVERGED
    assert Phase.DIVERGING not in names(phases)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_plateau_before_a_drop_waits_for_it(seed):
    run = made_up(
        before_and_after,
        metric_before_and_after,
        rate=dropping,
        schedule=step_schedule(),
        seed=seed,
        until=0.59,
    )
    phases, events = follow(run, final=False)
    assert phases.current is Phase.PLATEAU
    assert phases.awaiting_decay
    reason = phases.history[-1].reason
    assert "flat, but the learning rate drops at epoch 36: decide at epoch 38" in reason
    assert events[-1].text.startswith("STABLE_CONVERGENCE → PLATEAU: coco/bbox_mAP ")


@pytest.mark.parametrize("seed", SEEDS)
def test_after_the_drop_it_learns_again(seed):
    run = made_up(
        before_and_after,
        metric_before_and_after,
        rate=dropping,
        schedule=step_schedule(),
        seed=seed,
    )
    phases, _ = follow(run)
    assert at_epoch(phases, 35) is Phase.PLATEAU
    assert at_epoch(phases, 44) in {Phase.LEARNING_FAST, Phase.STABLE_CONVERGENCE}
    assert phases.current is Phase.CONVERGED


@pytest.mark.parametrize("seed", SEEDS)
def test_a_dead_run_is_a_plateau_and_never_converged(seed):
    run = made_up(
        lambda _: math.log(10),
        lambda _: 0.1,
        rate=cosine,
        schedule=cosine_schedule(),
        noise=0.003,
        metric_name="accuracy/top1",
        seed=seed,
    )
    phases, _ = follow(run)
    assert phases.current is Phase.PLATEAU
    assert Phase.CONVERGED not in names(phases)
    assert "never fell" in phases.history[-1].reason


@pytest.mark.parametrize("seed", [2, 3])
def test_a_pace_that_drowns_in_noise_does_not_end_fast_learning(seed):
    def slow(share):
        return 0.4 + 2.0 * ((0.02 + share) / 0.02) ** -0.4

    def steady(share):
        return 0.4 * (1.0 - 0.9 * math.exp(-4.0 * share))

    phases, _ = follow(made_up(slow, steady, noise=0.15, seed=seed))
    assert names(phases).count("LEARNING_FAST") == 1
    assert phases.current is Phase.STABLE_CONVERGENCE


@pytest.mark.parametrize("seed", SEEDS)
def test_overfitting_is_a_risk_by_metric_and_by_loss(seed):
    by_metric, _ = follow(
        made_up(falling, lambda s: rising(s, 12) - 0.3 * max(0, s - 0.35), seed=seed)
    )
    by_loss, _ = follow(
        made_up(
            falling,
            val_loss=lambda s: 0.8 + 1.5 * math.exp(-12 * s) + 1.2 * max(0, s - 0.3),
            seed=seed,
        )
    )
    assert by_metric.current is Phase.OVERFITTING_RISK
    assert by_loss.current is Phase.OVERFITTING_RISK


@pytest.mark.parametrize("seed", SEEDS)
def test_memorising_without_loss_of_quality_is_no_overfitting(seed):
    phases, _ = follow(
        made_up(lambda s: 2.3 * math.exp(-25 * s) + 1e-5, lambda s: rising(s, 15), seed=seed)
    )
    assert Phase.OVERFITTING_RISK not in names(phases)
    assert phases.current in {Phase.PLATEAU, Phase.CONVERGED}


def test_a_rising_rate_is_warm_up():
    phases, _ = follow(made_up(falling, growing, rate=warmed_up))
    assert names(phases)[:3] == ["INITIALIZING", "WARMUP", "LEARNING_FAST"]
    end = phases.history[1].to_step
    assert 3000 <= end <= 4000


def test_few_records_are_initializing():
    phases, _ = follow(list(made_up(falling))[:15], final=False)
    assert names(phases) == ["INITIALIZING"]


def test_a_loss_that_only_rises_is_no_progress_however_early():
    losses = [40.0 - n for n in range(28)] + [12.0 + n / 6 for n in range(45)]
    rows = [
        Record("config", facts={"planned_steps": 1000}),
        *(Record("train", step=n, metrics={"loss": loss}) for n, loss in enumerate(losses, 1)),
    ]
    phases, _ = follow(rows, final=False)
    assert phases.current is Phase.PLATEAU and "the training loss rises" in phases.reason


def test_a_log_with_nothing_to_judge_by_says_so():
    rows = [Record("train", step=n, metrics={"fps": 9.0 + n % 3}) for n in range(1, 200)]
    phases, _ = follow(rows)
    assert phases.current is Phase.INITIALIZING
    assert phases.reason == "the log has neither a training loss nor an evaluation to judge by"


def test_evaluations_alone_are_judged_by_the_metric():
    evals = [r for r in made_up(falling, rising, metric_noise=0.002) if r.kind != "train"]
    phases, _ = follow(evals)
    assert names(phases)[0] is Phase.INITIALIZING
    assert Phase.STABLE_CONVERGENCE in names(phases)
    assert phases.current in {Phase.PLATEAU, Phase.CONVERGED}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("planned", [True, False])
def test_a_power_law_without_evaluations_is_no_plateau_before_its_end(seed, planned):
    def language_model(share):
        return 2.0 + 8.0 * ((0.01 + share) / 0.01) ** -0.4

    phases, _ = follow(made_up(language_model, noise=0.01, seed=seed, planned=planned))
    assert names(phases)[1] is Phase.LEARNING_FAST
    flat = [span for span in phases.history if span.phase is Phase.PLATEAU]
    assert all(span.from_step > 0.7 * phases.history[-1].to_step for span in flat)


@pytest.mark.parametrize("seed", SEEDS)
def test_without_a_plan_a_run_begins_fast(seed):
    phases, _ = follow(made_up(levelling, planned=False, epochs=5, seed=seed))
    assert names(phases)[:2] == ["INITIALIZING", "LEARNING_FAST"]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_loss_that_falls_once_an_epoch_is_no_plateau_in_between(seed):
    def by_heart(share):
        return 1.5 * 0.65 ** math.floor(share * 8 - 1e-9)

    rows = [
        Record("train", step, step / 100, metrics={"loss": value}, line=step + 1)
        for step, value in enumerate(
            (
                by_heart(step / 800) * (1 + 0.02 * noise)
                for step, noise in enumerate(np.random.default_rng(seed).normal(size=801))
            ),
        )
        if step
    ]
    plan = Record("config", facts={"planned_epochs": 8, "steps_per_epoch": 100}, line=1)
    phases, _ = follow([plan, *rows])
    assert Phase.PLATEAU not in names(phases)
    assert "falls by" in phases.reason or "still falls" in phases.reason


@pytest.mark.parametrize("seed", SEEDS)
def test_a_phase_comes_back_only_after_a_while(seed):
    def wavy(share):
        return falling(share) * (1.0 + 0.1 * math.sin(60 * share))

    phases, _ = follow(made_up(wavy, epochs=100, seed=seed))
    known = set()
    for left, entered in pairwise(phases.history):
        known.add(left.phase)
        if entered.phase in known:
            assert left.to_step - left.from_step >= 0.15 * left.to_step
    assert len(known) > 2


def test_the_unit_of_the_loss_does_not_matter():
    one, _ = follow(made_up(levelling, rising, rate=cosine))
    thousand, _ = follow(made_up(levelling, rising, rate=cosine, scale=1024.0))
    assert [(s.phase, s.from_step) for s in one.history] == [
        (s.phase, s.from_step) for s in thousand.history
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_thinner_logs_give_the_same_phases(seed):
    dense, _ = follow(made_up(falling, growing, epochs=100, seed=seed))
    thin, _ = follow(made_up(falling, growing, epochs=100, seed=seed, keep_every=5))
    assert names(thin) == names(dense)


def test_what_was_said_is_never_changed():
    records = list(made_up(levelling, rising, rate=cosine, schedule=cosine_schedule()))
    fold = Fold([PhaseAnalyzer])
    told = []
    for record in records:
        fold.update(record)
        history = fold.results.of(PhaseAnalyzer).history
        assert list(history[: len(told)]) == told
        told = list(history[:-1])
    for earlier, later in pairwise(told):
        assert earlier.to_step == later.from_step


def test_state_survives_pickling():
    records = list(made_up(levelling, rising, rate=cosine, schedule=cosine_schedule()))
    half = len(records) // 2
    fold, whole = Fold([PhaseAnalyzer]), Fold([PhaseAnalyzer])
    for record in records[:half]:
        fold.update(record)
        whole.update(record)
    again = pickle.loads(pickle.dumps(fold))  # noqa: S301  # our own
    for record in records[half:]:
        again.update(record)
        whole.update(record)
    assert again.results.of(PhaseAnalyzer) == whole.results.of(PhaseAnalyzer)


def test_result_changes_nothing():
    analyzer = PhaseAnalyzer()
    for record in made_up(falling, growing, until=0.3):
        analyzer.update(record)
    assert analyzer.result() == analyzer.result()


def test_spans_carry_reason_and_evidence():
    phases, _ = follow(made_up(levelling, rising))
    for span in phases.history:
        assert span.reason
        assert span.evidence
        assert any(char.isdigit() for char in span.reason)
    assert np.all(np.diff([span.from_step for span in phases.history]) >= 0)


def test_the_gain_in_words_is_that_of_the_means():
    phases, _ = follow(made_up(falling, growing, until=0.3))
    assert (
        "bbox_mAP gained" in phases.reason
        and "the last 4 evals against the 4 before" in phases.reason
    )


def test_a_gain_between_windows_does_not_hide_that_the_best_lies_before_them():
    values = [0.2, 0.5, 0.62, 0.55, 0.56, 0.55, 0.56, 0.57, 0.58, 0.57, 0.58]
    records = [Record("config", facts={"planned_steps": 2000})]
    records += [
        Record("eval", step=100 * k, metrics={"accuracy": value}, line=k)
        for k, value in enumerate(values, start=1)
    ]
    reason = PhaseAnalyzer.of(Run.from_records(records)).reason
    before = "the last 4 evals against the 4 before"
    assert f"accuracy gained 2 ± 0.9 pt, {before}; its best is still that of step 300" in reason
    records += [Record("eval", step=1200, metrics={"accuracy": 0.63}, line=12)]
    reason = PhaseAnalyzer.of(Run.from_records(records)).reason
    assert before in reason and "its best" not in reason
