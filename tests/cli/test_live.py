"""`copilot live`, `find`, `notify` and `replay`, run as a user runs them."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from live_commands import LINGER, begun, copilot, sample, wait_for, written

from copilot_analytics.alerts.message import event_id
from copilot_analytics.alerts.rules import SUBJECTS
from copilot_analytics.live.log_session import LogSession

BOT = ("--token", "123456:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "--chat", "1")


@contextmanager
def listener():
    """A webhook that remembers what it was told."""
    heard: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            size = int(self.headers["Content-Length"])
            heard.append(json.loads(self.rfile.read(size)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815  # the name is given

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("digits_step", 0, "finished"),
        ("digits_nan", 4, "kill"),
        ("digits_crash", 5, "ended early"),
    ],
)
def test_the_exit_code_tells_how_the_run_ended(name, code, words, sample_logs, tmp_path):
    log = tmp_path / "train.log"
    log.write_bytes(sample(sample_logs, name).read_bytes())
    os.utime(log, (1e9, 1e9))
    done = copilot("live", log, "--from-start", *LINGER, home=tmp_path / "home")
    assert done.returncode == code, done.stderr
    assert words in done.stdout.lower()
    assert "Traceback" not in done.stderr


def test_a_crash_is_told_by_its_code(sample_logs, tmp_path):
    log = sample_logs / "digits_crash" / "console.log"
    done = copilot("live", log, *LINGER, home=tmp_path)
    assert done.returncode == 3
    assert "IndexError" in done.stdout


def test_a_log_is_waited_for_and_its_nan_told_at_once(sample_logs, tmp_path):
    log, home = tmp_path / "work" / "train.log", tmp_path / "home"
    log.parent.mkdir()
    arguments = ("live", log, "--wait", "30", *LINGER)
    with listener() as (url, heard), begun(*arguments, "--webhook", url, home=home) as watch:
        time.sleep(1.0)
        assert watch.poll() is None
        source = sample(sample_logs, "digits_nan")
        lines = source.read_bytes().splitlines(keepends=True)
        until = next(n for n, line in enumerate(lines) if b"loss: nan" in line)
        log.write_bytes(b"".join(lines[:until]))
        wait_for(lambda: len(heard) >= 1)
        time.sleep(1.0)
        assert "WATCHING" in heard[0]["title"]
        with log.open("ab") as file:
            file.write(lines[until])
        wait_for(lambda: len(heard) >= 2, 25.0)  # what is grouped waits for 30 s
        assert "LOSS IS NaN" in heard[1]["title"]
        with log.open("ab") as file:
            file.write(b"".join(lines[until + 1 :]))
        assert watch.wait(60) == 4


@pytest.mark.parametrize("seed", [1, 2])
def test_kills_lose_and_repeat_nothing(seed, sample_logs, tmp_path):
    """The supervisor is killed again and again while a process writes the log."""
    chance = random.Random(seed)  # noqa: S311
    source = sample(sample_logs, "digits_nan" if seed == 1 else "digits_overfit")
    log, home = tmp_path / "train.log", tmp_path / "home"
    with listener() as (url, heard):
        arguments = ("live", log, "--wait", "30", *LINGER, "--webhook", url)
        with written(source, log, 0.025 if seed == 1 else 0.014) as writer:
            while writer.poll() is None:
                with begun(*arguments, home=home) as watch:
                    until = time.monotonic() + chance.uniform(0.5, 3.0)
                    while time.monotonic() < until and writer.poll() is None:
                        time.sleep(0.01)
                    watch.send_signal(signal.SIGKILL)
        done = copilot(*arguments, home=home)
    assert done.returncode in {0, 4}, done.stderr
    replay = LogSession(str(log))
    expected = {
        event_id(replay.run_key, replay.relative(event))
        for event in replay.feed(log.read_bytes())
        if event.kind in SUBJECTS
    }
    assert len(expected) > 5
    ledger = sqlite3.connect(home / "copilot" / "ledger.sqlite3")
    known = {name for (name,) in ledger.execute("SELECT event_id FROM events")}
    messages = [json.loads(text) for (text,) in ledger.execute("SELECT document FROM messages")]
    outbox = list(ledger.execute("SELECT message_id, state FROM outbox"))
    ledger.close()
    assert expected <= known, "an event was lost"
    told = [name for message in messages for name in message["event_ids"]]
    assert len(told) == len(set(told)), "an event was told twice"
    assert {state for _, state in outbox} == {"sent"}
    gathered = any("HAD TO WAIT" in one["title"] for one in heard)
    arrived = {one["id"] for one in heard}
    assert gathered or {name for name, state in outbox if state == "sent"} <= arrived


def test_sigterm_ends_with_a_summary(sample_logs, tmp_path):
    data = sample(sample_logs, "digits_step").read_bytes()
    log = tmp_path / "train.log"
    log.write_bytes(data[: len(data) // 2])
    with begun("live", log, "--no-gpu", home=tmp_path / "home") as watch:
        assert "WATCHING" in watch.stdout.readline()
        time.sleep(0.5)
        watch.send_signal(signal.SIGTERM)
        out, err = watch.communicate(timeout=30)
        assert watch.returncode == 0
    assert "NO LONGER WATCHED" in out
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("live",), 2, "--auto"),
        (("live", "LOG", "--auto"), 2, "--auto"),
        (("live", "LOG", "--all"), 2, "--all"),
        (("live", "no/such.log", "--wait", "0"), 1, "--wait"),
        (("live", "no/such.log", "--wait", "0.2"), 1, "did not appear"),
        (("live", "LOG", "--quiet-hours", "late"), 2, "23:00-07:00"),
        (("live", "LOG", "--min-level", "loud"), 2, "critical"),
        (("live", "LOG", "--min-level", "slack=info"), 2, "slack"),
        (("live", "LOG", "--chat", "1"), 2, "TELEGRAM_TOKEN"),
        (("live", "LOG", "--gpus", "2.5"), 2, "'2.5' is not a whole number of at least 1"),
        (("live", "LOG", "--pid", "-1"), 2, "'-1' is not a whole number of at least 1"),
        (("live", "LOG", "--wait", "soon"), 2, "'soon' is not a number of at least 0"),
        (("live", "LOG", "--cooldown", "-1"), 2, "'-1' is not a number of at least 0"),
        (("live", "LOG", "--delta", "lots"), 2, "0.5%"),
        (("live", "LOG", "--risk", "high"), 2, "from 0.5% to 20%"),
        (("replay", "LOG", "--risk", "50%"), 2, "from 0.5% to 20%"),
        (("replay", "LOG", "--speed", "fast"), 2, "max"),
        (("replay", "none.log", "--log-format", "mmengine"), 2, "Did you mean 'mmengine_"),
        (("live", "none.log", "--log-format", "nope"), 2, "`copilot formats` lists all"),
        (("live", "LOG", "--metric", "foo", "--no-gpu"), 2, "it has: digits/accuracy"),
        (("live", "LOG", "--heartbeat", "foo"), 2, "the heartbeat"),
        (("live", "LOG", "--pid", "4194305", *LINGER), 0, "no process 4194305"),
        (("live", "--auto", "--base-dir", "no/such"), 2, "no such directory: no/such"),
        (("find", "--base-dir", "no/such"), 2, "no such directory: no/such"),
        (("find", "no/such"), 2, "no such directory: no/such"),
        (("find", "LOG"), 2, "formats explain"),
        (("find", "here", "--base-dir", "there"), 2, "name one directory"),
        (("notify", "test", *BOT, "--api-base", "nonsense"), 2, "--api-base"),
        (("live", "LOG", *BOT, "--api-base", "nonsense"), 2, "--api-base"),
        (("notify", "test"), 1, "only this terminal"),
        (("notify", "nonsense"), 2, "test"),
    ],
)
def test_misuse_is_told_in_words(arguments, code, words, sample_logs, tmp_path):
    log = sample(sample_logs, "digits_step")
    named = [log if argument == "LOG" else argument for argument in arguments]
    done = copilot(*named, home=tmp_path)
    assert done.returncode == code, done.stderr
    assert words in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_a_metric_that_is_not_there_is_told_before_anything_else(sample_logs, tmp_path):
    done = copilot("replay", sample_logs / "digits_nan", "--metric", "foo", home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    log = sample(sample_logs, "digits_step")
    for _ in range(2):  # the second one goes on with what the ledger knows
        copilot("live", log, *LINGER, home=tmp_path)
        done = copilot("live", log, "--metric", "foo", "--no-gpu", home=tmp_path)
        assert done.returncode == 2 and done.stderr.count("no metric 'foo'") == 1


def test_the_past_is_told_as_one_digest(sample_logs, tmp_path):
    """Also where nothing in it was worth an alert."""
    data = sample(sample_logs, "digits_step").read_bytes()
    log = tmp_path / "train.log"
    log.write_bytes(data[: data.index(b"\n", len(data) // 2) + 1])
    with listener() as (url, heard):
        arguments = ("live", log, "--no-gpu", "--webhook", url, "--from-start")
        with begun(*arguments, home=tmp_path / "home") as watch:
            wait_for(lambda: len(heard) >= 2)
            watch.send_signal(signal.SIGTERM)
            watch.communicate(timeout=30)
    digest, first = heard[:2]
    assert (digest["kind"], first["kind"]) == ("digest", "attached")  # the past before the present
    assert "SO FAR" in digest["title"]
    assert "phases: " in digest["message"] and "best so far: digits/accuracy" in digest["message"]


@pytest.mark.parametrize(
    ("name", "title", "cause"),
    [("digits_crash/console.log", "🔴 CRASHED", "IndexError"), ("digits_step", "🏁 FINISHED", "")],
)
def test_the_end_of_a_log_at_rest_is_told_once(sample_logs, tmp_path, name, title, cause):
    log = sample_logs / name if cause else sample(sample_logs, name)
    done = copilot("live", log, *LINGER, "--from-start", home=tmp_path)
    before, _, rest = done.stdout.partition("📋 SO FAR")
    past, _, end = rest.partition(title)
    assert before.strip() == ""  # the past comes first
    assert "phases: " in past and "best so far" in past
    assert not [word for word in ("crashed:", "the run crashed", "finished:") if word in past]
    assert title not in end and (not cause or end.count(cause) == 1)


def test_a_watch_that_goes_on_says_how_things_stand(sample_logs, tmp_path):
    data = sample(sample_logs, "digits_step").read_bytes()
    log, home = tmp_path / "train.log", tmp_path / "home"
    log.write_bytes(data[: data.index(b"\n", len(data) // 2) + 1])
    for line in ("WATCHING", "left"):
        with begun("live", log, "--no-gpu", home=home) as watch:
            said = watch.stdout.readline()
            assert line in said and tmp_path.name in said
            watch.kill()
    log.write_bytes(data)
    done = copilot("live", log, *LINGER, home=home)
    assert "🏁 FINISHED" in done.stdout and "The run finished" not in done.stdout
    again = copilot("live", log, *LINGER, home=home)
    assert again.stdout.count("The run finished") == 1


def test_a_channel_is_proved_and_its_address_never_shown(tmp_path):
    with listener() as (url, heard):
        done = copilot("notify", "test", "--webhook", f"{url}?key=hush-hush", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(heard) == 1
    assert "hush-hush" not in done.stdout + done.stderr


def test_the_heartbeat_beats(sample_logs, tmp_path):
    data = sample(sample_logs, "digits_step").read_bytes()
    log = tmp_path / "train.log"
    log.write_bytes(data[: len(data) // 2])
    beats = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            beats.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/ping"
    with begun("live", log, "--no-gpu", "--heartbeat", url, home=tmp_path / "home"):
        wait_for(lambda: beats)
    server.shutdown()
    server.server_close()
    assert beats[0] == "/ping"


def test_a_replay_in_json_is_the_events_of_the_report_and_a_balance(sample_logs, tmp_path):
    done = copilot("replay", sample_logs / "digits_nan", "--json", home=tmp_path)
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert {one["type"] for one in said} == {"event", "message", "balance"}
    keys = [(one["kind"], one["key"]) for one in said if one["type"] == "event"]
    assert ("finding", "loss_nan") in keys
    balance = said[-1]
    assert balance["type"] == "balance" and balance["advice"] == "kill"
    assert balance["saved_s"] > 0 and balance["cost"] == 0


def test_a_replay_closes_with_what_forecasts_on_the_way_were_worth(sample_logs, tmp_path):
    log = sample_logs / "mmcv_digits"
    told = copilot("replay", log, home=tmp_path).stdout
    assert told.startswith("By the log's clock, what each line made known, and the messages")
    closing = told[told.index("What was forecast on the way, beside what came:") :]
    assert "as of" in closing and "80 % intervals that held: value" in closing
    balance = json.loads(copilot("replay", log, "--json", home=tmp_path).stdout.splitlines()[-1])
    report = copilot("report", log, "--format", "json", home=tmp_path)
    assert balance["looking_back"] == json.loads(report.stdout)["looking_back"] != []


def epochs(first, last):
    """Lines of a classifier in the way of a home-made trainer, ten seconds an epoch."""
    for epoch in range(first, last + 1):
        for step in range(1, 22, 5):
            at = f"2026-11-26 11:{10 + epoch // 6}:{epoch % 6}{step // 5}"
            loss = 2.3 * 0.9 ** (epoch + step / 22)
            yield f"{at},000 INFO Epoch [{epoch}/30] Step [{step}/22] loss: {loss:.4f} lr: 0.001\n"
        yield f"{at},900 INFO Epoch [{epoch}/30] val_loss: {loss:.4f} val_acc: {0.02 * epoch:.4f}\n"


CRASH = """Traceback (most recent call last):
  File "train.py", line 12, in <module>
    step(batch)
ValueError: shapes (3,4) and (5,6) not aligned
"""


def test_that_it_runs_again_is_told_before_what_it_has_done_since(tmp_path):
    log = tmp_path / "train.log"
    log.write_text("".join(epochs(1, 8)) + CRASH)
    said = []
    with begun("live", log, "--no-gpu", "--plain", "--linger", "60", home=tmp_path / "h") as watch:
        for line in watch.stdout:
            said.append(line)
            if "resume from the last checkpoint" in line:
                with log.open("a") as more:
                    more.write("".join(epochs(9, 14)))
            if "best so far" in line or len(said) > 40:
                break
    lines = [line.split()[1:3] for line in said]
    assert ["RUNNING", "AGAIN"] in lines
    assert "best so far" in said[-1]
