"""A plateau that becomes convergence, and a schedule that is spent too early."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_runs import make_analysis, make_run

from copilot_analytics.alerts.advice import advice
from copilot_analytics.alerts.policy import Context, Policy
from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.analyzers.learning_rate import LearningRate, LrDrop
from copilot_analytics.analyzers.stopping import StopAdvice
from copilot_analytics.engine import Session
from copilot_analytics.events import Event
from copilot_analytics.findings import Evidence, Finding, Severity
from copilot_analytics.records import Record
from copilot_analytics.report.verdict import actions

CONTEXT = Context("key", "my_run")
FLAT = Event("finding", "true_plateau", 900, 900.0, 90, "flat since epoch 9", Severity.WARNING)
OVER = Event("resolved", "true_plateau", 950, 950.0, 95, "No longer so: flat since epoch 9")
DONE = Event("phase", "CONVERGED", 940, 940.0, 94, "PLATEAU → CONVERGED: nothing is left")
AGAIN = Event("finding", "true_plateau", 2900, 2900.0, 290, "flat since epoch 29", FLAT.severity)


def told_by(policy, *steps):
    heard, decisions = [], []
    for now, events in steps:
        heard += policy.step(events, now, CONTEXT)
        decisions += policy.decisions
    return [message.title for message in heard], decisions


def test_a_plateau_that_becomes_convergence_was_not_wrong():
    titles, _ = told_by(Policy(), (900, [FLAT]), (935, []), (940, [DONE]), (950, [OVER]), (999, []))
    assert titles == ["🟠 PLATEAU DETECTED   my_run", "🟢 CONVERGED   my_run"]


def test_a_plateau_that_ends_otherwise_soon_is_taken_back():
    titles, _ = told_by(Policy(), (900, [FLAT]), (935, []), (950, [OVER]), (999, []))
    assert titles == ["🟠 PLATEAU DETECTED   my_run", "↩️ TAKEN BACK: PLATEAU DETECTED   my_run"]


def test_a_later_plateau_is_told_again_and_after_a_restart_too():
    on = Event("phase", "STABLE_CONVERGENCE", 1500, 1500.0, 150, "CONVERGED → STABLE_CONVERGENCE")
    policy = Policy()
    _, rows = told_by(policy, (900, [FLAT]), (935, []), (940, [DONE]), (950, [OVER]), (1500, [on]))
    latest = {row.event_id: row for row in rows}
    for one in (Policy.restore(latest.values()), policy):
        titles, _ = told_by(one, (2900, [AGAIN]), (2940, []))
        assert any("PLATEAU DETECTED" in title for title in titles)


@pytest.mark.parametrize(("after", "is_told"), [(0, False), (2, False), (3, True)])
def test_a_plateau_that_waits_is_not_told_before_a_drop_has_shown_what_it_brings(after, is_told):
    analysis = make_analysis(make_run())
    steps = judged_series(analysis.run, analysis.metric.name).step
    drop = LrDrop(int(steps[-1 - after]), None, 90, 0.1, 0.01)
    dropped = replace(analysis, learning_rate=LearningRate(drops=(drop,)), findings=())
    policy = Policy()
    assert policy.step([FLAT], 900.0, CONTEXT) == []  # it waits for company
    told = policy.step([], 935.0, replace(CONTEXT, analysis=lambda: dropped))
    assert [message.title for message in told] == ["🟠 PLATEAU DETECTED   my_run"] * is_told
    assert policy.waits is not is_told
    # The learning that follows ends it, and there is nothing to tell or to take back.
    later = policy.step([OVER], 950.0, CONTEXT) + policy.step([], 1100.0, CONTEXT)
    assert len(later) == is_told


@pytest.mark.parametrize("severity", list(Severity))
def test_a_finding_that_became_less_grave_while_it_waited_is_not_told_as_it_was(severity):
    finding = Finding("slow", severity, 900, "slow", "slow", (Evidence("pace", "2 s"),), "Wait.")
    analysis = replace(make_analysis(make_run()), findings=(finding,))
    context = replace(CONTEXT, analysis=lambda: analysis)
    policy, slow = Policy(), replace(FLAT, key="slow", text="slow")
    policy.step([slow], 900.0, context)
    assert bool(policy.step([], 935.0, context)) is (severity >= Severity.WARNING)


def trained(rates, *, epochs=60, per_epoch=5):
    """Train flat from epoch 6 on, with a rate for each epoch."""
    session = Session()
    facts = {"planned_epochs": epochs, "steps_per_epoch": per_epoch}
    session.update(Record("config", facts=facts))
    line = 1
    for step in range(1, len(rates) * per_epoch + 1):
        epoch, line = step / per_epoch, line + 1
        at = min(epoch, 6.0)
        values = {"loss": 2.3 - 0.25 * at + 0.01 * (step % 3), "lr": rates[(step - 1) // per_epoch]}
        session.update(Record("train", step, epoch, float(step), values, line=line))
        if step % per_epoch == 0:
            line += 1
            score = {"val_acc": 0.8 - 0.1 * (6.0 - at) / 6.0}
            session.update(Record("eval", step, epoch, float(step), score, line=line))
    return session


def test_a_plateau_does_not_deny_the_convergence_told_beside_it():
    session = Session()
    said = []
    full = trained([0.001] * 6 + [0.0] * 24)
    for record in full.run.records:
        session.update(record)
        said += [f for f in session.findings if f.id == "true_plateau"]
    assert said
    assert not any("too little evidence" in found.explanation for found in said)


STOP = StopAdvice("stop", "P(≥ 0.5 pt more by epoch 24) = 4 %", says_chance=True)
ZERO = Finding(
    "lr_zero", Severity.WARNING, 600,
    "the learning rate is 0 since epoch 6.0, with 90% of the plan still to come then",
    "Nothing is learned.", (Evidence("learning rate", "0"),), "Check its length.",
    mend_first="the schedule",
)  # fmt: skip


def test_a_rate_of_zero_long_before_the_end_is_to_be_mended():
    analysis = replace(make_analysis(make_run()), stop=STOP, findings=(ZERO,))
    (line,) = advice(analysis, ())
    assert line.startswith("💡 Stop now: P(≥ 0.5 pt more by epoch 24) = 4 %. Mend the schedule")
    assert ZERO.title in line
    spent = replace(analysis, findings=(replace(ZERO, severity=Severity.INFO),))
    assert advice(spent, ()) == [line]
    assert any(ZERO.recommendation in action for action in actions(spent))
    calm = replace(spent, stop=StopAdvice("continue", "it gains"))
    assert "Mend" not in "".join(advice(calm, ()))
    assert not any(ZERO.recommendation in action for action in actions(calm))
