from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from simulated_runs import Simulated, found

from copilot_analytics.analyzers.phase import Phase, PhaseAnalyzer
from copilot_analytics.analyzers.stopping import StoppingAnalyzer
from copilot_analytics.engine import Session
from copilot_analytics.findings import Finding, Severity
from copilot_analytics.records import Record


def with_losses(change: Any, share: float = 0.6, **settings: Any) -> dict[str, Finding]:
    """Return the findings of a run whose loss a function of (share, loss) changes."""

    def row(step: int, done: float, metrics: dict[str, float]) -> dict[str, float]:
        return {**metrics, **change(done, metrics["loss"])}

    settings = {"schedule": "none", **settings}
    return found(Simulated(change_row=row, **settings).session(share))


LOSSES = {
    "loss_nan", "loss_component_nan", "masked_nan", "loss_explosion", "loss_spike",
    "slow_divergence", "dead_run",
}  # fmt: skip


def test_loss_nan() -> None:
    findings = with_losses(lambda done, loss: {"loss": math.nan if done > 0.5 else loss})
    finding = findings["loss_nan"]
    assert finding.severity is Severity.CRITICAL
    assert finding.step == 1510
    assert "epoch 15" in finding.title
    assert "The loss has been NaN since epoch 15" in finding.explanation
    assert finding.evidence[0].observed == "nan" and finding.evidence[0].lines


def test_bad_evaluations_of_weights_that_are_nan_are_no_overfitting() -> None:
    findings = with_losses(
        lambda done, loss: {"loss": math.nan if done > 0.5 else loss},
        share=0.7,
        metric=lambda done: 0.1 if done > 0.5 else 0.2 + 0.4 * done,
    )
    assert "loss_nan" in findings and "overfitting" not in findings


def test_weights_that_are_nan_explain_evaluations_that_collapse_and_freeze() -> None:
    def metric(share: float) -> float:
        return 0.05 if share > 0.5 else 0.1 + 0.6 * share

    def spoils(share: float, loss: float) -> dict[str, float]:
        return {"loss": math.nan if share > 0.5 else loss}

    made = {"share": 0.9, "metric": metric, "metric_noise": 0.0}
    assert {"metric_collapse", "frozen_metric"}.isdisjoint(with_losses(spoils, **made))
    # The same evaluations under a healthy loss are trouble of their own.
    assert {"metric_collapse", "frozen_metric"} <= set(with_losses(lambda *_: {}, **made))


def test_a_run_that_is_over_is_not_told_to_stop() -> None:
    def spoils(_: int, share: float, metrics: dict[str, float]) -> dict[str, float]:
        return {**metrics, "loss": math.nan} if share > 0.5 else metrics

    session = Simulated(change_row=spoils).session(0.8)
    assert found(session)["loss_nan"].recommendation.startswith("Stop and go back to epoch_")
    session.update(Record("end", facts={"signal": "SIGTERM"}, line=9999))
    over = found(session)["loss_nan"].recommendation
    assert over.startswith("Go back to epoch_")


def test_a_passing_nan_is_told_to_be_over_with_its_phase_and_then_only_noted() -> None:
    def passes(_: int, share: float, metrics: dict[str, float]) -> dict[str, float]:
        return {**metrics, "loss": math.nan} if 0.5 < share <= 0.504 else metrics

    session = Simulated(change_row=passes).session()
    note = found(session)["loss_nan_recovered"]
    assert note.severity is Severity.INFO and "recovered" in note.title
    assert "loss_nan" not in found(session)
    began, left = (event for event in session.events if event.key == "loss_nan")
    diverged = [event for event in session.events if "DIVERGING" in event.text]
    assert began.kind == "finding" and left.kind == "resolved"
    assert [event.step for event in diverged] == [began.step, left.step]


def test_loss_component_nan() -> None:
    def parts(done: float, loss: float) -> dict[str, float]:
        return {"loss_cls": 0.6 * loss, "loss_bbox": math.nan if done > 0.4 else 0.4 * loss}

    finding = with_losses(parts)["loss_component_nan"]
    assert finding.severity is Severity.WARNING
    assert "loss_bbox" in finding.title and finding.step == 1210


def test_a_component_that_is_zero_is_not_nan() -> None:
    findings = with_losses(lambda _, loss: {"loss_cls": loss, "loss_rare": 0.0})
    assert not LOSSES & set(findings)


def test_masked_nan_by_zeros() -> None:
    finding = with_losses(lambda done, loss: {"loss": 0.0 if done > 0.5 else loss})["masked_nan"]
    assert finding.severity is Severity.CRITICAL
    assert "exactly 0" in finding.title


def test_masked_nan_by_gradient() -> None:
    findings = with_losses(lambda done, _: {"grad_norm": math.nan if done > 0.5 else 1.0})
    assert "grad_norm" in findings["masked_nan"].title


