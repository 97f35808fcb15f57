"""The loop: what is told, answered and survived."""

from __future__ import annotations

import os
import time

import pytest
from supervised import Pigeon, in_thread, passes, supervisor, wait_for

from copilot_analytics.alerts.channels._base import Transient
from copilot_analytics.alerts.channels._commands import Command
from copilot_analytics.live import starting
from copilot_analytics.live.following import Following
from copilot_analytics.live.left_behind import left_behind
from copilot_analytics.live.starting import LiveOptions
from copilot_analytics.live.watched import CRASHED, DIVERGED, FINISHED, TROUBLE


def test_a_finished_run_ends_the_watch(ledger, half_log):
    log, rest = half_log
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


def test_the_last_message_tells_of_a_checkpoint_that_was_deleted(ledger, half_log):
    log, rest = half_log
    log.with_name("epoch_23.pth").write_bytes(b"weights")
    pigeon = Pigeon()
    thread, _ = in_thread(supervisor(ledger, [log], [pigeon]))
    wait_for(lambda: pigeon.sent)
    with log.open("ab") as file:
        file.write(rest)
    thread.join(60)
    (advice,) = (line for line in pigeon.sent[-1].body if line.startswith("💡"))
    gone = "epoch_24.pth, best_digits_accuracy_epoch_21.pth are gone"
    assert f"Use epoch_23.pth (epochs 24, 21, 23 tie; {gone})." in advice


def test_a_clock_that_is_set_back_holds_nothing_up(ledger, half_log):
    """Neither the log nor a channel that rests waits until the clock is where it was."""
    log, rest = half_log
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


def test_a_search_that_fails_is_made_again_and_does_not_end_the_watch(ledger, half_log, tmp_path):
    """The directory that is searched may be gone for a while."""
    log, rest = half_log
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

    def has_gone_over():
        watch._another.due = 0.0
        return watch.runs[0].following.path == str(other)

    passes(watch, has_gone_over)
    assert any("going over to it" in note for note in watch._screen.notes)
    answers = [FileNotFoundError("gone"), [Following(other), Following(log)]]
    several = supervisor(ledger, [log], find_more=lambda: find(None))
    several.pass_once()
    several._next["more"] = 0.0
    several.pass_once()
    assert [watched.following.path for watched in several.runs] == [str(log), str(other)]


def test_commands_are_answered_with_what_is_known(ledger, half_log):
    log, _ = half_log
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


def test_a_log_that_breaks_the_code_does_not_take_the_others_with_it(ledger, half_log, monkeypatch):
    log, rest = half_log
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


def test_a_decision_that_fails_does_not_take_the_others_with_it(ledger, half_log, monkeypatch):
    log, rest = half_log
    other = log.with_name("other.log")
    other.write_bytes(log.read_bytes().replace(b"Epoch(train)", b"Epoch(train) "))
    watch = supervisor(ledger, [log, other])
    passes(watch, lambda: all(watched.run_key for watched in watch.runs))
    monkeypatch.setattr(watch.runs[1].policy, "step", lambda *_: 1 / 0)
    for _ in range(3):
        watch._next.pop("policy", None)
        watch.pass_once()
    assert sum("ZeroDivisionError" in note for note in watch._screen.notes) == 1
    with log.open("ab") as file:
        file.write(rest)
    passes(watch, lambda: watch.runs[0].following.status == "finished")


def test_a_log_that_does_not_appear_in_time_is_given_up_and_the_other_goes_on(ledger, half_log):
    log, rest = half_log
    watch = supervisor(ledger, [log, log.with_name("other.log")], wait_s=0.5)
    passes(watch, lambda: watch.runs[1].given_up)
    assert any("other.log: no training seen in 0 lines" in note for note in watch._screen.notes)
    with log.open("ab") as file:
        file.write(rest)
    passes(watch, lambda: watch.runs[0].following.status == "finished")


def test_a_new_training_in_the_same_log_is_introduced_anew(ledger, half_log, sample_logs):
    log, rest = half_log
    pigeon = Pigeon()
    watch = supervisor(ledger, [log], [pigeon])
    passes(watch, lambda: watch.runs[0].run_key)
    first = watch.runs[0].run_key
    (other,) = (sample_logs / "digits_nan").glob("*/*.log")
    with log.open("ab") as file:
        file.write(rest + other.read_bytes())
    passes(watch, lambda: watch.runs[0].run_key != first)
    messages = [entry.message for entry in ledger.claim("pigeon", time.time(), limit=50)]
    (hello,) = (message for message in messages if message.kind == "attached")
    (verdict,) = (message for message in messages if message.run_key != first)
    assert hello.run_key == first and verdict.kind == "summary"  # it is over when it is met
    assert "loss is nan" in verdict.text
    assert watch.runs[0].outcome == DIVERGED


