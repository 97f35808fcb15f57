"""The commands of the live watch as processes, and logs that grow beside them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LINGER = ("--linger", "1", "--no-gpu")


WRITER = """
import sys, time
source, target, pause = sys.argv[1], sys.argv[2], float(sys.argv[3])
with open(target, "ab", buffering=0) as log:
    for line in open(source, "rb"):
        middle = len(line) // 2
        log.write(line[:middle])
        time.sleep(pause)
        log.write(line[middle:])
"""


def environment(home: Path, **more: str) -> dict[str, str]:
    secret = ("TELEGRAM", "SLACK", "DISCORD", "COPILOT", "XDG")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(secret)}
    path = os.pathsep.join(sys.path)
    return {**kept, "PYTHONPATH": path, "XDG_STATE_HOME": str(home), "PYTHONUTF8": "1", **more}


def copilot(*arguments: object, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "copilot_cli", *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=120, env=environment(home, **more),
    )  # fmt: skip


@contextmanager
def begun(*arguments: object, home: Path, **more: str):
    """A command in the background."""
    process = subprocess.Popen(
        [sys.executable, "-m", "copilot_cli", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(home, **more),
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@contextmanager
def written(source: Path, target: Path, pause_s: float = 0.003):
    """A process that writes a log as a trainer does, in pieces."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(source), str(target), str(pause_s)]
    )
    try:
        yield writer
    finally:
        if writer.poll() is None:
            writer.kill()
        writer.wait()


def sample(sample_logs: Path, name: str) -> Path:
    (path,) = (sample_logs / name).glob("*/*.log")
    return path


def wait_for(condition, seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)
