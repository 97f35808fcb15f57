"""Slack, Discord, any webhook and the terminal."""

from __future__ import annotations

import io
import json

import pytest
from fake_bot_api import Reply, make_message

from copilot_analytics.alerts.channels import webhook
from copilot_analytics.alerts.channels._base import Fatal, Rejected, Transient
from copilot_analytics.alerts.channels.console import ConsoleChannel
from copilot_analytics.alerts.channels.discord import DiscordChannel
from copilot_analytics.alerts.channels.slack import SlackChannel
from copilot_analytics.alerts.channels.webhook import WebhookChannel
from copilot_analytics.alerts.delivery import configured
from copilot_analytics.errors import UsageError
from copilot_analytics.findings import Severity
from copilot_analytics.live.starting import prove

KINDS = [
    (SlackChannel, "slack", "SLACK_WEBHOOK_URL"),
    (DiscordChannel, "discord", "DISCORD_WEBHOOK_URL"),
    (WebhookChannel, "webhook", "COPILOT_WEBHOOK_URL"),
]


@pytest.mark.parametrize(("kind", "name", "variable"), KINDS)
def test_configured_by_name_or_variable_and_never_shown(kind, name, variable):
    url = "https://hooks.example.org/services/hushhushhush"
    assert kind.configure({}, {}) is None
    for made in (kind.configure({variable: url}, {}), kind.configure({}, {name: url})):
        assert isinstance(made, kind) and "hush" not in repr(made)
    for bad in ("hooks.example.org/hushhush", "ftp://x/hushhush", "https://[/hushhush"):
        with pytest.raises(UsageError) as caught:
            kind.configure({variable: bad}, {})
        assert "hushhush" not in str(caught.value)
        assert "begins with http(s)://" in str(caught.value)
    assert kind.configure({variable: "http://localhost:8080/hook"}, {}) is not None


@pytest.mark.parametrize(("kind", "name", "variable"), KINDS)
@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply(500, raw=b"<html>"), Transient),
        (Reply(429, {"retry_after": 2.5}, headers={"Retry-After": "3"}), Transient),
        (Reply(301, raw=b"", headers={"Location": "http://elsewhere"}), (Transient,)),
        (Reply(404, raw=b"no_service"), Fatal),
        (Reply(403, raw=b"action_prohibited"), Fatal),
        (Reply(400, raw=b"invalid_payload"), Rejected),
        (Reply(200, raw=b"ok", claim=50), Transient),
    ],
)
def test_outcomes(bot, kind, name, variable, reply, outcome):
    channel = kind.configure({}, {name: f"{bot.url}/hook/hushhushhush"})
    bot.script.append(reply)
    with pytest.raises(outcome) as caught:
        channel.send(make_message())
    assert "hushhush" not in repr(caught.value)
    if reply.status == 429:
        assert caught.value.retry_after_s in {2.5, 3.0}
        assert "asks to wait" in str(caught.value) and "429" in str(caught.value)


def test_slack_text_cannot_call_anyone(bot):
    SlackChannel(bot.url).send(make_message(body=("<!channel> & co",)))
    assert "&lt;!channel&gt; &amp; co" in json.loads(bot.raw_bodies[0])["text"]


def test_discord_is_cut_calls_no_one_and_takes_figures(bot):
    channel = DiscordChannel(f"{bot.url}/h")
    channel.send(make_message(body=("@everyone *" * 300,)), {"overview": b"\x89PNG"})
    documents = [json.loads(body) for body in bot.raw_bodies[:-1]]
    assert len(documents) > 1
    assert all(len(document["content"]) <= 2000 for document in documents)
    assert all(document["allowed_mentions"] == {"parse": []} for document in documents)
    assert b"\x89PNG" in bot.raw_bodies[-1]


def test_what_must_make_no_sound_makes_none_on_discord_and_ntfy(bot):
    discord, ntfy = DiscordChannel(f"{bot.url}/h"), WebhookChannel(bot.url, "topic")
    for channel in (discord, ntfy):
        for until in (None, 1e12):
            channel.send(make_message(quiet_until=until))
    loud, silent, urgent, low = (json.loads(body) for body in bot.raw_bodies)
    assert "flags" not in loud and silent["flags"] == 4096
    assert urgent["priority"] > 2 == low["priority"]
    assert discord.can_be_silent and ntfy.can_be_silent
    assert not WebhookChannel(bot.url).can_be_silent and not SlackChannel(bot.url).can_be_silent


def test_webhook_document_has_a_stable_id(bot):
    channel = WebhookChannel(f"{bot.url}/h?key=1")
    for _ in range(2):
        channel.send(make_message())
    first, second = (json.loads(body) for body in bot.raw_bodies)
    assert first == second
    assert first["id"] == "abcdef01" and first["severity"] == "warning"
    assert set(first) == {
        "id", "run", "run_key", "kind", "severity", "title", "message", "events",
    }  # fmt: skip
    assert bot.other_headers[0]["Idempotency-Key"] == "abcdef01"


def test_ntfy_topics_are_written_to_in_their_way(bot):
    channel = WebhookChannel.configure({}, {"webhook": f"ntfy+{bot.url}/my-topic"})
    channel.send(make_message(severity=Severity.CRITICAL))
    document = json.loads(bot.raw_bodies[0])
    assert document["topic"] == "my-topic" and document["priority"] == 5
    assert document["title"].startswith("🟠") and "abcdef" in document["message"]
    assert bot.calls[0][1] == "/"
    with pytest.raises(UsageError):
        WebhookChannel.configure({}, {"webhook": "https://ntfy.sh/"})
    assert webhook.CHANNEL.configure({}, {"webhook": "https://ntfy.sh/t"})._topic == "t"


def test_console_lets_nothing_steer_the_terminal():
    stream = io.StringIO()
    ConsoleChannel(stream).send(make_message(title="a\x1b]52;c;x\x07b\x9bc", body=("d\re",)))
    assert not any((ord(c) < 32 and c != "\n") or c in "\x9b\r" for c in stream.getvalue())


def test_console_survives_a_narrow_encoding_and_reports_a_closed_one():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    ConsoleChannel(stream).send(make_message())
    assert b"PLATEAU" in raw.getvalue()
    stream.close()
    with pytest.raises(Fatal):
        ConsoleChannel(stream).send(make_message())


def test_all_channels_are_discovered():
    environment = {
        "SLACK_WEBHOOK_URL": "https://x.org/1",
        "DISCORD_WEBHOOK_URL": "https://x.org/2",
        "COPILOT_WEBHOOK_URL": "https://x.org/3",
        "TELEGRAM_TOKEN": "1:a",
        "TELEGRAM_CHAT": "5",
    }
    names = [channel.name for channel in configured(environment, {"console": False})]
    assert names == ["discord", "slack", "telegram", "webhook"]


@pytest.mark.parametrize(("kind", "name", "variable"), KINDS)
def test_who_tries_a_channel_is_told_how_long_to_wait_and_what_then(bot, kind, name, variable):
    said = []
    for headers in ({"Retry-After": "90"}, {}):
        bot.script.append(Reply(429, raw=b"{}", headers=headers))
        assert not prove({name: f"{bot.url}/hook"}, said.append)
    told, without = [line for line in said if line.startswith("✗")]
    assert "asks to wait 1 min 30 s" in told and "try again after 1 min 30 s" in told
    assert "A watch waits so long by itself" in told
    assert "asks to send less" in without and "try again later" in without
