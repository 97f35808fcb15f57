"""A log whose writer writes the same run anew: nothing in it is told or counted twice."""

from __future__ import annotations

import pytest
from followed_logs import follow, settle, touch
from supervised import Pigeon, passes, supervisor

from copilot_analytics.live.log_session import LogSession
from copilot_analytics.records import Record

LOSSES = [2.2, 2.1, 1.9, 1.7, 1.5, 1.2, 1.1, 0.9, 0.8, 0.7, 0.65, 0.6]


def rows(count, *, more=False, scale=1.0):
    """Return rows as Lightning's CSVLogger writes them: 3 of training, then an evaluation."""
    header = "epoch,step,train_loss" + (",val_acc" if more else "")
    lines = [header]
    for n, loss in enumerate(LOSSES[:count]):
        lines.append(f"{n // 3},{5 * n + 4},{loss * scale}" + ("," if more else ""))
        if more and n % 3 == 2:
            lines.append(f"{n // 3},{5 * n + 4},,{1 - loss * scale / 3}")
    return "\n".join(lines) + "\n"


def put(path, text, clock, *, replace):
    if replace:
        new = path.with_suffix(".tmp")
        new.write_text(text)
        new.replace(path)
    else:
        path.write_text(text)
    touch(path, clock)


@pytest.mark.parametrize("replace", [False, True], ids=["in place", "replaced"])
def test_more_columns_supersede_what_was_there(replace, tmp_path, clock):
    path, journals = tmp_path / "metrics.csv", tmp_path / "journals"
    journals.mkdir()
    put(path, rows(2), clock, replace=False)
    following = follow(path, clock, journals=journals)
    events = settle(following, clock)
    key = following.log.run_key
    following.sample(Record("gpu", metrics={"gpu_utilization_pct": 90.0}, facts={"gpu": 0}))
    for count in (3, 4, 9):
        put(path, rows(count, more=True), clock, replace=replace)
        events += settle(following, clock)
    log = following.log
    assert log.run_key == key and log.superseded == []
    assert not any("going on" in notice for notice in following.notices)
    assert log.run.train_series("train_loss").value.tolist() == LOSSES[:9]
    assert (len(log.run.train_log), len(log.run.eval_log)) == (9, 3)
    assert len(log.run.gpu_log) == 1
    read = LogSession(str(path), journals=journals)
    read.feed(path.read_bytes())
    assert read.run_key == key
    assert [log.relative(one) for one in events] == [read.relative(one) for one in read.run_events]
    following.close()


def test_a_file_that_is_written_whole_at_each_epoch_is_one_run(tmp_path, clock):
    path = tmp_path / "history.csv"
    following = follow(path, clock)
    keys, events = set(), []
    for count in range(1, 10):
        name = "loss" if count < 5 else "loss,val_acc"
        lines = [f"epoch,{name}"]
        for n, loss in enumerate(LOSSES[:count]):
            lines.append(f"{n},{loss}" + (f",{1 - loss / 3}" if count >= 5 else ""))
        put(path, "\n".join(lines) + "\n", clock, replace=False)
        events += settle(following, clock)
        keys.add(following.log.run_key)
    assert len(keys - {""}) == 1
    assert following.log.superseded == []
    assert len(following.log.run.train_log) == 9
    assert [event.key for event in events].count("running") == 1
    following.close()


@pytest.mark.parametrize("scale", [1.0, 0.9], ids=["same seed", "another seed"])
def test_another_training_that_writes_over_the_log_is_another_run(scale, tmp_path, clock):
    path = tmp_path / "metrics.csv"
    put(path, rows(9, more=True), clock, replace=False)
    following = follow(path, clock)
    settle(following, clock)
    key = following.log.run_key
    for count in range(1, 12):
        put(path, rows(count, more=True, scale=scale), clock, replace=False)
        settle(following, clock)
    assert following.log.run_key != key
    assert [superseded[0] for superseded in following.log.superseded] == [key]
    assert len(following.log.run.train_log) == 11
    assert any("going on in metrics.csv" in notice for notice in following.notices)
    following.close()


def test_bytes_of_a_log_that_was_cut_are_held_back_no_longer_than_its_writer_needs(tmp_path, clock):
    path = tmp_path / "metrics.csv"
    put(path, rows(6), clock, replace=False)
    following = follow(path, clock)
    settle(following, clock)
    text = rows(6, more=True)
    put(path, text[:60], clock, replace=False)  # its writer is slow
    clock.now += 0.3
    following.step(clock.wall)
    assert len(following.log.run.train_log) == 6 and following.wait_s <= 1.0
    put(path, text, clock, replace=False)
    settle(following, clock)
    assert len(following.log.run.eval_log) == 2 and following.log.superseded == []
    following.close()


def test_a_run_is_introduced_once_though_its_log_is_written_anew(ledger, tmp_path):
    path, pigeon = tmp_path / "metrics.csv", Pigeon()
    path.write_text(rows(2))
    watch = supervisor(ledger, [path], [pigeon])
    passes(watch, lambda: watch.runs[0].run_key)
    for count in (3, 6):
        path.write_text(rows(count, more=True))
        passes(watch, lambda count=count: len(watch.runs[0].following.log.run.train_log) == count)
    kinds = [entry.message.kind for entry in ledger.claim("pigeon", 2e9, limit=50)]
    assert kinds == ["attached"]
