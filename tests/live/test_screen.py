"""What stands on the terminal."""

from __future__ import annotations

import io
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from copilot_analytics.alerts.channels._base import Fatal
from copilot_analytics.alerts.channels.console import ConsoleChannel
from copilot_analytics.alerts.message import Message
from copilot_analytics.alerts.policy import Policy
from copilot_analytics.events import Event
from copilot_analytics.findings import Severity
from copilot_analytics.live import answers
from copilot_analytics.live.drawing import draw_apart
from copilot_analytics.live.following import Following
from copilot_analytics.live.panel import PanelScreen, _progress
from copilot_analytics.live.processes import ProcessState
from copilot_analytics.live.quiet_logs import tick_after
from copilot_analytics.live.screen import (
    PlainScreen,
    clock,
    is_terminal,
    waits_for,
)
from copilot_analytics.live.sparkline import sparkline
from copilot_analytics.live.watched import Watched


@pytest.fixture
def watched(sample_logs, tmp_path):
    (path,) = (sample_logs / "digits_step").glob("*/*.log")
    data = path.read_bytes()
    log = tmp_path / "train.log"
    log.write_bytes(data[: data.index(b"\n", len(data) // 2) + 1])
    following = Following(log)
    while not following.caught_up:
        following.step(log.stat().st_mtime)
    found = Watched(following, Policy(), following.log.run_key, following.log.name)
    found.recent.extend(following.log.run_events)
    return found


def drawn(runs, width=100, notes=()):
    from rich.console import Console
    from rich.live import Live

    screen, out = PanelScreen(), io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, height=60, color_system=None)
    screen._live = Live(console=console, auto_refresh=False)
    screen._live.start()
    for note in notes:
        screen.note(note)
    screen.show(runs, runs[0].following.grown_at)
    screen.stop()
    shown = out.getvalue()
    return shown[shown.rindex("╭") :]


def test_the_panel_says_what_matters(watched):
    text = drawn([watched], notes=["telegram works again"])
    for words in ("running", "epochs", "time left", "80 %", "loss", "best", "▁", "telegram works"):
        assert words in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_narrow_panel_keeps_where_the_best_was_and_the_whole_of_the_newest_event(watched):
    watched.recent.append(Event("phase", "x", 1, None, 1, f"it went {'on and on ' * 12}to the end"))
    text = drawn([watched], width=80)
    (best,) = (line for line in text.splitlines() if "best" in line and "▁" in line)
    assert re.search(r"at epoch \d+ +│$", best)
    assert "to the end" in text
    assert max(map(len, text.splitlines())) <= 80


def test_below_a_table_of_runs_is_what_became_known_last(watched, sample, tmp_path):
    other = Watched(Following(tmp_path / "other.log"), Policy(), name="other")
    screen = PanelScreen()
    screen.tell(watched, Event("phase", "x", 1, None, 1, "of one alone"))
    screen._live = SimpleNamespace(console=SimpleNamespace(width=90), update=lambda *_, **__: None)
    for name in "abc":
        screen.note(f"also watching {name}.log")
    screen.show([watched, other], watched.following.grown_at)
    for text in ("it flattens", "it diverges"):
        screen.tell(other, Event("phase", "x", 1, None, 1, text))
    assert screen._notes == ["also watching b.log", "also watching c.log", "other: it diverges"]


def test_a_finished_run_has_ended_and_is_not_silent(watched, sample):
    log = Path(watched.following.path)
    log.write_bytes(sample.read_bytes())
    watched.following.step(log.stat().st_mtime)
    assert watched.following.status == "finished"
    text = drawn([watched])
    assert re.search(r"ended +\d\d:\d\d|ended +\d+ [A-Z]", text) and "silent" not in text


def test_paths_are_shown_as_a_user_types_them(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    out = io.StringIO()
    PlainScreen(notes=out).note(f"{tmp_path}/runs/a.log: gone; {tmp_path}x/b.log is not")
    assert out.getvalue() == f"copilot: runs/a.log: gone; {tmp_path}x/b.log is not\n"


def test_a_run_at_rest_shows_since_when_and_no_time_left(watched):
    following = watched.following
    assert " left (80 %" in answers.status(watched, following.grown_at)
    now = following.grown_at + 4000.0
    following.log.add(tick_after(following.log.run, {"silence_s": 4000.0, "verdict": "stalled"}))
    assert following.status == "stalled"
    text = drawn([watched])
    assert "time left" not in text and "continue" not in text
    assert "would be left if it went on" in text
    said = answers.status(watched, now)
    assert "silent for 1 h 07 min, since" in said and said.count("silent") == 1
    assert " left (" not in said
    assert answers.eta(watched, now).count("would be left if it went on") == 1
    row = next(line for line in drawn([watched] * 2).splitlines() if "stalled" in line)
    assert " s " not in row and " min" not in row
    following.log.add(tick_after(following.log.run, {"final": True}))
    assert following.status == "interrupted" and "silent for" in answers.status(watched, now)


def test_a_run_that_goes_on_in_trouble_is_not_green(watched, sample_logs, tmp_path):
    following = watched.following
    assert answers.status(watched, following.grown_at).startswith("🟢")
    (path,) = (sample_logs / "digits_nan").glob("*/*.log")
    log = tmp_path / "nan.log"
    log.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-20]))
    lost = Following(log)
    while not lost.caught_up:
        lost.step(log.stat().st_mtime)
    sick = Watched(lost, Policy(), lost.log.run_key, "nan")
    said = answers.status(sick, lost.grown_at)
    assert said.startswith("🔴 nan: running") and "not finite" in said


