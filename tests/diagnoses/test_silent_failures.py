"""Failures that leave some number of the log looking well."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from simulated_runs import Simulated, found

from copilot_analytics.engine import Session
from copilot_analytics.findings import Severity
from copilot_analytics.records import Record

SEEDS = range(4)
OF_THIS_FILE = {
    "eval_not_finite", "metric_collapse", "metric_unmoved", "gradient_vanished", "steps_skipped",
    "epoch_staircase", "loss_rises_alone",
}  # fmt: skip


def rising(share: float) -> float:
    return 0.1 + 0.6 * (1 - math.exp(-8 * share))


def falling(share: float) -> float:
    return 0.4 + 2.0 * math.exp(-6 * share)


def healthy(seed: int = 0, **changes: Any) -> Simulated:
    return replace(Simulated(seed=seed, epochs=40, loss=falling, metric=rising), **changes)


def with_rows(made: Simulated, name: str, change: Any) -> Simulated:
    def row(step: int, share: float, metrics: dict[str, float]) -> dict[str, float]:
        return {**metrics, name: change(share, step, metrics[name])}

    return replace(made, change_row=row)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("schedule", ["multistep", "cosine", "none"])
def test_healthy_runs_show_none_of_them(seed: int, schedule: str) -> None:
    session = Session()
    for record in healthy(seed, schedule=schedule, val_loss=falling).records():
        session.update(record)
        assert not OF_THIS_FILE & set(found(session))


def test_evaluations_that_turn_nan() -> None:
    made = healthy(metric=lambda s: rising(s) if s < 0.5 else math.nan)
    finding = found(made.session())["eval_not_finite"]
    assert finding.severity is Severity.WARNING
    assert finding.step == 2000
    assert "bbox_mAP is nan in the newest 21 evaluations, since epoch 20" in finding.title
    assert len(finding.evidence[0].lines) == 5


def test_a_validation_loss_that_is_nan_beside_a_fine_metric() -> None:
    finding = found(healthy(val_loss=lambda _: math.nan).session(0.3))["eval_not_finite"]
    assert finding.title.startswith("val_loss is nan in the newest 12 evaluations")


def test_one_evaluation_that_is_nan_is_no_finding() -> None:
    made = healthy(metric=lambda s: math.nan if abs(s - 0.5) < 0.01 else rising(s))
    session = Session()
    for record in made.records():
        session.update(record)
        assert "eval_not_finite" not in found(session)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_metric_that_collapses(seed: int) -> None:
    made = healthy(seed, metric=lambda s: rising(s) if s < 0.5 else 0.1)
    session = Session()
    told = None
    for record in made.records():
        session.update(record)
        if told is None and "metric_collapse" in found(session):
            told = record.epoch
    finding = found(session)["metric_collapse"]
    assert finding.step == 2000
    assert told is not None and told <= 23
    assert "Go back to epoch_19.pth (epoch 19)" in finding.recommendation


@pytest.mark.parametrize("seed", SEEDS)
def test_a_metric_that_comes_back_or_sinks_slowly_did_not_collapse(seed: int) -> None:
    def dips(share: float) -> float:
        return 0.1 if 0.5 <= share < 0.54 else rising(share)

    def sinks(share: float) -> float:
        return rising(share) - 0.3 * max(share - 0.4, 0.0)

    for metric in (dips, sinks):
        assert "metric_collapse" not in found(healthy(seed, metric=metric).session())


def test_a_metric_that_never_gained_cannot_collapse() -> None:
    made = healthy(metric=lambda s: 0.3 if s < 0.5 else 0.2, metric_noise=0.05)
    assert "metric_collapse" not in found(made.session())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_metric_at_the_bottom_while_the_loss_falls(seed: int) -> None:
    made = healthy(seed, metric=lambda _: 0.1, metric_noise=0.003)
    findings = found(made.session())
    assert findings["metric_unmoved"].severity is Severity.INFO
    assert "metric_unmoved" not in found(made.session(0.4))


def test_a_metric_that_starts_high_or_a_loss_that_stays_is_another_matter() -> None:
    high = healthy(metric=lambda _: 0.8, metric_noise=0.003)
    dead = replace(healthy(metric=lambda _: 0.1, metric_noise=0.003), loss=lambda _: 2.3)
    assert "metric_unmoved" not in found(high.session())
    assert "metric_unmoved" not in found(dead.session())


def test_a_gradient_that_is_gone() -> None:
    made = with_rows(
        replace(healthy(), loss=lambda s: falling(min(s, 0.5))),
        "grad_norm",
        lambda share, _, norm: 0.0 if share > 0.5 else norm,
    )
    session = made.session(0.8)
    finding = found(session)["gradient_vanished"]
    assert finding.severity is Severity.WARNING
    assert finding.step == 2010
    assert "at most 0 in 120 records" in finding.evidence[0].observed
    heard = [event.kind for event in session.events if event.key == "gradient_vanished"]
    assert heard == ["finding"]


def test_a_gradient_printed_as_zero_under_a_falling_loss_is_well() -> None:
    made = with_rows(
        replace(healthy(), loss=lambda s: 3.0 - 2.0 * s, noise=0.01),
        "grad_norm",
        lambda *_: 0.0,
    )
    assert "gradient_vanished" not in found(made.session(0.8))


def test_steps_that_are_all_skipped() -> None:
    made = with_rows(
        healthy(), "grad_norm", lambda share, _, norm: math.inf if share > 0.5 else norm
    )
    finding = found(made.session(0.8))["steps_skipped"]
    assert finding.step == 2010
    assert "epoch_20.pth" in finding.recommendation


def halved(share: float, seed: int = 0, *, floor: float = 0.0) -> float:
    """Return a loss scale that is halved for ever from half of the run on."""
    return 65536.0 if share <= 0.5 else max(65536.0 * 2.0 ** (-400.0 * (share - 0.5)), floor)


@pytest.mark.parametrize("name", ["loss_scale", "grad_scale", "scale"])
def test_a_loss_scale_that_collapses(name: str) -> None:
    def row(step: int, share: float, metrics: dict[str, float]) -> dict[str, float]:
        return {**metrics, name: halved(share)}

    session, told = Session(), None
    for record in healthy(change_row=row, schedule="", metric=lambda s: rising(min(s, 0.5))).first(
        0.95
    ):
        session.update(record)
        if told is None and "steps_skipped" in found(session):
            told = record.step
    findings = found(session)
    assert findings["steps_skipped"].step == pytest.approx(2000 + 4000 * 16 / 400, abs=10)
    assert told is not None and told <= 2200
    assert "the loss scale fell from 65536" in findings["steps_skipped"].title
    assert "epoch_21.pth" in findings["steps_skipped"].recommendation
    assert not {"true_plateau", "frozen_metric"} & findings.keys()


def test_a_scale_that_stays_above_one_or_never_was_one_of_mixed_precision_is_fine() -> None:
    for change in (
        lambda share: halved(share, floor=1.0),
        lambda share: 2.0 ** (1.0 - 20.0 * share),
        lambda share: 300.0 * math.exp(-20.0 * share),
    ):
        made = healthy(change_row=lambda _, share, m, c=change: {**m, "scale": c(share)})
        assert "steps_skipped" not in found(made.session())


def test_an_infinite_norm_of_each_epoch_counts_where_evaluations_stand_still() -> None:
    def metric(share: float) -> float:
        return rising(min(share, 0.5))

    def row(step: int, share: float, metrics: dict[str, float]) -> dict[str, float]:
        return {**metrics, "grad_norm": math.inf if share > 0.5 else 1.0}

    made = healthy(rows=1, every=1, schedule="", warmup=False, change_row=row)
    still = replace(made, metric=metric, metric_noise=0.0, facts={"step_unit": "epoch"})
    assert "steps_skipped" in found(still.session(0.8))
    moves = replace(made, facts={"step_unit": "epoch"})
    assert "steps_skipped" not in found(moves.session(0.95))


def test_single_skipped_steps_and_those_of_the_beginning_are_usual() -> None:
    rng = np.random.default_rng(3)

    def some(share: float, step: int, norm: float) -> float:
        return math.inf if step <= 160 or rng.random() < 0.05 else norm

    session = Session()
    for record in with_rows(healthy(), "grad_norm", some).records():
        session.update(record)
        assert "steps_skipped" not in found(session)


def staircase_run(seed: int, within: float = 0.0) -> list[Record]:
    rng = np.random.default_rng(seed)
    rows = [Record("config", facts={"planned_epochs": 6, "steps_per_epoch": 200}, line=1)]
    for step in range(1, 1201):
        done = (step - 1) / 200
        level = 1.5 * 0.7 ** math.floor(done) * (1 + within * (done % 1))
        metrics = {"loss": level * (1 + 0.03 * rng.normal())}
        rows.append(Record("train", step, step / 200, metrics=metrics, line=step + 1))
    return rows


@pytest.mark.parametrize("seed", SEEDS)
def test_a_loss_that_falls_once_an_epoch(seed: int) -> None:
    session = Session()
    for record in staircase_run(seed):
        session.update(record)
    finding = found(session)["epoch_staircase"]
    assert finding.severity is Severity.INFO
    assert "where an epoch begins" in finding.title
    assert finding.evidence[0].lines


@pytest.mark.parametrize("seed", SEEDS)
def test_a_loss_that_climbs_back_within_each_epoch_is_no_staircase(seed: int) -> None:
    session = Session()
    for record in staircase_run(seed, within=0.9):
        session.update(record)
        assert "epoch_staircase" not in found(session)


def test_a_perfect_metric_is_told_as_perfect() -> None:
    findings = found(healthy(metric=lambda _: 1.0, metric_noise=0.0).session(0.5))
    assert "cannot get any better" in findings["frozen_metric"].explanation
    assert "overlap" in findings["frozen_metric"].recommendation


@pytest.mark.parametrize("start", [0.0, 0.3])
def test_a_rate_of_zero_stays_told_at_the_end_of_the_run(start: float) -> None:
    made = with_rows(
        replace(healthy(), loss=lambda s: falling(min(s, start))),
        "lr",
        lambda share, _, rate: rate if share <= start else 0.0,
    )
    finding = found(made.session())["lr_zero"]
    assert finding.step == round(4000 * start) + 10


@pytest.mark.parametrize(
    ("start", "rate", "name"),
    [(0.2, 1e-7, "schedule_spent"), (0.2, 0.0, "lr_zero"), (0.2, 1e-3, ""), (0.6, 1e-7, "")],
)
def test_a_rate_that_is_gone_with_most_of_the_plan_to_come(
    start: float, rate: float, name: str
) -> None:
    made = with_rows(
        healthy(schedule="none", metric=lambda _: 0.4, loss=lambda _: 1.0),
        "lr",
        lambda share, *_: 1e-2 if share <= start else rate,
    )
    said = found(made.session())
    assert {"schedule_spent", "lr_zero"} & said.keys() == ({name} if name else set())
    if name:
        assert said[name].step == round(4000 * start) + 10
        assert "80 % of the plan" in said[name].title.replace("80%", "80 %")
        assert said[name].mend_first == "the schedule"


def test_a_rate_that_is_gone_stays_gone_though_half_of_the_plan_is_done() -> None:
    made = with_rows(healthy(), "lr", lambda share, *_: 1e-2 if share <= 0.2 else 1e-7)
    kinds = [e.kind for e in made.session().events if e.key == "schedule_spent"]
    assert kinds == ["finding"]


@pytest.mark.parametrize("last", [0.0, 1e-9])
def test_a_plan_in_steps_counts_where_it_ends_before_the_epochs(last: float) -> None:
    run = Session()
    run.update(Record("config", facts={"planned_epochs": 1, "planned_steps": 2000}))
    for step in range(2, 2001, 2):
        rate = max(1e-2 * (1.0 - step / 1850), last)
        run.update(Record("train", step, step / 8000, metrics={"loss": 1.0, "lr": rate}, line=step))
    run.close()
    assert not {"schedule_spent", "lr_zero"} & {finding.id for finding in run.findings}


def test_a_schedule_that_ends_at_zero_is_well() -> None:
    made = with_rows(healthy(), "lr", lambda share, _, rate: rate if share <= 0.95 else 0.0)
    assert "lr_zero" not in found(made.session())


@pytest.mark.parametrize("seed", range(8))
def test_the_luck_of_many_evaluations_does_not_hide_a_dead_run(seed: int) -> None:
    made = Simulated(
        seed=seed, epochs=50, noise=0.003, loss=lambda _: math.log(10), metric=lambda _: 0.1,
        facts={"num_classes": 10},
    )  # fmt: skip
    assert "dead_run" in found(made.session())


def test_evaluations_that_are_nan_do_not_count_as_older_than_the_best() -> None:
    made = healthy(schedule="none", metric=lambda s: rising(s) if s < 0.5 else math.nan)
    assert "best_long_ago" not in found(made.session())
