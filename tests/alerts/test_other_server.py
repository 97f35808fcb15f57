"""Against `telegram-test-api`, a server that others wrote (npm, optional).

Install it with ``npm install telegram-test-api`` in any folder and name that folder in
COPILOT_TELEGRAM_TEST_API.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
from fake_bot_api import TOKEN, dice, make_message

from copilot_analytics.alerts.channels.telegram import TelegramChannel
from copilot_analytics.alerts.delivery import Delivery
from copilot_analytics.alerts.ledger import Ledger

SCRIPT = """
const found = require('telegram-test-api');
const Server = found.default || found.TelegramServer || found;
const server = new Server({port: Number(process.argv[1]), host: '127.0.0.1', storeTimeout: 600});
server.start().then(() => console.log('up'));
"""


@pytest.fixture(scope="module")
def server(request):
    folder = Path(os.environ.get("COPILOT_TELEGRAM_TEST_API") or Path(__file__).parents[2])
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    if not (folder / "node_modules" / "telegram-test-api").is_dir():
        pytest.skip("npm package telegram-test-api not found; see COPILOT_TELEGRAM_TEST_API")
    port = 20000 + os.getpid() % 20000
    started = subprocess.Popen(
        [node, "-e", SCRIPT, str(port)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert started.stdout is not None and started.stdout.readline().strip() == "up"
        yield f"http://127.0.0.1:{port}"
    finally:
        started.kill()
        started.communicate()


def user(server, method, **document):
    """Do something as the person in the chat."""
    request = urllib.request.Request(  # noqa: S310  # the loopback
        f"{server}/{method}",
        json.dumps(document).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # as above
        return json.loads(answer.read())


def command(server, text, chat=1):
    person = {"id": 1, "first_name": "Ada", "username": "ada", "is_bot": False}
    place = {"id": chat, "first_name": "Ada", "type": "private"}
    user(
        server, "sendCommand", botToken=TOKEN, date=int(time.time()), text=text,
        chat=place, entities=[{"offset": 0, "length": len(text), "type": "bot_command"}],
        **{"from": person},
    )  # fmt: skip


def test_messages_arrive_whole(server, tmp_path):
    channel = TelegramChannel(TOKEN, "1", base=server)
    ledger = Ledger(tmp_path / "copilot" / "ledger.sqlite3")
    try:
        delivery = Delivery(ledger, [channel], dice())
        ledger.put(
            [make_message(f"{n}", body=("x & y " * 900,)) for n in range(3)],
            [],
            0.0,
            delivery.names,
        )
        for now in range(9):
            delivery.work(float(now))
        assert ledger.undelivered() == {}
    finally:
        ledger.close()
    got = user(server, "getUpdates", token=TOKEN, chatId="1")["result"]
    texts = [update["message"]["text"] for update in got if "x &amp;" in str(update)]
    assert len(texts) == 6
    assert sum(text.count("&amp;") for text in texts) == 3 * 900


def test_prove_and_card(server):
    channel = TelegramChannel(TOKEN, "1", base=server)
    assert "telegram: @" in channel.prove()
    card = channel.card("50 %")
    assert card and channel.card("60 %", card) == card


def test_commands_of_the_chat_only(server):
    channel = TelegramChannel(TOKEN, "1", base=server, since=time.time() - 60)
    command(server, "/mute 2h")
    command(server, "/status", chat=99)
    command(server, "/eta")
    found = channel.poll(0.0) + channel.poll(60.0)
    assert [(c.name, c.duration_s) for c in found] == [("mute", 7200.0), ("eta", None)]
