"""Whatever order a log says things in, every analyzer and diagnosis copes, blocks or not."""

from __future__ import annotations

import math
import pickle
import random
from typing import TYPE_CHECKING

import pytest

from copilot_analytics.engine import Session
from copilot_analytics.records import Record
from copilot_analytics.run import Run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from copilot_analytics.records import Item

SEEDS = range(40)


def eventful_log(seed: int) -> list[Record]:
    """Return a log with resumes, silent rewinds, crashes, NaN and metrics that come and go."""
    chance = random.Random(seed)  # noqa: S311  # no secrets here
    facts = {"planned_epochs": 6, "steps_per_epoch": 50, "val_interval": 1, "val_unit": "epoch"}
    records = [Record("config", facts=facts if chance.random() < 0.7 else {"name": "x"})]
    step, time, line = 0, 1.7e9, 1
    while len(records) < 150:
        line += 1
        if chance.random() < 0.04:
            step = max(0, step - chance.choice([10, 50, 90, 10_000]))
            if chance.random() < 0.5:
                records.append(Record("resume", step=step, epoch=step / 50, line=line))
                time += chance.choice([5.0, 4000.0])
        if chance.random() < 0.02:
            records.append(Record("crash", facts={"error": "E", "message": "m"}, line=line))
        step += 10
        time += chance.choice([1.0, 1.0, 1.2, 0.0])
        loss = 2 * math.exp(-step / 120) + chance.gauss(0.3, 0.05)
        metrics = {"loss": math.nan if chance.random() < 0.03 else loss, "lr": 0.1}
        metrics |= {"iter_time_s": 0.1} if chance.random() < 0.9 else {}
        records.append(Record("train", step, step / 50, time, metrics, line=line))
        if step % 50 == 0:
            value = {"acc": 1 - math.exp(-step / 90) + chance.gauss(0, 0.01), "val_loss": loss}
            records.append(
                Record("eval", step, step / 50, time, value, {"split": "val"}, line=line)
            )
            records.append(Record("checkpoint", step, step / 50, time, line=line))
    return records


def told(items: Iterable[Item]) -> tuple[list[str], str, str]:
    """Return the events, the results and the findings of a session, comparably."""
    session = Session()
    for item in items:
        session.update(item)
    session.close()
    results = {name: str(result) for name, result in session.results.by_name().items()}
    return [str(event) for event in session.events], str(results), str(session.findings)


@pytest.mark.parametrize("seed", SEEDS)
def test_blocks_change_nothing_in_eventful_logs(seed: int) -> None:
    records = eventful_log(seed)
    assert told(records) == told(Run.from_records(records).items())


@pytest.mark.parametrize("seed", SEEDS[:8])
def test_a_session_goes_on_from_a_pickle_in_eventful_logs(seed: int) -> None:
    records = eventful_log(seed)
    session = Session()
    for number, record in enumerate(records):
        if number % 20 == 7:
            session = pickle.loads(pickle.dumps(session))  # noqa: S301  # our own bytes
        session.update(record)
    session.close()
    assert [str(event) for event in session.events] == told(records)[0]
