"""`copilot live` with a Bot API server that misbehaves, then comes back."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location(
    "fake_bot_api_of_the_alerts", Path(__file__).parents[1] / "alerts" / "fake_bot_api.py"
)
fake_bot_api = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fake_bot_api)


@pytest.fixture
def server():
    made = fake_bot_api.FakeBotApi()
    yield made
    made.close()


def texts(server) -> list[str]:
    return list(server.sent)


def wait_for(condition, seconds=40.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.05)


def test_the_phone_hears_it_all_and_the_token_is_nowhere(server, sample_logs, tmp_path):
    (path,) = (sample_logs / "digits_step").glob("*/*.log")
    data = path.read_bytes()
    log, home = tmp_path / "train.log", tmp_path / "home"
    log.write_bytes(data[: data.index(b"\n", len(data) // 2) + 1])
    secret = tmp_path / "token"
    secret.write_text(f"TELEGRAM_TOKEN={fake_bot_api.TOKEN}\nTELEGRAM_CHAT={fake_bot_api.CHAT}\n")
    secret.chmod(0o600)
    server.script.extend(
        [
            fake_bot_api.refusal(429, "Too Many Requests", retry_after=1),
            fake_bot_api.Reply(500, raw=b"<html>"),
        ]
    )
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TELEGRAM")}
    environment = {**kept, "PYTHONPATH": os.pathsep.join(sys.path), "XDG_STATE_HOME": str(home)}
    command = [sys.executable, "-m", "copilot_cli", "live", str(log), "--no-gpu"]
    command += ["--token-file", str(secret), "--api-base", server.url]
    watch = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        wait_for(lambda: any("WATCHING" in text for text in texts(server)))
        who = {"chat": {"id": int(fake_bot_api.CHAT)}, "from": {"id": 7}}
        asked = {"date": time.time() + 1, "text": "/status", **who}
        stranger = {"date": time.time() + 1, "text": "/why", "chat": {"id": 666}, "from": {"id": 6}}
        server.updates += [
            {"update_id": 10, "message": stranger},
            {"update_id": 11, "message": asked},
        ]
        wait_for(lambda: any("time left" in t or "left (" in t for t in texts(server)[1:]))
        watch.send_signal(signal.SIGTERM)
        out, err = watch.communicate(timeout=60)
    finally:
        watch.kill()
    assert watch.returncode == 0
    assert any("NO LONGER WATCHED" in text for text in texts(server))
    assert not any("advice:" in text for text in texts(server)), "a stranger was answered"
    kept = b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file())
    for place in (out, err, kept.decode("utf-8", "replace"), " ".join(command)):
        assert fake_bot_api.TOKEN not in place
        assert fake_bot_api.TOKEN.split(":")[1] not in place