@pytest.mark.parametrize("process", [None, "alive"])
def test_a_silence_is_shown_with_what_is_known_of_the_process(watched, process):
    following = watched.following
    if process is not None:
        following.process = ProcessState(process, 7, reason="process 7 is alive")
    state = "running" if process else "silent"
    who = "process 7 is alive" if process else "no process holds the log open for writing"
    first, *others = answers.status(watched, following.grown_at + 120.0).splitlines()
    assert f": {state}, " in first and f"silent for 2 min; {who}" in others
    assert ": running, " in answers.status(watched, following.grown_at + 5.0)


def test_a_log_that_is_there_is_not_waited_for(tmp_path):
    called, log = "swan", tmp_path / "swan" / "train.log"  # as it is called once it is known
    log.parent.mkdir()
    following = Following(log)
    watched = Watched(following, Policy())
    assert waits_for(watched) == "waiting for the log"
    assert answers.status(watched, 0.0) == f"⚪ {called}: no log yet"
    log.write_text("epoch 1\n")
    assert waits_for(watched) == ""  # it is read with the next step
    assert answers.status(watched, 0.0) == f"⚪ {called}: being read"
    while not following.caught_up:
        following.step(log.stat().st_mtime)
    assert answers.status(watched, 0.0) == f"⚪ {called}: no training yet"


def test_a_run_is_at_its_end_only_where_nothing_is_left():
    assert _progress(0.998, "7.9 of 8 epochs").startswith(" 99 %  ━")
    assert "╌" in _progress(0.998, "")
    assert _progress(1.0, "8 of 8 epochs") == "100 %  " + "━" * 20 + "  8 of 8 epochs"


def test_a_narrow_panel_keeps_its_frame(watched):
    lines = drawn([watched], width=50).splitlines()
    assert {len(line) for line in lines if line.startswith("│")} == {48}  # ^C has room


def test_many_runs_are_a_table(watched):
    text = drawn([watched] * 40)
    assert "and 10 more" in text


def _named(watched, name):
    return Watched(watched.following, watched.policy, watched.run_key, name)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_long_name_leaves_room_for_how_its_run_stands(watched, width):
    long = "alpha_long_experiment_name_resnet50_bs256_lr0.001_seed0"
    text = drawn([_named(watched, long), _named(watched, "b")], width=width)
    rows = [line for line in text.splitlines() if "running" in line]
    assert len(rows) == 2
    assert all("38 %" in row and " s " in row for row in rows)
    assert rows[0].startswith("│ alpha") and "_seed0" in rows[0].replace("… ", "")[:70]


def test_a_panel_of_80_columns_shows_the_whole_of_advice(watched):
    advice = watched.analysis.stop
    assert len(advice.reason) > 60
    text = " ".join(line.strip("│ ") for line in drawn([watched], width=80).splitlines())
    assert " ".join(advice.reason.split()[-3:]) in " ".join(text.split())


def test_what_a_log_says_cannot_steer_the_terminal(watched):
    evil = "\x1b]0;title\x07[bold]x[/bold]\x1b[2J"
    watched.recent.append(Event("best", "x", 1, None, 1, evil))
    watched.name = evil
    text = drawn([watched], notes=[evil])
    assert "\x1b]0" not in text and "\x1b[2J" not in text and "\x07" not in text
    assert "[bold]x" in text


def test_plain_lines_are_one_an_event_and_leave_messages_to_the_console():
    out, notes = io.StringIO(), io.StringIO()
    screen = PlainScreen(out, notes)
    screen.start()
    run = SimpleNamespace(name="mine", following=SimpleNamespace(path="mine.log"))
    screen.tell(run, Event("best", "mIoU", 1, 1.7e9, 1, "best\nmIoU \x1b[31m0.4"))
    screen.tell(run, Event("finding", "true_plateau", 1, None, 1, "flat", Severity.WARNING))
    screen.note("hello")
    assert out.getvalue() == "22:13:20 mine: best mIoU  [31m0.4\n"
    assert notes.getvalue() == "copilot: hello\n"


