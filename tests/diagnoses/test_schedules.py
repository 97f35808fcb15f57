from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from simulated_runs import Simulated, answers, found

from copilot_analytics.analyzers._loss_spikes import Spike
from copilot_analytics.analyzers.divergence import Divergence, DivergenceAnalyzer
from copilot_analytics.analyzers.forecast import ForecastAnalyzer, MetricForecast
from copilot_analytics.analyzers.learning_rate import (
    LearningRate,
    LearningRateAnalyzer,
    LrDrop,
)
from copilot_analytics.analyzers.lifecycle import Lifecycle, LifecycleAnalyzer
from copilot_analytics.analyzers.metric import MainMetric, MetricAnalyzer
from copilot_analytics.analyzers.phase import Phase, PhaseAnalyzer, Phases, PhaseSpan
from copilot_analytics.analyzers.stopping import StopAdvice, StoppingAnalyzer
from copilot_analytics.diagnoses.late_decay_ineffective import DIAGNOSIS as LATE_DECAY
from copilot_analytics.diagnoses.no_warmup_spikes import DIAGNOSIS as NO_WARMUP
from copilot_analytics.diagnoses.plateau_before_decay import DIAGNOSIS as BEFORE_DECAY
from copilot_analytics.diagnoses.true_plateau import DIAGNOSIS as TRUE_PLATEAU
from copilot_analytics.findings import Evidence, Finding, Severity
from copilot_analytics.run import Run
from copilot_analytics.schedule import Drop

SPAN = PhaseSpan(
    Phase.PLATEAU, 1000, 1500, 10.0, 7, "flat within noise", (Evidence("loss", "0", "1"),)
)
PLATEAU = Phases(Phase.PLATEAU, seen="flat at this look", history=(SPAN,), evidence=SPAN.evidence)
MAIN = MainMetric(name="acc", best=0.7, delta=0.005, delta_text="0.5 pt", n=12)


def half_way() -> Run:
    return Run.from_records(Simulated().first(0.5))


def plateau(rule: Any, **given: Any) -> Finding | None:
    said: dict[Any, Any] = {
        PhaseAnalyzer: given.get("phases", PLATEAU),
        LearningRateAnalyzer: given.get("rate", LearningRate()),
        ForecastAnalyzer: MetricForecast("acc", p_gain=given.get("p", 0.04)),
        MetricAnalyzer: given.get("main", MAIN),
        LifecycleAnalyzer: Lifecycle(given.get("status", "running"), "made up"),
        StoppingAnalyzer: StopAdvice(given.get("advice", "stop")),
    }
    return rule.check(given.get("run") or half_way(), answers(said))


def test_true_plateau() -> None:
    finding = plateau(TRUE_PLATEAU)
    assert finding is not None
    assert finding.severity is Severity.WARNING
    assert finding.explanation == "Flat at this look."
    assert "epoch 10" in finding.title and "4 %" in finding.recommendation


def test_a_finished_run_is_not_told_to_stop() -> None:
    finding = plateau(TRUE_PLATEAU, status="finished")
    assert finding is not None
    assert finding.severity is Severity.INFO
    assert "next run" in finding.recommendation


@pytest.mark.parametrize("p", [None, 0.4])
def test_a_plateau_that_may_still_gain_is_only_worth_knowing(p: float | None) -> None:
    finding = plateau(TRUE_PLATEAU, p=p)
    assert finding is not None
    assert finding.severity is Severity.INFO


def test_a_plateau_does_not_contradict_the_advice_to_go_on() -> None:
    stop, go_on = plateau(TRUE_PLATEAU), plateau(TRUE_PLATEAU, p=0.4, advice="continue")
    unknown = plateau(TRUE_PLATEAU, p=None)
    assert stop is not None and go_on is not None and unknown is not None
    assert stop.recommendation.startswith("Going on pays little: a gain of 0.5 pt has a chance")
    assert go_on.recommendation.startswith("No reason to stop yet: a gain of 0.5 pt")
    assert unknown.recommendation.startswith("What going on is worth cannot be told")


@pytest.mark.parametrize(
    ("source", "words"),
    [("config", "with no drop"), ("series", "the log tells of no"), ("unknown", "tells of no")],
)
def test_no_drop_is_ahead_only_where_the_schedule_is_declared(source: Any, words: str) -> None:
    finding = plateau(TRUE_PLATEAU, rate=LearningRate(source=source))
    assert finding is not None
    assert words in finding.title


