from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from simulated_runs import Simulated, answers, found

from copilot_analytics.analyzers.learning_rate import LearningRate, LearningRateAnalyzer
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.analyzers.overfitting import Overfitting, OverfittingAnalyzer
from copilot_analytics.analyzers.stopping import StopAdvice, StoppingAnalyzer
from copilot_analytics.diagnoses.best_long_ago import DIAGNOSIS as BEST_LONG_AGO
from copilot_analytics.engine import Session
from copilot_analytics.events import OUTDONE, OVER
from copilot_analytics.findings import Finding, Severity
from copilot_analytics.records import Record
from copilot_analytics.run import Run
from copilot_analytics.schedule import Drop


def findings_of(made: Simulated, share: float = 1.0) -> dict[str, Finding]:
    return found(made.session(share))


def decaying(share: float) -> float:
    return 0.4 - 0.5 * max(share - 0.4, 0.0) - 0.6 * max(0.4 - share, 0.0)


def test_overfitting_by_the_metric() -> None:
    finding = findings_of(Simulated(metric=decaying, schedule="none"), 0.8)["overfitting"]
    assert finding.severity is Severity.WARNING
    assert abs(finding.step - 1200) <= 200
    assert "bbox_mAP" in finding.title and finding.evidence[0].lines


def test_overfitting_of_a_run_that_goes_on_is_no_matter_of_the_next_one_alone() -> None:
    run = Simulated(metric=decaying, schedule="none")
    assert "next run" not in findings_of(run, 0.8)["overfitting"].recommendation
    assert "next run" in findings_of(run)["overfitting"].recommendation


def test_a_noisy_flat_metric_is_no_overfitting() -> None:
    fired = sum(
        "overfitting" in findings_of(Simulated(seed=seed, metric=lambda _: 0.4, schedule="none"))
        for seed in range(10)
    )
    assert fired == 0


def test_a_rising_validation_loss_with_a_rising_metric_is_harmless() -> None:
    findings = findings_of(
        Simulated(
            schedule="none", metric=lambda s: 0.2 + 0.3 * s, metric_noise=0.002,
            val_loss=lambda s: 1.0 + 0.8 * abs(s - 0.3),
        )
    )  # fmt: skip
    assert findings["overfitting_harmless"].severity is Severity.INFO
    assert "overfitting" not in findings


def test_a_harmless_rise_that_becomes_overfitting_ends_without_an_all_clear() -> None:
    turning = Simulated(
        schedule="none", metric=lambda s: 0.2 + 0.3 * min(s, 1.2 - s), metric_noise=0.002,
        val_loss=lambda s: 1.0 + 0.8 * abs(s - 0.3),
    )  # fmt: skip
    events = turning.session().events
    began = next(event for event in events if (event.kind, event.key) == ("finding", "overfitting"))
    over = [event for event in events if event.kind == "resolved"]
    (given_way,) = (event for event in over if event.key == "overfitting_harmless")
    assert given_way.text.startswith(f"{OUTDONE}{began.text}") and given_way.line == began.line
    assert "No longer so" not in given_way.text


def test_a_harmless_rise_that_turns_round_is_over() -> None:
    turning = Simulated(
        schedule="none", metric=lambda s: 0.2 + 0.3 * s, metric_noise=0.002,
        val_loss=lambda s: 1.0 + 0.8 * (abs(s - 0.2) if s < 0.5 else max(0.0, 0.8 - s)),
    )  # fmt: skip
    events = turning.session().events
    texts = [event.text for event in events if event.kind == "resolved"]
    assert any(text.startswith(f"{OVER}val_loss rises") for text in texts), texts


def evaluated(values: list[float], **others: list[float]) -> Session:
    session = Session()
    session.update(Record("config", facts={"planned_steps": 100 * len(values) + 1000}))
    for i, value in enumerate(values, start=1):
        metrics = {"accuracy": value, **{name: column[i - 1] for name, column in others.items()}}
        session.update(Record("train", 100 * i, metrics={"loss": 1.0 + 1.0 / i}, line=2 * i))
        session.update(Record("eval", 100 * i, metrics=metrics, line=2 * i + 1))
    return session


