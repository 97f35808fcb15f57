"""Titles of messages: short, in the house's form, with the sentence below."""

from __future__ import annotations

import inspect
from dataclasses import replace

import pytest
from made_runs import make_analysis, make_run

from copilot_analytics.alerts import wording
from copilot_analytics.alerts.message import Tiding
from copilot_analytics.alerts.policy import Context
from copilot_analytics.events import Event
from copilot_analytics.findings import Evidence, Finding, Severity
from copilot_analytics.plugins import discover

DIAGNOSES = discover("copilot_analytics.diagnoses", "DIAGNOSIS")
LOST = "val_acc went from 0.8564 at epoch 10 to 0.0982 at epoch 11 and did not come back"


def may_be_told(rule):
    source = inspect.getsource(inspect.getmodule(type(rule)))
    return "Severity.WARNING" in source or "Severity.CRITICAL" in source


@pytest.mark.parametrize("name", sorted(n for n, rule in DIAGNOSES.items() if may_be_told(rule)))
def test_what_may_be_told_has_a_short_title(name):
    headline = DIAGNOSES[name].headline
    assert 3 < len(headline) <= 30
    assert headline.replace("NaN", "NAN") == headline.upper().replace("NaN", "NAN")


def test_the_sentence_of_a_finding_stands_below_its_title():
    event = Event("finding", "metric_collapse", 66, None, 66, LOST, Severity.WARNING)
    found = Finding(
        event.key, event.severity, 66, LOST, "More than half is lost.",
        (Evidence("val_acc", "0.1"),), "Go back to epoch 10.",
    )  # fmt: skip
    analysis = replace(make_analysis(make_run()), findings=(found,))
    for known in (lambda: analysis, None):
        words = wording.news([Tiding("opened", event)], Context("key", "my_run", known))
        assert words.title == "🟠 METRIC COLLAPSED   my_run"
        assert words.body[0] == LOST


def test_what_is_taken_back_is_said_in_the_words_in_which_it_was_told():
    event = Event("finding", "metric_collapse", 66, None, 66, LOST, Severity.WARNING)
    over = Event("resolved", event.key, 99, None, 99, f"No longer so: {LOST}, or so")
    words = wording.news([Tiding("withdrawn", over, event, 36.0)], Context("key", "my_run"))
    assert words.title == "↩️ TAKEN BACK: METRIC COLLAPSED   my_run"
    assert words.body == (f"“{LOST}” no longer holds, 36 s after I told of it.",)
