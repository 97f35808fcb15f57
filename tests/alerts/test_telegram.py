"""The Telegram channel against a server that does what the real one does on bad days."""

from __future__ import annotations

import io
import logging
import pickle
import traceback

import pytest
from fake_bot_api import CHAT, TOKEN, Reply, refusal

from copilot_analytics.alerts.channels import _http
from copilot_analytics.alerts.channels._base import ChannelError, Fatal, Rejected, Transient
from copilot_analytics.alerts.channels.telegram import TelegramChannel
from copilot_analytics.errors import UsageError
from copilot_analytics.findings import Severity


@pytest.fixture
def channel(bot):
    return TelegramChannel(TOKEN, CHAT, base=bot.url, since=1000.0)


def test_message_arrives_escaped_with_bold_title_and_id(bot, channel, message):
    receipt = channel.send(message())
    ((method, path, sent),) = bot.calls
    assert (method, path) == ("sendMessage", f"/bot{TOKEN}/sendMessage")
    assert sent["text"] == (
        "<b>🟠 PLATEAU DETECTED   my_run</b>\nSTABLE → PLATEAU: a &lt; b &amp; c\n· abcdef"
    )
    assert sent["parse_mode"] == "HTML" and sent["chat_id"] == int(CHAT)
    assert sent["disable_notification"] is False
    assert receipt.reference == "1"


def test_low_severity_and_quiet_hours_make_no_sound(bot, channel, message):
    channel.send(message(severity=Severity.INFO))
    channel.send(message(quiet_until=1e12))
    channel.send(message(severity=Severity.INFO, kind="summary"))
    assert [call[2]["disable_notification"] for call in bot.calls] == [True, True, False]


def test_hostile_text_is_harmless(bot, channel, message):
    channel.send(message(title="<b>\udcff", body=("a\x00b\u202ec</pre>", "<a href=tg://x>")))
    text = bot.sent[0]
    assert "<a" not in text and "</pre>" not in text and "\x00" not in text and "\u202e" not in text
    text.encode("utf-8")


def test_long_message_comes_in_parts(bot, channel, message):
    lines = tuple(f"{n} " + "🟠" * 99 for n in range(60))
    channel.send(message(body=lines))
    assert len(bot.sent) >= 3
    assert all(len(text.encode("utf-16-le")) // 2 <= 4096 + 20 for text in bot.sent)
    assert all("🟠" * 99 in text for text in bot.sent)
    assert sum(text.count("🟠") for text in bot.sent) == 60 * 99 + 1


@pytest.mark.parametrize(
    ("reply", "wait_s"),
    [
        (refusal(429, "Too Many Requests: retry after 1", retry_after=1), 1.0),
        (refusal(429, "Too Many Requests", retry_after=3600), 3600.0),
        (refusal(429, "Too Many Requests"), None),
        (refusal(429, "Too Many Requests", retry_after=-5), None),
        (refusal(429, "Too Many Requests", retry_after="soon"), None),
        (Reply(429, raw=b"<html>slow down", headers={"Retry-After": "7"}), 7.0),
        (
            Reply(429, {"ok": False, "error_code": 429}, headers={"Retry-After": "9"}),
            9.0,
        ),
    ],
)
def test_retry_after_is_read(bot, channel, message, reply, wait_s):
    bot.script.append(reply)
    with pytest.raises(Transient) as caught:
        channel.send(message())
    assert caught.value.retry_after_s == wait_s


@pytest.mark.parametrize(
    "reply",
    [
        Reply(502, raw=b"<html><h1>Bad Gateway</h1></html>"),
        Reply(500, {"ok": False, "error_code": 500, "description": "Internal"}),
        Reply(200, raw=b'"a bare string"'),
        Reply(200, raw=b'{"ok": true, "resu'),
        Reply(200, raw=b'{"ok": true, "result": {}}', claim=4000),
        Reply(200, raw=b""),
        Reply(200, raw=b"[]"),
        Reply(200, raw=b"null"),
        Reply(302, raw=b"", headers={"Location": "http://127.0.0.1:1/login"}),
        Reply(409, {"ok": False, "error_code": 409, "description": "Conflict"}),
    ],
)
def test_odd_answers_are_tried_again(bot, channel, message, reply):
    bot.script.append(reply)
    with pytest.raises(Transient):
        channel.send(message())
    channel.send(message())
    assert len(bot.sent) == 1


def test_redirects_are_not_followed(bot, channel, message):
    bot.script.append(Reply(307, raw=b"", headers={"Location": f"{bot.url}/elsewhere"}))
    with pytest.raises(Transient, match="redirects"):
        channel.send(message())
    assert bot.calls == [] and len(bot.raw_bodies) == 1


def test_slow_drip_ends(bot, channel, message, monkeypatch):
    monkeypatch.setattr(_http, "DEADLINE_S", 0.4)
    bot.script.append(Reply(200, raw=b'{"ok": true, "result": {}}' * 40, drip_s=0.05))
    with pytest.raises(Transient):
        channel.send(message())


def test_silent_server_ends(bot, channel, message, monkeypatch):
    monkeypatch.setattr(_http, "READ_S", 0.2)
    bot.script.append(Reply(200, {"ok": True}, hang_s=1.0))
    with pytest.raises(Transient, match="did not answer"):
        channel.send(message())


def test_nobody_listens(message):
    with pytest.raises(Transient, match="no connection"):
        TelegramChannel(TOKEN, CHAT, base="http://127.0.0.1:9").send(message())


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (refusal(401, "Unauthorized"), "token"),
        (refusal(404, "Not Found"), "token"),
        (Reply(404, raw=b"nginx"), "token"),
        (refusal(403, "Forbidden: bot was blocked by the user"), "blocked"),
        (refusal(400, "Bad Request: chat not found"), "chat"),
        (
            refusal(400, "Bad Request: not enough rights to send text messages to the chat"),
            "rights",
        ),
        (Reply(200, {"ok": False, "error_code": 403, "description": "Forbidden"}), "403"),
    ],
)
def test_what_only_a_person_can_mend_is_fatal(bot, channel, message, reply, words):
    bot.script.append(reply)
    with pytest.raises(Fatal, match=words):
        channel.send(message())


