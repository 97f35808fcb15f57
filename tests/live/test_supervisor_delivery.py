"""Each message of a watch reaches whom it is for, once, whoever is killed meanwhile."""

from __future__ import annotations

import io
import subprocess
import sys
import time

from supervised import Pigeon, in_thread, passes, supervisor, wait_for

from copilot_analytics.alerts.channels._base import Fatal, Transient
from copilot_analytics.alerts.channels._commands import Command
from copilot_analytics.alerts.channels.console import ConsoleChannel
from copilot_analytics.alerts.ledger import Ledger
from copilot_analytics.alerts.message import Message
from copilot_analytics.alerts.rules import PolicyOptions, QuietHours
from copilot_analytics.findings import Severity
from copilot_analytics.live import courier, mutes
from copilot_analytics.live.courier import Chat


def test_a_pigeon_is_a_chat():
    assert isinstance(Pigeon(), Chat)


def test_a_channel_that_hangs_or_fails_holds_nothing_up(ledger, half_log, sample_logs, tmp_path):
    log, _ = half_log
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


def test_two_supervisors_tell_each_thing_once(tmp_path, half_log):
    log, rest = half_log
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


def test_a_watch_whose_run_has_ended_stays_until_a_channel_took_its_end(ledger, half_log):
    log, rest = half_log
    log.write_bytes(log.read_bytes() + rest)
    slow = Pigeon(*[Transient("no network", 2.0)] * 2)
    watch = supervisor(ledger, [log], [slow])
    watch._linger_s = 1.5
    watch._end = lambda: None  # which would send what is left
    thread, codes = in_thread(watch)
    thread.join(60)
    assert codes == [0] and [message.kind for message in slow.sent] == ["summary"]
    assert any("tried for 10 min" in note for note in watch._screen.notes)


