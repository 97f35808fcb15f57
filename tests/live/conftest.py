"""Tailers that are closed, and a libnvidia-ml.so.1 for the real pynvml from `fake_nvml.c`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from followed_logs import Clock

from copilot_analytics.alerts.ledger import Ledger
from copilot_analytics.live.tail import Tailer

SOURCE = Path(__file__).with_name("fake_nvml.c")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sample(sample_logs):
    """The path of a log that is complete."""
    (path,) = (sample_logs / "digits_step").glob("*/*.log")
    return path


@pytest.fixture
def half_log(sample_logs, tmp_path):
    """The first half of a log, and the bytes that are still to come."""
    (path,) = (sample_logs / "digits_step").glob("*/*.log")
    data = path.read_bytes()
    log = tmp_path / "train.log"
    cut = data.index(b"\n", len(data) // 2) + 1
    log.write_bytes(data[:cut])
    return log, data[cut:]


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite3")
    yield ledger
    ledger.close()


@pytest.fixture
def log(tmp_path):
    return tmp_path / "train.log"


@pytest.fixture(params=[False, True], ids=["open", "lean"])
def tail(request, clock):
    tailers = []

    def make(path, **options):
        tailers.append(Tailer(path, clock=clock, lean=request.param, **options))
        return tailers[-1]

    yield make
    for tailer in tailers:
        tailer.close()


class FakeDriver:
    """Runs code in a process of its own that finds the library of a folder."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def run(self, code: str, **moods: str):
        """Return what the code left in `answer`; `moods` are variables of the environment."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("FAKE_NVML")}
        environment["LD_LIBRARY_PATH"] = "" if self.folder is None else str(self.folder)
        environment.update({f"FAKE_NVML_{name.upper()}": mood for name, mood in moods.items()})
        whole = f"{_PRELUDE}\n{code}\nimport json\nprint(json.dumps(answer))"
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", whole],
            env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


_PRELUDE = """
import os
from copilot_analytics.live.gpu_sampler import GpuSampler
class Clock:
    now = 1000.0
    def __call__(self): return self.now
clock = Clock()
def told(records):
    return [{"time": r.time, "facts": dict(r.facts), **r.metrics} for r in records]
"""


def _build(folder: Path, *options: str) -> FakeDriver:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("the fake NVML needs Linux and a C compiler (gcc)")
    library = folder / "libnvidia-ml.so.1"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-Wl,-soname,libnvidia-ml.so.1", *options,
         "-o", str(library), str(SOURCE)],
        check=True,
    )  # fmt: skip
    return FakeDriver(folder)


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    return _build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture(scope="session")
def old_driver(tmp_path_factory):
    return _build(tmp_path_factory.mktemp("old_nvml"), "-DOLD_DRIVER")