def test_one_bad_message_does_not_stop_the_channel(bot, channel, message):
    bot.script.append(refusal(400, "Bad Request: message is too long"))
    with pytest.raises(Rejected):
        channel.send(message())


def test_markup_that_is_not_understood_is_sent_plain(bot, channel, message):
    bot.script.append(refusal(400, "Bad Request: can't parse entities: Unclosed tag"))
    channel.send(message())
    sent = bot.calls[0][2]
    assert "parse_mode" not in sent and "a < b & c" in sent["text"]


def test_moved_group_is_followed_and_told(bot, channel, message):
    bot.script.append(refusal(400, "group chat was upgraded", migrate_to_chat_id=-100777))
    receipt = channel.send(message())
    assert bot.calls[0][2]["chat_id"] == -100777
    assert "-100777" in receipt.notice


def test_group_that_moves_for_ever_is_given_up(bot, channel, message):
    bot.script.extend(refusal(400, "upgraded", migrate_to_chat_id=-n) for n in range(1, 9))
    with pytest.raises(Fatal):
        channel.send(message())


def test_figure_follows_the_words(bot, channel, message):
    channel.send(message(title="x" * 2000), {"overview": b"\x89PNG"})
    assert [call[0] for call in bot.calls] == ["sendMessage", "sendPhoto"]
    assert b"\x89PNG" in bot.raw_bodies[1] and b"x" * 1024 in bot.raw_bodies[1]
    assert b"x" * 1025 not in bot.raw_bodies[1]


def test_refused_figure_does_not_repeat_the_words(bot, channel, message):
    bot.script.extend(
        [Reply(200, {"ok": True, "result": {"message_id": 5}}), refusal(400, "PHOTO_INVALID")]
    )
    assert channel.send(message(), {"overview": b"png"}).reference == "5"


