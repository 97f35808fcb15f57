"""The loop: what is told, answered and survived."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time

import pytest

from copilot_analytics.alerts.channels._base import Channel, Fatal, Receipt, Transient
from copilot_analytics.alerts.channels._commands import Command
from copilot_analytics.alerts.channels.console import ConsoleChannel
from copilot_analytics.alerts.ledger import Ledger
from copilot_analytics.alerts.message import Message
from copilot_analytics.findings import Severity
from copilot_analytics.live.courier import Chat
from copilot_analytics.live.following import Following
from copilot_analytics.live.supervisor import Supervisor
from copilot_analytics.live.watched import CRASHED, DIVERGED, FINISHED, TROUBLE


class Quiet:
    """A screen that remembers."""

    def __init__(self):
        self.notes, self.events, self.shown, self.taken_up = [], [], 0, []

    def start(self):
        pass

    def stop(self):
        pass

    def tell(self, watched, event):
        self.events.append(event)

    def note(self, text):
        self.notes.append(text)

    def take_up(self, watched, now, *, again):
        self.taken_up.append((watched.following.status, again))

    def show(self, runs, now):
        self.shown += 1
        return 0.2


class Pigeon(Channel):
    """A channel that keeps what it is given, and may fail as it is told to."""

    name = "pigeon"
    takes_figures = True

    def __init__(self, *moods, takes_s=0.0):
        self.sent, self.replies, self.cards, self.figures = [], [], [], []
        self.asked, self.listens = [], True
        self._moods, self._takes_s = list(moods), takes_s

    @classmethod
    def configure(cls, environment, arguments):
        return cls()

    def send(self, message, figures=None):
        time.sleep(self._takes_s)
        if self._moods:
            raise self._moods.pop(0)
        self.sent.append(message)
        return Receipt()

    def poll(self, now):
        asked, self.asked = self.asked, []
        return asked

    def reply(self, text):
        self.replies.append(text)

    def send_figure(self, png, caption=""):
        self.figures.append((png, caption))

    def card(self, text, card=None):
        self.cards.append((card, text))
        return "7"


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite3")
    yield ledger
    ledger.close()


@pytest.fixture
def half(sample_logs, tmp_path):
    (path,) = (sample_logs / "digits_step").glob("*/*.log")
    data = path.read_bytes()
    log = tmp_path / "train.log"
    cut = data.index(b"\n", len(data) // 2) + 1
    log.write_bytes(data[:cut])
    return log, data[cut:]


def supervisor(ledger, paths, channels=(), **more):
    followings = [Following(path) for path in paths]
    return Supervisor(followings, ledger, channels, Quiet(), linger_s=0.0, **more)


def passes(watch, condition, seconds=20.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came"
        watch.pass_once()
        time.sleep(0.02)


def in_thread(watch):
    codes = []
    thread = threading.Thread(target=lambda: codes.append(watch.run()))
    thread.start()
    return thread, codes


def wait_for(condition, seconds=20.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)


def test_a_pigeon_is_a_chat():
    assert isinstance(Pigeon(), Chat)


def test_a_finished_run_ends_the_watch(ledger, half):
    log, rest = half
    pigeon = Pigeon()
    watch = supervisor(ledger, [log], [pigeon])
    thread, codes = in_thread(watch)
    wait_for(lambda: pigeon.sent)
    with log.open("ab") as file:
        file.write(rest)
    thread.join(60)
    assert codes == [FINISHED]
    kinds = [message.kind for message in pigeon.sent]
    assert kinds[0] == "attached" and kinds[-1] == "summary"
    assert len({message.id for message in pigeon.sent}) == len(pigeon.sent)
    assert pigeon.cards


def test_a_clock_that_is_set_back_holds_nothing_up(ledger, half):
    """Neither the log nor a channel that rests waits until the clock is where it was."""
    log, rest = half
    shift = [0.0]
    pigeon = Pigeon(Transient("busy", 0.2))
    watch = supervisor(ledger, [log], [pigeon], wall=lambda: time.time() + shift[0])
    thread, codes = in_thread(watch)
    wait_for(lambda: not pigeon._moods)
    assert not pigeon.sent
    shift[0] = -7200.0
    with log.open("ab") as file:
        file.write(rest)
    thread.join(30)
    assert codes == [FINISHED]
    assert (pigeon.sent[0].kind, pigeon.sent[-1].kind) == ("attached", "summary")


def test_a_search_that_fails_is_made_again_and_does_not_end_the_watch(ledger, half, tmp_path):
    """The directory that is searched may be gone for a while."""
    log, rest = half
    log.write_bytes(log.read_bytes() + rest)  # it has finished, so another may take its place
    other = tmp_path / "other.log"
    other.write_bytes(log.read_bytes())
    answers = [FileNotFoundError("gone"), Following(other)]

    def find(current):
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    watch = supervisor(ledger, [log], find_other=find)
    passes(watch, lambda: watch.runs[0].following.path == str(other))
    assert any("going over to it" in note for note in watch._screen.notes)
    answers = [FileNotFoundError("gone"), [Following(other), Following(log)]]
    several = supervisor(ledger, [log], find_more=lambda: find(None))
    several.pass_once()
    several._next["more"] = 0.0
    several.pass_once()
    assert [watched.following.path for watched in several.runs] == [str(log), str(other)]


def test_commands_are_answered_with_what_is_known(ledger, half):
    log, _ = half
    pigeon = Pigeon()
    watch = supervisor(ledger, [log], [pigeon])
    thread, codes = in_thread(watch)
    wait_for(lambda: pigeon.sent)
    asked = ["status", "eta", "why", "help", "unmute"]
    pigeon.asked = [Command(name) for name in asked] + [Command("mute", 7200.0)]
    wait_for(lambda: len(pigeon.replies) == 6)
    text = "\n".join(pigeon.replies)
    for words in ("24 epochs", "left", "/mute 2h", "hear everything", "2 h"):
        assert words in text
    assert watch.runs[0].policy.is_quiet(time.time())
    pigeon.asked = [Command("plot")]
    wait_for(lambda: len(pigeon.figures) == 2, 60.0)
    assert all(png.startswith(b"\x89PNG") for png, _ in pigeon.figures)
    watch.stop()
    thread.join(30)
    assert codes == [FINISHED]


def test_a_channel_that_hangs_or_fails_holds_nothing_up(ledger, half, sample_logs, tmp_path):
    log, _ = half
    slow = Pigeon(Transient("busy"), Fatal("no such chat"), RuntimeError("boom"), takes_s=1.0)
    watch = supervisor(ledger, [log], [slow])
    began = time.monotonic()
    watch._courier.start()
    passes(watch, lambda: watch.runs[0].run_key)
    with log.open("ab") as file:
        file.write(b"not a training line\n")
    passes(watch, lambda: watch.runs[0].following._tailer.offset == log.stat().st_size)
    assert time.monotonic() - began < 10.0
    watch._courier.stop(0.5)


def test_a_log_that_breaks_the_code_does_not_take_the_others_with_it(ledger, half, monkeypatch):
    log, rest = half
    watch = supervisor(ledger, [log, log.with_name("other.log")])
    broken = watch.runs[1].following
    monkeypatch.setattr(broken, "step", lambda now: 1 / 0)
    passes(watch, lambda: watch.runs[0].run_key)
    for _ in range(25):
        watch.runs[1].due = min(watch.runs[1].due, time.time())
        if watch.runs[1].given_up:
            break
        watch.pass_once()
    assert watch.runs[1].given_up and watch.runs[1].outcome == TROUBLE
    assert sum("ZeroDivisionError" in note for note in watch._screen.notes) == 2
    with log.open("ab") as file:
        file.write(rest)
    passes(watch, lambda: watch.runs[0].following.status == "finished")


def test_two_supervisors_tell_each_thing_once(tmp_path, half):
    log, rest = half
    told = []
    with log.open("ab") as file:
        ledgers = [Ledger(tmp_path / "ledger.sqlite3") for _ in range(2)]
        pigeons = [Pigeon(), Pigeon()]
        watches = [supervisor(one, [log], [p]) for one, p in zip(ledgers, pigeons, strict=True)]
        threads = [in_thread(watch)[0] for watch in watches]
        wait_for(lambda: any(p.sent for p in pigeons))
        file.write(rest)
    for thread in threads:
        thread.join(60)
    for one in ledgers:
        one.close()
    told = [message.id for pigeon in pigeons for message in pigeon.sent]
    assert len(told) == len(set(told))
    names = [e for p in pigeons for message in p.sent for e in message.event_ids]
    assert len(names) == len(set(names))


def test_each_of_two_watches_shows_the_end_on_its_own_terminal(tmp_path, half):
    log, rest = half
    screens = [io.StringIO(), io.StringIO()]
    with log.open("ab") as file:
        ledgers = [Ledger(tmp_path / "ledger.sqlite3") for _ in screens]
        watches = [
            supervisor(one, [log], [ConsoleChannel(screen)])
            for one, screen in zip(ledgers, screens, strict=True)
        ]
        threads = [in_thread(watch)[0] for watch in watches]
        wait_for(lambda: all(watch.runs[0].run_key for watch in watches))
        file.write(rest)
    for thread in threads:
        thread.join(60)
    for one in ledgers:
        one.close()
    assert [screen.getvalue().count("FINISHED") for screen in screens] == [1, 1]


def test_a_new_training_in_the_same_log_is_introduced_anew(ledger, half, sample_logs):
    log, rest = half
    pigeon = Pigeon()
    watch = supervisor(ledger, [log], [pigeon])
    passes(watch, lambda: watch.runs[0].run_key)
    first = watch.runs[0].run_key
    (other,) = (sample_logs / "digits_nan").glob("*/*.log")
    with log.open("ab") as file:
        file.write(rest + other.read_bytes())
    passes(watch, lambda: watch.runs[0].run_key != first)
    messages = [entry.message for entry in ledger.claim("pigeon", time.time(), limit=50)]
    assert [message.kind for message in messages].count("attached") == 2
    assert any("loss is nan" in message.text for message in messages)
    assert watch.runs[0].outcome == DIVERGED


@pytest.mark.parametrize("killed", [False, True])
def test_what_a_run_had_to_say_when_another_began_is_told(killed, ledger, half, sample_logs):
    """Also where its last events and the new run came while nobody watched."""
    log, rest = half
    watch = supervisor(ledger, [log], [Pigeon()])
    passes(watch, lambda: watch.runs[0].run_key)
    first = watch.runs[0].run_key
    if killed:
        watch = supervisor(ledger, [log], [Pigeon()])
    (other,) = (sample_logs / "digits_plateau").glob("*/*.log")
    with log.open("ab") as file:
        file.write(rest + other.read_bytes())
    passes(watch, lambda: watch.runs[0].run_key not in {"", first})
    kept = ledger.rows(first)
    assert "finished" in {row.event.key for row in kept}
    assert "held" not in {row.verdict for row in kept}
    messages = [entry.message for entry in ledger.claim("pigeon", time.time(), limit=50)]
    assert [m.kind for m in messages if m.run_key == first].count("summary") == 1


class Addressed(Pigeon):
    """A channel of which there are several, as there are several webhooks."""

    def __init__(self, address):
        super().__init__()
        self.address = address


def test_a_message_reaches_its_own_address_and_no_other(tmp_path, half):
    """Not another watch's channel of the same name, nor a later one's of the same run."""
    log, _ = half
    other = log.with_name("other.log")
    other.write_bytes(log.read_bytes())
    place = tmp_path / "ledger.sqlite3"
    meant = Addressed("https://a.example/hush")
    ledger = Ledger(place)
    first = supervisor(ledger, [log], [meant])
    passes(first, lambda: first.runs[0].run_key)  # its courier sends nothing: it was not started
    key = first.runs[0].run_key
    for path, address, expected in (
        (other, "https://b.example", False),
        (log, "https://b.example", False),
        (other, "https://a.example/hush", False),
        (log, "https://a.example/hush", True),
    ):
        pigeon = Addressed(address)
        later = Ledger(place)
        watch = supervisor(later, [path], [pigeon])
        thread, _ = in_thread(watch)
        wait_for(lambda watch=watch: watch.runs[0].run_key)
        watch.stop()  # which sends what is left
        thread.join(30)
        later.close()
        kinds = [message.kind for message in pigeon.sent if message.run_key == key]
        assert ("attached" in kinds) == expected
    ledger.close()
    assert all(b"hush" not in file.read_bytes() for file in tmp_path.glob("ledger*"))


def test_what_waits_for_a_run_whose_log_is_gone_is_sent_by_the_watch_of_the_next(
    tmp_path, half, sample_logs
):
    log, _ = half
    ledger = Ledger(tmp_path / "ledger.sqlite3")
    first = supervisor(ledger, [log], [Pigeon()])
    passes(first, lambda: first.runs[0].run_key)  # its courier sends nothing: it was not started
    key = first.runs[0].run_key
    ledger.close()
    log.unlink()
    (other,) = (sample_logs / "digits_plateau").glob("*/*.log")
    log.write_bytes(other.read_bytes())
    pigeon, later = Pigeon(), Ledger(tmp_path / "ledger.sqlite3")
    watch = supervisor(later, [log], [pigeon])
    thread, _ = in_thread(watch)
    wait_for(lambda: watch.runs[0].run_key not in {"", key})
    watch.stop()
    thread.join(30)
    later.close()
    assert key in {message.run_key for message in pigeon.sent}


def test_the_worst_outcome_counts(ledger, half, sample_logs):
    log, rest = half
    with log.open("ab") as file:
        file.write(rest)
    crashed = sample_logs / "digits_crash" / "console.log"
    thread, codes = in_thread(supervisor(ledger, [log, crashed]))
    thread.join(60)
    assert codes == [CRASHED]


def test_what_a_killed_watch_had_not_shown_yet_is_shown_by_the_next(ledger, tmp_path, capsys):
    left = Message("ab12cd", "key", "my_run", "news", Severity.WARNING, "LEFT BEHIND")
    ledger.put([left], [], time.time(), ["console"])
    watch = supervisor(ledger, [tmp_path / "not_yet.log"], [ConsoleChannel()])
    watch.pass_once()
    assert "LEFT BEHIND" in capsys.readouterr().out


def test_what_another_watch_was_killed_with_is_shown_by_the_one_that_goes_on(tmp_path, capsys):
    place, shift = tmp_path / "ledger.sqlite3", [0.0]
    ledger = Ledger(place)
    watch = supervisor(
        ledger, [tmp_path / "not_yet.log"], [ConsoleChannel()], wall=lambda: time.time() + shift[0]
    )
    watch.pass_once()
    ledger.follow("key")
    put = (
        "import sys, time\n"
        "from copilot_analytics.alerts.ledger import Ledger\n"
        "from copilot_analytics.alerts.message import Message\n"
        "from copilot_analytics.findings import Severity\n"
        "ledger = Ledger(sys.argv[1])\n"
        "ledger.keep_private('console')\n"
        "left = Message('ab12cd', 'key', 'my_run', 'news', Severity.WARNING, 'LEFT BEHIND')\n"
        "ledger.put([left], [], time.time(), ['console'])\n"
    )
    subprocess.run([sys.executable, "-c", put, str(place)], check=True)
    shift[0] = 61.0
    watch.pass_once()
    assert "LEFT BEHIND" in capsys.readouterr().out
    ledger.close()
