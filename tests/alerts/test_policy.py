"""Whether an event becomes a message."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from policy_feeds import CONTEXT, Feed, run

from copilot_analytics.alerts import rules
from copilot_analytics.alerts._standing import goes_on, is_outranked, is_told_elsewhere
from copilot_analytics.alerts.message import event_id
from copilot_analytics.alerts.policy import Context, Policy
from copilot_analytics.alerts.rules import PolicyOptions, QuietHours
from copilot_analytics.findings import Severity
from copilot_analytics.plugins import discover

if TYPE_CHECKING:
    from copilot_analytics.events import Event


def test_news_of_one_tick_is_one_message(policy, feed):
    events = [
        feed("finding", "true_plateau"),
        feed("finding", "data_loading_bound"),
        feed("best", "mIoU"),
    ]
    (told,) = run(policy, events, 0, 40)
    assert told.kind == "news" and told.severity is Severity.WARNING
    assert len(told.event_ids) == 2
    assert told.title.startswith("🟠 PLATEAU DETECTED")
    assert any("data_loading_bound" in line for line in told.body)


def test_same_trouble_in_one_tick_is_told_once(policy, feed):
    events = [feed("finding", "crash", Severity.CRITICAL), feed("status", "crashed")]
    (told,) = run(policy, events, 0, 40, 4000)
    assert told.event_ids == (event_id("key", events[1]),)


def test_findings_only_worth_knowing_never_alert(policy, feed):
    events = [feed("finding", "noisy_validation", Severity.INFO)]
    assert run(policy, events, 0, 40) == []
    assert run(policy, [feed("resolved", "noisy_validation", Severity.INFO)], 50, 90) == []


def test_best_and_learning_rate_alone_never_alert(policy, feed):
    events = [feed("best", "mIoU"), feed("lr", "drop"), feed("resume", "resume")]
    assert run(policy, events, 0, 40, 4000) == []


@pytest.mark.parametrize(
    "phase", ["WARMUP", "LEARNING_FAST", "STABLE_CONVERGENCE", "INITIALIZING", "PLATEAU"]
)
def test_healthy_phases_do_not_alert(policy, feed, phase):
    assert run(policy, [feed("phase", phase)], 0, 40, 4000) == []


@pytest.mark.parametrize(
    ("kind", "key"), [("status", "crashed"), ("finding", "loss_nan"), ("phase", "DIVERGING")]
)
def test_what_is_urgent_waits_for_nothing(policy, feed, kind, key):
    (told,) = run(policy, [feed("finding", "true_plateau"), feed(kind, key)], 0)
    assert told.severity is Severity.CRITICAL


def test_over_before_it_was_told_is_never_told(policy, feed):
    policy.step([feed("finding", "loss_spike")], 0.0, CONTEXT)
    assert run(policy, [feed("resolved", "loss_spike")], 20, 60, 4000) == []


def test_resolve_carries_the_duration(policy, feed):
    run(policy, [feed("finding", "loss_spike")], 0, 30)
    (told,) = run(policy, [feed("resolved", "loss_spike")], 30 + 7200, 30 + 7230)
    assert told.kind == "resolved" and "OVER AFTER 2 h" in told.title


def test_quickly_disproved_is_taken_back_in_words(policy, feed):
    run(policy, [feed("phase", "OVERFITTING_RISK")], 0, 30)
    (told,) = run(policy, [feed("phase", "LEARNING_FAST")], 100, 130)
    assert told.kind == "withdrawn"
    assert "TAKEN BACK: overfitting risk" in told.title and "no longer holds" in told.body[0]


def test_advice_to_stop_is_taken_back_however_late(policy, feed):
    run(policy, [feed("advice", "stop", Severity.WARNING)], 0, 30)
    (told,) = run(policy, [feed("advice", "continue")], 90_000, 90_030)
    assert told.kind == "withdrawn"


def test_running_again_is_told(policy, feed):
    run(policy, [feed("status", "stalled")], 0)
    (told,) = run(policy, [feed("status", "running")], 400)
    assert told.kind == "resolved" and "RUNNING AGAIN" in told.title
    assert told.body[0].startswith("it went on ")  # by now it may be elsewhere


def test_one_alerting_phase_after_another_needs_no_resolve(policy, feed):
    run(policy, [feed("finding", "true_plateau")], 0, 30)
    (told,) = run(policy, [feed("phase", "OVERFITTING_RISK")], 2000, 2030)
    assert told.kind == "news"


RANKED = [
    ("status", "crashed"),
    ("status", "stalled"),
    ("finding", "loss_nan"),
    ("phase", "DIVERGING"),
    ("finding", "overfitting"),
    ("finding", "true_plateau"),
    ("finding", "loss_spike"),
]


@pytest.mark.parametrize(("higher", "lower"), list(pairwise(RANKED))[1:])
def test_the_worse_mutes_the_rest(policy, feed, higher, lower):
    events = [feed(*lower, Severity.WARNING), feed(*higher, Severity.CRITICAL)]
    (told,) = run(policy, events, 0, 40, 4000)
    assert told.event_ids == (event_id("key", events[1]),)


def test_a_finding_never_silences_a_more_urgent_one(policy, feed):
    events = [
        feed("finding", "eval_not_finite", Severity.WARNING),
        feed("finding", "loss_explosion", Severity.CRITICAL),
    ]
    (told,) = run(policy, events, 0, 40)
    assert told.title.startswith("🔴 LOSS EXPLODED")
    later = run(policy, [feed("finding", "loss_nan")], 100)
    assert [message.title for message in later] == ["🔴 LOSS IS NaN   my_run"]


def test_the_rank_is_what_a_diagnosis_states_and_not_how_it_is_called(feed):
    assert rules.trouble_of(feed("finding", "steps_skipped")) == "nan"
    assert rules.trouble_of(feed("finding", "dominant_class")) is None


def test_every_trouble_that_a_diagnosis_states_has_a_rank(feed):
    found = discover("copilot_analytics.diagnoses", "DIAGNOSIS").values()
    stated = {rule.name for rule in found if rule.trouble is not None}
    assert {"crash", "loss_nan", "true_plateau", "slowdown"} <= stated
    assert all(rules.rank_of(feed("finding", name)) > 0 for name in stated)


def test_what_was_muted_is_told_when_the_worse_is_over(policy, feed):
    run(policy, [feed("status", "stalled"), feed("finding", "true_plateau")], 0, 40)
    (told,) = run(policy, [feed("status", "running")], 4000)
    assert told.kind == "news" and len(told.event_ids) == 2


def test_nothing_is_over_or_taken_back_while_it_is_worse(policy, feed):
    run(policy, [feed("finding", "loss_spike")], 0, 30)
    (worse,) = run(policy, [feed("phase", "DIVERGING")], 100)
    assert worse.title.startswith("🔴 DIVERGING")
    assert run(policy, [feed("resolved", "loss_spike")], 120, 160, 4000) == []
    (told,) = run(policy, [feed("phase", "STABLE_CONVERGENCE")], 5000, 5040)
    assert len(told.event_ids) == 2


def test_pace_is_muted_by_a_stall_only(policy, feed):
    assert run(policy, [feed("status", "stalled")], 0)
    assert run(policy, [feed("finding", "gpu_idle")], 1, 100) == []
    other = Policy()
    both = [feed("finding", "true_plateau"), feed("finding", "gpu_idle")]
    assert run(other, both, 0, 40)[0].event_ids[1:]


@pytest.mark.parametrize(("key", "again"), [("data_loading_bound", 0), ("loss_spike", 1)])
def test_what_only_costs_time_is_told_once_a_day(policy, feed, key, again):
    day_s = 86_400.0
    assert run(policy, [feed("finding", key)], 0, 40)
    assert run(policy, [feed("resolved", key)], 7000, 7040)
    assert len(run(policy, [feed("finding", key)], 14_000, 14_040, day_s / 2)) == again
    run(policy, [feed("resolved", key)], day_s - 7000, day_s - 6000)
    assert run(policy, [feed("finding", key)], day_s + 100, day_s + 140)


def test_a_finding_that_becomes_urgent_is_told_then(policy, feed):
    assert run(policy, [feed("finding", "memory_leak", Severity.INFO)], 0, 40) == []
    (told,) = run(policy, [feed("finding", "memory_leak")], 100, 140)
    assert told.severity is Severity.WARNING


def test_same_trouble_under_another_name_is_told_once(policy, feed):
    run(policy, [feed("phase", "OVERFITTING_RISK")], 0, 40)
    assert run(policy, [feed("finding", "overfitting", Severity.WARNING)], 3000, 3040) == []


def test_same_trouble_that_grows_worse_is_told(policy, feed):
    run(policy, [feed("finding", "overfitting", Severity.WARNING)], 0, 40)
    assert run(policy, [feed("finding", "overfitting", Severity.CRITICAL)], 100)


def test_finished_mutes_all_but_the_summary(policy, feed):
    run(policy, [feed("finding", "loss_spike")], 0)
    events = [
        feed("finding", "true_plateau"),
        feed("status", "finished"),
        feed("finding", "slow_data"),
    ]
    (told,) = run(policy, events, 10, 60, 4000)
    assert told.kind == "summary"
    assert run(policy, [feed("finding", "loss_nan")], 5000, 6000) == []
    assert policy.close(7000.0, CONTEXT) == []


@pytest.mark.parametrize("end", ["crashed", "interrupted", "unknown"])
def test_the_end_of_the_watch_does_not_tell_the_end_of_the_run_again(policy, feed, end):
    assert run(policy, [feed("status", end)], 0, 40)
    assert policy.close(700.0, CONTEXT) == []
    run(policy, [feed("status", "running")], 800, 840)
    assert [told.kind for told in policy.close(900.0, CONTEXT)] == ["farewell"]


def test_resumed_after_the_end_is_told(policy, feed):
    run(policy, [feed("status", "finished")], 0)
    (told,) = run(policy, [feed("status", "running")], 5000, 5040)
    assert "RUNNING AGAIN" in told.title
    assert run(policy, [feed("finding", "loss_nan")], 6000)


def test_past_is_never_told_one_by_one(feed):
    past = [feed("phase", "OVERFITTING_RISK"), feed("finding", "loss_spike")]
    past.append(feed("resolved", "loss_spike"))
    for tell, kinds in ((False, ["attached"]), (True, ["digest", "attached"])):
        policy = Policy()
        assert [m.kind for m in policy.attach(past, 0.0, CONTEXT, tell_past=tell)] == kinds
        assert run(policy, past, 1, 60, 4000) == []
        assert run(policy, [feed("phase", "LEARNING_FAST")], 5000, 5050)


def test_the_cause_of_a_crash_is_told_although_the_crash_was(policy, feed):
    first = feed("status", "crashed")
    assert len(run(policy, [first], 0)) == 1
    known = "the log names the cause now: ValueError: no"
    cause = replace(feed("status", "crashed"), text=f"crashed: {known}")
    (told,) = run(policy, [cause], 5)
    assert told.title.startswith("🔴 CRASHED") and told.body[0] == known
    assert run(policy, [first, cause], 10, 700) == []


def test_another_run_begins_afresh(policy, feed):
    event = feed("finding", "true_plateau")
    assert run(policy, [event], 0, 40)
    assert policy.step([event], 50.0, Context("other", "other")) == []
    assert policy.step([], 90.0, Context("other", "other"))


def test_ids_do_not_depend_on_wall_time(feed):
    one = Policy().attach([], 0.0, CONTEXT)[0]
    other = Policy().attach([], 99.0, CONTEXT)[0]
    assert one.id == other.id


KEYS = st.sampled_from(
    [
        ("phase", "PLATEAU"), ("phase", "OVERFITTING_RISK"), ("phase", "DIVERGING"),
        ("phase", "LEARNING_FAST"), ("phase", "CONVERGED"),
        ("status", "running"), ("status", "stalled"), ("status", "crashed"),
        ("finding", "loss_nan"), ("resolved", "loss_nan"),
        ("finding", "loss_spike"), ("resolved", "loss_spike"),
        ("finding", "memory_leak"), ("resolved", "memory_leak"),
        ("finding", "true_plateau"), ("resolved", "true_plateau"),
        ("advice", "stop"), ("advice", "continue"), ("best", "mIoU"), ("lr", "drop"),
    ]
)  # fmt: skip


class PolicyMachine(RuleBasedStateMachine):
    """Events in any order, time that jumps, restarts at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.feed = Feed()
        self.options = PolicyOptions(quiet=QuietHours.parse("23:00-07:00"))
        self.policy = Policy(self.options)
        self.rows: dict = {}
        self.events: list[Event] = []
        self.now = 20 * 3600.0
        self.told: dict[str, float] = {}
        self.last_told: dict[tuple[str, str], float] = {}
        self.unwritten = False

    def look(self, news) -> None:
        messages = self.policy.step(news, self.now, CONTEXT)
        self.write(messages)
        quiet = self.options.quiet.covers(self.now)
        assert len(messages) <= 1
        for message in messages:
            assert message.severity is Severity.CRITICAL or not quiet or message.kind == "summary"
            assert message.event_ids
            for name in message.event_ids:
                assert name not in self.told, "told twice"
                self.told[name] = self.now

    def write(self, messages) -> None:
        for row in self.policy.decisions:
            old = self.rows.get(row.event_id)
            self.rows[row.event_id] = row
            if row.verdict == "told":
                assert row.message_id in {message.id for message in messages}
            if old is not None and old.verdict == "told":
                pytest.fail("a decision was taken back")
            if row.verdict == "told" and row.reason == "opened":
                key = (rules.subject_of(row.event), row.event.key)
                since = self.now - self.last_told.get(key, float("-inf"))
                assert since >= self.options.cooldown_s or rules.at_once(row.event)
                self.last_told[key] = self.now

    @rule(
        keys=st.lists(KEYS, max_size=4),
        wait=st.sampled_from([0.0, 5.0, 31.0, 301.0, 601.0, 7200.0]),
    )
    def tick(self, keys, wait) -> None:
        self.now += wait
        news = [self.feed(*key) for key in keys]
        self.events += news
        self.look(news)

    @rule()
    def restart(self) -> None:
        """Killed and started again: the log is read anew, the ledger remembers."""
        self.policy = Policy.restore(list(self.rows.values()), self.options)
        self.look(self.events)

    @rule()
    def killed_before_the_commit(self) -> None:
        lost = copy.deepcopy(self.policy)
        news = [self.feed("finding", "memory_leak")]
        self.events += news
        lost.step(news, self.now, CONTEXT)
        self.policy = Policy.restore(list(self.rows.values()), self.options)
        self.look(self.events)

    @precondition(lambda self: self.events)
    @rule()
    def restored_is_the_same(self) -> None:
        restored = Policy.restore(list(self.rows.values()), self.options)
        assert restored._subjects == self.policy._subjects
        mine = {(h.id, h.event, h.seen_at) for h in self.policy._held.values()}
        assert {(h.id, h.event, h.seen_at) for h in restored._held.values()} == mine
        assert [h.id for h, _ in restored._passed] == [h.id for h, _ in self.policy._passed]
        assert pickle.loads(pickle.dumps(self.policy))._subjects == self.policy._subjects  # noqa: S301

    @rule()
    def calm_brings_belief_and_truth_together(self) -> None:
        """Nothing is lost: after a calm day all that is true and not outranked was told."""
        self.now += 86400.0 - self.now % 86400.0 + 12 * 3600.0
        self.look([])
        self.now += 4000.0
        self.look([])
        subjects = self.policy._subjects
        for name, subject in subjects.items():
            truth, belief = subject.truth, subject.belief
            worse = is_outranked(subjects, name, truth or belief)
            if truth is None:
                assert belief is None or worse or goes_on(subjects, name, belief)
            elif not worse and not is_told_elsewhere(subjects, name, truth):
                assert belief is not None and belief.key == truth.key

    @invariant()
    def every_alerting_event_has_a_row(self) -> None:
        for event in self.events:
            assert event.kind not in rules.SUBJECTS or event_id("key", event) in self.rows


TestPolicyMachine = PolicyMachine.TestCase


TestPolicyMachine.settings = settings(max_examples=100, stateful_step_count=30)