def test_a_watch_stays_until_a_channel_with_a_sound_may_be_told_the_end(ledger, half_log):
    log, rest = half_log
    shift, pigeon, minute = [0.0], Pigeon(), int(time.time() // 60)
    quiet = QuietHours((minute - 5) % 1440, (minute + 10) % 1440)
    watch = supervisor(
        ledger,
        [log],
        [pigeon],
        options=PolicyOptions(quiet=quiet),
        wall=lambda: time.time() + shift[0],
    )
    thread, codes = in_thread(watch)
    wait_for(lambda: watch.runs[0].run_key)
    with log.open("ab") as file:
        file.write(rest)
    wait_for(lambda: any("no longer quiet" in note for note in watch._screen.notes))
    assert thread.is_alive() and pigeon.sent == []
    shift[0] = 600.0
    thread.join(60)
    assert codes == [0]
    assert [message.kind for message in pigeon.sent] == ["summary"]


def test_what_a_mute_held_is_sent_when_it_is_taken_back(ledger, half_log):
    log, rest = half_log
    pigeon = Pigeon()
    watch = supervisor(ledger, [log], [pigeon])
    thread, codes = in_thread(watch)
    wait_for(lambda: pigeon.sent)
    pigeon.asked = [Command("mute", 7200.0)]
    wait_for(lambda: pigeon.replies)
    with log.open("ab") as file:
        file.write(rest)
    wait_for(lambda: any("no longer quiet" in note for note in watch._screen.notes))
    assert [message.kind for message in pigeon.sent] == ["attached"]
    pigeon.asked = [Command("unmute")]
    thread.join(60)
    assert codes == [0]
    assert [message.kind for message in pigeon.sent] == ["attached", "summary"]
    assert "waited" not in pigeon.sent[-1].text


def test_a_run_that_is_taken_up_is_muted_as_the_others_are(ledger, half_log):
    log, _ = half_log
    other = log.with_name("other.log")
    watch = supervisor(ledger, [log])
    watch.pass_once()
    now = time.time()
    mutes.mute(watch.runs, ledger, now, now + 3600.0)
    other.write_bytes(log.read_bytes().replace(b"Epoch(train)", b"Epoch(train) "))
    more = iter([supervisor(ledger, [other]).runs[0].following])
    watch._find_more = lambda: [next(more)]
    watch._next.pop("more", None)
    watch.pass_once()
    for _ in range(20):
        watch.runs[1].due = 0.0
        watch.pass_once()
        if watch.runs[1].run_key:
            break
    taken = watch.runs[1]
    assert taken.run_key and taken.policy.is_quiet(now + 3000.0)
    assert mutes.muted_until(ledger, taken.run_key) == now + 3600.0


def test_a_mute_outlasts_the_watch_in_which_it_was_asked_for(ledger, half_log):
    log, _ = half_log
    for asked in ("mute", "unmute"):
        pigeon = Pigeon()
        watch = supervisor(ledger, [log], [pigeon])
        thread, _ = in_thread(watch)
        is_muted = asked == "unmute"
        wait_for(
            lambda watch=watch, is_muted=is_muted: (
                watch.runs[0].run_key and watch.runs[0].policy.is_quiet(time.time()) == is_muted
            )
        )
        pigeon.asked = [Command(asked, 7200.0 if asked == "mute" else None)]
        wait_for(lambda pigeon=pigeon: pigeon.replies)
        watch.stop()
        thread.join(30)
    watch = supervisor(ledger, [log])
    watch.pass_once()
    assert watch.runs[0].run_key and not watch.runs[0].policy.is_quiet(time.time())


def test_a_watch_does_not_stay_for_ever_for_a_channel(ledger, half_log, monkeypatch):
    monkeypatch.setattr(courier, "_OWED_S", 1.0)
    log, rest = half_log
    log.write_bytes(log.read_bytes() + rest)
    watch = supervisor(ledger, [log], [Pigeon(*[Transient("no network", 100.0)] * 9)])
    thread, codes = in_thread(watch)
    thread.join(60)
    assert codes == [0]
    assert any("the next watch of the run sends them" in note for note in watch._screen.notes)


def test_two_watches_in_one_chat_have_a_card_each(ledger, half_log):
    log, rest = half_log
    other = log.with_name("other.log")
    other.write_bytes(log.read_bytes() + rest)
    log.write_bytes(log.read_bytes() + rest)
    cards = []
    for path in (log, other, log, other):
        pigeon = Pigeon()
        pigeon.card = lambda text, card=None: (cards.append(card), card or f"{len(cards)}")[1]
        thread, _ = in_thread(supervisor(ledger, [path], [pigeon]))
        thread.join(60)
        cards.append("end")
    first, second, third, fourth = " ".join(map(str, cards)).split("end")[:4]
    assert first.split()[0] == second.split()[0] == "None"
    assert third.split()[0] == "1" and fourth.split()[0] not in {"None", "1"}


def test_each_of_two_watches_shows_the_end_on_its_own_terminal(tmp_path, half_log):
    log, rest = half_log
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


class Addressed(Pigeon):
    """A channel of which there are several, as there are several webhooks."""

    def __init__(self, address):
        super().__init__()
        self.address = address


def test_a_message_reaches_its_own_address_and_no_other(tmp_path, half_log):
    """Not another watch's channel of the same name, nor a later one's of the same run."""
    log, _ = half_log
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
    tmp_path, half_log, sample_logs
):
    log, _ = half_log
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


def test_a_card_that_is_refused_is_not_tried_every_minute(ledger, half_log):
    log, _ = half_log
    pigeon, asked = Pigeon(), []
    watch = supervisor(ledger, [log], [pigeon])
    courier = watch._courier
    passes(watch, lambda: watch.runs[0].run_key)

    def refuse(text, card=None):
        asked.append(text)
        raise Fatal("kicked")

    pigeon.card = refuse
    for minute in range(3):
        courier.show_card(watch.runs, watch._wall(), at_once=True)
        courier._card_text += str(minute)
        courier._update_cards()
    assert len(asked) == 1 and courier._card_rest_s == 600.0


def test_the_card_tells_a_crash_as_soon_as_a_message_does(ledger, half_log):
    log, _ = half_log
    pigeon = Pigeon()
    watch = supervisor(ledger, [log], [pigeon])
    watch._linger_s = 600.0
    thread, _ = in_thread(watch)
    wait_for(lambda: pigeon.sent and pigeon.cards)
    crash = 'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: no\n'
    with log.open("a") as file:
        file.write(crash)
    wait_for(lambda: any("CRASHED" in message.title for message in pigeon.sent))
    wait_for(lambda: "crashed" in pigeon.cards[-1][1])
    watch.stop()
    thread.join(30)