def test_frozen_metric() -> None:
    frozen = found(evaluated([0.51234, 0.512355, 0.5598123, *[0.5713412] * 3]))["frozen_metric"]
    assert frozen.step == 400
    assert frozen.evidence[0].lines == (9, 11, 13)


def test_a_metric_of_few_digits_needs_more() -> None:
    assert "frozen_metric" not in found(evaluated([0.51, 0.53, 0.55, *[0.57] * 4]))
    assert "frozen_metric" in found(evaluated([0.51, 0.53, 0.55, *[0.57] * 5]))


def test_another_metric_that_moves_says_that_nothing_is_frozen() -> None:
    values = [0.51234, 0.512355, 0.5598123, *[0.5713412] * 5]
    moving = [1.0 / i for i in range(1, 9)]
    assert "frozen_metric" not in found(evaluated(values, recall=moving))


def test_no_evaluation() -> None:
    finding = findings_of(Simulated(evaluates=False), 0.5)["no_evaluation"]
    # As of the last look, which is at most 4 % back.
    assert "14.6 of the stated intervals" in finding.title
    late = Simulated(epochs=30)
    some = [r for r in late.first(0.9) if r.kind != "eval" or r.epoch <= 20]
    session = Session()
    for record in some:
        session.update(record)
    assert "no_evaluation" in found(session)


def test_evaluations_on_time_and_none_wanted_are_fine() -> None:
    assert "no_evaluation" not in findings_of(Simulated(eval_every=5), 0.97)
    unwanted = Simulated(evaluates=False, facts={"val_interval": None})
    assert "no_evaluation" not in findings_of(unwanted)


def test_noisy_validation() -> None:
    finding = findings_of(Simulated(metric_noise=0.06, schedule="none"))["noisy_validation"]
    assert "pt" in finding.title


def test_usual_noise_and_few_evaluations_are_fine() -> None:
    assert "noisy_validation" not in findings_of(Simulated(metric_noise=0.01))
    assert "noisy_validation" not in findings_of(Simulated(epochs=8, metric_noise=0.06))


def test_best_not_saved() -> None:
    made = Simulated(save_every=7, metric=lambda s: 0.4 - 2.0 * abs(s - 0.5), metric_noise=0.001)
    finding = findings_of(made, 0.9)["best_not_saved"]
    assert finding.step == 1500
    assert finding.evidence[1].observed == "epoch 14"


def test_saved_bests_and_logs_without_checkpoints_are_fine() -> None:
    assert "best_not_saved" not in findings_of(Simulated())
    assert "best_not_saved" not in findings_of(Simulated(saves=False))


def long_ago(rate: LearningRate, over: Overfitting | None = None) -> Finding | None:
    values = [0.5, 0.6, 0.7, *[0.69] * 12]
    run = Run.from_records(
        [Record("eval", 100 * i, metrics={"acc": v}, line=i) for i, v in enumerate(values, 1)]
    )
    given: dict[Any, Any] = {
        MetricAnalyzer: MetricAnalyzer.of(run),
        LearningRateAnalyzer: rate,
        OverfittingAnalyzer: over or Overfitting(),
        StoppingAnalyzer: StopAdvice(),
    }
    return BEST_LONG_AGO.check(run, answers(given))


def test_best_long_ago() -> None:
    finding = long_ago(LearningRate())
    assert finding is not None
    assert "12 of 15" in finding.title and finding.step == 300


def test_a_best_long_ago_before_a_decay_or_beside_overfitting_is_not_said() -> None:
    assert long_ago(LearningRate(next_drop=Drop(2000, None, 0.1))) is None
    assert long_ago(LearningRate(decays_to_end=True)) is None
    assert long_ago(LearningRate(), replace(Overfitting(), overfitting=True)) is None


def test_equal_evaluations_of_zero_are_reported_when_there_are_enough() -> None:
    assert "frozen_metric" in found(evaluated([0.0] * 6))


def test_nan_evaluations_are_not_frozen() -> None:
    assert "frozen_metric" not in found(evaluated([0.5, 0.6, *[math.nan] * 6]))


def test_random_walks_are_not_frozen() -> None:
    rng = np.random.default_rng(0)
    assert "frozen_metric" not in found(evaluated(rng.uniform(0.5, 0.6, 40).round(3).tolist()))
