"""A few rounds of the hostile benchmark; `make hostile` plays a thousand."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
from followed_logs import Clock

from copilot_analytics.live.tail import Tailer

TORN = b'Traceback (most recent call last):\n  File "train.py", line 7, in <module>\n'


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


@pytest.fixture
def benchmarks(repository, monkeypatch):
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    monkeypatch.setattr(Tailer, "poll", Tailer.poll)  # a witness takes its place


@pytest.mark.parametrize("seen", ["to the middle", "to the end", "not at all"])
def test_of_what_was_destroyed_only_what_a_watch_read_may_be_told(
    seen, benchmarks, tmp_path, sample_logs
):
    """It read half of a traceback; the line that names the error was cut away with the log."""
    from hostile_replay import FinalLog
    from hostile_witness import Witness

    old = next((sample_logs / "digits_step").glob("*/*.log")).read_bytes()
    new = next((sample_logs / "digits_nan").glob("*/*.log")).read_bytes()
    old = old[: old.index(b"\n", len(old) // 2) + 1] + TORN + b"ValueError: it does not fit\n"
    new = new.replace(b"2026/11/24", b"2026/11/25")
    read = {"to the middle": old.index(b"ValueError"), "to the end": len(old), "not at all": 0}
    log, clock = tmp_path / "train.log", Clock()
    witness = Witness(tmp_path / "seen")
    witness.attend()
    with Tailer(log, clock=clock) as tailer:
        for content in (old[: read[seen]], new):
            log.write_bytes(content)
            clock.now += 10.0
            tailer.poll()
    writer = SimpleNamespace(path=log, written=[[bytearray(old)], [bytearray(new)]], destroyed={0})
    final = FinalLog(writer, witness, tmp_path / "journals")
    whole, left, *visible = final.allowed()
    assert len(left) == 1
    (key,) = whole.keys() - left.keys()
    crashes = [
        [event.text for event in one[key].values() if event.key == "crash"]
        for one in (whole, *visible)
    ]
    assert "ValueError" in crashes[0][0]
    assert len(visible) == (seen == "to the middle")
    assert ["its last line is missing" in text for texts in crashes[1:] for text in texts] == [
        True for _ in visible
    ]