def test_the_end_of_a_remark_is_no_news(watched):
    out = io.StringIO()
    screen = PlainScreen(out)
    run = SimpleNamespace(name="mine", following=SimpleNamespace(path="mine.log"))
    over = Event("resolved", "noisy_validation", 9, None, 9, "No longer so: it is noisy")
    screen.tell(run, Event("finding", "noisy_validation", 5, None, 5, "it is noisy"))
    screen.tell(run, over)
    assert out.getvalue() == "mine: it is noisy\n"
    watched.recent.clear()
    grave = replace(over, severity=Severity.WARNING)
    watched.recall(over)
    watched.recall(grave)
    assert [*watched.recent] == [grave]


def test_a_log_that_counts_from_its_start_has_no_time_of_day():
    assert clock(Event("best", "mIoU", 1, 75.0, 1, "best")) == "+1 min 15 s "
    assert clock(Event("best", "mIoU", 1, 8e7, 1, "best")) == "22:13:20 "
    assert clock(Event("best", "mIoU", 1, None, 1, "best")) == ""


def test_a_terminal_that_is_gone_is_survived():
    out = io.StringIO()
    out.close()
    PlainScreen(out, out).note("nobody hears")
    assert not is_terminal(out)


@pytest.mark.parametrize(
    ("encoding", "can"), [("utf-8", True), ("latin-1", False), ("ascii", False)]
)
def test_a_panel_needs_a_terminal_that_can_write_it(monkeypatch, encoding, can):
    monkeypatch.setenv("TERM", "xterm")
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    assert is_terminal(stream) is can


def test_where_standard_output_was_closed_nothing_is_written_and_nothing_fails(monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    assert not is_terminal(None)
    run = SimpleNamespace(name="mine", following=SimpleNamespace(path="mine.log"))
    PlainScreen(notes=io.StringIO()).tell(run, Event("best", "mIoU", 1, None, 1, "best"))
    with pytest.raises(Fatal, match="closed before the start"):
        ConsoleChannel().send(Message("a", "k", "run", "news", Severity.INFO, "Hi"))


@pytest.mark.parametrize(
    "column", [[], [1.0], [np.nan] * 3, [np.inf, 1.0, 2.0], [5.0] * 100, list(range(1000))]
)
def test_sparklines_never_fail(column):
    assert len(sparkline(column, 40)) == min(len(column), 40)


def test_figures_come_from_a_child_without_secrets(sample_logs, monkeypatch):
    seen = {}
    run = subprocess.run

    def spy(command, **more):
        seen.update(more["env"])
        return run(command, **more)

    monkeypatch.setenv("TELEGRAM_TOKEN", "123:hush")
    monkeypatch.setattr(subprocess, "run", spy)
    png = draw_apart(str(sample_logs / "digits_step"), "metric")
    assert png.startswith(b"\x89PNG")
    assert "TELEGRAM_TOKEN" not in seen
    assert draw_apart(str(sample_logs / "README.md"), "loss") is None
    assert draw_apart("x", "../../etc") is None


def test_a_narrow_table_keeps_the_names_and_states(watched):
    watched.name = "run_7"
    for width in (50, 40):
        rows = drawn([watched] * 2, width=width)
        assert "run_7" in rows and "running" in rows


def test_the_panel_does_not_advise_to_go_on_with_a_run_that_diverges(watched, tmp_path):
    log = tmp_path / "raised.log"
    rows = []
    for epoch in range(1, 16):
        loss, acc = 2.0 * 0.7**epoch + 0.02, 98.0 - 60.0 * 0.7**epoch
        if epoch > 10:
            loss, acc = 2.4 + 0.05 * epoch, 9.0 + 0.1 * epoch
        rows.append(f"Epoch {epoch}/30 Train Loss {loss:.4f} Val Acc {acc:.2f}\n")
    seen = set()
    for last in range(9, 16):
        log.write_text("".join(rows[:last]))
        following = Following(log)
        while not following.caught_up:
            following.step(log.stat().st_mtime)
        run = Watched(following, Policy(), following.log.run_key, "raised")
        text = " ".join(drawn([run], width=160).split())
        advice = run.analysis.stop.advice
        if " diverging " in text and advice in {"continue", "wait"}:
            seen.add(advice)
            assert "decide soon: " in text and "too early to tell whether it recovers" in text
            assert "P(" not in text.partition("decide soon: ")[2].partition(" │ ")[0]
            assert "decide soon" in answers.why(run, following.grown_at)
    assert seen


def test_a_remark_in_the_same_words_is_shown_once(watched):
    watched.recent.clear()
    flat = Event("finding", "true_plateau", 9, None, 9, "flat since step 9")
    over = replace(flat, kind="resolved", text="No longer so: flat since step 9")
    grave = {"severity": Severity.WARNING}
    shown = [
        watched.recall(event)
        for event in (
            flat,
            over,
            flat,
            replace(flat, text="flat since step 90"),
            replace(flat, **grave),
            replace(over, **grave),
            flat,
        )
    ]
    assert shown == [True, False, False, True, True, True, True]
    assert len(watched.recent) == 5
