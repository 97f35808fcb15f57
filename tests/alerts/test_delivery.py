"""The outbox is worked off, whatever the channels do."""

from __future__ import annotations

import pytest
from fake_bot_api import CHAT, TOKEN, FakeBotApi, Reply, dice, make_message, refusal
from scripted_channels import Scripted, fill, go

from copilot_analytics.alerts.channels._base import Fatal, Rejected, Transient
from copilot_analytics.alerts.channels.telegram import TelegramChannel
from copilot_analytics.alerts.delivery import Delivery
from copilot_analytics.alerts.ledger import Ledger
from copilot_analytics.findings import Severity


def test_at_most_one_message_a_second(ledger):
    channel = Scripted()
    delivery = Delivery(ledger, [channel], dice())
    fill(ledger, "abcde")
    go(delivery, channel, 3.0, step=0.25)
    assert all(b - a >= 0.999 for a, b in zip(channel.tried_at, channel.tried_at[1:], strict=False))
    assert [message.id for message in channel.taken] == list("abcd")


def test_the_farewell_to_a_closed_terminal_is_no_news_on_the_next_one(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    for name, changes in {
        "bye": {"kind": "farewell", "severity": Severity.INFO},
        "end": {"kind": "summary", "severity": Severity.INFO},
        "nan": {"kind": "farewell", "severity": Severity.CRITICAL},
    }.items():
        closed = Ledger(path)
        fill(closed, [name], **changes)
        closed.close()
    ledger = Ledger(path)
    ledger.follow("run")
    channel = Scripted()
    channel.is_private = True
    delivery = Delivery(ledger, [channel], dice())
    fill(ledger, ["own"], kind="farewell", severity=Severity.INFO)
    go(delivery, channel, 2010.0, start=2000.0)
    titles = {message.id: message.title for message in channel.taken}
    assert set(titles) == {"end", "nan", "own"}
    own = next(message for message in channel.taken if message.id == "own")
    # What it tells of a trouble is kept, under words that are true of a run that is watched.
    assert titles["nan"] == f"⌛ AT THE END OF THE LAST WATCH, 33 min ago   {own.run_name}"
    assert "AT THE END" not in titles["own"] + titles["end"]
    assert [one.id for one in channel.taken if "this is from" in one.text] == ["end", "own"]
    assert ledger.undelivered() == {}
    ledger.close()


def test_a_late_farewell_tells_no_chat_that_nobody_watches(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    ended = Ledger(path)
    fill(ended, ["bye"], kind="farewell", severity=Severity.INFO)
    ended.close()
    ledger, channel = Ledger(path), Scripted()
    ledger.follow("run")
    go(Delivery(ledger, [channel], dice()), channel, 2010.0, start=2000.0)
    (told,) = channel.taken
    assert told.id == "bye" and told.title.startswith("⌛ AT THE END OF THE LAST WATCH, 33 min ago")
    ledger.close()


def test_back_off_grows_with_jitter_to_five_minutes(ledger):
    channel = Scripted(*(Transient("offline") for _ in range(30)))
    delivery = Delivery(ledger, [channel], dice(5))
    fill(ledger, "a")
    notices = go(delivery, channel, 6000.0)
    pauses = [b - a for a, b in zip(channel.tried_at, channel.tried_at[1:], strict=False)]
    for n, pause in enumerate(pauses):
        longest = min(300.0, 2.0**n)
        assert max(1.0, 0.5 * longest) <= pause <= longest + 1.0
    assert len(set(pauses[9:])) > 3
    assert len(channel.taken) == 1
    assert len(notices) == 2
    assert "failed 3 times" in notices[0] and notices[1] == "scripted works again"


@pytest.mark.parametrize("wait_s", [1.0, 30.0, 3600.0])
def test_retry_after_is_honoured(ledger, wait_s):
    channel = Scripted(Transient("slow down", wait_s))
    delivery = Delivery(ledger, [channel], dice())
    fill(ledger, "a")
    go(delivery, channel, wait_s + 3, step=0.5)
    first, second = channel.tried_at
    assert wait_s <= second - first <= wait_s + 1.5


def test_a_pause_holds_for_new_messages_too(ledger):
    channel = Scripted(Transient("slow down", 100.0))
    delivery = Delivery(ledger, [channel], dice())
    fill(ledger, "a")
    go(delivery, channel, 10.0)
    fill(ledger, "b", severity=Severity.CRITICAL)
    go(delivery, channel, 99.0, start=11.0)
    assert channel.taken == []


def test_fatal_is_told_once_and_the_messages_are_kept(ledger):
    channel = Scripted(Fatal("wrong token"))
    delivery = Delivery(ledger, [channel], dice())
    fill(ledger, "abc")
    notices = go(delivery, channel, 1000.0)
    assert len(notices) == 1 and "wrong token" in notices[0]
    assert len(channel.tried_at) == 1
    assert delivery.parked == {"scripted": "wrong token"}
    assert delivery.undelivered() == {"scripted": 3}
    mended = Scripted()
    go(Delivery(ledger, [mended], dice()), mended, 1010.0, start=1001.0)
    assert len(mended.taken) == 3


def test_a_parked_channel_is_tried_again_ever_more_rarely_and_told_once(ledger):
    channel = Scripted(*[Fatal("kicked")] * 2)
    delivery = Delivery(ledger, [channel], dice())
    fill(ledger, "a")
    notices = list(delivery.work(0.0).notices)
    for minute in range(1, 40):  # its status card is taken all the while
        channel.now = 60.0 * minute
        delivery.unpark("scripted", channel.now)
        notices += delivery.work(channel.now).notices
    assert channel.tried_at == [0.0, 600.0, 1800.0] and len(channel.taken) == 1
    assert sum("kicked" in notice for notice in notices) == 1


def test_other_channels_hear_of_a_parked_one(ledger):
    class Other(Scripted):
        name = "other"

    channel, other = Scripted(Fatal("wrong token")), Other()
    delivery = Delivery(ledger, [channel, other], dice())
    fill(ledger, "ab")
    go(delivery, channel, 100.0)
    assert [message.title for message in other.taken] == ["🔕 scripted is parked"]
    assert "wrong token" in other.taken[0].text


def test_rejected_message_is_left_out_and_told(ledger):
    channel = Scripted(Rejected("too long"))
    delivery = Delivery(ledger, [channel], dice())
    fill(ledger, "ab")
    notices = go(delivery, channel, 5.0)
    assert [message.id for message in channel.taken] == ["b"]
    assert "too long" in notices[0]


def test_a_broken_plug_in_neither_stops_supervision_nor_shows_its_error(ledger):
    channel = Scripted(RuntimeError("secret in the text"), KeyError("x"), OSError("y"))
    delivery = Delivery(ledger, [channel], dice())
    fill(ledger, "a")
    notices = go(delivery, channel, 60.0)
    assert len(channel.taken) == 1
    assert "secret" not in str(notices) and "KeyError" not in str(notices[1:])


def test_a_broken_ledger_does_not_stop_supervision(ledger, monkeypatch):
    delivery = Delivery(ledger, [Scripted()], dice())
    monkeypatch.setattr(ledger, "waiting", lambda *a: 1 / 0)
    monkeypatch.setattr(ledger, "undelivered", lambda *a: 1 / 0)
    assert delivery.work(0.0).undelivered == {}


def test_below_the_floor_is_never_sent(ledger):
    channel = Scripted()
    delivery = Delivery(ledger, [channel], dice(), floors={"scripted": Severity.CRITICAL})
    fill(ledger, "abcdefg")
    fill(ledger, "z", severity=Severity.CRITICAL)
    go(delivery, channel, 10.0)
    assert [message.id for message in channel.taken] == ["z"]
    assert ledger.undelivered() == {}


def test_late_messages_say_so(ledger):
    channel = Scripted()
    fill(ledger, "a", now=0.0)
    Delivery(ledger, [channel], dice()).work(7200.0)
    assert "2 h ago" in channel.taken[0].body[-1]


def test_figures_are_drawn_and_a_failing_one_is_left_out(ledger):
    def draw(message, name):
        return b"png" if name == "overview" else 1 / 0

    channel = Scripted()
    fill(ledger, "a", figures=("overview", "broken"))
    Delivery(ledger, [channel], dice(), draw=draw).work(0.0)
    assert channel.figures == [{"overview": b"png"}]


def test_drain_sends_what_is_left_and_ends(ledger):
    channel = Scripted(Transient("offline"))
    delivery = Delivery(ledger, [channel], dice())
    fill(ledger, "abc")
    now = [0.0]
    progress = delivery.drain(lambda: now[0], lambda s: now.__setitem__(0, now[0] + s), 30.0)
    assert progress.sent == 3 and now[0] < 10
    dead = Scripted(*(Transient("offline") for _ in range(99)))
    fill(ledger, "d")
    progress = Delivery(ledger, [dead], dice()).drain(
        lambda: now[0], lambda s: now.__setitem__(0, now[0] + s), 30.0
    )
    assert progress.undelivered == {"scripted": 1} and now[0] < 60


def test_bad_day_of_the_bot_api_loses_and_repeats_nothing(tmp_path):
    """429, 500, a slow and a half answer, a fall of the whole server: each message once."""
    bot = FakeBotApi()
    ledger = Ledger(tmp_path / "copilot" / "ledger.sqlite3")
    try:
        channel = TelegramChannel(TOKEN, CHAT, base=bot.url)
        delivery = Delivery(ledger, [channel], dice(1))
        bot.script.extend(
            [
                refusal(429, "Too Many Requests", retry_after=3),
                Reply(500, raw=b"<html>"),
                Reply(200, raw=b'{"ok": tr', claim=999),
                Reply(200, raw=b'"string"'),
            ]
        )
        now = 0.0
        for n in range(4):
            ledger.put([make_message(f"{n}")], [], now, delivery.names)
        while now < 120:
            delivery.work(now)
            now += 0.5
        assert sorted(text.rsplit("· ", 1)[1] for text in bot.sent) == ["0", "1", "2", "3"]
        assert ledger.undelivered() == {}
        secret = TOKEN.partition(":")[2].encode()
        files = list((tmp_path / "copilot").iterdir())
        assert files and all(secret not in file.read_bytes() for file in files)
    finally:
        ledger.close()
        bot.close()


def test_conversation_that_failed_leaves_no_token_in_the_ledger(tmp_path):
    bot = FakeBotApi()
    ledger = Ledger(tmp_path / "copilot" / "ledger.sqlite3")
    try:
        echo = f"bad /bot{TOKEN}/sendMessage"
        delivery = Delivery(ledger, [TelegramChannel(TOKEN, CHAT, base=bot.url)], dice(1))
        ledger.put([make_message(f"{n}") for n in range(3)], [], 0.0, delivery.names)
        bot.script.extend([Reply(502, raw=echo.encode()), refusal(400, f"message text: {echo}")])
        bot.script.append(refusal(403, echo))
        progress = [delivery.work(float(now)) for now in range(60)]
        shown = [notice for step in progress for notice in step.notices]
        assert len(shown) == 2
        secret = TOKEN.partition(":")[2]
        assert secret not in str(shown)
        assert all(
            secret.encode() not in file.read_bytes() for file in (tmp_path / "copilot").iterdir()
        )
    finally:
        ledger.close()
        bot.close()


def test_a_message_that_waits_for_the_network_goes_with_the_first_answer_to_anything(ledger):
    channel = Scripted(*[Transient("no network")] * 6)
    delivery = Delivery(ledger, [channel], dice())
    fill(ledger, "a", severity=Severity.CRITICAL)
    go(delivery, channel, 40.0)
    assert not channel.taken
    tried = len(channel.tried_at)
    assert delivery.work(41.0).sent == 0 and len(channel.tried_at) == tried, "it rests"
    channel.answers += 1  # it answered a question, or took a card
    channel.script.clear()
    channel.now = 42.0
    assert delivery.work(42.0).sent == 1
    (message,) = channel.taken
    assert message.title == make_message("a").title


def test_what_asked_for_a_pause_gets_it_whatever_else_it_answers(ledger):
    channel = Scripted(Transient("too many requests", 30.0))
    delivery = Delivery(ledger, [channel], dice())
    fill(ledger, "a")
    delivery.work(0.0)
    channel.answers += 1
    go(delivery, channel, 29.0, start=1.0)
    assert not channel.taken
    go(delivery, channel, 40.0, start=30.0)
    assert len(channel.taken) == 1


def test_messages_that_fail_where_questions_are_answered_are_tried_ever_more_rarely(ledger):
    channel = Scripted(*[Transient("500")] * 50)
    delivery = Delivery(ledger, [channel], dice())
    fill(ledger, "a")
    for second in range(120):
        channel.answers += 1
        channel.now = float(second)
        delivery.work(channel.now)
    assert len(channel.tried_at) < 12


def test_a_message_of_a_minute_ago_says_so(ledger):
    channel = Scripted(*[Transient("no network")] * 7)
    delivery = Delivery(ledger, [channel], dice())
    fill(ledger, "a")
    go(delivery, channel, 300.0)
    (message,) = channel.taken
    assert "⌛ this is from " in message.text and "it could not be sent before" in message.text


def test_a_card_that_telegram_takes_ends_the_rest_after_a_fall_of_the_network(ledger):
    bot = FakeBotApi()
    try:
        channel = TelegramChannel(TOKEN, CHAT, base=bot.url)
        delivery = Delivery(ledger, [channel], dice(1))
        ledger.put([make_message("nan")], [], 0.0, delivery.names)
        bot.script.extend([Reply(500, raw=b"<html>")] * 5)
        for now in range(16):
            delivery.work(float(now))
        bot.script.clear()
        assert delivery.work(16.0).sent == 0, "it rests"
        channel.card("🟢 my_run: running")
        assert delivery.work(16.5).sent == 1
    finally:
        bot.close()
