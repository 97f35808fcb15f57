"""What waits until it is no longer quiet, and what comes as one digest."""

from __future__ import annotations

import pytest
from fake_bot_api import dice, make_message
from scripted_channels import Scripted, fill, go

from copilot_analytics.alerts.channels._base import Fatal, Receipt, Transient
from copilot_analytics.alerts.delivery import Delivery
from copilot_analytics.alerts.late import gathered
from copilot_analytics.alerts.ledger import Ledger
from copilot_analytics.findings import Severity


def test_more_than_five_come_as_one_digest(ledger):
    channel = Scripted()
    delivery = Delivery(ledger, [channel], dice())
    fill(ledger, "abcdefg")
    fill(ledger, "z", title="🔴 NaN", severity=Severity.CRITICAL)
    go(delivery, channel, 5.0)
    (digest,) = channel.taken
    assert digest.kind == "digest" and digest.severity is Severity.CRITICAL
    assert "NaN" in digest.body[0] and len(digest.body) == 8
    assert len(digest.event_ids) == 8
    assert ledger.undelivered() == {}


def test_a_terminal_takes_all_at_once_and_each_in_full(ledger):
    channel = Scripted()
    channel.is_private = True
    delivery = Delivery(ledger, [channel], dice())
    fill(ledger, "abcdefg")
    assert delivery.work(0.0).sent == 7
    assert [message.id for message in channel.taken] == list("abcdefg")


@pytest.mark.parametrize("can_be_silent", [True, False])
def test_what_must_make_no_sound_waits_only_where_it_would_make_one(ledger, can_be_silent):
    channel = Scripted()
    channel.can_be_silent = can_be_silent
    delivery = Delivery(ledger, [channel], dice())
    fill(ledger, "h", kind="attached", severity=Severity.INFO, quiet_until=1000.0)
    fill(ledger, "e", kind="summary", severity=Severity.INFO, quiet_until=1000.0)
    fill(ledger, "c", severity=Severity.CRITICAL)
    go(delivery, channel, 900.0, step=10.0)
    assert [message.id for message in channel.taken] == (list("che") if can_be_silent else ["c"])
    assert delivery.held(900.0) == ({} if can_be_silent else {"scripted": 1000.0})
    clock = iter(range(900, 999))
    delivery.drain(lambda: float(next(clock)), lambda _: None)
    assert next(clock) < 905  # it does not wait for what is held
    go(delivery, channel, 1010.0, start=990.0)
    assert [message.id for message in channel.taken][-1] == "e"
    late = "⌛ this is from 17 min ago; it waited until it was no longer quiet"
    assert can_be_silent or channel.taken[-1].body[-1] == late
    assert can_be_silent or channel.tried_at[-1] == 1000.0
    assert ledger.undelivered() == {} == delivery.held(1010.0)


def test_a_watch_started_anew_knows_what_an_earlier_one_held(place):
    ledger = Ledger(place)
    fill(ledger, "e", kind="summary", severity=Severity.INFO, quiet_until=1000.0)
    Delivery(ledger, [Scripted()], dice()).work(0.0)
    ledger.close()
    ledger = Ledger(place)
    channel = Scripted()
    delivery = Delivery(ledger, [channel], dice())
    assert delivery.held(10.0) == {}  # it follows another run
    ledger.follow(make_message("e").run_key)
    assert delivery.held(10.0) == {"scripted": 1000.0} and delivery.work(10.0).sent == 0
    go(delivery, channel, 1010.0, start=990.0)
    assert [message.id for message in channel.taken] == ["e"]
    ledger.close()


