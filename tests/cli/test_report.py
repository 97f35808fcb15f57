"""`copilot report`, run as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import jsonschema
import pytest

from copilot_analytics.report.document import json_schema

if TYPE_CHECKING:
    from pathlib import Path


def copilot(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "copilot_cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
    )


def test_report_writes_files_and_says_the_verdict(sample_logs: Path, tmp_path: Path) -> None:
    done = copilot("report", sample_logs / "digits_step", "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "The run finished: 24 of 24 epochs" in " ".join(done.stdout.split())
    (report,) = tmp_path.glob("*/report.md")
    text = report.read_text(encoding="utf-8")
    for name in ("loss", "metric", "speed"):
        assert f"]({name}.png)" in text
        assert (report.parent / f"{name}.png").stat().st_size > 10_000


def test_json_is_one_document_and_nothing_else(sample_logs: Path, tmp_path: Path) -> None:
    done = copilot("report", sample_logs / "digits_step", "--format", "json", "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    jsonschema.validate(json.loads(done.stdout), json_schema())
    assert done.stderr == ""
    assert not list(tmp_path.iterdir())


def test_quiet_is_quiet(sample_logs: Path, tmp_path: Path) -> None:
    done = copilot("report", sample_logs / "digits_step", "-o", tmp_path, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["report"], 2, "Missing argument"),
        (["report", "no/such/file.log"], 1, "no/such/file.log"),
        (["report", "LOG", "--metric", "nonsense"], 2, "accuracy"),
        (["report", "LOG", "--delta", "lots"], 2, "0.5%"),
        (["report", "LOG", "--log-format", "nonsense"], 2, "mmengine_text"),
        (["report", "LOG", "--gpus", "0"], 2, "gpus"),
        (["report", "LOG", "--format", "pdf"], 2, "json"),
        (["report", "LOG", "-o", "LOG/file"], 1, "-o"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_misuse_is_told_in_words(
    arguments: list[str], code: int, words: str, sample_logs: Path
) -> None:
    (log,) = (sample_logs / "digits_step").glob("*/*.log")
    done = copilot(*[argument.replace("LOG", str(log)) for argument in arguments])
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\x7fELF\x02\x01\x01" + bytes(2000), "is no text"),
        (b"hello\nworld\n" * 50, "no training"),
        (b"\x80\x04\x95" + os.urandom(4000), "is no text"),
    ],
)
def test_files_that_are_no_logs_are_refused(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "file.log"
    path.write_bytes(content)
    done = copilot("report", path, "-o", tmp_path / "out")
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_internal_error_is_no_traceback(sample_logs: Path, tmp_path: Path) -> None:
    code = (
        "import sys, copilot_analytics, copilot_cli.main as m\n"
        "copilot_analytics.analyze = lambda *a, **k: 1 / 0\n"
        f"sys.argv = ['copilot', 'report', {str(sample_logs)!r}]\n"
        "m.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COPILOT_DEBUG": ""},
    )
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "bug in copilot" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_closed_pipe_is_silent(sample_logs: Path) -> None:
    command = f"{sys.executable} -m copilot_cli report {sample_logs / 'digits_step'} --format json"
    done = subprocess.run(
        ["/bin/bash", "-c", f"{command} | head -c 10"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stderr == ""