def test_a_loss_that_sinks_to_zero_is_no_masked_nan() -> None:
    findings = with_losses(lambda done, _: {"loss": max(0.0, round(math.exp(-40 * done), 4))})
    assert "masked_nan" not in findings


def test_loss_explosion() -> None:
    findings = with_losses(lambda done, loss: {"loss": loss * (1 if done < 0.5 else 40)})
    finding = findings["loss_explosion"]
    assert finding.severity is Severity.CRITICAL
    assert finding.step == pytest.approx(1500, abs=20)
    assert "times its level before epoch 15" in finding.explanation


def test_a_recovered_spike_is_only_noted() -> None:
    findings = with_losses(lambda done, loss: {"loss": loss * (6 if abs(done - 0.4) < 1e-3 else 1)})
    assert findings["loss_spike"].severity is Severity.INFO
    assert LOSSES & set(findings) == {"loss_spike"}


def test_a_spike_that_stays_is_a_warning() -> None:
    def stays(done: float, loss: float) -> dict[str, float]:
        if abs(done - 0.4) < 3e-4:
            return {"loss": 4.0}
        return {"loss": 1.5 * loss if done > 0.4 else loss}

    findings = with_losses(stays, noise=0.02, rows=40, loss=lambda s: 0.6 + 2 * math.exp(-20 * s))
    assert findings["loss_spike"].severity is Severity.WARNING
    assert "did not come back" in findings["loss_spike"].title


def test_slow_divergence() -> None:
    def creeps(done: float, _: float) -> dict[str, float]:
        rng = np.random.default_rng(int(done * 1e6))
        level = 2.5 - 4 * done if done < 0.3 else 1.3 + 2.0 * (done - 0.3)
        return {"loss": level * (1 + 0.03 * rng.normal())}

    findings = with_losses(
        creeps, 0.9, metric=lambda share: 0.3 - 0.4 * abs(share - 0.3), metric_noise=0.002
    )
    assert findings["slow_divergence"].severity is Severity.WARNING


def test_a_loss_that_rises_while_evaluations_improve_is_no_divergence() -> None:
    findings = with_losses(lambda done, _: {"loss": 1.0 + 0.5 * done}, 0.9)
    assert "slow_divergence" not in findings


def test_a_run_that_guesses_is_dead() -> None:
    findings = with_losses(
        lambda done, _: {"loss": math.log(80) * (1 + 0.003 * math.sin(1e4 * done))},
        facts={"num_classes": 80}, metric=lambda _: 0.01, metric_noise=0.0005,
    )  # fmt: skip
    finding = findings["dead_run"]
    assert finding.severity is Severity.WARNING
    assert "80 classes" in finding.title
    assert finding.evidence[0].threshold == "ln K = 4.382"


def constant_class(
    epochs: int = 60, *, level: float = math.log(10), share: float = 0.098, falls: float = 0.0
) -> list[Record]:
    """Return the start of a classifier of one class for all, in a log that counts no classes."""
    rng = np.random.default_rng(1)

    def row(step: int, done: float, metrics: dict[str, float]) -> dict[str, float]:
        return {"loss": level * (1 - falls * done) + 0.01 * rng.normal(), "lr": 1e-3}

    made = Simulated(
        epochs=epochs, rows=5, change_row=row, metric=lambda _: share, metric_noise=0.0,
        metric_name="val_acc", schedule="", warmup=False,
    )  # fmt: skip
    return made.first(0.3)


def test_loss_and_accuracy_of_guessing_among_one_number_of_classes_show_a_dead_run() -> None:
    session = Session()
    for record in constant_class():
        session.update(record)
        if "dead_run" in found(session):
            break
    finding = found(session)["dead_run"]
    assert "as from guessing among 10 classes" in finding.title
    assert finding.evidence[0].threshold == "ln K = 2.303"
    assert session.run.last_epoch is not None and session.run.last_epoch < 12
    stop = session.results.of(StoppingAnalyzer)
    assert stop.advice != "kill"  # the log does not tell how many classes there are
    assert stop.at_chance and stop.checkpoints == ()
    others = after(constant_class())
    assert "Find out first" in others["best_long_ago"].recommendation
    assert not any("checkpoint of" in one.recommendation for one in others.values())


def test_a_lucky_evaluation_among_a_thousand_classes_is_guessing_all_the_same() -> None:
    """Of 20,000 examples 20 are right on average, and 30 once in a while."""
    rng = np.random.default_rng(2)
    records = [
        replace(record, metrics={"val_acc": float(rng.binomial(20_000, 0.001)) / 20_000})
        if record.kind == "eval"
        else record
        for record in constant_class(level=math.log(1000))
    ]
    best = max(record.metrics["val_acc"] for record in records if record.kind == "eval")
    assert best > 1.3 / 1000
    assert "among 1000 classes" in after(records)["dead_run"].title