@pytest.mark.parametrize("killed", [False, True])
def test_what_a_run_had_to_say_when_another_began_is_told(killed, ledger, half_log, sample_logs):
    """Also where its last events and the new run came while nobody watched."""
    log, rest = half_log
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


def test_what_a_killed_watch_held_back_is_told_when_another_run_took_the_place(
    ledger, sample_logs, tmp_path
):
    (path,) = (sample_logs / "digits_overfit").glob("*/*.log")
    (other,) = (sample_logs / "digits_plateau").glob("*/*.log")
    lines = path.read_bytes().splitlines(keepends=True)
    log = tmp_path / "baseline" / "train.log"
    log.parent.mkdir()
    log.write_bytes(b"".join(lines[:410]))
    watch = supervisor(ledger, [log], [Pigeon()])
    passes(watch, lambda: watch.runs[0].run_key)
    first = watch.runs[0].run_key

    def held():
        return {row.event_id for row in ledger.rows(first) if row.verdict == "held"}

    with log.open("ab") as file:
        file.write(b"".join(lines[410:430]))  # it begins to overfit, which waits for company
    passes(watch, held)
    log.unlink()
    log.write_bytes(other.read_bytes())
    watch = supervisor(ledger, [log], [Pigeon()])
    passes(watch, lambda: watch.runs[0].run_key)
    assert watch.runs[0].run_key != first and not held()
    messages = [entry.message for entry in ledger.claim("pigeon", time.time(), limit=50)]
    titles = [message.title for message in messages if message.kind == "news"]
    assert titles == ["🟠 OVERFITTING RISK   baseline"]


def test_the_worst_outcome_counts(ledger, half_log, sample_logs):
    log, rest = half_log
    with log.open("ab") as file:
        file.write(rest)
    crashed = sample_logs / "digits_crash" / "console.log"
    thread, codes = in_thread(supervisor(ledger, [log, crashed]))
    thread.join(60)
    assert codes == [CRASHED]


def test_runs_of_one_name_are_told_apart(ledger, half_log, tmp_path):
    log, rest = half_log
    paths = [tmp_path / "cars" / part for part in ("output/train.log", "version_0/train.log")]
    paths.append(tmp_path / "boats" / "train.log")
    for path in paths:
        path.parent.mkdir(parents=True)
        path.write_bytes(log.read_bytes() + rest)
    pigeon = Pigeon()
    thread, codes = in_thread(supervisor(ledger, paths, [pigeon]))
    thread.join(60)
    assert codes == [FINISHED]
    names = {message.run_name for message in pigeon.sent}
    assert names == {"cars (output)", "cars (version_0)", "boats"}
    assert all(message.run_name in message.title for message in pigeon.sent)


def test_the_ends_that_a_watch_of_many_did_not_live_to_tell_are_told_by_the_next(
    ledger, half_log, tmp_path
):
    half, rest = half_log
    logs = [tmp_path / "many" / name / "train.log" for name in ("one", "two", "three")]
    for log in logs:
        log.parent.mkdir(parents=True)
        log.write_bytes(half.read_bytes())
    dead = supervisor(ledger, logs, [Pigeon()])
    passes(dead, lambda: all(watched.run_key for watched in dead.runs))
    for log in logs[:2]:
        with log.open("ab") as file:
            file.write(rest)
    old = time.time() - 3600.0
    for log in logs:
        os.utime(log, (old, old))
    assert sorted(left_behind(ledger, tmp_path / "many", time.time())) == sorted(logs)
    assert left_behind(ledger, tmp_path / "others", time.time()) == []
    options, said = LiveOptions(auto=True, every=True, base=tmp_path / "many"), []
    found = starting._paths(options, said.append, ledger)
    assert sorted(found) == sorted(logs) and "nobody has told how it ended" in said[0]
    pigeon = Pigeon()
    watch = supervisor(ledger, found, [pigeon])
    thread, _ = in_thread(watch)
    wait_for(lambda: sum(message.kind == "summary" for message in pigeon.sent) >= 2)
    watch.stop()
    thread.join(30)
    ended = {str(path.parent.name) for path in logs[:2]}
    assert {message.run_name for message in pigeon.sent if message.kind == "summary"} == ended
    assert not {str(log) for log in logs[:2]} & {
        str(log) for log in left_behind(ledger, tmp_path / "many", time.time())
    }
