"""A run that learns nothing: that is told, and neither its plateau nor a checkpoint of it."""

from __future__ import annotations

from dataclasses import replace

from made_runs import make_analysis, make_run
from policy_feeds import run

from copilot_analytics.alerts.advice import advice
from copilot_analytics.alerts.message import event_id
from copilot_analytics.alerts.policy import Context
from copilot_analytics.alerts.wording import summary
from copilot_analytics.analyzers.stopping import StopAdvice
from copilot_analytics.findings import Evidence, Finding, Severity

DEAD = Finding(
    "dead_run", Severity.WARNING, None, "the loss is still 2.31, as from guessing", "Nothing.",
    (Evidence("training loss", "2.31"),), "Stop and check the labels.",
)  # fmt: skip
STOP = StopAdvice("stop", "P(≥ 0.5 pt more by epoch 24) = 4 %", says_chance=True)


def test_it_is_told_and_its_plateau_and_the_advice_to_stop_are_not(policy, feed):
    dead = feed("finding", "dead_run")
    flat = [feed("advice", "stop"), feed("finding", "true_plateau")]
    (told,) = run(policy, [*flat, dead], 0, 40, 9000)
    assert told.event_ids == (event_id("key", dead),)
    assert "LEARNS NOTHING" in told.title


def test_it_is_told_after_its_plateau_too(policy, feed):
    (flat,) = run(policy, [feed("finding", "true_plateau")], 0, 40)
    (dead,) = run(policy, [feed("finding", "dead_run")], 100, 140, 9000)
    assert "PLATEAU" in flat.title and "LEARNS NOTHING" in dead.title


def test_what_to_do_is_what_the_finding_says_whatever_the_forecast_does():
    analysis = make_analysis(make_run())
    for stop in (STOP, StopAdvice("continue", "it gains"), StopAdvice("wait", "it drops")):
        told = replace(analysis, stop=stop, findings=(DEAD,))
        assert advice(told, ()) == ["💡 Stop and check the labels."]
    assert "Stop now" in advice(replace(analysis, stop=STOP, findings=()), ())[0]
    bare = replace(DEAD, recommendation="Check the labels.")
    told = replace(analysis, stop=STOP, findings=(bare,))
    assert advice(told, ()) == ["💡 Stop now: check the labels."]


def test_the_message_of_its_end_recommends_no_checkpoint():
    analysis = make_analysis(make_run(), status="finished")
    assert "Use best_coco" in "".join(
        summary(Context("key", "my_run", lambda: replace(analysis, findings=()))).body
    )
    ended = replace(analysis, findings=(replace(DEAD, recommendation="Check the labels."),))
    body = summary(Context("key", "my_run", lambda: ended)).body
    assert "💡 Check the labels." in body
    assert not any("Use " in line for line in body)
