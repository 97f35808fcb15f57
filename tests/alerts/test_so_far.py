"""The digest of the past: what was, but not how it ended, which the next message says."""

from __future__ import annotations

from copilot_analytics.alerts.policy import Context, Policy
from copilot_analytics.alerts.so_far import so_far
from copilot_analytics.events import Event
from copilot_analytics.findings import Severity

CONTEXT = Context("key", "my_run")
CRITICAL = Severity.CRITICAL
LEARNS = Event("phase", "LEARNING_FAST", 60, 60.0, 6, "it learns")
CRASHED = Event("status", "crashed", 180, 180.0, 18, "crashed: ValueError: no", CRITICAL)
FOUND = Event("finding", "crash", 180, 180.0, 18, "the run crashed: ValueError: no", CRITICAL)
ON = Event("status", "running", 190, 190.0, 19, "running: at epoch 9")
GONE = Event("resolved", "crash", 190, 190.0, 19, "No longer so: the run crashed")
DONE = Event("status", "finished", 900, 900.0, 90, "finished: as planned")


def test_how_a_run_ended_is_left_to_the_next_message():
    assert so_far([LEARNS, CRASHED, FOUND], CONTEXT).body == (
        "phases: learning fast from step 60",
    )  # fmt: skip
    assert so_far([LEARNS, DONE], CONTEXT).body[1:] == ("no trouble so far",)


def test_a_crash_from_which_it_went_on_is_told_once():
    past = [LEARNS, CRASHED, FOUND, ON, GONE, DONE]
    assert so_far(past, CONTEXT).body[1:] == ("crashed: ValueError: no (step 180 to step 190)",)


def test_the_past_comes_before_the_present():
    told = Policy().attach([LEARNS, CRASHED, FOUND], 200.0, CONTEXT, tell_past=True)
    assert [message.kind for message in told] == ["digest", "summary"]


def test_the_end_is_told_until_the_run_goes_on():
    policy = Policy()
    assert not policy.end_is_told
    policy.attach([LEARNS, CRASHED], 200.0, CONTEXT)
    assert policy.end_is_told
    policy.step([ON], 300.0, CONTEXT)
    policy.step([], 400.0, CONTEXT)
    assert not policy.end_is_told
