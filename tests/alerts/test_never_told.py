"""What was never told is not called over, and what waited when a watch ended is told then."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_runs import make_analysis, make_run

from copilot_analytics.alerts.policy import Context, Policy
from copilot_analytics.alerts.rules import PolicyOptions, QuietHours
from copilot_analytics.analyzers.stopping import StopAdvice
from copilot_analytics.events import Event
from copilot_analytics.findings import Severity

WAITS = Event("finding", "data_loading_bound", 4000, None, 80, "waits", Severity.WARNING)
OVER = Event("resolved", "data_loading_bound", 9000, None, 180, "No longer so: waits")


@pytest.fixture(scope="module")
def analysis():
    return make_analysis(make_run())


def context_of(analysis):
    return Context("key", "my_run", lambda: analysis)


def after(policy, events, analysis):
    """Return what is told once all that waits for company has been weighed."""
    context = context_of(analysis)
    return [*policy.step(events, 5000.0, context), *policy.step([], 5100.0, context)]


def with_grade(analysis, severity):
    (found,) = (one for one in analysis.findings if one.id == WAITS.key)
    return replace(analysis, findings=(replace(found, severity=severity),))


def test_what_the_first_message_named_is_called_over(analysis):
    policy, grave = Policy(), with_grade(analysis, Severity.WARNING)
    (first,) = policy.attach([WAITS], 0.0, context_of(grave))
    assert any(grave.findings[0].title in line for line in first.body)
    (told,) = after(policy, [OVER], replace(grave, findings=()))
    assert told.kind in {"resolved", "withdrawn"}


def test_what_became_less_grave_before_the_watch_is_not_called_over(analysis):
    policy, slight = Policy(), with_grade(analysis, Severity.INFO)
    (first,) = policy.attach([WAITS], 0.0, context_of(slight))
    assert not any(slight.findings[0].title in line for line in first.body)
    assert after(policy, [OVER], replace(slight, findings=())) == []


def test_a_digest_of_the_past_names_it_all_the_same(analysis):
    policy, slight = Policy(), with_grade(analysis, Severity.INFO)
    past, _ = policy.attach([WAITS], 0.0, context_of(slight), tell_past=True)
    assert any("waits" in line for line in past.body)
    assert len(after(policy, [OVER], replace(slight, findings=()))) == 1


def test_advice_to_stop_that_stands_is_in_the_first_message(analysis):
    stop = StopAdvice("stop", "P(≥ 0.5 pt more by epoch 24) = 4 %", says_chance=True)
    standing = replace(analysis, findings=(), stop=stop)
    policy = Policy()
    event = Event("advice", "stop", 4000, None, 80, "stop: so", Severity.WARNING)
    (first,) = policy.attach([event], 0.0, context_of(standing))
    assert "💡 Stop now: P(≥ 0.5 pt more by epoch 24) = 4 %." in first.body
    assert first.body[-1] == "Silence means that nothing has changed."
    back = Event("advice", "continue", 9000, None, 180, "continue: it gains again")
    (told,) = after(policy, [back], analysis)
    assert "TAKEN BACK" in told.title


def test_a_run_that_is_well_is_said_to_be(analysis):
    well = replace(analysis, findings=(), stop=replace(analysis.stop, advice="continue"))
    (first,) = Policy().attach([], 0.0, context_of(well))
    assert first.body[-1] == "Silence means that all is well."


def test_what_waits_for_the_morning_is_told_when_the_watch_ends(analysis):
    slight = with_grade(analysis, Severity.INFO)
    policy = Policy(PolicyOptions(quiet=QuietHours.parse("00:00-12:00")))
    context = context_of(slight)
    policy.attach([], 0.0, context)
    assert policy.step([WAITS], 60.0, context) == []
    (last,) = policy.close(120.0, context)
    assert "• 🟠 waits" in last.body and last.severity is Severity.WARNING
    assert len(after(policy, [OVER], slight)) == 0  # it is quiet still
    (told,) = policy.step([], 13 * 3600.0, context)
    assert told.title.startswith("📋 MEANWHILE: 1 thing ")
    assert told.body[0].startswith("• came and went in ") and "waits" in told.body[0]


def test_what_the_last_message_names_anyway_is_not_named_twice(analysis):
    grave = with_grade(analysis, Severity.WARNING)
    policy = Policy(PolicyOptions(quiet=QuietHours.parse("00:00-12:00")))
    policy.attach([], 0.0, context_of(grave))
    assert policy.step([WAITS], 60.0, context_of(grave)) == []
    (last,) = policy.close(120.0, context_of(grave))  # its words count further meanwhile
    assert len([line for line in last.body if "🟠" in line]) == 1


def test_an_end_that_waits_is_told_with_its_beginning_when_the_watch_ends(analysis):
    grave = with_grade(analysis, Severity.WARNING)
    policy = Policy(PolicyOptions(quiet=QuietHours.parse("00:00-12:00")))
    policy.attach([WAITS], 0.0, context_of(grave))
    over = replace(grave, findings=())
    assert policy.step([OVER], 60.0, context_of(over)) == []
    (last,) = policy.close(120.0, context_of(over))
    assert [line for line in last.body if line.startswith("• ✅ over after")]


def test_what_came_and_went_before_the_watch_is_not_in_the_digest_of_the_morning(analysis):
    policy = Policy(PolicyOptions(quiet=QuietHours.parse("00:00-12:00")))
    context = context_of(replace(analysis, findings=()))
    policy.attach([WAITS, OVER], 0.0, context)
    assert policy.step([], 60.0, context) == []
    assert policy.step([], 13 * 3600.0, context) == []


def test_what_is_taken_back_is_named_once(analysis):
    grave = with_grade(analysis, Severity.WARNING)
    policy = Policy()
    policy.attach([], 0.0, context_of(grave))
    policy.step([WAITS], 10.0, context_of(grave))
    assert policy.step([], 60.0, context_of(grave))
    over = context_of(replace(grave, findings=()))
    (told,) = [*policy.step([OVER], 300.0, over), *policy.step([], 340.0, over)]
    assert "TAKEN BACK: WAITING FOR DATA" in told.title and told.text.count("waits") == 1
    assert told.body[0].startswith(f"“{WAITS.text}” no longer holds, ")


@pytest.mark.parametrize("severity", Severity)
def test_the_first_message_weighs_as_much_as_the_worst_that_it_says(analysis, severity):
    going_on, calm = with_grade(analysis, severity), replace(analysis, findings=())
    event = replace(WAITS, severity=severity)
    (first,) = Policy().attach([event], 0.0, context_of(going_on))
    assert first.severity is severity
    (first,) = Policy().attach([event, OVER], 0.0, context_of(calm))
    assert first.severity is Severity.INFO


def test_a_run_to_kill_is_told_at_first_sight_though_all_else_is_quiet(analysis):
    kill = StopAdvice("kill", "loss is not finite since epoch 31")
    broken = replace(analysis, findings=(), stop=kill)
    event = Event("advice", "kill", 4000, None, 80, "kill: so", Severity.CRITICAL)
    policy = Policy()
    policy.mute(1e9)
    (first,) = policy.attach([event], 0.0, context_of(broken))
    assert first.severity is Severity.CRITICAL and not first.silent
    assert any("Kill it" in line for line in first.body)


def test_a_finished_run_is_not_urgent_at_first_sight(analysis):
    life = replace(analysis.life, status="finished")
    over = replace(with_grade(analysis, Severity.CRITICAL), life=life)
    past = [
        replace(WAITS, severity=Severity.CRITICAL),
        Event("status", "finished", 9000, None, 180, "finished"),
    ]
    (first,) = Policy().attach(past, 0.0, context_of(over))
    assert "FINISHED" in first.title and first.severity is Severity.INFO


@pytest.mark.parametrize(
    ("epochs_done", "left_s", "told"), [(16, 7200.0, 1), (16, 45.0, 0), (23, 7200.0, 0)]
)
def test_advice_to_stop_that_waited_until_little_is_left_is_not_told(epochs_done, left_s, told):
    made = make_analysis(make_run(epochs_done=epochs_done))
    stop = StopAdvice("stop", "P(≥ 0.5 pt more by epoch 24) = 4 %", says_chance=True)
    standing = replace(made, findings=(), stop=stop, eta=replace(made.eta, remaining_s=left_s))
    event = Event("advice", "stop", 4000, None, 80, "stop: so", Severity.WARNING)
    policy = Policy()
    assert len(after(policy, [event], standing)) == told
    kill = Event("advice", "kill", 4100, None, 82, "kill: it diverged", Severity.CRITICAL)
    grave = replace(standing, stop=replace(stop, advice="kill"))
    assert len(after(policy, [kill], grave)) == 1
