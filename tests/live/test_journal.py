from __future__ import annotations

import errno
import os
import stat

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_analytics.engine import Session
from copilot_analytics.gpu_samples import worth_keeping
from copilot_analytics.live.journal import Journal, merged, read_journal
from copilot_analytics.records import Block, Record


def sample(at: float, *, line: int = 0, file: str = "", uuid: str = "GPU-1", **facts) -> Record:
    metrics = {"gpu_memory_used_mib": 1000.0 + at, "gpu_utilization_pct": 97.0}
    return Record(
        "gpu", time=at, metrics=metrics, facts={"uuid": uuid, "index": 0, **facts}, line=line,
        file=file,
    )  # fmt: skip


def test_what_is_written_is_read(tmp_path):
    told = [sample(0.1 + 0.2, line=3, file="work/träin.log"), sample(7.0), Record("tick", time=8.0)]
    told.append(Record("gpu", time=9.0, facts={"uuid": "GPU-1", "lost": True}))
    journal = Journal(tmp_path / "gpu.jsonl")
    assert all(journal.append(record) for record in told)
    journal.close()
    assert list(read_journal(tmp_path / "gpu.jsonl")) == told


def test_nobody_else_may_read_it(tmp_path):
    path = tmp_path / "gpu.jsonl"
    path.touch(mode=0o644)
    path.chmod(0o644)
    journal = Journal(path, most_bytes=2000)
    for at in range(40):
        journal.append(sample(float(at)))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["gpu.jsonl"]


def test_a_link_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine\n")
    (tmp_path / "gpu.jsonl").symlink_to(victim)
    journal = Journal(tmp_path / "gpu.jsonl")
    assert not journal.append(sample(1.0))
    assert victim.read_text() == "mine\n"
    assert "not kept" in journal.state


def test_a_journal_that_is_not_there_holds_nothing(tmp_path):
    assert list(read_journal(tmp_path / "none.jsonl")) == []


def test_a_journal_keeps_only_what_the_log_does_not_hold(tmp_path):
    with pytest.raises(ValueError, match="not 'train'"):
        Journal(tmp_path / "gpu.jsonl").append(Record("train", step=1))


