"""A few rounds of the hostile benchmark; `make hostile` plays a thousand."""

from __future__ import annotations

import subprocess
import sys


def test_nothing_is_lost_or_told_twice(repository):
    script = repository / "benchmarks" / "hostile_live.py"
    done = subprocess.run(
        [sys.executable, str(script), "10"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (told,) = done.stdout.splitlines()
    assert told.startswith("10 rounds in ") and "0 lost, 0 doubled, 0 wrong" in told
    kills = int(told.partition(": ")[2].partition(" kills")[0])
    assert kills >= 10, "hardly anything was killed"
