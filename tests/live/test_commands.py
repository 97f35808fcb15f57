"""What a chat is answered about one run of several, and what it is shown first."""

from __future__ import annotations

import re

import pytest
from supervised import Pigeon, in_thread, passes, supervisor, wait_for

from copilot_analytics.alerts.channels._base import Transient
from copilot_analytics.alerts.channels._commands import Command, parse
from copilot_analytics.alerts.message import Message
from copilot_analytics.findings import Severity
from copilot_analytics.live import courier as courier_module

NAMES = ("r1", "r10", "wide", "broken", "late")


def write_run(folder, epochs=6, more=""):
    folder.mkdir()
    rows = [
        f"2026-03-01 10:{epoch:02}:00 Epoch {epoch}/60 train_loss {2.0 * 0.8**epoch:.4f} "
        f"val_loss {2.1 * 0.8**epoch:.4f} val_acc {0.8 - 0.6 * 0.8**epoch:.4f}\n"
        for epoch in range(1, epochs + 1)
    ]
    (folder / "train.log").write_text("".join(rows) + more, encoding="utf-8")
    return folder / "train.log"


@pytest.fixture
def watch(tmp_path, ledger):
    """Five runs, of which one crashed, one is overfitting by its loss, and one has no line yet."""
    crash = (
        "Traceback (most recent call last):\n"
        '  File "train.py", line 7, in <module>\n    step()\nKeyError: 3\n'
    )
    logs = [write_run(tmp_path / name, more=crash * (name == "broken")) for name in NAMES[:-1]]
    logs.append(tmp_path / "late" / "train.log")
    pigeon = Pigeon()
    watch = supervisor(ledger, logs, [pigeon])
    watch.pigeon = pigeon
    watch._draw_log = lambda watched, name: f"{watched.name} {name}".encode()
    passes(watch, lambda: sum(bool(one.run_key) for one in watch.runs) == 4)
    yield watch
    for watched in watch.runs:
        watched.following.close()


def ask(watch, text):
    """Return the words and the figures that a command is answered with, in their order."""
    pigeon, courier = watch.pigeon, watch._courier
    pigeon.replies.clear()
    pigeon.figures.clear()
    courier.commands.append((pigeon, parse(text)))
    watch._answer(watch._wall())
    courier._do_jobs()
    while courier._drawings:
        courier._do(courier_module._Job(courier._drawings.popleft()))
    return "\n".join(pigeon.replies), pigeon.figures


@pytest.mark.parametrize("command", ["status", "eta", "why"])
def test_one_run_is_told_of_by_a_part_of_its_name(watch, command):
    whole, _ = ask(watch, f"/{command}")
    assert all(name in whole for name in NAMES)
    one, _ = ask(watch, f"/{command} WID")
    assert "wide" in one
    assert not any(name in one for name in NAMES if name != "wide")
    exact, _ = ask(watch, f"/{command} r1")
    assert re.search(r"\br1\b", exact)
    assert "r10" not in exact


def test_a_part_of_several_names_or_of_none_is_said_to_be_that(watch):
    of_r = f"“r” is in the names of 4 runs: r1, r10, broken, {watch.runs[-1].following.path}"
    assert ask(watch, "/plot r") == (of_r, [])
    text, figures = ask(watch, "/status zebra")
    assert text.startswith("no watched run has “zebra” in its name; there are r1, r10, wide")
    assert not figures


def test_what_broke_is_drawn_first_and_what_is_left_out_is_named(watch):
    text, figures = ask(watch, "/plot")
    captions = [caption for _, caption in figures]
    assert captions[:2] == [
        "broken: training loss, learning rate and phases",
        "broken: val_acc with its best and its forecast",
    ]
    drawn = {caption.split(":")[0] for caption in captions}
    assert len(captions) == 6
    (left_out,) = {"r1", "r10", "wide"} - drawn
    assert f"those of {left_out} do not: /plot NAME" in text
    text, figures = ask(watch, f"/plot {left_out}")
    assert not text
    assert [png for png, _ in figures] == [
        f"{left_out} loss".encode(),
        f"{left_out} metric".encode(),
    ]


def test_a_run_without_a_line_has_nothing_to_be_drawn(watch):
    assert ask(watch, "/plot late") == ("there is nothing to draw yet", [])


def test_an_answer_that_fails_is_sent_again_and_said_in_words_if_it_never_goes(watch, monkeypatch):
    monkeypatch.setattr(courier_module, "_ANSWER_S", (0.0, 120.0))
    moods = [Transient("it gave no proper answer"), Transient("slow down", 0.0)]
    pigeon, courier, reply = watch.pigeon, watch._courier, watch.pigeon.reply

    def moody(text):
        if moods:
            raise moods.pop(0)
        reply(text)

    pigeon.reply = moody
    assert ask(watch, "/eta r10") == ("", []) and not courier.notices
    courier._do_jobs()
    courier._do_jobs()
    assert len(pigeon.replies) == 1 and not courier._jobs
    moods += [Transient("slow down", 3600.0)]
    assert ask(watch, "/eta r10") == ("", [])
    assert list(courier.notices) == ["an answer was not sent: slow down"]


def test_critical_news_and_answers_go_out_between_photos(watch, ledger):
    pigeon, order = watch.pigeon, []
    news = Message("ab12", "", "", "news", Severity.CRITICAL, "a crash")
    thread, _ = in_thread(watch)
    wait_for(lambda: len(pigeon.sent) == 4, 60.0)  # a crash and three runs that begin

    def draw(watched, name):
        if not order.count("photo"):
            ledger.put([news], [], watch._wall(), watch._courier.names)
            pigeon.asked = [Command("eta", about="wide")]
        order.append("photo")
        return b"png"

    send, reply = pigeon.send, pigeon.reply
    pigeon.send = lambda message, figures=None: order.append(message.title) or send(message)
    pigeon.reply = lambda text: order.append("eta" if "⏱" in text else "left out") or reply(text)
    watch._draw_log = draw
    pigeon.asked = [Command("plot")]
    wait_for(lambda: order.count("photo") == 6, 60.0)
    watch.stop()
    thread.join(30.0)
    assert order[:2] == ["left out", "photo"]
    assert {*order[2:4]} == {"a crash", "eta"}
