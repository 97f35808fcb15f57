"""The fold gives the same whatever the records travel in."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot_analytics.analyzers._base import Fold
from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.analyzers.overfitting import OverfittingAnalyzer
from copilot_analytics.analyzers.phase import PhaseAnalyzer
from copilot_analytics.analyzers.trend import TrendAnalyzer
from copilot_analytics.records import Block, Record

KINDS = (
    LifecycleAnalyzer,
    MetricAnalyzer,
    LearningRateAnalyzer,
    TrendAnalyzer,
    DivergenceAnalyzer,
    OverfittingAnalyzer,
    PhaseAnalyzer,
)


def packed(records, cuts):
    """Pack training records with the same metrics into blocks that end at `cuts`."""
    items, rows = [], []

    def flush():
        if rows:
            whole = np.int64
            nan = math.nan
            items.append(
                Block(
                    np.array([r.step for r in rows], dtype=whole),
                    np.array([nan if r.epoch is None else r.epoch for r in rows]),
                    np.array([nan if r.time is None else r.time for r in rows]),
                    np.array([r.line for r in rows], dtype=whole),
                    {n: np.array([r.metrics[n] for r in rows]) for n in rows[0].metrics},
                )
            )
            rows.clear()

    for number, record in enumerate(records):
        if record.kind != "train":
            flush()
            items.append(record)
            continue
        if number in cuts or (rows and list(rows[0].metrics) != list(record.metrics)):
            flush()
        rows.append(record)
    flush()
    return items


def told(items):
    events = []
    fold = Fold(KINDS, on_look=lambda _run, _results, _record, news: events.extend(news))
    for item in items:
        fold.update(item)
    last = fold.run.last
    fold.update(Record("tick", line=last.line if last else 0, facts={"final": True}))
    return repr(events), repr(fold.results.by_name())


@st.composite
def logs(draw):
    """Draw a log with evaluations, rewinds, odd losses and rows that lack a metric."""
    chance = np.random.default_rng(draw(st.integers(0, 2**16)))
    rows = draw(st.integers(1, 250))
    every = draw(st.sampled_from([7, 20, 1000]))
    odd = draw(st.lists(st.integers(0, rows), max_size=6))
    odd_loss = draw(st.sampled_from([math.nan, math.inf, 0.0, 50.0, -3.0]))
    rewinds = draw(st.lists(st.integers(10, max(rows, 11)), max_size=2))
    records = [Record("config", facts={"planned_steps": rows * 10, "log_interval": 10})]
    step = 0
    for row in range(rows):
        step += 10
        if row in rewinds:
            step = max(step - 100, 10)
        loss = odd_loss if row in odd else 2.0 * math.exp(-row / 80) + 0.1 * chance.random()
        metrics = {"loss": float(loss), "lr": 0.1 if row < rows / 2 else 0.01}
        if row % 50 == 49:
            metrics["grad_norm"] = 1.0
        line = len(records) + 1
        records.append(Record("train", step, step / 200, 10.0 * row, metrics, line=line))
        if row % every == every - 1:
            score = {"mIoU": float(0.5 - 0.5 * math.exp(-row / 60) + 0.01 * chance.random())}
            facts = {"split": "val"}
            records.append(Record("eval", step, step / 200, None, score, facts, line + 1))
    return records


@settings(max_examples=40)
@given(logs(), st.data())
def test_blocks_change_nothing(records, data):
    cuts = set(data.draw(st.lists(st.integers(0, len(records)), max_size=8)))
    assert told(packed(records, cuts)) == told(records)


@settings(max_examples=15)
@given(logs(), st.data())
def test_a_fold_survives_pickling_anywhere(records, data):
    at = data.draw(st.integers(0, len(records)))
    whole, broken = Fold(KINDS), Fold(KINDS)
    for record in records[:at]:
        whole.update(record)
        broken.update(record)
    broken = pickle.loads(pickle.dumps(broken))  # noqa: S301  # our own
    for record in records[at:]:
        whole.update(record)
        broken.update(record)
    assert repr(broken.results.by_name()) == repr(whole.results.by_name())


def test_the_cost_of_a_row_does_not_grow():
    """Ten times the rows lead to few more looks."""
    looks = []
    fold = Fold(KINDS, on_look=lambda *_: looks.append(1))
    steps = np.arange(1, 200_001, dtype=np.int64)
    nothing = np.full(len(steps), np.nan)
    loss = 1.0 + 1.0 / np.sqrt(steps)
    fold.update(Block(steps, nothing, nothing, steps, {"loss": loss}))
    assert len(looks) < 400


@pytest.mark.parametrize("kind", KINDS)
def test_each_works_alone(kind):
    analyzer = kind()
    for step in range(1, 40):
        analyzer.update(Record("train", step=step, metrics={"loss": 1.0 / step, "lr": 0.1}))
    assert analyzer.result() == analyzer.result()