@pytest.mark.parametrize("until", [None, 500.0])
@pytest.mark.parametrize("is_claimed_before", [True, False])
def test_what_a_mute_held_is_heard_once_it_is_taken_back(ledger, until, is_claimed_before):
    channel, failing = Scripted(), Scripted(Transient("no network", 50.0))
    failing.name = "failing"
    delivery = Delivery(ledger, [channel, failing], dice())
    fill(ledger, "ab", kind="summary", severity=Severity.INFO, quiet_until=1000.0)
    ledger.put([make_message("f", quiet_until=None)], [], 0.0, ["failing"])
    if is_claimed_before:
        go(delivery, channel, 5.0)
    ledger.hear_again(delivery.names, 10.0, until)
    go(delivery, channel, 40.0, start=11.0)
    assert [message.id for message in channel.taken] == ([] if until else ["a", "b"])
    assert failing.taken == []  # it waits for the network, whatever is heard
    go(delivery, channel, 510.0, start=495.0)
    assert [message.id for message in channel.taken] == ["a", "b"]
    assert [message.id for message in failing.taken] == ["f"]


def test_a_digest_is_still_until_the_first_of_its_messages_may_be_heard():
    early, later = (make_message(name, quiet_until=at) for name, at in (("a", 7.0), ("b", 9.0)))
    assert gathered([later, early]).quiet_until == 7.0
    assert gathered([later, make_message("c")]).quiet_until is None


def test_a_channel_that_is_parked_is_not_waited_for_though_it_was_quiet(ledger):
    channel = Scripted(Fatal("no such chat"))
    delivery = Delivery(ledger, [channel], dice())
    fill(ledger, "e", kind="summary", severity=Severity.INFO, quiet_until=1000.0)
    delivery.work(0.0)
    assert delivery.held(0.0)
    fill(ledger, "c", severity=Severity.CRITICAL)
    go(delivery, channel, 10.0, start=1.0)
    assert delivery.parked and delivery.held(10.0) == {}


class Deaf(Scripted):
    """Takes each message, but its answer is lost as long as its script lasts."""

    def send(self, message, figures=None):
        self.tried_at.append(self.now)
        self.taken.append(message)
        if self.script:
            raise self.script.pop(0)
        return Receipt("7")


def test_a_digest_whose_answer_was_lost_comes_again_under_its_id(ledger):
    """Whatever has come to wait meanwhile."""
    channel = Deaf(Transient("offline"), Transient("offline"))
    delivery = Delivery(ledger, [channel], dice())
    fill(ledger, "abcdefg")
    assert delivery.work(0.0).undelivered == {"scripted": 1}
    fill(ledger, "hijklmn", now=1.0)
    go(delivery, channel, 30.0, start=1.0)
    names = [message.id for message in channel.taken]
    assert len(names) == 4 and len(set(names[:3])) == 1 and names[3] != names[0]
    assert channel.taken[0] == channel.taken[2]
    assert [len(message.event_ids) for message in channel.taken] == [7, 7, 7, 7]
    assert ledger.undelivered() == {}


def test_what_was_tried_alone_is_not_told_again_in_a_digest(ledger):
    channel = Deaf(Transient("offline"))
    delivery = Delivery(ledger, [channel], dice())
    fill(ledger, "a")
    delivery.work(0.0)
    fill(ledger, "bcdefgh", now=1.0)
    fill(ledger, "z", now=1.0, severity=Severity.CRITICAL)
    go(delivery, channel, 30.0, start=1.0)
    first, digest, again = channel.taken
    assert first.id == again.id == "a" and digest.kind == "digest"
    assert len(digest.event_ids) == 8 and not set(digest.event_ids) & set(first.event_ids)
    assert ledger.undelivered() == {}


def test_a_digest_that_was_being_sent_when_its_watch_was_killed_keeps_its_id(tmp_path):
    """The claim of the first ledger is never given back, as after a kill."""
    place = tmp_path / "ledger.sqlite3"
    taken = []
    for now in (0.0, 400.0):
        ledger = Ledger(place)
        ledger.follow("run")
        channel = Deaf()
        delivery = Delivery(ledger, [channel], dice())
        fill(ledger, "abcdefg" if now == 0.0 else "hijklmn", now)
        if now == 0.0:
            ledger.sent = lambda *_: None
        go(delivery, channel, now + 5.0 if now else now, start=now)
        taken += channel.taken
        ledger.close()
    first, *later = taken
    assert [message.id for message in later].count(first.id) == 1
    events = [event for message in later for event in message.event_ids]
    assert len(events) == len(set(events)) == 14
