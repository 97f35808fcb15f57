"""How a run died, told by what its process printed beside its logs."""

from __future__ import annotations

import os

import pytest
from event_files import scalars

from copilot_analytics import analyze, read_run
from copilot_analytics.errors import NotATrainingLogError
from copilot_analytics.reading.last_words import last_words
from copilot_analytics.reading.run_folders import find_run
from copilot_analytics.reading.streams import streams_of
from copilot_analytics.report.verdict import actions, verdict

TRACEBACK = 'Traceback (most recent call last):\n  File "a.py", line 3, in <module>\n'
DIED = f"{TRACEBACK}RuntimeError: the third disk is full\n"


def rows(count, plan=50):
    return "".join(
        f"2031-05-01 10:{n:02d}:00 epoch {n}/{plan} train loss {3 / n:.4f} acc {1 - 1 / n:.4f}\n"
        for n in range(1, count + 1)
    )


def put(path, text, at):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (at, at))
    return path


@pytest.mark.parametrize(
    ("log", "stream"),
    [
        ("train.log", "stderr.txt"),
        ("slurm-77.out", "slurm-77.err"),
        ("job_3.stdout.log", "job_3.stderr.log"),
        ("run/train.log", "run/nohup.out"),
    ],
)
def test_an_error_that_was_printed_to_another_file_is_the_crash(tmp_path, log, stream):
    put(tmp_path / log, rows(12), 5000)
    put(tmp_path / stream, f"a warning\n{DIED}", 5020)
    life = analyze(tmp_path, now=9e9).life
    assert (life.status, life.error) == ("crashed", "RuntimeError: the third disk is full")


def test_a_queue_that_ends_a_job_is_heard(tmp_path):
    put(tmp_path / "slurm-8.out", rows(12), 5000)
    said = "slurmstepd: error: *** JOB 8 ON n1 CANCELLED AT 2031-05-01T10:13:00 DUE TO TIME LIMIT"
    put(tmp_path / "slurm-8.err", f"{said}\n", 5020)
    assert "TIME LIMIT" in analyze(tmp_path, now=9e9).life.reason


def test_the_finding_says_where_the_failure_stands(tmp_path):
    put(tmp_path / "train.log", rows(12), 5000)
    put(tmp_path / "stderr.txt", DIED, 5001)
    finding = next(one for one in analyze(tmp_path, now=9e9).findings if one.id == "crash")
    assert "beside the log" in finding.explanation and "dmesg" not in (finding.recommendation or "")


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("slurm-76.err", 5020),  # of another job
        ("stderr.txt", 4000),  # of an earlier start
        ("stderr.txt", 5000 + 7200),  # of a later one
        ("notes.md", 5020),
    ],
)
def test_what_another_process_printed_is_no_crash(tmp_path, name, at):
    put(tmp_path / "slurm-77.out", rows(12), 5000)
    put(tmp_path / name, DIED, at)
    assert analyze(tmp_path, now=9e9).life.status == "interrupted"


def test_a_log_that_tells_its_end_is_believed(tmp_path):
    log = put(tmp_path / "train.log", rows(12) + DIED.replace("third", "first"), 5000)
    put(tmp_path / "stderr.txt", DIED, 5001)
    crashes = [one for one in read_run(tmp_path).records if one.kind == "crash"]
    assert [(one.file, one.facts["message"]) for one in crashes] == [
        (str(log), "the first disk is full")
    ]


def test_an_error_that_the_process_survived_is_no_crash(tmp_path):
    later = "".join(f"a warning of row {n}\n" for n in range(100))
    assert last_words(put(tmp_path / "stderr.txt", DIED + later, 1)) == []
    assert len(last_words(put(tmp_path / "stderr.txt", f"{DIED}cleaning up\n", 1))) == 1


def test_the_tables_of_a_logger_lie_below_what_the_process_printed(tmp_path):
    table = put(tmp_path / "lightning_logs/version_2/metrics.csv", "epoch,step,loss\n", 5000)
    console = put(tmp_path / "stderr.log", DIED, 5001)
    assert streams_of([table]) == [console]
    assert streams_of([tmp_path / "gone.csv"]) == []


def test_a_run_that_died_before_its_first_step_is_told_so(tmp_path):
    events = put(tmp_path / "logs" / "train" / "events.out.tfevents.1.a", "", 5000)
    events.write_bytes(scalars([]))
    at = events.stat().st_mtime
    put(tmp_path / "console.txt", DIED, at + 1)
    analysis = analyze(tmp_path, now=9e9)
    assert "crashed before it logged a step (RuntimeError" in verdict(analysis)
    told = " ".join(actions(analysis))
    assert "start it again" in told and "resume" not in told


def test_a_folder_without_a_log_says_what_died_there(tmp_path):
    put(tmp_path / "console.txt", DIED, 5001)
    with pytest.raises(NotATrainingLogError, match=r"no training, but RuntimeError: the third"):
        find_run(tmp_path)
