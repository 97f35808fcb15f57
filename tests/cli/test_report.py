"""`copilot report`, run as a user runs it."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import jsonschema
import numpy as np
import pytest

from copilot_analytics.report.document import json_schema
from copilot_analytics.stats.stopping import shipped_rule, strictness

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
        (["report", "LOG", "--risk", "some"], 2, "from 0.5% to 20%"),
        (["report", "LOG", "--risk", "90%"], 2, "from 0.5% to 20%"),
        (["report", "LOG", "--risk", "0"], 2, "from 0.5% to 20%"),
        (["report", "LOG", "--risk", "nan"], 2, "from 0.5% to 20%"),
        (["report", "LOG", "--log-format", "nonsense"], 2, "`copilot formats` lists all"),
        (["report", "none.log", "--log-format", "mmengine"], 2, "'mmengine_text'"),
        (["report", "LOG", "--gpus", "0"], 2, "gpus': '0' is not a whole number of at least 1"),
        (["report", "LOG", "--gpus", "x"], 2, "gpus': 'x' is not a whole number of at least 1"),
        (["report", "LOG", "--price", "nan"], 2, "price': 'nan' is not a number of at least 0"),
        (["report", "LOG", "--format", "pdf"], 2, "json"),
        (
            ["report", "LOG", "--direction", "up"],
            2,
            ": 'up' is not one of 'min', 'max'",
        ),
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


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")  # noqa: PTH110
@pytest.mark.parametrize("arguments", [["report", "--format", "json"], ["find"]])
def test_an_output_on_a_full_disk_is_told_in_words(arguments: list[str], sample_logs: Path) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [sys.executable, "-m", "copilot_cli", *arguments, sample_logs / "digits_step"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
    told = "copilot: standard output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, told)


def level_run(path: Path) -> Path:
    """Write a log that grows: 42 of 60 epochs, a metric that is level after a rise."""
    chance, now = np.random.default_rng(5), datetime.now()  # noqa: DTZ005  # as trainers do
    lines = []
    for epoch in range(1, 43):
        loss = 0.5 + 2.0 * math.exp(-epoch / 2.0) + chance.normal(0.0, 0.01)
        accuracy = 0.8 * (1.0 - math.exp(-epoch / 2.0)) + chance.normal(0.0, 0.0006)
        stamp = f"{now - timedelta(minutes=42 - epoch):%Y-%m-%d %H:%M:%S}"
        lines.append(f"{stamp} Epoch {epoch}/60 loss: {loss:.4f} val_acc: {accuracy:.4f}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def first_stop(log: Path, risk: str) -> float:
    done = copilot("replay", log, "--json", "--risk", risk)
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines()]
    steps = [one["step"] for one in said if one.get("kind") == "advice" and one["key"] == "stop"]
    told = [one for one in said if one["type"] == "message" and "TIME TO STOP" in one["title"]]
    assert bool(told) == bool(steps)
    # With the title, four lines at most.
    assert all(len(message["body"]) <= 3 for message in told)
    return steps[0] if steps else math.inf


def test_risk_decides_when_to_stop_and_the_report_says_how_often_that_was_right(
    tmp_path: Path,
) -> None:
    log = level_run(tmp_path / "train.log")
    strict, lax = first_stop(log, "0.5%"), first_stop(log, "0.2")
    assert lax < strict
    done = copilot("report", log, "--risk", "10%", "--price", "2", "--gpus", "8", "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    (report,) = tmp_path.glob("*/report.md")
    text = report.read_text(encoding="utf-8")
    assert "GPU-hours" in text and "in money" in text and "expected gain" in text
    level = strictness(0.1)
    assert f"Of {level.stops} finished public runs in which such advice came (risk 10 %)" in text
    assert shipped_rule().sources in text
    found = json.loads(copilot("report", log, "--format", "json", "--risk", "10%").stdout)
    jsonschema.validate(found, json_schema())
    assert found["stop"]["record"]["right"] == level.right
    assert 0.0 < found["stop"]["chance_of_loss"] < 0.1
