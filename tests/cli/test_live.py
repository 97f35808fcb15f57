"""`copilot live`, `find`, `notify` and `replay`, run as a user runs them."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from copilot_analytics.alerts.message import event_id
from copilot_analytics.alerts.rules import SUBJECTS
from copilot_analytics.live.log_session import LogSession

if TYPE_CHECKING:
    from pathlib import Path

LINGER = ("--linger", "1", "--no-gpu")
BOT = ("--token", "123456:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "--chat", "1")
WRITER = """
import sys, time
source, target, pause = sys.argv[1], sys.argv[2], float(sys.argv[3])
with open(target, "ab", buffering=0) as log:
    for line in open(source, "rb"):
        middle = len(line) // 2
        log.write(line[:middle])
        time.sleep(pause)
        log.write(line[middle:])
"""


def environment(home: Path, **more: str) -> dict[str, str]:
    secret = ("TELEGRAM", "SLACK", "DISCORD", "COPILOT", "XDG")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(secret)}
    path = os.pathsep.join(sys.path)
    return {**kept, "PYTHONPATH": path, "XDG_STATE_HOME": str(home), "PYTHONUTF8": "1", **more}


def copilot(*arguments: object, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "copilot_cli", *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=120, env=environment(home, **more),
    )  # fmt: skip


@contextmanager
def begun(*arguments: object, home: Path, **more: str):
    """A command in the background."""
    process = subprocess.Popen(
        [sys.executable, "-m", "copilot_cli", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(home, **more),
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@contextmanager
def written(source: Path, target: Path, pause_s: float = 0.003):
    """A process that writes a log as a trainer does, in pieces."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(source), str(target), str(pause_s)]
    )
    try:
        yield writer
    finally:
        if writer.poll() is None:
            writer.kill()
        writer.wait()


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


def sample(sample_logs: Path, name: str) -> Path:
    (path,) = (sample_logs / name).glob("*/*.log")
    return path


def wait_for(condition, seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)


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


