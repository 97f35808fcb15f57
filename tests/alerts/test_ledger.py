"""The ledger over crashes, full disks, damage and company."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from fake_bot_api import make_message
from ledgers import put

from copilot_analytics.alerts.ledger import Ledger
from copilot_analytics.alerts.policy import Context, Policy
from copilot_analytics.events import Event
from copilot_analytics.findings import Severity

CONTEXT = Context("run", "my_run")


NAN = Event("finding", "loss_nan", 10, None, 3, "loss is NaN", Severity.CRITICAL)


def test_messages_wait_urgent_first_then_in_order(place, opened):
    ledger = opened(place)
    put(ledger, "a", now=1.0, severity=Severity.INFO)
    put(ledger, "b", now=2.0)
    put(ledger, "c", now=3.0, severity=Severity.CRITICAL)
    put(ledger, "d", now=4.0)
    assert [e.message.id for e in ledger.claim("console", 5.0, limit=9)] == ["c", "b", "d", "a"]


def test_a_claimed_message_is_not_claimed_again_until_the_lease_ends(place, opened):
    one, two = opened(place), opened(place)
    put(one)
    assert len(one.claim("console", 0.0, lease_s=300.0)) == 1
    assert two.claim("console", 299.0) == []
    assert len(two.claim("console", 300.0)) == 1


CLAIM = """
import sys, time
from copilot_analytics.alerts.ledger import Ledger
ledger = Ledger(sys.argv[1])
ledger.follow("run")
print(len(ledger.claim("console", 0.0, lease_s=300.0)), flush=True)
sys.stdin.read()
"""


def test_a_claim_ends_with_the_process_that_made_it(place, opened):
    ledger = opened(place)
    put(ledger)
    with subprocess.Popen(
        [sys.executable, "-c", CLAIM, str(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as holder:
        assert holder.stdout.readline() == b"1\n"
        assert ledger.waiting("console", 1.0) == 0 and ledger.claim("console", 1.0) == []
        holder.kill()
    assert ledger.waiting("console", 1.0) == 1
    (entry,) = ledger.claim("console", 1.0)
    assert entry.message.id == "abcdef01"
    assert ledger.claim("console", 2.0) == [], "now it is this ledger's own"


def test_states_of_the_outbox(place, opened):
    ledger = opened(place)
    put(ledger, "a", channels=("x", "y", "z"))
    assert ledger.undelivered() == {"x": 1, "y": 1, "z": 1}
    for channel in "xyz":
        ledger.claim(channel, 0.0)
    ledger.sent(["a"], "x", 1.0)
    ledger.bury(["a"], "y", 1.0, "too long")
    ledger.give_back(["a"], "z", 1.0, error="offline", due=50.0)
    assert ledger.undelivered() == {"z": 1}
    assert ledger.claim("z", 49.0) == []
    (entry,) = ledger.claim("z", 50.0)
    assert entry.attempts == 1
    assert not put(ledger, "a", channels=("x",)) or ledger.claim("x", 1e9) == []


def test_decisions_come_back_as_they_were(place, opened):
    policy = Policy()
    messages = policy.step([NAN], 5.0, CONTEXT)
    first = opened(place)
    assert not first.knows("run")
    assert first.put(messages, policy.decisions, 5.0, ["console"])
    second = opened(place)
    assert second.knows("run") and not second.knows("other")
    assert second.rows("run") == policy.decisions
    assert Policy.restore(second.rows("run")).step([NAN], 9.0, CONTEXT) == []


def test_broken_text_and_huge_steps_are_kept(place, opened):
    context = Context("run-\udcff", "my_\udcff_run")
    odd = Event("status", "crashed", 10**30, None, 3, "a\x00b\udcff", Severity.CRITICAL)
    policy, ledger = Policy(), opened(place)
    assert ledger.put(policy.step([odd], 5.0, context), policy.decisions, 5.0, ["console"])
    assert ledger.knows(context.run_key)
    again = Policy.restore(ledger.rows(context.run_key))
    assert again.step([odd], 9.0, context) == []
    (entry,) = ledger.claim("console", 9.0)
    entry.message.text.encode("utf-8")


def test_order_within_a_step_survives_later_verdicts(place, opened):
    policy, ledger = Policy(), opened(place)
    events = [Event("finding", f"f{n}", n, None, n, "x", Severity.WARNING) for n in range(9)]
    for now, news in ((0.0, events), (40.0, [])):
        ledger.put(policy.step(news, now, CONTEXT), policy.decisions, now, [])
    assert [row.event.key for row in ledger.rows("run")] == [event.key for event in events]


def test_two_supervisors_of_one_run_tell_once(place, opened):
    one, two = (opened(place), Policy()), (opened(place), Policy())
    flat = Event("finding", "true_plateau", 5, None, 2, "flat", Severity.WARNING)
    for (ledger, policy), events in ((one, [NAN]), (two, [flat, NAN])):
        messages = policy.step(events, 5.0, CONTEXT)
        taken = ledger.put(messages, policy.decisions, 5.0, ["console"])
        if not taken:
            policy = Policy.restore(ledger.rows("run"))
            again = policy.step(events, 5.0, CONTEXT)
            assert ledger.put(again, policy.decisions, 5.0, ["console"])
    entries = one[0].claim("console", 9.0, limit=9)
    told = [name for entry in entries for name in entry.message.event_ids]
    assert len(told) == len(set(told)) == 1


def test_supervisors_that_grouped_otherwise_tell_each_event_once(place, opened):
    """Each must take the other's word for what was told, whatever their own steps were."""
    events = [Event("finding", f"f{n}", n, None, n, "x", Severity.WARNING) for n in range(1, 5)]
    ledgers = [opened(place), opened(place)]
    policies = [Policy(), Policy()]
    refused = 0
    for now in range(0, 400, 10):
        for mine, first_sees in ((0, 0), (1, 15)):
            seen = [e for n, e in enumerate(events) if first_sees + 35 * n <= now]
            messages = policies[mine].step(seen, float(now), CONTEXT)
            if not ledgers[mine].put(messages, policies[mine].decisions, now, ["console"]):
                refused += 1
                policies[mine] = Policy.restore(ledgers[mine].rows("run"))
                messages = policies[mine].step(seen, float(now), CONTEXT)
                assert ledgers[mine].put(messages, policies[mine].decisions, now, ["console"])
    told = [
        name
        for entry in ledgers[0].claim("console", 999.0, limit=99)
        for name in entry.message.event_ids
    ]
    assert len(told) == len(set(told)) == 4
    rows = ledgers[0].rows("run")
    assert {row.verdict for row in rows} == {"told"}
    assert refused
    assert Policy.restore(rows).step(events, 999.0, CONTEXT) == []


