"""When the policy keeps still for a while: cooldowns, flapping, quiet hours and mutes."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from policy_feeds import CONTEXT, run

from copilot_analytics.alerts.message import Message, event_id
from copilot_analytics.alerts.policy import Context, Policy
from copilot_analytics.alerts.rules import PolicyOptions, QuietHours
from copilot_analytics.errors import UsageError
from copilot_analytics.findings import Severity
from copilot_analytics.live.starting import quiet_hours


def test_cooldown_is_per_key_and_nothing_is_lost(policy, feed):
    run(policy, [feed("finding", "loss_spike")], 0, 30)
    run(policy, [feed("resolved", "loss_spike")], 60, 90)
    assert run(policy, [feed("finding", "loss_spike")], 120, 160) == []
    assert run(policy, [feed("finding", "memory_leak", Severity.WARNING)], 170, 200)
    (told,) = run(policy, [], 629, 631)
    assert told.kind == "news"


def test_crash_again_after_running_again_does_not_cool_down(policy, feed):
    assert run(policy, [feed("status", "crashed")], 0)
    assert run(policy, [feed("status", "running")], 60)
    assert run(policy, [feed("status", "crashed")], 120)


def test_flapping_is_named_once_then_silence_until_calm(policy, feed):
    titles, now = [], 0.0
    for _ in range(12):
        for kind in ("finding", "resolved"):
            titles += [m.title for m in run(policy, [feed(kind, "loss_spike")], now, now + 50)]
            now += 100
    assert sum("UNSTABLE" in title for title in titles) == 1
    assert titles[-1].startswith("🔁 UNSTABLE")
    assert len(titles) <= 5
    assert run(policy, [], now + 1600) == []
    (told,) = run(policy, [], now + 1800)  # calm, and what was named is over
    assert told.kind in {"resolved", "withdrawn"}


@pytest.mark.parametrize("key", ["true_plateau", "loss_spike"])
def test_what_came_and_went_while_it_was_only_worth_knowing_is_unstable_at_once(policy, feed, key):
    """A plateau that comes and goes is none, and told only once it keeps still."""
    graver, lesser, titles = Severity.WARNING, Severity.INFO, []
    steps = [
        ("finding", graver, 0), ("resolved", graver, 20), ("finding", lesser, 300),
        ("resolved", lesser, 400), ("finding", graver, 700), ("resolved", graver, 840),
        ("finding", graver, 900),
    ]  # fmt: skip
    for kind, severity, at in steps:
        event = feed(kind, key, severity)
        titles += [one.title for one in run(policy, [event], at, at + (60 if at >= 700 else 15))]
    assert [title.startswith("🔁 UNSTABLE") for title in titles] == [True] * (key == "loss_spike")
    titles += [one.title for one in run(policy, [], 2699, 2701)]
    assert [title.split()[1] for title in titles] == [
        "UNSTABLE:" if key == "loss_spike" else "PLATEAU"
    ]


def test_what_becomes_graver_has_not_come_twice(policy, feed):
    titles = []
    for nth, severity in enumerate((Severity.INFO, Severity.WARNING, Severity.CRITICAL)):
        event = feed("finding", "loss_spike", severity)
        titles += [one.title for one in run(policy, [event], nth, nth + 0.5)]
    titles += [one.title for one in run(policy, [feed("resolved", "loss_spike")], 100, 160)]
    assert titles and not any("UNSTABLE" in title for title in titles)


def test_of_several_things_that_flap_together_one_is_named(policy, feed):
    keys, titles = ("loss_spike", "memory_leak", "slowdown"), []
    for now in range(0, 1300, 100):
        kind = "resolved" if now % 200 else "finding"
        for late, key in enumerate(keys):
            event = feed(kind, key, Severity.WARNING)
            titles += [m.title for m in run(policy, [event], now + 5 * late)]
    assert sum("UNSTABLE" in title for title in titles) == 1
    told = [m.text for m in run(policy, [], 3100, 3140)]
    assert not any("UNSTABLE" in text for text in told)


def test_what_is_critical_is_named_though_another_thing_flaps(policy, feed):
    titles = []
    for now in range(0, 1200, 100):
        kind = "resolved" if now % 200 else "finding"
        for key, gravity in (("loss_spike", Severity.WARNING), ("gpu_xid", Severity.CRITICAL)):
            titles += [m.title for m in run(policy, [feed(kind, key, gravity)], now, now + 50)]
    assert sum("UNSTABLE" in title for title in titles) == 2


def test_flapping_anew_after_calm_is_named_anew(policy, feed):
    titles, now = [], 0.0
    for _ in range(2):
        for _ in range(6):
            for kind in ("finding", "resolved"):
                titles += [m.title for m in run(policy, [feed(kind, "loss_spike")], now, now + 50)]
                now += 100
        now += 5000
        titles += [m.title for m in run(policy, [], now)]
    assert sum("UNSTABLE" in title for title in titles) == 2


def test_what_comes_and_goes_now_and_then_does_not_flap(policy, feed):
    titles = []
    for at in range(0, 20_000, 2000):
        kind = "resolved" if at % 4000 else "finding"
        titles += [m.title for m in run(policy, [feed(kind, "loss_spike")], at, at + 50)]
    assert len(titles) == 10 and not any("UNSTABLE" in title for title in titles)


def test_a_clock_that_was_wrong_in_an_earlier_watch_keeps_nothing_waiting(feed):
    ahead, decisions = 1e7, []
    before = Policy()
    for at, event in ((0.0, feed("finding", "loss_spike")), (50.0, None)):
        before.step([event] if event else [], ahead + at, Context("key", "my_run"))
        decisions += before.decisions
    rows = {row.event_id: row for row in decisions}.values()
    policy = Policy.restore(rows)
    assert run(policy, [feed("resolved", "loss_spike")], 100, 140)
    assert run(policy, [feed("finding", "loss_spike")], 200, 240)


def test_flapping_of_a_stall_does_not_hide_a_crash(policy, feed):
    for n in range(10):
        run(policy, [feed("status", "stalled" if n % 2 == 0 else "running")], n * 60)
    (told,) = run(policy, [feed("status", "crashed")], 700)
    assert "CRASHED" in told.title


def test_quiet_hours_become_one_morning_digest(feed):
    policy = Policy(PolicyOptions(quiet=QuietHours.parse("23:00-07:00")))
    night = 3 * 3600.0
    assert run(policy, [feed("finding", "true_plateau")], night, night + 60) == []
    assert run(policy, [feed("finding", "loss_spike")], night + 100, night + 200) == []
    assert run(policy, [feed("resolved", "loss_spike")], night + 300, night + 400) == []
    assert (
        run(policy, [feed("finding", "slow_data", Severity.WARNING)], night + 500, night + 900)
        == []
    )
    (told,) = run(policy, [], 7 * 3600 - 1, 7 * 3600, 7 * 3600 + 60)
    assert told.kind == "digest" and len(told.event_ids) == 3
    assert any("came and went" in line for line in told.body)


def test_a_night_of_which_only_what_is_in_doubt_is_left_has_no_digest_yet(feed, monkeypatch):
    policy = Policy(PolicyOptions(quiet=QuietHours.parse("23:00-07:00")))
    doubt = {"is": True}
    monkeypatch.setattr("copilot_analytics.alerts.policy.is_in_doubt", lambda *_: doubt["is"])
    context = replace(CONTEXT, analysis=lambda: None)
    policy.step([feed("finding", "loss_spike")], 3 * 3600.0, context)
    assert policy.step([], 3 * 3600.0 + 60, context) == []
    assert policy.step([], 7 * 3600.0, context) == []
    doubt["is"] = False
    (told,) = policy.step([], 7 * 3600.0 + 60, replace(context, analysis=None))
    assert told.kind == "digest" and len(told.event_ids) == 1


def test_what_came_and_went_many_times_in_the_night_is_one_line(feed):
    policy = Policy(PolicyOptions(quiet=QuietHours.parse("23:00-07:00")))
    night = 3 * 3600.0
    for nth in range(11):
        for kind in ("finding", "resolved"):
            assert run(policy, [feed(kind, "loss_spike")], night + 300 * nth) == []
    run(policy, [feed("finding", "slow_data", Severity.WARNING)], night + 5000)
    (told,) = run(policy, [], 7 * 3600, 7 * 3600 + 60)
    assert told.title.startswith("📋 MEANWHILE: 2 things")
    lines = [line for line in told.body if "came and went" in line]
    assert lines == ["• came and went 11 times: finding loss_spike"]
    assert len(told.event_ids) == 12


def test_critical_passes_in_quiet_hours_and_so_does_its_end(feed):
    policy = Policy(PolicyOptions(quiet=QuietHours.parse("23:00-07:00")))
    night = 3 * 3600.0
    (told,) = run(policy, [feed("finding", "true_plateau"), feed("status", "stalled")], night)
    assert len(told.event_ids) == 1 and told.silent is False
    assert run(policy, [feed("status", "running")], night + 600)


def test_what_passes_in_quiet_hours_says_until_when_it_must_make_no_sound(feed):
    policy = Policy(PolicyOptions(quiet=QuietHours.parse("23:00-07:00")))
    night = 3 * 3600.0
    (hello,) = policy.attach([], night, CONTEXT)
    assert hello.quiet_until == 7 * 3600.0
    policy.mute(8 * 3600.0)
    (end,) = run(policy, [feed("status", "finished")], night + 60)
    assert end.kind == "summary" and end.quiet_until == 8 * 3600.0
    assert Message.from_json(end.to_json()) == end


def test_a_mute_that_ends_in_quiet_hours_lasts_until_they_end():
    policy = Policy(PolicyOptions(quiet=QuietHours.parse("23:00-07:00")))
    day = 86400.0
    policy.mute(day - 1800.0)
    assert policy.quiet_until(day - 7200.0) == day + 7 * 3600.0
    assert policy.quiet_until(day - 1800.0) == day + 7 * 3600.0
    policy.mute(day + 9 * 3600.0)
    assert policy.quiet_until(day) == day + 9 * 3600.0
    assert policy.quiet_until(day + 9 * 3600.0) is None


def test_quiet_hours_are_local(feed):
    east = timezone(timedelta(hours=9))
    quiet = QuietHours.parse("23:00-07:00", east)
    assert quiet.covers(datetime(2024, 5, 1, 23, 30, tzinfo=east).timestamp())
    assert not quiet.covers(datetime(2024, 5, 1, 23, 30, tzinfo=UTC).timestamp())


@pytest.mark.parametrize("text", ["", "23-7", "25:00-07:00", "23:60-07:00", "08:00-08:00"])
def test_quiet_hours_that_make_no_sense(text):
    with pytest.raises(UsageError, match="23:00-07:00"):
        QuietHours.parse(text)


def test_mute_holds_all_but_the_critical_until_it_ends(policy, feed):
    policy.mute(7200.0)
    assert run(policy, [feed("finding", "true_plateau")], 0, 60, 7000) == []
    assert run(policy, [feed("finding", "loss_nan")], 7100)
    policy = Policy()
    policy.mute(7200.0)
    run(policy, [feed("finding", "true_plateau")], 0, 60)
    policy.unmute()
    assert run(policy, [], 100)


def test_what_another_run_replaces_is_told_at_once(policy, feed):
    worse, slow = feed("phase", "OVERFITTING_RISK"), feed("finding", "data_loading_bound")
    assert policy.step([worse], 0.0, CONTEXT) == []
    (message,) = policy.part([worse, slow], 1.0, CONTEXT)
    assert set(message.event_ids) == {event_id("key", worse), event_id("key", slow)}
    assert policy.part([worse, slow], 2.0, CONTEXT) == []
    assert policy.step([], 1e6, CONTEXT) == []


def test_what_another_run_replaces_does_not_wait_for_the_morning(feed):
    policy = Policy()
    policy.mute(1000.0)
    worse = feed("phase", "OVERFITTING_RISK")
    assert policy.step([worse], 0.0, CONTEXT) == []
    (message,) = policy.part([worse], 100.0, CONTEXT)
    assert message.silent and message.event_ids == (event_id("key", worse),)


def test_what_waits_for_the_morning_is_told_then_by_a_watch_that_was_started_anew(feed):
    options, night = PolicyOptions(quiet=QuietHours.parse("23:00-07:00")), 3 * 3600.0
    rows = {}

    def noted(messages):
        rows.update((row.event_id, row) for row in policy.decisions)
        return messages

    policy = Policy(options)
    events = [feed("finding", "true_plateau"), feed("finding", "loss_spike")]
    assert noted(policy.step(events, night, CONTEXT)) == []
    assert noted(policy.step([feed("resolved", "loss_spike")], night + 600, CONTEXT)) == []
    (parted,) = noted(policy.close(night + 1200, CONTEXT))
    assert parted.silent and not set(parted.event_ids) & set(rows)
    policy = Policy.restore(rows.values(), options)
    assert noted(policy.step(events, night + 1300, CONTEXT)) == []
    (digest,) = policy.step([], 7 * 3600.0, CONTEXT)
    assert digest.kind == "digest" and len(digest.event_ids) == 2
    assert any("came and went" in line for line in digest.body)
    assert any("true_plateau" in line for line in digest.body)


def test_a_mute_lasts_in_a_watch_that_was_started_anew(feed):
    policy = Policy()
    policy.mute(7200.0)
    policy.step([feed("finding", "true_plateau")], 0.0, CONTEXT)
    policy = Policy.restore(policy.decisions, None, 7200.0)
    assert run(policy, [], 100, 7199) == []
    (told,) = run(policy, [], 7200)
    assert told.title.startswith("🟠 PLATEAU") and told.kind == "digest"


@pytest.mark.skipif(sys.platform == "win32", reason="needs tzset")
@pytest.mark.parametrize(
    ("evening", "end", "hours"),
    [
        ("2026-03-28T23:30", "2026-03-29T07:00", 6.5),  # summer time begins
        ("2026-10-24T23:30", "2026-10-25T07:00", 8.5),  # it ends
        ("2026-07-01T23:30", "2026-07-02T07:00", 7.5),
        ("2026-01-01T23:30", "2026-01-02T07:00", 7.5),
    ],
)
def test_quiet_hours_go_by_the_clock_on_the_wall_whenever_it_is_changed(
    monkeypatch, evening, end, hours
):
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    try:
        quiet = quiet_hours("23:00-07:00")
        now = datetime.fromisoformat(evening).timestamp()
        until = quiet.end_after(now)
        assert until == datetime.fromisoformat(end).timestamp() == now + hours * 3600.0
        assert quiet.covers(now) and quiet.covers(until - 60.0) and not quiet.covers(until)
        assert not quiet.covers(now - 31 * 60.0)
    finally:
        monkeypatch.undo()
        time.tzset()
