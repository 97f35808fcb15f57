"""Auto-discovery: the log that someone means, among much that is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from copilot_analytics.errors import LogError, LogNotFoundError
from copilot_analytics.live import choosing
from copilot_analytics.live.choosing import found_logs, named_logs
from copilot_analytics.live.finding import find_logs, table


@pytest.fixture
def sample(sample_logs):
    (path,) = (sample_logs / "digits_step").glob("*/*.log")
    return path


def put(sample, target, age_s=100.0):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(sample, target)
    os.utime(target, (time.time() - age_s,) * 2)
    return target


def search(folder, **more):
    return find_logs(folder, sleep=lambda _: None, **more)


def test_the_newest_log_is_taken_and_each_refusal_has_a_reason(sample, tmp_path):
    put(sample, tmp_path / "work_dirs/old/train.log", 5000.0)
    new = put(sample, tmp_path / "work_dirs/new/train.log", 50.0)
    (tmp_path / "short.log").write_text("loss: 1\n")
    (tmp_path / "diary.txt").write_text("Dear diary, nothing trained today.\n" * 100)
    (tmp_path / "model.log").write_bytes(b"\x80\x02}q\x00" + os.urandom(4000))
    (tmp_path / "weights.pth").write_bytes(os.urandom(4000))
    found = search(tmp_path)
    assert found.chosen.path == str(new)
    reasons = {Path(one.path).name: one.refusal for one in found.candidates}
    assert "1 kB" in reasons["short.log"]
    assert "no text" in reasons["model.log"]
    assert "no training log" in reasons["diary.txt"]
    assert "weights.pth" not in reasons
    text = table(found, time.time())
    assert text.startswith(found.why) and "\n" not in found.why
    (arrow,) = (line for line in text.splitlines() if line.startswith("→"))
    assert "new/train.log" in arrow


def test_a_log_that_grows_wins_over_a_newer_one(sample, tmp_path):
    growing = put(sample, tmp_path / "runs/a/train.log", 300.0)
    put(sample, tmp_path / "runs/b/train.log", 1.0)

    def grow(_):
        with growing.open("a") as file:
            file.write("more\n")

    found = find_logs(tmp_path, sleep=grow)
    assert found.chosen.path == str(growing)
    assert "grows" in found.why
    assert [one.path for one in found.growing] == [str(growing)]


def test_only_a_log_that_changed_lately_counts_as_live_at_rest(sample, tmp_path):
    put(sample, tmp_path / "old.log", 400.0)
    assert search(tmp_path).chosen.sign == ""
    assert "at rest" in search(tmp_path).why
    new = put(sample, tmp_path / "new.log", 200.0)
    found = search(tmp_path)
    assert found.chosen.path == str(new)
    assert "changed 3 min" in found.chosen.sign and found.growing == ()


def test_a_small_log_is_taken_while_it_lives_once_it_has_two_rows_of_a_training(tmp_path):
    log = tmp_path / "train.log"

    def write(epochs, age_s):
        rows = [
            f"epoch {n}/90 loss {2 / n:.4f} val_acc {1 - 1 / n:.4f}\n" for n in range(1, epochs)
        ]
        log.write_text("".join(rows))
        os.utime(log, (time.time() - age_s,) * 2)
        assert log.stat().st_size < 1000
        return search(tmp_path)

    assert write(7, 20.0).chosen.path == str(log)
    assert write(2, 20.0).chosen is None  # one row may be anything
    found = write(7, 1000.0)
    assert found.chosen is None and "at rest" in found.candidates[0].refusal
    log.write_text("nothing was trained\n" * 9)
    assert search(tmp_path).chosen is None


def test_small_files_that_are_no_logs_by_name_are_counted_only(sample, tmp_path):
    put(sample, tmp_path / "train.log")
    for name in ("last_checkpoint", "pid", "short.log"):
        (tmp_path / name).write_text("12\n")
    found = search(tmp_path)
    names = {Path(one.path).name for one in found.candidates}
    assert names == {"train.log", "short.log"}
    assert "(2 files left out: below 1 kB, and not named like a log)" in table(found, time.time())


def test_what_tee_wrote_beside_the_log_of_a_trainer_is_a_copy(sample, tmp_path):
    """Another run of the same trainer is none."""
    own = put(sample, tmp_path / "work" / sample.parent.name / sample.name, 3.0)
    teed = put(sample, tmp_path / "out.txt", 1.0)
    teed.write_bytes(b"python train.py\n" + sample.read_bytes())
    other = put(sample, tmp_path / "other.log", 2.0)
    stamps = {b"02:38:": b"03:38:", b"02:39:": b"03:39:"}
    data = sample.read_bytes()
    for old, new in stamps.items():
        data = data.replace(old, new)
    other.write_bytes(data)
    found = search(tmp_path)
    refusals = {one.path: one.refusal for one in found.candidates}
    assert refusals.pop(str(teed)).startswith("a copy of ")
    assert refusals == {str(own): "", str(other): ""}
    other.unlink()
    assert search(tmp_path).chosen.path == str(own)


def test_a_log_held_open_wins_over_a_newer_one(sample, tmp_path):
    held = put(sample, tmp_path / "a.log", 300.0)
    put(sample, tmp_path / "b.log", 1.0)
    code = "import sys,time; f=open(sys.argv[1],'a'); print('open', flush=True); time.sleep(30)"

    with subprocess.Popen([sys.executable, "-c", code, str(held)], stdout=subprocess.PIPE) as one:
        one.stdout.readline()
        found = search(tmp_path)
        one.kill()
    assert found.chosen.path == str(held)
    assert "holds it open" in found.why


@pytest.mark.parametrize(
    "place",
    [".git", ".venv", "venv", "node_modules", "__pycache__", "pip_cache", "env-3/lib", ".hidden"],
)
def test_places_without_logs_are_skipped(place, sample, tmp_path):
    put(sample, tmp_path / place / "train.log")
    (tmp_path / "env-3").mkdir(exist_ok=True)
    (tmp_path / "env-3" / "pyvenv.cfg").write_text("home = /usr/bin\n")
    found = search(tmp_path)
    assert found.chosen is None
    assert "no training log" in found.why


def test_loops_of_links_end(sample, tmp_path):
    log = put(sample, tmp_path / "a/b/train.log")
    (tmp_path / "a/b/up").symlink_to(tmp_path / "a")
    (tmp_path / "a/b/self").symlink_to("self")
    (tmp_path / "dangling.log").symlink_to("nowhere")
    found = search(tmp_path)
    assert found.chosen.path == str(log)
    assert [one.path for one in found.candidates if not one.refusal] == [str(log)]


def test_a_log_is_called_by_the_folder_that_it_lies_in_and_not_by_a_link_to_it(sample, tmp_path):
    log = put(sample, tmp_path / "real" / "deep" / "train.log")
    for link in ("a", "z"):
        (tmp_path / link).symlink_to(tmp_path / "real")
    assert search(tmp_path).chosen.path == str(log)


def test_what_was_found_nowhere_names_the_place_in_full(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert search(None).why.endswith(f"no file like a log in {tmp_path}")
    (tmp_path / "notes.txt").write_text("no training here\n" * 100)
    assert f"1 file in {tmp_path} refused" in search(None).why


def test_special_files_are_not_opened(sample, tmp_path):
    os.mkfifo(tmp_path / "pipe.log")
    log = put(sample, tmp_path / "train.log")
    started = time.monotonic()
    assert search(tmp_path).chosen.path == str(log)
    assert time.monotonic() - started < 5


def test_depth_is_bounded(sample, tmp_path):
    deep = tmp_path.joinpath(*"abcdefghij")
    put(sample, deep / "train.log")
    assert search(tmp_path).chosen is None


def test_a_copy_in_json_does_not_count_beside_its_text(sample_logs, tmp_path):
    shutil.copytree(sample_logs / "digits_step", tmp_path / "work_dirs" / "x")
    found = search(tmp_path)
    assert found.chosen.path.endswith(".log")
    assert len([one for one in found.candidates if not one.refusal]) == 1


def test_a_table_is_found_by_the_name_that_trainers_give_it(sample, tmp_path):
    rows = "".join(f"{k},{k // 100},{2 / (k + 1):.5f}\n" for k in range(100, 400))
    rows = "step,epoch,train_loss\n" + rows
    folder = tmp_path / "lightning_logs/version_0"
    folder.mkdir(parents=True)
    for name in ("metrics.csv", "predictions.csv"):
        (folder / name).write_text(rows)
    (tmp_path / "results.csv").write_text("name,age\n" + "Ada,36\n" * 300)
    found = search(tmp_path)
    assert found.chosen.path == str(folder / "metrics.csv")
    reasons = {Path(one.path).name: one.refusal for one in found.candidates}
    assert set(reasons) == {"metrics.csv", "results.csv"}
    assert "no training log" in reasons["results.csv"]
    # Beside a text log it is the same run once more.
    log = put(sample, folder / "train.log", 900.0)
    assert [one.path for one in search(folder).candidates] == [str(log)]


def test_a_link_to_a_log_without_a_line_still_leads_to_what_was_followed_there(tmp_path):
    log, link = tmp_path / "run2" / "train.log", tmp_path / "latest.log"
    log.parent.mkdir()
    log.touch()
    link.symlink_to(log)
    began = tmp_path / "run1" / "train.log"
    with pytest.raises(LogError, match="has no line"):
        named_logs([link], print, 0.0, followed={link: began})  # which is gone
    began.parent.mkdir()
    began.write_text("Epoch 1/9 loss 0.5\n")
    assert named_logs([link], print, 0.0, followed={link: began}) == [link]


def test_what_a_rotation_left_of_a_log_is_still_a_log(tmp_path, sample_logs):
    console = sample_logs / "digits_crash" / "console.log"
    lines = console.read_bytes().splitlines(keepends=True)
    log, link = tmp_path / "train.log", tmp_path / "latest.log"
    log.write_bytes(b"".join(lines[-2:]))
    link.symlink_to(log)
    with pytest.raises(LogError):
        named_logs([link], print, 0.0)
    assert named_logs([link], print, 0.0, followed={link: log}) == [link]
    (tmp_path / "train.log.2").write_bytes(b"".join(lines[:-9]))
    (tmp_path / "train.log.1").write_bytes(b"".join(lines[-9:-2]))
    assert named_logs([link], print, 0.0) == [link]
    log.write_bytes(b"")
    assert named_logs([link], print, 0.0, followed={link: log}) == [link]
    with pytest.raises(LogError):
        named_logs([link], print, 0.0)


def test_a_header_that_a_loop_wrote_a_moment_ago_is_waited_with_until_it_goes_on(
    tmp_path, monkeypatch
):
    """The loop opens its log for each line: no process holds it, and it does not grow in a look."""
    log, notes, naps = tmp_path / "train.log", [], []
    log.touch()

    def goes_on(_s):
        naps.append(_s)
        if len(naps) in {2, 9}:
            with log.open("a") as file:
                file.write("2026-11-26 13:33:00 building model\n")

    monkeypatch.setattr(time, "sleep", goes_on)
    assert named_logs([log], notes.append, None) == [log]
    assert len(naps) >= 9
    assert notes == [f"waiting for the first line of {log}, which is empty; Ctrl-C ends the wait"]


def test_a_file_without_training_that_rests_is_refused_at_once(tmp_path, monkeypatch):
    log = tmp_path / "notes.log"
    log.write_text("2026-11-26 13:33:00 building model\n")
    written = time.time() - 400.0
    os.utime(log, (written, written))
    monkeypatch.setattr(time, "sleep", lambda _s: None)
    with pytest.raises(LogError, match="holds no training"):
        named_logs([log], print, None)


def test_many_logs_that_hold_nothing_yet_make_one_line(sample, tmp_path):
    log = put(sample, tmp_path / "train.log")
    empty = [tmp_path / f"{number}.log" for number in range(9)]
    for one in empty:
        one.touch()
    notes = []

    assert named_logs([log, *empty], notes.append, None) == [log, *empty]
    named = ", ".join(str(one) for one in empty[:5])
    (note,) = notes
    assert note == (
        f"waiting for 9 logs that hold nothing yet ({named}, …); 1 other log is watched meanwhile"
    )


def test_nothing_is_waited_for_that_came_while_another_was(sample, tmp_path, monkeypatch):
    log, late = tmp_path / "run", tmp_path / "late.log"
    log.mkdir()
    head = log / "head.log"
    head.write_text("loading data\n")
    late.touch()
    notes = []

    def both_begin(_s):
        put(sample, log / "train.log")
        put(sample, late)

    monkeypatch.setattr(time, "sleep", both_begin)
    assert named_logs([log, late], notes.append, None) == [log, late]
    waits = f"waiting for 2 logs that show no training yet ({log}, {late})"
    assert notes == [f"{waits}; Ctrl-C ends the wait"]


def test_a_log_that_is_not_there_yet_holds_up_no_other(sample, tmp_path):
    log, missing = put(sample, tmp_path / "train.log"), tmp_path / "other.log"
    notes = []
    assert named_logs([missing, log], notes.append, None) == [missing, log]
    assert notes == [
        f"waiting for {missing}, which is not there yet; 1 other log is watched meanwhile"
    ]
    with pytest.raises(LogError):
        named_logs([missing], notes.append, 0.0)


def test_no_more_is_read_of_a_log_than_tells_its_format(sample, tmp_path, monkeypatch):
    lines = sample.read_bytes().splitlines(keepends=True)
    trained = [line for line in lines if b"Epoch(train)" in line]
    log, read = tmp_path / "train.log", []
    log.write_bytes(b"".join(lines) + b"".join(trained) * 30)
    chunks = choosing.read_chunks

    def counted(path, size):
        for chunk in chunks(path, size):
            read.append(len(chunk))
            yield chunk

    monkeypatch.setattr(choosing, "read_chunks", counted)
    assert choosing.refusal_of(log) is None
    header = len(b"".join(lines[: lines.index(trained[0])]))
    assert sum(read) < header + 20_000 < 0.2 * log.stat().st_size


def test_all_that_grow_are_waited_for_where_one_has_just_begun(sample, tmp_path, monkeypatch):
    log, notes = tmp_path / "run" / "train.log", []
    log.parent.mkdir()
    log.touch()
    with pytest.raises(LogNotFoundError):
        found_logs(tmp_path, notes.append, None, every=False)
    monkeypatch.setattr(time, "sleep", lambda _s: put(sample, log))
    assert [path.name for path in found_logs(tmp_path, notes.append, None, every=True)] == [
        log.name
    ]
    assert notes[0] == f"waiting for {log} to show training; Ctrl-C ends the wait"
    old = time.time() - 400.0
    log.write_bytes(b"")
    os.utime(log, (old, old))
    with pytest.raises(LogNotFoundError):
        found_logs(tmp_path, notes.append, None, every=True)