def test_card_is_edited_in_place(bot, channel):
    card = channel.card("50 %")
    assert channel.card("60 %", card) == card
    bot.script.append(refusal(400, "Bad Request: message is not modified: specified new…"))
    assert channel.card("60 %", card) == card
    assert [call[0] for call in bot.calls] == ["sendMessage", "editMessageText"]
    bot.script.append(refusal(400, "Bad Request: message to edit not found"))
    assert channel.card("70 %", card) != card
    assert bot.calls[-1][0] == "sendMessage"


def update(number: int, text: str, **changes) -> dict:
    message = {"date": 2000, "text": text, "chat": {"id": int(CHAT)}, "from": {"id": 7}}
    return {"update_id": number, "message": message | changes}


def test_commands_are_read_once(bot, channel):
    bot.updates = [update(5, "/status"), update(6, "/mute@copilot_bot 2h"), update(7, "hello")]
    assert [(c.name, c.duration_s) for c in channel.poll(0.0)] == [("status", None), ("mute", 7200)]
    assert channel.poll(1.0) == []  # too early to ask again
    bot.updates.append(update(8, "/eta"))
    assert [c.name for c in channel.poll(10.0)] == ["eta"]
    assert bot.calls[-1][2]["offset"] == 8


@pytest.mark.parametrize(
    "stranger",
    [
        update(1, "/status", chat={"id": 1}),
        update(1, "/start", date=999),
        update(1, "/status", forward_origin={"type": "user"}),
        update(1, "/status", forward_date=1),
        update(1, "/status", edit_date=2001),
        update(1, "/status", date=None),
        {"update_id": 1, "edited_message": update(1, "/status")["message"]},
        {"update_id": 1, "message": "text"},
        {"update_id": 1},
        "garbage",
    ],
)
def test_strangers_are_ignored_without_a_word(bot, channel, stranger):
    bot.script.append(Reply(200, {"ok": True, "result": [stranger]}))
    assert channel.poll(0.0) == []
    assert bot.sent == []


def test_commands_that_nobody_heard_are_named_once_and_not_obeyed(bot, channel):
    bot.updates = [update(n, text, date=999) for n, text in enumerate(("/mute 1m", "/eta", "hi"))]
    bot.updates.append(update(3, "/status"))
    assert [command.name for command in channel.poll(0.0)] == ["status"]
    assert bot.sent == ["2 commands came before this watch began and went unheard: send again."]
    assert channel.poll(10.0) == [] and len(bot.sent) == 1


def test_only_listed_users_command(bot):
    channel = TelegramChannel(TOKEN, CHAT, base=bot.url, users=frozenset({8}))
    bot.updates = [update(1, "/status"), update(2, "/eta", **{"from": {"id": 8}})]
    assert [command.name for command in channel.poll(0.0)] == ["eta"]


@pytest.mark.parametrize(
    "text", ["/mute forever", "/mute 0h", "/mute 1e9h", "/rm -rf /", "/mute -1h"]
)
def test_nonsense_gets_help(bot, channel, text):
    bot.updates = [update(1, text)]
    (command,) = channel.poll(0.0)
    assert command.name == "help" and command.problem


def test_second_supervisor_only_sends(bot, channel, message):
    bot.script.append(refusal(409, "Conflict: terminated by other getUpdates request"))
    assert channel.poll(0.0) == [] and channel.listens is False
    channel.poll(500.0)
    assert bot.calls == []
    channel.send(message())
    assert len(bot.sent) == 1


def test_a_supervisor_listens_again_once_the_other_one_has_ended(bot, channel):
    bot.script.extend(refusal(409, "Conflict: terminated by other getUpdates") for _ in range(2))
    bot.updates = [update(1, "/status")]
    assert [len(channel.poll(now)) for now in (0.0, 599.0, 601.0, 1700.0, 1802.0)] == [
        0,
        0,
        0,
        0,
        1,
    ]
    assert channel.listens


def test_polling_backs_off(bot, channel):
    bot.script.extend(Reply(502, raw=b"") for _ in range(3))
    asked = []
    for now in range(100):
        before = len(bot.raw_bodies)
        channel.poll(float(now))
        if len(bot.raw_bodies) > before:
            asked.append(now)
    assert asked[:4] == [0, 7, 21, 49]


def test_prove_names_the_chat(bot, channel):
    assert channel.prove() == "telegram: @copilot_bot wrote to “Ada L.” (private 4242)"
    assert [call[0] for call in bot.calls] == ["getMe", "getChat", "sendMessage"]