@pytest.mark.parametrize(("share", "severity"), [(0.85, "warning"), (0.92, "info")])
def test_a_plateau_with_nothing_to_save_is_only_worth_knowing(share: float, severity: str) -> None:
    finding = plateau(TRUE_PLATEAU, run=Run.from_records(Simulated().first(share)))
    assert finding is not None
    assert str(finding.severity) == severity


def test_what_a_drop_brings_is_waited_for_before_a_plateau_is_told() -> None:
    run = half_way()
    main = replace(MAIN, name=run.metric_names[0])
    steps = run.eval_series(run.metric_names[0]).step
    for after, severity in ((1, Severity.INFO), (2, Severity.INFO), (3, Severity.WARNING)):
        drop = LrDrop(int(steps[-1 - after]), None, 9, 0.1, 0.01)
        early = LrDrop(int(steps[0]), None, 3, 1.0, 0.1)  # no two drops foretell a third
        rate = LearningRate(drops=(early, drop))
        finding = plateau(TRUE_PLATEAU, rate=rate, run=run, main=main)
        assert finding is not None and finding.severity is severity
        assert finding.step == max(drop.step, SPAN.from_step)


@pytest.mark.parametrize(("share", "severity"), [(0.3, Severity.INFO), (0.2, Severity.WARNING)])
def test_a_drop_that_those_before_it_foretell_is_waited_for(
    share: float, severity: Severity
) -> None:
    run = half_way()
    drop = LrDrop(round(share * run.last_step / 0.5), None, 9, 0.1, 0.01)
    main = replace(MAIN, name=run.metric_names[0])
    finding = plateau(TRUE_PLATEAU, rate=LearningRate(drops=(drop,)), run=run, main=main)
    assert finding is not None and finding.severity is severity


@pytest.mark.parametrize(
    ("leaning", "severity"),
    [
        (None, Severity.WARNING),
        (Phase.CONVERGED, Severity.WARNING),
        (Phase.STABLE_CONVERGENCE, Severity.INFO),
    ],
)
def test_a_curve_that_looks_otherwise_by_now_is_no_alert(
    leaning: Phase | None, severity: Severity
) -> None:
    finding = plateau(TRUE_PLATEAU, phases=replace(PLATEAU, leaning=leaning))
    assert finding is not None and finding.severity is severity


def test_convergence_does_not_end_a_plateau() -> None:
    converged = PhaseSpan(Phase.CONVERGED, 1500, 1600, 15.0, 9, "nothing left", SPAN.evidence)
    then = Phases(Phase.CONVERGED, history=(SPAN, converged), evidence=SPAN.evidence)
    finding = plateau(TRUE_PLATEAU, phases=then)
    assert finding is not None
    assert finding.step == SPAN.from_step
    spent = LearningRate(decays_to_end=True, at_floor=True)
    assert plateau(TRUE_PLATEAU, phases=then, rate=spent) is None
    alone = Phases(Phase.CONVERGED, history=(converged,), evidence=SPAN.evidence)
    assert plateau(TRUE_PLATEAU, phases=alone) is None


def test_no_true_plateau_while_something_is_ahead() -> None:
    assert plateau(TRUE_PLATEAU, rate=LearningRate(next_drop=Drop(1800, 18, 0.1))) is None
    assert plateau(TRUE_PLATEAU, rate=LearningRate(decays_to_end=True)) is None
    assert plateau(TRUE_PLATEAU, p=0.8) is None
    assert plateau(TRUE_PLATEAU, phases=Phases(Phase.LEARNING_FAST, history=(SPAN,))) is None


def test_plateau_before_decay() -> None:
    finding = plateau(BEFORE_DECAY, rate=LearningRate(next_drop=Drop(1800, 18, 0.1)))
    assert finding is not None
    assert "epoch 18" in finding.title
    assert "epoch 20" in finding.recommendation
    assert finding.evidence[0].observed == "300"


def test_no_drop_no_waiting() -> None:
    assert plateau(BEFORE_DECAY) is None
    drop = LearningRate(next_drop=Drop(1800, 18, 0.1))
    moving = Phases(Phase.STABLE_CONVERGENCE, history=(SPAN,))
    assert plateau(BEFORE_DECAY, rate=drop, phases=moving) is None