def test_a_decision_of_a_younger_supervisor_counts_though_its_steps_are_fewer():
    old = Policy()
    for _ in range(50):
        old.step([], 0.0, CONTEXT)
    old.step([Event("finding", "true_plateau", 1, None, 1, "flat", Severity.WARNING)], 0.0, CONTEXT)
    (held,) = old.decisions
    told = replace(held, verdict="told", reason="opened", decided_at=40.0, decided_tick=3)
    restored = Policy.restore([told])
    assert restored.step([held.event], 100.0, CONTEXT) == []
    assert restored._subjects["finding:true_plateau"].truth == held.event
    assert restored._held == {}


def test_what_another_sent_is_not_sent_again_by_a_late_loser(place, opened):
    slow, quick = opened(place), opened(place)
    put(slow)
    slow.claim("console", 0.0, lease_s=10.0)
    quick.claim("console", 20.0)
    quick.sent(["abcdef01"], "console", 21.0)
    slow.give_back(["abcdef01"], "console", 22.0, error="timeout", due=23.0)
    assert quick.claim("console", 1e6) == [] and quick.undelivered() == {}


def test_what_waits_for_another_run_is_not_claimed(place, opened):
    one, two = opened(place), Ledger(place)
    put(one)
    two.follow("another")
    assert two.waiting("console", 1.0) == 0 and two.claim("console", 1.0) == []
    assert two.undelivered() == {"console": 1} and two.undelivered(mine=True) == {}
    two.follow("run")
    assert [entry.message.id for entry in two.claim("console", 1.0)] == ["abcdef01"]
    two.close()


QUEUE = """
import sys
sys.path[:0] = sys.argv[2:]
from fake_bot_api import make_message
from copilot_analytics.alerts.ledger import Ledger
ledger = Ledger(sys.argv[1])
ledger.keep_private("console")
ledger.put([make_message("abcdef01"), make_message("other", run_key="q")], [], 0.0, ["console"])
print("queued", flush=True)
sys.stdin.read()
"""


def test_a_terminal_is_told_what_another_should_have_been_only_after_its_end(place, opened):
    with subprocess.Popen(
        [sys.executable, "-c", QUEUE, str(place), *sys.path, str(Path(__file__).parent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as queuer:
        assert queuer.stdout.readline() == b"queued\n"
        ledger = opened(place)
        ledger.keep_private("console")
        assert ledger.claim("console", 1e6) == []
        queuer.kill()
    assert [entry.message.id for entry in ledger.claim("console", 1.0, limit=9)] == ["abcdef01"]


def _claim_all(path: str, results) -> None:
    ledger = Ledger(path)
    ledger.follow("run")
    found, idle = [], 0
    while idle < 20:
        entries = ledger.claim("console", 1.0)
        idle = 0 if entries else idle + 1
        found += [entry.message.id for entry in entries]
        ledger.sent([entry.message.id for entry in entries], "console", 1.0)
    results.put((found, ledger.trouble))
    ledger.close()


def test_two_processes_share_the_work_without_overlap(place, opened):
    ledger = opened(place)
    names = {f"m{n:03}" for n in range(60)}
    for name in names:
        put(ledger, name)
    ledger.close()
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    workers = [context.Process(target=_claim_all, args=(str(place), results)) for _ in range(2)]
    for worker in workers:
        worker.start()
    answers = [results.get(timeout=60) for _ in workers]
    found = [name for names, _ in answers for name in names]
    assert [trouble for _, trouble in answers] == [None, None]
    for worker in workers:
        worker.join(10)
    assert sorted(found) == sorted(names)


def test_what_was_put_off_by_a_clock_that_was_wrong_is_sent(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite3")
    ledger.put([make_message()], [], 0.0, ["slack"])
    (entry,) = ledger.claim("slack", 1e6)
    ledger.give_back([entry.message.id], "slack", 1e6, error="busy", due=1e6 + 60.0)
    assert ledger.claim("slack", 1e6 - 200.0) == []  # two watches need not agree to the minute
    assert len(ledger.claim("slack", 1e6 - 7200.0)) == 1
    ledger.close()
