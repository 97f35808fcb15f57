"""A report and a notebook see what a live watch kept, and say what it said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from copilot_analytics.api import analyze, read_run
from copilot_analytics.errors import UsageError
from copilot_analytics.live.recorded import recorded
from copilot_analytics.records import Record

LATER = 4e9


def watch(log, folder):
    """Follow a log line by line with a sample after every tenth; return the session."""
    watched = recorded(log, journals=folder)
    for number, line in enumerate(Path(watched.path).read_bytes().splitlines(keepends=True)):
        watched.feed(line)
        if number % 10 == 0:
            level = {"gpu_memory_used_mib": 900.0 + number, "gpu_memory_total_mib": 1e5}
            device = {"uuid": "GPU-1", "index": 0}
            at = watched.run.last_time
            watched.add(Record("gpu", time=at, metrics=level, facts=device))
    watched.add(Record("gpu", facts={"uuid": "GPU-1", "index": 0, "lost": True}))
    watched.close()
    return watched


@pytest.fixture
def log(sample_logs, tmp_path):
    (path,) = (sample_logs / "digits_step").glob("*/*.log")
    return shutil.copy(path, tmp_path / "train.log")


@pytest.fixture
def state(tmp_path, monkeypatch):
    """Where `copilot live` keeps its journals."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "state" / "copilot" / "journals"
    folder.mkdir(parents=True)
    return folder


def test_the_report_says_what_the_watch_said(log, state):
    watched = watch(log, state)
    told = analyze(log, now=LATER)
    assert repr(list(told.events)) == repr(watched.session.events)
    assert "gpu_lost" in {finding.id for finding in told.findings}
    assert len(told.run.gpu_log) == len(watched.run.gpu_log) > 5


def test_a_run_that_was_read_brings_its_samples_along(log, state):
    watch(log, state)
    run = read_run(log)
    assert (
        run.gpu["gpu_memory_used_mib"].iloc[0]
        == read_run(log).gpu_log.column("gpu_memory_used_mib")[0]
    )
    assert repr(analyze(run).events) == repr(analyze(log, now=LATER).events)


def test_without_a_journal_the_report_judges_by_the_log_alone(log, state, tmp_path):
    plain = analyze(log, now=LATER)
    watch(log, state)
    (tmp_path / "elsewhere").mkdir()
    for journals in (False, tmp_path / "elsewhere"):
        again = analyze(log, journals=journals, now=LATER)
        assert repr(again.events) == repr(plain.events)
        assert len(again.run.gpu_log) == len(read_run(log, journals=journals).gpu_log) == 0


def test_a_journal_that_is_named_is_of_the_last_run_in_the_log(log, state, tmp_path):
    """Log and journal may be moved together; then the name of the journal says nothing."""
    expected = watch(log, state).run.gpu["gpu_memory_used_mib"].tolist()
    (journal,) = state.iterdir()
    moved = shutil.move(journal, tmp_path / "kept.jsonl")
    earlier = read_run(log)
    twice = tmp_path / "twice.log"
    content = log.read_bytes()
    twice.write_bytes(content + content.replace(b"2026/", b"2027/"))
    run = read_run(twice, journals=moved)
    assert len(run.train_log) == len(earlier.train_log)
    assert run.meta.notes[-1].startswith("an earlier run was")
    assert run.gpu["gpu_memory_used_mib"].tolist()[:-1] == expected[:-1]
    assert analyze(twice, journals=moved, now=LATER).run.gpu_log.step.tolist() == (
        run.gpu_log.step.tolist()
    )


def test_a_journal_that_is_named_and_not_there_is_an_error(log, tmp_path):
    with pytest.raises(UsageError, match="no journal"):
        read_run(log, journals=tmp_path / "none.jsonl")
