"""Trouble that becomes worse, or goes on by another name, is neither over nor told anew."""

from __future__ import annotations

from policy_feeds import CONTEXT, run

from copilot_analytics.alerts.message import event_id
from copilot_analytics.findings import Severity


def test_the_end_of_what_became_worse_is_no_news_until_that_is_over(policy, feed):
    run(policy, [feed("finding", "masked_nan")], 0, 40)
    change = [feed("resolved", "masked_nan"), feed("finding", "loss_nan", Severity.CRITICAL)]
    (told,) = run(policy, change, 2000, 2040, 9000)
    assert told.event_ids == (event_id("key", change[1]),) and "OVER" not in told.text
    (over,) = run(policy, [feed("resolved", "loss_nan", Severity.CRITICAL)], 9100, 9140, 20_000)
    assert len(over.event_ids) == 2 and over.kind == "resolved"


def test_trouble_that_goes_on_by_another_name_is_neither_over_nor_told_anew(policy, feed):
    run(policy, [feed("finding", "overfitting"), feed("phase", "OVERFITTING_RISK")], 0, 40)
    assert run(policy, [feed("resolved", "overfitting")], 5000, 5040, 9000) == []
    (over,) = run(policy, [feed("phase", "STABLE_CONVERGENCE")], 9100, 9140, 20_000)
    assert over.kind == "resolved" and over.title.startswith("✅ OVER")


def test_what_is_named_as_unstable_hides_nothing_once_it_is_over(policy, feed):
    for n in range(6):
        for kind in ("finding", "resolved"):
            event = feed(kind, "loss_explosion", Severity.CRITICAL)
            policy.step([event], 100.0 * n + 50.0 * (kind == "resolved"), CONTEXT)
    assert "loss_explosion" in policy._subjects["finding:loss_explosion"].unstable
    (told,) = run(policy, [feed("phase", "DIVERGING")], 600)
    assert "DIVERGING" in told.title


def test_whoever_was_told_to_stop_is_not_told_again_that_the_curve_is_level(policy, feed):
    (told,) = run(policy, [feed("advice", "stop", Severity.WARNING)], 0, 40)
    assert "TIME TO STOP" in told.title
    level = [feed("finding", "true_plateau"), feed("phase", "CONVERGED")]
    assert run(policy, level, 2000, 2040, 9000) == []
    (worse,) = run(policy, [feed("phase", "OVERFITTING_RISK")], 9100, 9140)
    assert "OVERFITTING RISK" in worse.title
    (back,) = run(policy, [feed("advice", "continue")], 20_000, 20_040)
    assert "TAKEN BACK: advice to stop" in back.title


def test_a_plateau_that_comes_with_the_advice_to_stop_is_its_reason(policy, feed):
    both = [feed("finding", "true_plateau"), feed("advice", "stop", Severity.WARNING)]
    (told,) = run(policy, both, 0, 40)
    assert len(told.event_ids) == 2
    assert run(policy, [feed("phase", "CONVERGED")], 2000, 2040) == []


def test_what_learns_nothing_has_not_converged(policy, feed):
    run(policy, [feed("finding", "dead_agent")], 0, 40)
    assert run(policy, [feed("phase", "CONVERGED")], 2000, 2040) == []


def test_advice_to_stop_is_news_after_a_plateau(policy, feed):
    run(policy, [feed("finding", "true_plateau")], 0, 40)
    (told,) = run(policy, [feed("advice", "stop", Severity.WARNING)], 2000, 2040)
    assert "TIME TO STOP" in told.title
