"""Which checkpoints are the ones to use."""

from __future__ import annotations

import math

import numpy as np
from simulated_runs import Simulated
from stop_advice import advice_of, flat_run, measured

from copilot_analytics.records import Record


def test_a_run_that_is_over_gets_no_advice_but_its_checkpoints() -> None:
    advice = advice_of(Simulated().records())
    assert advice.advice == "none"
    assert advice.checkpoints[0].best
    assert advice.checkpoints[0].path == f"epoch_{advice.checkpoints[0].epoch:g}.pth"


def saved(step: int, path: str, **facts: object) -> Record:
    return Record("checkpoint", step, facts={"path": path, **facts}, line=step)


def test_replaced_checkpoints_are_not_offered() -> None:
    advice = advice_of(
        [
            *(measured(100 * i, v) for i, v in enumerate([0.5, 0.6, 0.61, 0.7], start=1)),
            saved(100, "best_1.pth", best_metric=0.5),
            saved(200, "best_2.pth", best_metric=0.6, replaces="work/best_1.pth"),
            saved(400, "epoch_4.pth"),
            saved(400, "best_4.pth", best_metric=0.7, replaces="best_2.pth"),
        ]
    )
    fold_end = advice_of(
        [
            *(measured(100 * i, v) for i, v in enumerate([0.5, 0.6, 0.61, 0.7], start=1)),
            saved(100, "best_1.pth", best_metric=0.5),
            saved(200, "best_2.pth", best_metric=0.6, replaces="work/best_1.pth"),
            saved(400, "epoch_4.pth"),
            saved(400, "best_4.pth", best_metric=0.7, replaces="best_2.pth"),
            Record("tick", facts={"final": True}),
        ]
    )
    assert advice.checkpoints[0].path is None  # the checkpoints came after the last look
    assert fold_end.checkpoints[0].path == "best_4.pth"
    assert not any(c.path in {"best_1.pth", "best_2.pth"} for c in fold_end.checkpoints)


def test_ties_follow_the_best_and_are_at_most_five() -> None:
    rng = np.random.default_rng(0)
    records = []
    for i in range(1, 41):
        records += [
            measured(100 * i, 0.7 + 0.01 * float(rng.normal())),
            saved(100 * i, f"epoch_{i}.pth"),
        ]
    choices = advice_of([*records, Record("tick", facts={"final": True})]).checkpoints
    assert 1 < len(choices) <= 5
    assert [c.best for c in choices] == [True] + [False] * (len(choices) - 1)
    assert all(c.value <= choices[0].value for c in choices)


def test_a_collapse_after_a_nan_makes_no_ties_of_worse_checkpoints() -> None:
    records = []
    for epoch in range(1, 13):
        lost = epoch > 7
        loss = math.nan if lost else math.exp(-epoch / 5)
        value = 0.1 if lost else 0.93 - 0.75 * math.exp(-epoch / 3.5)
        records += [
            Record("train", 10 * epoch, epoch, metrics={"loss": loss}, line=2 * epoch),
            Record("eval", 10 * epoch, epoch, metrics={"accuracy": value}, line=2 * epoch + 1),
        ]
    assert [one.step for one in advice_of(records).checkpoints] == [70]


def test_after_a_nan_nothing_is_promised_and_early_checkpoints_count() -> None:
    records = flat_run().first(0.6)
    rows = [r for r in records if r.kind == "train"]
    since = rows[len(rows) // 2].step or 0
    for row in rows[len(rows) // 2 :]:
        row.metrics["loss"] = math.nan
    advice = advice_of([*records, Record("tick", facts={"final": True})])
    assert "P(" not in advice.reason and "would take" not in advice.reason
    assert advice.checkpoints
    assert all(choice.step < since for choice in advice.checkpoints)