def test_configure_from_environment_arguments_and_file(tmp_path):
    make = TelegramChannel.configure
    assert make({}, {}) is None
    both = {"TELEGRAM_TOKEN": TOKEN, "TELEGRAM_CHAT": CHAT}
    assert make(both, {}).chat == int(CHAT)
    assert make(both, {"chat": "@news"}).chat == "@news"
    with pytest.raises(UsageError, match="chat"):
        make({"TELEGRAM_TOKEN": TOKEN}, {})
    with pytest.raises(UsageError, match="token"):
        make({"TELEGRAM_CHAT": CHAT}, {})
    file = tmp_path / "token"
    file.write_text(f"# mine\nTELEGRAM_TOKEN='{TOKEN}'\nTELEGRAM_CHAT=-5\n")
    file.chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        make({}, {"token_file": file})
    file.chmod(0o600)
    assert make({}, {"token_file": file}).chat == -5
    with pytest.raises(UsageError, match="cannot be read"):
        make({}, {"token_file": tmp_path / "none", "chat": CHAT})


@pytest.mark.parametrize(
    "token", ["", "abc", "1:a b", "1:a\nb", "1:a/b", f"{TOKEN}\nX: y", "1:" + "a" * 500]
)
def test_bad_tokens_are_refused_unseen(token):
    with pytest.raises(UsageError) as caught:
        TelegramChannel(token, CHAT)
    assert len(token) < 4 or token not in str(caught.value)


def test_no_trace_of_the_token(bot, message, monkeypatch, caplog, capfd):
    """In no log line at any level, no exception with its causes, no repr and no pickle."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    shown, causes = [], []
    try:
        channel = TelegramChannel(TOKEN, CHAT, base=bot.url)
        shown += [repr(channel), repr(channel._api), str(vars(channel))]
        with pytest.raises(TypeError):
            pickle.dumps(channel)
        monkeypatch.setattr(_http, "READ_S", 0.2)
        logging.getLogger("urllib3").setLevel(logging.DEBUG)  # someone wants to see it all
        echo = f"bad address /bot{TOKEN}/sendMessage"
        scenes = [
            *(refusal(code, echo) for code in (400, 401, 403, 404, 409, 418, 429, 500)),
            Reply(502, raw=echo.encode()),
            Reply(200, raw=echo.encode()),
            Reply(200, raw=b"{}", claim=999),
            Reply(302, raw=b"", headers={"Location": f"http://127.0.0.1:9/bot{TOKEN}/x"}),
            Reply(200, {"ok": True}, hang_s=0.5),
        ]
        others = [
            "http://127.0.0.1:9",
            "http://no.such.host.invalid",
            "nonsense://x",
            "http://[",
            "",
        ]
        attempts = [(channel, scene) for scene in scenes]
        attempts += [(TelegramChannel(TOKEN, CHAT, base=base), None) for base in others]
        for tried, scene in attempts:
            if scene is not None:
                bot.script.append(scene)
            try:
                tried.send(message())
            except ChannelError as error:
                shown += [repr(error), "".join(traceback.format_exception(error))]
                causes += [error.__cause__, error.__context__]
            else:
                pytest.fail(f"nothing was raised for {scene}")
        assert causes == [None] * len(causes)
        logging.getLogger("some.library").error("posting to /bot%s/x", TOKEN)
    finally:
        root.removeHandler(handler)
        root.setLevel(logging.WARNING)
    out, err = capfd.readouterr()
    everything = "\n".join([*shown, stream.getvalue(), out, err])
    secret = TOKEN.partition(":")[2]
    assert "posting to" in everything and len(shown) > 20
    assert secret not in everything


def test_another_token_for_the_same_chat_is_the_same_address():
    one, two = TelegramChannel(TOKEN, CHAT), TelegramChannel(f"9{TOKEN}", CHAT)
    assert one.ledger_name == two.ledger_name
    assert one.ledger_name != TelegramChannel(TOKEN, f"{CHAT}1").ledger_name
    assert str(CHAT) not in one.ledger_name