@given(st.data())
def test_a_tear_anywhere_costs_only_the_torn_line(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("journal") / "gpu.jsonl"
    told = [sample(float(at), line=at) for at in range(1, 4)]
    journal = Journal(path)
    for record in told:
        journal.append(record)
    journal.close()
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    kept = list(read_journal(path))
    # Only a line whose line break alone is missing is still whole.
    assert kept == told[: len(kept)]
    assert len(kept) in {whole[:cut].count(b"\n"), whole[:cut].count(b"\n") + 1}
    later = sample(99.0)
    journal.append(later)
    journal.close()
    assert list(read_journal(path))[-1] == later
    assert list(read_journal(path))[: len(kept)] == kept


@pytest.mark.parametrize(
    "line",
    [
        b"", b"{", b"null", b"[]", b"\xff\xfe", b"{}", b'{"kind":"train","step":1}', b"[" * 10000,
        b'{"kind":"gpu","metrics":{"gpu_power_w":"much"}}', b'{"kind":"gpu","metrics":[1]}',
        b'{"kind":"gpu","time":true}', b'{"kind":"gpu","line":"x"}', b'{"kind":"gpu","facts":3}',
        b'{"kind":"gpu","file":"' + b"x" * 200_000 + b'"}',
    ],
)  # fmt: skip
def test_lines_that_are_no_record_are_left_out(tmp_path, line):
    good = b'{"kind":"gpu","time":5,"line":2}\n'
    (tmp_path / "gpu.jsonl").write_bytes(line + b"\n" + good)
    assert list(read_journal(tmp_path / "gpu.jsonl")) == [Record("gpu", time=5, line=2)]


def test_a_full_journal_thins_its_older_half(tmp_path):
    path = tmp_path / "gpu.jsonl"
    journal = Journal(path, most_bytes=20_000)
    told = []
    for at in range(1000):
        for uuid in ("GPU-1", "GPU-2"):
            told.append(sample(float(at), uuid=uuid))
            assert journal.append(told[-1])
            assert path.stat().st_size <= 20_000
        if at == 10:
            journal.append(Record("gpu", time=10.0, facts={"uuid": "GPU-1", "lost": True}))
    journal.close()
    kept = list(read_journal(path))
    assert kept[-40:] == told[-40:]
    assert [record.time for record in kept] == sorted(record.time for record in kept)
    for uuid in ("GPU-1", "GPU-2"):
        times = [r.time for r in kept if r.facts["uuid"] == uuid and r.metrics]
        assert times[0] < 100
        assert len(times) > 30
    assert any(record.facts.get("lost") for record in kept)


def test_no_peak_and_no_error_is_lost_where_samples_are_thinned(tmp_path):
    """Whatever the place of the peak among those that are left out."""
    for place in range(20, 28):
        path = tmp_path / f"{place}.jsonl"
        journal = Journal(path, most_bytes=20_000)
        for at in range(2000):
            metrics = {"gpu_power_w": 200.0 + at % 7, "gpu_memory_used_mib": 1000.0}
            if at == place:
                metrics |= {"gpu_power_w": 345.5, "gpu_memory_used_mib": 23000.0}
            if at == place + 9:
                metrics["gpu_xid"] = 79.0
            journal.append(Record("gpu", time=float(at), metrics=metrics, facts={"uuid": "GPU-1"}))
        journal.close()
        kept = list(read_journal(path))
        assert path.stat().st_size <= 20_000 and len(kept) < 250
        assert max(record.metrics["gpu_power_w"] for record in kept) == 345.5
        assert max(record.metrics["gpu_memory_used_mib"] for record in kept) == 23000.0
        assert [r.time for r in kept if "gpu_xid" in r.metrics] == [place + 9.0]
        mean = np.mean([record.metrics["gpu_power_w"] for record in kept])
        assert mean == pytest.approx(203.0, abs=3.0)


@pytest.mark.parametrize("place", [40, 41])
def test_what_is_seldom_is_kept_where_samples_are_thinned(place):
    """At even places and at odd ones, also an error that is neither the highest nor the lowest."""
    facts = [{"lost": True} if at == place else {} for at in range(200)]
    errors = np.full(200, np.nan)
    errors[[place + 20, place + 31, place + 43]] = 13.0, 31.0, 79.0
    keep = worth_keeping(["GPU-1"] * 200, facts, [np.ones(200), errors], 150)
    kept = {*range(0, 150, 2), *range(150, 200), *range(place - 1, place + 2)}
    assert set(np.flatnonzero(keep).tolist()) == kept | {place + 20, place + 31, place + 43}


def test_facts_that_change_at_every_sample_do_not_keep_a_journal_from_being_thinned(tmp_path):
    journal = Journal(tmp_path / "gpu.jsonl", most_bytes=20_000)
    for at in range(2000):
        facts = {"uuid": "GPU-1", "pid": at % 3}
        journal.append(Record("gpu", time=float(at), metrics={"gpu_power_w": 200.0}, facts=facts))
    journal.close()
    assert journal.path.stat().st_size <= 20_000


def test_a_full_disk_is_said_and_forgotten_once_there_is_room(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "gpu.jsonl")
    journal.append(sample(1.0))
    real = os.write

    def half(file, text):
        real(file, text[: len(text) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", half)
    assert not journal.append(sample(2.0))
    assert "No space left" in journal.state
    monkeypatch.setattr(os, "write", real)
    assert journal.append(sample(3.0))
    assert journal.state == ""
    assert [record.time for record in read_journal(journal.path)] == [1.0, 3.0]


def test_two_writers_share_a_journal_even_while_one_thins_it(tmp_path):
    path = tmp_path / "gpu.jsonl"
    one, two = Journal(path, most_bytes=4000), Journal(path, most_bytes=4000)
    for at in range(200):
        (one if at % 3 else two).append(sample(float(at)))
    kept = [record.time for record in read_journal(path)]
    assert kept[-8:] == [float(at) for at in range(192, 200)]


def test_a_journal_that_was_deleted_begins_anew(tmp_path):
    journal = Journal(tmp_path / "gpu.jsonl")
    journal.append(sample(1.0))
    journal.path.unlink()
    journal.append(sample(2.0))
    assert [record.time for record in read_journal(journal.path)] == [2.0]


# ---------------------------------------------------------------------- merging


def train(step: int, *, file: str = "a", time: float | None = None) -> Record:
    return Record("train", step=step, line=step, file=file, metrics={"loss": 1.0}, time=time)


def block(steps: range, *, file: str = "a", time: float = np.nan) -> Block:
    step = np.array(steps)
    nothing = np.full(len(step), np.nan)
    return Block(step, nothing, time + step, step.copy(), {"loss": np.ones(len(step))}, file)


def flat(items):
    for item in items:
        yield from item.records() if isinstance(item, Block) else (item,)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 3)), max_size=40), st.randoms())
