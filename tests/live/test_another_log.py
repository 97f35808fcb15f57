"""When a watch that took a log by itself goes over to another one."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from copilot_analytics.alerts.ledger import Ledger
from copilot_analytics.live.another_log import AnotherLog
from copilot_analytics.live.following import Following
from copilot_analytics.live.processes import Writers
from copilot_analytics.live.starting import LiveOptions, _other


@pytest.fixture
def finder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    ledger = Ledger()
    yield _other(LiveOptions(auto=True, base=tmp_path / "work"), ledger, Writers())
    ledger.close()


def rows(first, last):
    return "".join(f"Epoch {n}/90 - train_loss: {1 / n:.4f}\n" for n in range(first, last))


def test_only_what_grows_is_gone_over_to(finder, tmp_path):
    old, new = tmp_path / "work" / "old.log", tmp_path / "work" / "new" / "train.log"
    new.parent.mkdir(parents=True)
    old.write_text(rows(1, 91))
    current = Following(old)
    assert finder(current) is None
    new.write_text(rows(1, 6))  # what is merely new may be a last table of the same run
    assert finder(current) is None
    with new.open("a") as file:
        file.write(rows(6, 8))
    assert finder(current).path == str(new)
    assert finder(current) is None


def test_a_new_log_that_a_process_holds_open_is_gone_over_to_at_once(finder, tmp_path):
    old, new = tmp_path / "work" / "old.log", tmp_path / "work" / "new" / "train.log"
    new.parent.mkdir(parents=True)
    old.write_text(rows(1, 91))
    current = Following(old)
    with old.open("a"):
        assert finder(current) is None  # it was held before; it does not begin
        code = "import sys, time; print(sys.argv[1], flush=True); time.sleep(60)"
        with new.open("a") as file:
            holder = subprocess.Popen([sys.executable, "-c", code, rows(1, 6)], stdout=file)
        try:
            found = None
            while found is None and holder.poll() is None:
                known = new.stat().st_size
                found = finder(current) if known else None
            assert found.path == str(new)
        finally:
            holder.kill()
            holder.wait()


def test_a_new_log_of_another_folder_is_gone_over_to_at_once(finder, tmp_path):
    old, new = tmp_path / "work" / "a" / "train.log", tmp_path / "work" / "b" / "train.log"
    for log in (old, new):
        log.parent.mkdir(parents=True)
    old.write_text(rows(1, 91))
    current = Following(old)
    assert finder(current) is None
    new.write_text(rows(1, 6))
    assert finder(current).path == str(new)


@pytest.mark.parametrize(("goes_on", "pause_s"), [(False, 9.0), (True, 90.0)])
def test_a_search_beside_runs_that_go_on_takes_a_small_part_of_the_time(goes_on, pause_s):
    def watched(ended_at):
        following = SimpleNamespace(
            caught_up=True, process=SimpleNamespace(state="alive"), silence_s=lambda now: 0.0
        )
        return SimpleNamespace(following=following, given_up=False, ended_at=ended_at)

    runs = [watched(0.0), *([watched(None)] if goes_on else [])]
    another = AnotherLog(lambda _: None, lambda: 109.0)
    assert another.look(runs, 100.0) is None
    assert another.due == 109.0 + pause_s