def zero_rate(first: float, loss: Any = None) -> dict[str, Finding]:
    def row(_: int, share: float, metrics: dict[str, float]) -> dict[str, float]:
        return {**metrics, "lr": 0.0 if share > first else metrics["lr"]}

    made = Simulated(schedule="none", change_row=row, loss=loss or (lambda _: 1.0))
    return found(made.session(0.85))


def test_lr_zero() -> None:
    finding = zero_rate(0.3)["lr_zero"]
    assert finding.severity is Severity.WARNING
    assert finding.evidence[0].lines


def test_rows_that_tell_no_rate_do_not_hide_that_it_is_zero() -> None:
    def row(number: int, share: float, metrics: dict[str, float]) -> dict[str, float]:
        rate = {"lr": 0.0 if share > 0.3 else metrics["lr"]} if number // 50 % 2 else {}
        return {"loss": metrics["loss"], **rate}

    made = Simulated(schedule="none", change_row=row, loss=lambda _: 1.0)
    every = zero_rate(0.3)["lr_zero"]
    finding = found(made.session(0.85))["lr_zero"]
    assert abs(finding.step - every.step) <= 100
    told, told_every = (int(one.evidence[0].observed.split()[4]) for one in (finding, every))
    assert abs(2 * told - told_every) <= 4


def test_a_rate_printed_as_zero_still_trains() -> None:
    assert "lr_zero" not in zero_rate(0.3, lambda share: 3.0 * math.exp(-4 * share))


def test_a_cosine_ends_at_zero() -> None:
    assert "lr_zero" not in found(Simulated(schedule="cosine").session())


def spiky(count: int, peak: float) -> Finding | None:
    spikes = tuple(Spike(100 + 20 * i, 5, 9.0, 2.0, True) for i in range(count))
    said: dict[Any, Any] = {
        DivergenceAnalyzer: Divergence(spikes=spikes),
        LearningRateAnalyzer: LearningRate(now=0.02, peak=peak),
    }
    run = Run.from_records(Simulated(warmup=False).first(0.5))
    return NO_WARMUP.check(run, answers(said))


def test_no_warmup_spikes() -> None:
    finding = spiky(2, 0.02)
    assert finding is not None
    assert "2 spikes" in finding.title


def test_one_spike_or_a_rate_below_its_peak_is_fine() -> None:
    assert spiky(1, 0.02) is None
    assert spiky(3, 0.1) is None


def decays(gain_loss: float, gain_metric: float) -> dict[str, Finding]:
    made = Simulated(
        epochs=40, warmup=False, noise=0.04, metric_noise=0.003,
        loss=lambda s: 0.5 + 1.5 * math.exp(-12 * s) - gain_loss * (s > 0.6),
        metric=lambda s: 0.4 * (1 - math.exp(-12 * s)) + gain_metric * (s > 0.6),
    )  # fmt: skip
    return found(made.session(0.8))


def test_late_decay_ineffective() -> None:
    finding = decays(0.0, 0.0)["late_decay_ineffective"]
    assert finding.severity is Severity.INFO
    assert abs(finding.step - 2400) <= 20


def test_a_decay_that_helps_the_loss_or_the_metric_is_fine() -> None:
    assert "late_decay_ineffective" not in decays(0.08, 0.0)
    assert "late_decay_ineffective" not in decays(0.0, 0.02)


def test_it_waits_for_evaluations_after_the_decay() -> None:
    run = Run.from_records(Simulated().first(0.61))
    rate = LearningRateAnalyzer.of(run)
    said: dict[Any, Any] = {
        LearningRateAnalyzer: rate,
        MetricAnalyzer: replace(MAIN, name="coco/bbox_mAP", noise=0.003),
    }
    assert rate.drops
    assert LATE_DECAY.check(run, answers(said)) is None


def test_cosine_runs_have_no_cut() -> None:
    for seed in range(3):
        findings = found(Simulated(schedule="cosine", seed=seed).session())
        assert "late_decay_ineffective" not in findings


def test_the_seeds_of_the_tests_differ() -> None:
    first, second = (Simulated(seed=seed).records()[5].metrics["loss"] for seed in (0, 1))
    assert not np.isclose(first, second)
