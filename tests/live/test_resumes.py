from __future__ import annotations

import os
from pathlib import Path

import pytest

from copilot_analytics import analyze
from copilot_analytics.live import resumes
from copilot_analytics.live.log_session import LogSession
from copilot_analytics.live.replay import Replay
from copilot_analytics.live.resumes import judge_next, starts_of
from copilot_analytics.reading.sources import read_ends

RESUMED = Path(__file__).parents[2] / "sample_logs" / "digits_resumed"


def logs():
    return sorted(RESUMED.glob("2*/2*.log"))


def test_a_resumed_run_is_read_from_its_first_start_on():
    first, second = logs()
    assert starts_of(second) == [first, second] and starts_of(first) == [first]
    whole = analyze(RESUMED, journals=False)
    assert whole.life.segments == 2 and whole.earlier_runs == 0
    assert whole.run.eval_series("digits/accuracy").epoch.tolist() == list(range(1, 21))
    alone = analyze(second, journals=False)
    assert alone.run.eval_log.epoch.min() == pytest.approx(9.0)


def test_replay_of_the_directory_is_what_a_watch_of_it_said():
    watch = LogSession(str(logs()[-1]), journals=None)
    for log in logs():
        watch.feed(log.read_bytes())
        watch.end_line()
    watch.close()
    replay = Replay(RESUMED, journals=False)
    said = [one.event for one in replay if one.event is not None]
    assert said == watch.session.events and len(said) > 10


def test_a_start_from_scratch_is_a_run_of_its_own(tmp_path):
    (text,) = (RESUMED.parent / "digits_step").glob("2*/2*.log")
    for stamp in ("20300101_000000", "20300102_000000"):
        (tmp_path / stamp).mkdir()
        (tmp_path / stamp / f"{stamp}.log").write_bytes(text.read_bytes())
    newest = tmp_path / "20300102_000000" / "20300102_000000.log"
    assert starts_of(newest) == [newest]


@pytest.mark.parametrize("rotated", [False, True])
def test_of_a_long_log_only_the_ends_are_read_to_tell_what_goes_on_from_it(
    rotated, tmp_path, monkeypatch
):
    """A watch follows other logs meanwhile."""
    whole, resumed = (log.read_bytes() for log in logs())
    lines = whole.splitlines(keepends=True)
    header = next(number for number, line in enumerate(lines) if b"Epoch(train)" in line)
    noise = [b"/site-packages/torch/x.py:1: UserWarning: something else\n"] * 4000
    first = lines[: header + 40]
    rest = noise + lines[header + 40 :]
    old, new = tmp_path / "train.log", tmp_path / "train2.log"
    old.write_bytes(b"".join(rest if rotated else first + rest))
    if rotated:
        (tmp_path / "train.log.1").write_bytes(b"".join(first))
    new.write_bytes(resumed)
    at_length = resumes._standing(old), judge_next(old, new)
    read = []

    def counted(path, most):
        for chunk in read_ends(path, most):
            read.append(len(chunk))
            yield chunk

    monkeypatch.setattr(resumes, "_MOST_READ", 1 << 14)
    monkeypatch.setattr(resumes, "read_ends", counted)
    resumes._standing_as.cache_clear()
    assert (resumes._standing(old), judge_next(old, new)) == at_length
    assert at_length[1][0] == "continues"
    assert sum(read) < 4 * (1 << 14) < old.stat().st_size


def test_of_a_log_that_was_rotated_often_the_first_and_the_last_files_are_read(
    tmp_path, monkeypatch
):
    whole, _ = (log.read_bytes() for log in logs())
    lines = whole.splitlines(keepends=True)
    header = next(number for number, line in enumerate(lines) if b"Epoch(train)" in line)
    cuts = [0, header + 10, header + 20, header + 30, header + 40, len(lines)]
    names = ["train.log.4", "train.log.3", "train.log.2", "train.log.1", "train.log"]
    for number, name in enumerate(names):
        part = tmp_path / name
        part.write_bytes(b"".join(lines[cuts[number] : cuts[number + 1]]))
        os.utime(part, (1e9 + number, 1e9 + number))
    read = []

    def noted(path, most):
        read.append(path.name)
        return read_ends(path, most)

    monkeypatch.setattr(resumes, "_MOST_READ", (tmp_path / "train.log").stat().st_size + 1)
    monkeypatch.setattr(resumes, "read_ends", noted)
    resumes._standing_as.cache_clear()
    assert resumes._standing(tmp_path / "train.log") is not None
    assert read == ["train.log.4", "train.log.1", "train.log"]
