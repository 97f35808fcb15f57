"""Columns hold what was appended, block by block or row by row."""

from __future__ import annotations

import pickle

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from copilot_analytics.columns import Table
from copilot_analytics.records import Block, Record
from copilot_analytics.run import Run

names = st.sampled_from(["loss", "lr", "acc"])
rows = st.tuples(st.integers(0, 30), st.dictionaries(names, st.floats(allow_nan=False), max_size=3))


def as_blocks(records: list[Record], cuts: set[int]) -> list[Block]:
    """Pack consecutive records of equal names into blocks, cut at some places."""
    blocks: list[Block] = []
    group: list[Record] = []
    for place, record in enumerate([*records, None]):
        same = record is not None and group and list(group[0].metrics) == list(record.metrics)
        if group and (not same or place in cuts):
            blocks.append(
                Block(
                    np.array([r.step for r in group]),
                    np.full(len(group), np.nan),
                    np.full(len(group), np.nan),
                    np.array([r.line for r in group]),
                    {k: np.array([r.metrics[k] for r in group]) for k in group[0].metrics},
                )
            )
            group = []
        if record is not None:
            group.append(record)
    return blocks


def state(table: Table) -> list[object]:
    """Return everything that a table shows, comparably."""
    shown: list[object] = [table.step.tolist(), table.segment.tolist(), table.superseded.tolist()]
    for name in table.metric_names:
        series = table.series(name)
        logged = table.was_logged(name).tolist()
        shown += [name, logged, series.step.tolist(), series.value.tolist()]
    return shown


@given(st.lists(rows, max_size=40), st.sets(st.integers(0, 40)))
def test_blocks_mean_their_rows(
    entries: list[tuple[int, dict[str, float]]], cuts: set[int]
) -> None:
    records = [
        Record("train", step=step, metrics=metrics, line=line)
        for line, (step, metrics) in enumerate(entries, 1)
    ]
    one_by_one = Run.from_records(records)
    in_blocks = Run.from_records(as_blocks(records, cuts))
    assert state(one_by_one.train_log) == state(in_blocks.train_log)
    assert (one_by_one.last_step, one_by_one.last_epoch) == (
        in_blocks.last_step,
        in_blocks.last_epoch,
    )
    again = pickle.loads(pickle.dumps(in_blocks))  # noqa: S301  # our own bytes
    assert state(again.train_log) == state(in_blocks.train_log)
    assert [str(r) for r in Run.from_records(in_blocks.items()).records] == [
        str(r) for r in one_by_one.records
    ]


@given(st.lists(st.integers(0, 20), min_size=1, max_size=60))
def test_what_counts_is_what_was_written_last(steps: list[int]) -> None:
    run = Run()
    for line, step in enumerate(steps):
        run.append(Record("train", step=step, metrics={"loss": float(line)}))
    series = run.train_series("loss")
    assert (np.diff(series.step) > 0).all()
    kept: dict[int, float] = {}
    for line, step in enumerate(steps):
        kept = {s: v for s, v in kept.items() if s < step}
        kept[step] = float(line)
    assert dict(zip(series.step.tolist(), series.value.tolist(), strict=True)) == kept


def test_absent_is_not_nan() -> None:
    table = Table()
    table.append(Record("train", metrics={"loss": 1.0}), 1)
    table.append(Record("train", metrics={"loss": 1.0, "acc": float("nan")}), 2)
    assert table.was_logged("acc").tolist() == [False, True]
    assert table.series("acc").step.tolist() == [2]
    assert table.series("never").step.tolist() == []


def test_a_row_is_marked_once_however_often_steps_repeat() -> None:
    """Two ranks that write one log repeat every step; its cost must stay in line."""
    touched = 0

    class Counting(Table):
        def supersede_from(self, step: int) -> None:
            nonlocal touched
            before = int(self.superseded.sum())
            super().supersede_from(step)
            touched += int(self.superseded.sum()) - before

    run = Run(train_log=Counting())
    for step in range(300):
        run.append(Record("train", step=step, metrics={"loss": 1.0}))
        run.append(Record("train", step=step, metrics={"loss": 2.0}))
    assert touched == 300
    assert len(run.train_log._counting) <= 301
    assert set(run.train_series("loss").value.tolist()) == {2.0}