def test_auto_takes_the_growing_log_among_decoys(sample_logs, tmp_path):
    work = tmp_path / "work"
    decoy = work / "work_dirs" / "old" / "train.log"
    decoy.parent.mkdir(parents=True)
    decoy.write_bytes(sample(sample_logs, "digits_plateau").read_bytes())
    (work / "notes.log").write_text("nothing to see here\n" * 200)
    grown = work / "runs" / "mine" / "train.log"
    grown.parent.mkdir(parents=True)
    with written(sample(sample_logs, "digits_step"), grown, 0.015):
        wait_for(lambda: grown.exists() and b"Epoch(train)" in grown.read_bytes())
        os.utime(decoy)
        done = copilot("live", "--auto", "--base-dir", work, *LINGER, home=tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert "runs/mine/train.log" in done.stderr and "grows" in done.stderr
    assert "FINISHED   mine" in done.stdout


def test_find_shows_the_table_and_fails_where_there_is_nothing(sample_logs, tmp_path):
    done = copilot("find", "--base-dir", sample_logs, home=tmp_path)
    assert done.returncode == 0
    assert "→" in done.stdout and "digits_step" in done.stdout
    (tmp_path / "short.log").write_text("loss 1\n")
    done = copilot("find", "--base-dir", tmp_path, home=tmp_path)
    assert done.returncode == 1
    assert "1 kB" in done.stdout
    named = copilot("find", tmp_path, home=tmp_path)
    assert named.returncode == 1 and "1 kB" in named.stdout
    done = copilot("live", "--auto", "--base-dir", tmp_path, home=tmp_path)
    assert done.returncode == 1
    assert "1 kB" in done.stderr and str(tmp_path) in done.stderr


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
        (("live", "LOG", "--delta", "lots"), 2, "0.5%"),
        (("live", "LOG", "--risk", "high"), 2, "from 0.5% to 20%"),
        (("replay", "LOG", "--risk", "50%"), 2, "from 0.5% to 20%"),
        (("replay", "LOG", "--speed", "fast"), 2, "max"),
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


def test_what_is_no_training_log_is_refused_in_the_words_of_a_replay(tmp_path):
    diary, program = tmp_path / "diary.txt", tmp_path / "program"
    diary.write_text("Dear diary, nothing was trained today.\n" * 40)
    program.write_bytes(b"\x7fELF\x02\x01" + bytes(range(256)) * 8)
    for log in (diary, program):
        done = copilot("live", log, "--no-gpu", home=tmp_path / "home")
        assert done.returncode == 1
        assert done.stderr == copilot("replay", log, home=tmp_path / "home").stderr


@pytest.mark.parametrize("kind", ["missing", "empty", "folder"])
def test_a_log_without_a_line_is_waited_for_and_the_wait_is_seen(kind, tmp_path):
    log = tmp_path / "train.log"
    if kind == "empty":
        log.touch()
    elif kind == "folder":
        log.mkdir()
    done = copilot("live", log, "--wait", "0.5", home=tmp_path / "home")
    assert done.returncode == 1 and "within" in done.stderr
    with begun("live", log, "--no-gpu", home=tmp_path / "home") as watch:
        said = watch.stderr.readline()
        assert "waiting" in said and str(log) in said and "Ctrl-C" in said
        watch.send_signal(signal.SIGINT)
        _, err = watch.communicate(timeout=30)
        assert watch.returncode == 130 and "stopped while it waited" in err


def test_a_file_that_grows_without_training_is_watched_in_view(tmp_path):
    log = tmp_path / "train.log"
    log.write_text("building the data set\n" * 20)
    with log.open("a") as file:  # held open, as by a training that loads its data
        code = "import time; time.sleep(60)"
        holder = subprocess.Popen([sys.executable, "-c", code], stdout=file)
        try:
            done = copilot("live", log, "--wait", "6", "--no-gpu", home=tmp_path / "home")
        finally:
            holder.kill()
            holder.wait()
    assert done.returncode == 1
    assert "no training seen yet in 20 lines" in done.stderr
    assert "no training seen in 20 lines" in done.stderr


def test_auto_waits_for_a_log_that_lives(sample_logs, tmp_path):
    work, source = tmp_path / "work", sample(sample_logs, "digits_step")
    old, new = work / "old" / "train.log", work / "new" / "train.log"
    old.parent.mkdir(parents=True)
    old.write_bytes(sample(sample_logs, "digits_plateau").read_bytes())
    os.utime(old, (1e9, 1e9))
    arguments = ("live", "--auto", "--base-dir", work, *LINGER)
    done = copilot(*arguments, "--wait", "1", home=tmp_path / "home")
    assert done.returncode == 1 and "no log grew" in done.stderr
    new.parent.mkdir()
    with begun(*arguments, "--wait", "60", home=tmp_path / "home") as watch:
        assert "at rest" in watch.stderr.readline()
        with written(source, new, 0.012):
            out, _ = watch.communicate(timeout=60)
    assert watch.returncode == 0
    assert "WATCHING   new" in out and "WATCHING   old" not in out


def test_auto_goes_over_to_a_log_that_begins_to_grow(sample_logs, tmp_path):
    work, source = tmp_path / "work", sample(sample_logs, "digits_step")
    old, new = work / "old" / "train.log", work / "new" / "train.log"
    for log in (old, new):
        log.parent.mkdir(parents=True)
    old.write_bytes(sample(sample_logs, "digits_crash").read_bytes())
    os.utime(old, (1e9, 1e9))
    home = tmp_path / "home"
    arguments = ("--auto", "--base-dir", work, "--no-gpu", "--linger", "20")
    with begun("live", *arguments, home=home) as one:
        assert "at rest" in one.stderr.readline()
        with written(source, new, 0.05):
            out, err = one.communicate(timeout=120)
    assert one.returncode == 0, err
    assert err.count("going over to it") == 1
    assert "old: The run ended early" in out and "FINISHED   new" in out


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
    (digest,) = [one for one in heard if one["kind"] == "digest"]
    assert "SO FAR" in digest["title"]
    assert "phases: " in digest["message"] and "best so far: digits/accuracy" in digest["message"]


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
    assert "The run finished" in done.stdout
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
    closing = told[told.index("What was forecast on the way, beside what came:") :]
    assert "as of" in closing and "80 % intervals that held: value" in closing
    balance = json.loads(copilot("replay", log, "--json", home=tmp_path).stdout.splitlines()[-1])
    report = copilot("report", log, "--format", "json", home=tmp_path)
    assert balance["looking_back"] == json.loads(report.stdout)["looking_back"] != []


def test_two_hundred_logs_in_one_process(sample_logs, tmp_path):
    data = (sample_logs / "digits_crash" / "console.log").read_bytes()
    half = b"".join(data.splitlines(keepends=True)[:200])
    logs = [tmp_path / f"run{n:03}" / "train.log" for n in range(200)]
    for log in logs:
        log.parent.mkdir()
        log.write_bytes(half)
    home = tmp_path / "home"
    with begun("live", *logs, "--no-gpu", "--linger", "1", home=home) as watch:
        drained = threading.Thread(target=watch.communicate, daemon=True)
        drained.start()

        def attached() -> int:
            path = home / "copilot" / "ledger.sqlite3"
            if not path.exists():
                return 0
            with closing(sqlite3.connect(path, timeout=10)) as ledger:
                try:
                    sql = "SELECT count(DISTINCT run_key) FROM messages"
                    return ledger.execute(sql).fetchone()[0]
                except sqlite3.OperationalError:
                    return 0  # it is being made

        wait_for(lambda: attached() == 200, 300.0)
        for log in logs:
            with log.open("ab") as file:
                file.write(data[len(half) :])
        drained.join(300)
        assert watch.returncode == 3
