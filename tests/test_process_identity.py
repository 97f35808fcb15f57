"""A process is called dead only where that is certain."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from copilot_analytics import process_identity
from copilot_analytics.process_identity import is_gone, name_of_this_process

NAMED = "from copilot_analytics.process_identity import name_of_this_process as n; print(n())"

pytestmark = pytest.mark.skipif(
    not process_identity.PROC.joinpath("self/ns/pid").exists(), reason="this needs Linux's /proc"
)


@pytest.fixture
def child():
    """A process that lives, and its name."""
    with subprocess.Popen(
        [sys.executable, "-c", f"{NAMED}; import sys; sys.stdout.flush(); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        yield process, process.stdout.readline().decode().strip()
        process.kill()


def test_a_process_is_gone_from_its_kill_on(child):
    process, name = child
    assert name.startswith(f"{process.pid}/") and not is_gone(name)
    assert not is_gone(f"{name}/further")
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(name), "nothing of a zombie runs any more"
    process.wait()
    assert is_gone(name) and is_gone(f"{name}/further")


def test_a_number_that_is_used_again_is_another_process():
    pid, ticks, place = name_of_this_process().split("/", 2)
    assert is_gone(f"{pid}/{int(ticks) - 1}/{place}")
    assert not is_gone(f"{pid}/{ticks}/{place}")


@pytest.mark.parametrize("part", [2, 3])
def test_another_boot_or_container_proves_nothing(child, part):
    process, name = child
    process.kill()
    process.wait()
    parts = name.split("/")
    parts[part] = "elsewhere"
    assert not is_gone("/".join(parts))


@pytest.mark.parametrize("odd", ["0/1", "-1/1", "x/1", "1/x", "99999999999999999999/1"])
def test_what_is_no_process_proves_nothing(odd):
    place = name_of_this_process().split("/", 2)[2]
    assert not is_gone(f"{odd}/{place}")


def test_without_proc_nothing_is_known(monkeypatch, tmp_path):
    name = name_of_this_process()
    monkeypatch.setattr(process_identity, "PROC", tmp_path)
    process_identity._place.cache_clear()
    try:
        assert name_of_this_process() == "" and not is_gone(name)
    finally:
        process_identity._place.cache_clear()