def test_replay_puts_samples_where_live_saw_them(watched, chance):
    """The log may come in any blocks: the order is the one that live saw."""
    live, journal, log = [], [], []
    for is_sample, count in watched:
        for _ in range(count):
            if is_sample:
                after = len(log)
                file = "a" if after else ""
                journal.append(sample(float(len(live)), line=after, file=file))
                live.append(journal[-1])
            else:
                log.append(train(len(log) + 1))
                live.append(log[-1])
    items, at = [], 0
    while at < len(log):
        size = chance.randint(1, 6)
        rows = range(at + 1, min(at + size, len(log)) + 1)
        items.append(log[at] if size == 1 else block(rows))
        at += 1 if size == 1 else len(rows)
    # What was seen before the log began has no place in it, and its time cannot be compared.
    head = [record for record in live if record.kind == "gpu" and not record.line]
    if log and not head:
        assert list(flat(merged(items, journal))) == live
    assert sorted(r.time for r in flat(merged(items, journal)) if r.kind == "gpu") == sorted(
        r.time for r in journal
    )


def test_samples_stay_with_their_file():
    log = [train(1), train(2), train(1, file="b"), train(2, file="b")]
    journal = [
        sample(1.0, line=2, file="a"), sample(2.0, line=5, file="a"), sample(3.0, line=1, file="b"),
        sample(4.0, line=9, file="b"),
    ]  # fmt: skip
    order = [(r.kind, r.file, r.line) for r in merged(log, journal)]
    assert order == [
        ("train", "a", 1), ("train", "a", 2), ("gpu", "a", 2), ("gpu", "a", 5),
        ("train", "b", 1), ("gpu", "b", 1), ("train", "b", 2), ("gpu", "b", 9),
    ]  # fmt: skip


def test_samples_without_a_place_go_by_time():
    items = [block(range(1, 6), time=100.0), train(6, time=106.0)]
    journal = [sample(50.0), sample(103.0), sample(103.5), sample(200.0)]
    order = [(r.kind, r.time) for r in flat(merged(items, journal))]
    assert order == [
        ("gpu", 50.0), ("train", 101.0), ("train", 102.0), ("train", 103.0), ("gpu", 103.0),
        ("gpu", 103.5), ("train", 104.0), ("train", 105.0), ("train", 106.0), ("gpu", 200.0),
    ]  # fmt: skip


def test_a_replayed_journal_tells_what_live_told(tmp_path):
    """Live feeds each sample as it comes; replay reads log and journal. Same events."""
    journal = Journal(tmp_path / "gpu.jsonl")
    live, log = Session(), []
    for step in range(1, 400):
        log.append(
            Record("train", step=step, time=10.0 * step, line=step, file="a", metrics={"loss": 1.0})
        )
        live.update(log[-1])
        for uuid, lost in (("GPU-1", False), ("GPU-2", step == 250)):
            facts = {"uuid": uuid, "index": 0, **({"lost": True} if lost else {})}
            metrics = {} if lost else {
                "gpu_throttle_thermal": float(uuid == "GPU-2"), "gpu_utilization_pct": 5.0,
                "gpu_memory_used_mib": 4000.0 + 20.0 * step, "gpu_memory_total_mib": 16000.0,
            }  # fmt: skip
            taken = Record(
                "gpu", time=10.0 * step + 1.0, line=step, file="a", metrics=metrics, facts=facts
            )
            assert journal.append(taken)
            live.update(taken)
    journal.close()
    replay = Session()
    for item in merged(_as_blocks(log), read_journal(journal.path)):
        replay.update(item)
    assert replay.events == live.events
    assert replay.results.by_name()["gpu"] == live.results.by_name()["gpu"]
    keys = {(event.kind, event.key) for event in live.events}
    assert {
        ("finding", "gpu_lost"), ("resolved", "gpu_lost"), ("finding", "gpu_memory_leak"),
        ("finding", "gpu_idle"), ("finding", "gpu_thermal_throttling"),
    } <= keys  # fmt: skip


def _as_blocks(log):
    for start in range(0, len(log), 70):
        rows = log[start : start + 70]
        yield Block(
            np.array([r.step for r in rows]),
            np.full(len(rows), np.nan),
            np.array([r.time for r in rows]),
            np.array([r.line for r in rows]),
            {"loss": np.array([r.metrics["loss"] for r in rows])},
            "a",
        )
