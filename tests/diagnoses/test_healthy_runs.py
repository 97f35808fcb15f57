"""What a healthy run must not hear."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from simulated_runs import Simulated, answers

from copilot_analytics.engine import Session
from copilot_analytics.findings import Severity
from copilot_analytics.plugins import discover
from copilot_analytics.records import Record
from copilot_analytics.run import Run

if TYPE_CHECKING:
    from copilot_analytics.diagnoses._base import Diagnosis

RUNS = 30
ALLOWED_PER_RUN = 0.1


def healthy(seed: int) -> Simulated:
    rng = np.random.default_rng(1000 + seed)
    made = Simulated(
        seed=seed,
        epochs=int(rng.integers(12, 50)),
        rows=int(rng.integers(4, 16)),
        noise=float(rng.uniform(0.02, 0.15)),
        metric_noise=float(rng.uniform(0.001, 0.012)),
        schedule=["multistep", "cosine"][seed % 2],
        warmup=seed % 3 != 0,
        save_every=int(rng.integers(1, 4)),
    )
    if seed % 4 == 0:
        made = replace(made, val_loss=lambda share: 0.6 + 1.5 * (0.05 + share) ** -0.3 / 3)
    step_s = float(rng.uniform(0.05, 2.0))

    def vary(step: int, share: float, metrics: dict[str, float]) -> dict[str, float]:
        slow = 1.5 if step % made.per_epoch == made.every else 1.0
        varied = step_s * slow * float(np.exp(0.1 * rng.normal()))
        peak = 6000.0 + 300.0 * min(share * 20, 1.0)
        return {
            **metrics,
            "iter_time_s": varied,
            "data_time_s": 0.12 * varied * slow,
            "memory_mib": round(peak),
        }

    return replace(made, change_row=vary)


def test_healthy_runs_raise_no_alarm() -> None:
    """Over every prefix: what counts is each warning or worse that anyone would have heard."""
    heard = []
    for seed in range(RUNS):
        session = Session()
        for record in healthy(seed).records():
            session.update(record)
        session.close()
        heard += [
            (seed, event.key, event.text)
            for event in session.events
            if event.kind == "finding" and event.severity >= Severity.WARNING
        ]
    assert len(heard) <= ALLOWED_PER_RUN * RUNS, heard


RULES = list(discover("copilot_analytics.diagnoses", "DIAGNOSIS").values())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_keeps_silent_on_what_is_hardly_there(rule: Diagnosis) -> None:
    """A rule asks for nothing that it does not name, and survives empty and tiny runs."""
    for records in (
        [],
        [Record("train", 1, metrics={"loss": 1.0})],
        [Record("eval", 1, metrics={"acc": 0.5})],
        [Record("eval", 1, metrics={"strange": 0.5}), Record("train", 2)],
    ):
        run = Run.from_records(records)
        said = {need: need.of(run) for need in _with_needs(rule)}
        assert rule.check(run, answers(said)) is None


def _with_needs(rule: Diagnosis) -> set[type]:
    found: set[type] = set()
    waiting = list(rule.needs)
    while waiting:
        kind = waiting.pop()
        if kind not in found:
            found.add(kind)
            waiting.extend(kind.needs)
    return found


@pytest.mark.parametrize("seed", [0, 1])
def test_findings_do_not_depend_on_the_unit_of_the_loss(seed: int) -> None:
    made = healthy(seed)
    scaled = replace(made, change_row=lambda *row: {**row[2], "loss": 1000.0 * row[2]["loss"]})
    plain = replace(made, change_row=lambda *row: row[2])
    ids = [
        [(event.key, event.step) for event in one.session().events if event.kind == "finding"]
        for one in (plain, scaled)
    ]
    assert ids[0] == ids[1]