def test_few_records_are_enough_where_each_evaluation_says_so_too() -> None:
    """A line an epoch: ten of them, not fifty."""
    records = [Record("config", facts={"planned_epochs": 40, "step_unit": "epoch"})]
    for epoch in range(1, 15):
        loss = math.log(10) + 0.0005 * math.sin(epoch)
        records.append(Record("train", epoch, float(epoch), metrics={"loss": loss}, line=epoch))
        score = {"val_acc": 10.89}
        records.append(Record("eval", epoch, float(epoch), metrics=score, line=epoch))
    assert "among 10 classes" in after(records)["dead_run"].title
    assert "dead_run" not in after(records[:17])


@pytest.mark.parametrize(
    "other", [{"level": 3.9}, {"share": 0.35}, {"falls": 0.05}, {"level": 1.6, "share": 0.35}]
)
def test_loss_and_accuracy_that_do_not_agree_or_a_loss_that_falls_show_none(
    other: dict[str, float],
) -> None:
    """A model that predicts well for its loss, or one whose accuracy comes later."""
    assert "dead_run" not in after(constant_class(**other))


def never_learning() -> list[Record]:
    rng = np.random.default_rng(0)

    def row(step: int, done: float, metrics: dict[str, float]) -> dict[str, float]:
        return {**metrics, "loss": 6.1 * (1 + 0.02 * rng.normal())}

    flat = Simulated(change_row=row, metric=lambda _: 0.01, metric_noise=0.0005, schedule="none")
    return flat.first(0.9)


def after(records: list[Record]) -> dict[str, Finding]:
    session = Session()
    for record in records:
        session.update(record)
    return found(session)


def test_a_run_that_never_left_its_start_is_dead() -> None:
    assert "never left" in after(never_learning())["dead_run"].title


def test_a_log_that_begins_in_the_middle_does_not_show_the_start() -> None:
    later = [
        r if r.step is None else replace(r, step=r.step + 5000, epoch=None)
        for r in never_learning()
    ]
    assert "dead_run" not in after(later)


def test_a_flat_loss_whose_evaluations_improve_is_alive() -> None:
    rng = np.random.default_rng(0)
    findings = with_losses(lambda _, __: {"loss": 6.1 * (1 + 0.02 * rng.normal())}, 0.9)
    assert "dead_run" not in findings


def test_a_detector_at_the_loss_of_guessing_is_not_dead() -> None:
    """Several components add up to ln K by chance."""
    rng = np.random.default_rng(0)

    def row(_: float, __: float) -> dict[str, float]:
        total = math.log(80) * (1 + 0.003 * rng.normal())
        return {"loss": total, "loss_cls": 0.5 * total, "loss_bbox": 0.5 * total}

    assert "dead_run" not in with_losses(row, facts={"num_classes": 80})


def climbing(times: float) -> Simulated:
    """Return a run whose loss climbs from its middle on while its evaluations improve."""

    def loss(share: float) -> float:
        return (0.4 + 2.0 * math.exp(-8 * share)) * times ** max(0.0, 2 * share - 1)

    return Simulated(schedule="none", warmup=False, loss=loss, metric=lambda s: 0.2 + 0.2 * s)


@pytest.mark.parametrize("times", [300.0, 1e4])
def test_a_loss_that_climbs_by_orders_is_told_whatever_the_evaluations_say(times: float) -> None:
    session = climbing(times).session()
    finding = found(session)["slow_divergence"]
    assert finding.severity is Severity.WARNING
    assert "evaluations still improve" in finding.explanation
    assert session.results.of(PhaseAnalyzer).current is Phase.DIVERGING


def test_a_loss_that_climbs_a_few_times_beside_better_evaluations_is_worth_knowing() -> None:
    session = climbing(8.0).session()
    findings = found(session)
    assert findings["loss_rises_alone"].severity is Severity.INFO
    assert "bbox_mAP still improves" in findings["loss_rises_alone"].title
    assert "slow_divergence" not in findings
    assert session.results.of(PhaseAnalyzer).current is not Phase.DIVERGING


@pytest.mark.parametrize("seed", range(5))
def test_a_loss_that_rises_a_little_under_augmentation_is_not_told(seed: int) -> None:
    made = replace(climbing(1.6), seed=seed)
    assert not {"loss_rises_alone", "slow_divergence"} & set(found(made.session()))


def test_a_climb_that_was_told_stays_told_until_the_level_is_back() -> None:
    heard = [event.kind for event in climbing(1e3).session().events if event.key == "DIVERGING"]
    assert len(heard) == 1
