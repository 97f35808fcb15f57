"""What stopping would have saved counts from when the reader was told to stop."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_runs import make_analysis, make_run
from policy_feeds import CONTEXT, run

from copilot_analytics.alerts.advice import would_have_saved
from copilot_analytics.alerts.policy import Context, Policy
from copilot_analytics.analyzers.stopping import StopAdvice
from copilot_analytics.events import Event
from copilot_analytics.findings import Severity

STOP = Event("advice", "stop", 900, 1000.0, 90, "stop: P(gain) = 2 %", Severity.WARNING)
FLAT = Event("finding", "true_plateau", 901, 1010.0, 91, "flat", Severity.WARNING)
GO_ON = Event("advice", "continue", 950, 1500.0, 95, "continue: P(gain) = 60 %")
END = Event("status", "finished", 2000, 4600.0, 200, "finished")


@pytest.fixture(scope="module")
def over():
    """Return a run that finished an hour after it first paid to stop."""
    analysis = make_analysis(make_run())
    life = replace(analysis.life, status="finished")
    stop = StopAdvice("none", "the run is over", saves_s=3600.0, saves_gpu_h=4.0)
    return replace(analysis, life=life, stop=stop)


def ended(over, *steps, policy=None):
    """Return the last words after steps of (seconds, events), and those of a restart before."""
    policy = policy or Policy()
    context = Context("key", "my_run", lambda: over)
    rows = {}
    for now, events in steps:
        policy.step(events, now, context)
        rows |= {row.event_id: row for row in policy.decisions}
    again = Policy.restore(rows.values())
    words = [one.step([END], 4600.0, context)[-1].text for one in (policy, again)]
    assert words[0] == words[1]
    return words[0]


@pytest.mark.parametrize("late_s", [60.0, 900.0, 1800.0])
def test_it_counts_from_the_message_and_not_from_the_event(over, late_s):
    text = ended(over, (1000.0, [STOP]), (1000.0 + late_s, []))
    hours = f"{4.0 * (3600.0 - late_s) / 3600.0:.2g}"
    assert f"Stopping when advised would have saved ≈ {hours} GPU-hours." in text


def test_a_message_about_something_else_tells_the_advice_too(over):
    steps = [(1000.0, [FLAT]), (1050.0, [STOP]), (1060.0, []), (1900.0, [])]
    assert "would have saved ≈ 3.9" in ended(over, *steps)


def test_advice_that_nobody_heard_saved_nothing(over):
    assert "would have saved" not in ended(over, (4590.0, [STOP]))
    assert "would have saved" not in ended(over)


def test_advice_taken_back_and_given_again_counts_from_the_second_time(over):
    again = replace(STOP, step=1500, line=150, time=3400.0)
    late = replace(over, stop=replace(over.stop, saves_s=1200.0, saves_gpu_h=1.2))
    steps = [(1000.0, [STOP]), (1060.0, []), (1500.0, [GO_ON]), (1600.0, [])]
    text = ended(late, *steps, (3400.0, [again]), (3700.0, []))
    assert "would have saved ≈ 0.9 GPU-hours" in text


def test_a_watch_that_began_late_counts_no_time_before_it(over):
    policy = Policy()
    running = make_analysis(make_run())
    running = replace(running, stop=StopAdvice("stop", "P(gain) = 2 %"))
    policy.attach([STOP], 2800.0, Context("key", "my_run", lambda: running))
    assert policy.since_urged_s(4600.0) == (0.0, 1800.0)
    assert would_have_saved(over, (0.0, 1800.0)).endswith("≈ 2 GPU-hours.")


def test_less_than_a_minute_is_not_told(over):
    assert would_have_saved(over, (3541.0, 3600.0)) == ""
    assert would_have_saved(over, None) == ""


def test_the_advice_is_told_by_the_time_that_company_came(policy, feed):
    (told,) = run(policy, [feed("advice", "stop")], 0, 40)
    assert told.title.startswith("🛑 TIME TO STOP")
    assert policy.since_urged_s(100.0) == (40.0, 60.0)


def test_who_was_told_that_the_loss_is_nan_was_told_to_stop(policy, feed):
    run(policy, [feed("finding", "loss_nan", Severity.CRITICAL)], 0)
    assert policy.since_urged_s(50.0) is None and policy.urged is None
    kill = feed("advice", "kill", Severity.CRITICAL)
    assert run(policy, [kill], 100, 140) == []  # that says nothing new
    assert policy.since_urged_s(150.0) == (0.0, 50.0) and policy.urged == kill


@pytest.mark.parametrize("trouble", [("phase", "DIVERGING"), ("finding", "loss_explosion")])
def test_advice_to_kill_what_diverges_counts_from_when_it_was_told(policy, feed, trouble):
    run(policy, [feed(*trouble, Severity.CRITICAL)], 0, 40)
    kill = feed("advice", "kill", Severity.CRITICAL)
    (told,) = run(policy, [kill], 100)
    assert told.title.startswith("🛑 KILL IT")
    assert policy.since_urged_s(150.0) == (0.0, 50.0) and policy.urged == kill


def test_advice_to_stop_what_diverges_is_not_counted_where_it_was_never_told(policy, feed):
    run(policy, [feed("phase", "DIVERGING", Severity.CRITICAL)], 0, 40)
    assert run(policy, [feed("advice", "stop")], 100, 200) == []
    assert policy.since_urged_s(250.0) is None and policy.urged is None


def test_a_stall_says_nothing_of_the_advice_that_stands(policy, feed):
    policy.step([feed("advice", "stop")], 0.0, CONTEXT)
    (told,) = run(policy, [feed("status", "stalled", Severity.CRITICAL)], 10)
    assert "STALLED" in told.title
    assert policy.since_urged_s(20.0) is None


def test_the_end_alone_urges_nobody(policy, feed):
    policy.step([feed("advice", "stop")], 0.0, CONTEXT)
    (end,) = run(policy, [feed("status", "finished")], 10)
    assert end.kind == "summary" and policy.urged is None
