"""A log without time stamps is timed by when a live watch saw it grow."""

from __future__ import annotations

import pytest

from copilot_analytics.analyzers._base import Fold
from copilot_analytics.analyzers.eta import Eta, EtaAnalyzer
from copilot_analytics.records import Record

PLAN = Record("config", facts={"planned_steps": 1000})


def row(step: int, **told: float) -> Record:
    return Record("train", step, metrics={"loss": 1.0, **told}, line=step)


def seen(at: float) -> Record:
    return Record("seen", time=1.9e9 + at)


def eta_of(*records: Record) -> Eta:
    fold = Fold([EtaAnalyzer])
    for record in (PLAN, *records):
        fold.update(record)
    fold.update(Record("tick", facts={"silence_s": 0.0}))
    return fold.results.of(EtaAnalyzer)


def test_lines_that_come_evenly_tell_the_pace() -> None:
    watched = [one for step in range(10, 210, 10) for one in (row(step), seen(3.0 * step))]
    eta = eta_of(*watched)
    assert eta.remaining_s == pytest.approx(2400.0)
    assert eta.low_s <= 2400.0 <= eta.high_s
    assert eta.source == "when its lines came"


def test_lines_that_a_buffer_holds_back_come_many_at_once() -> None:
    watched: list[Record] = []
    for burst in range(8):
        watched += [row(step) for step in range(100 * burst + 10, 100 * burst + 110, 10)]
        watched.append(seen(300.0 * burst))
    eta = eta_of(*watched)
    assert eta.remaining_s == pytest.approx(600.0)


def test_what_was_there_before_the_watch_is_not_timed() -> None:
    before = [row(step) for step in range(10, 510, 10)]
    eta = eta_of(*before, row(510), seen(0.0), row(520), seen(20.0))
    assert eta.remaining_s is None
    assert "too few lines came" in eta.not_judged[0].why
    eta = eta_of(*before, row(510), seen(0.0), row(520), seen(20.0), row(530), seen(40.0))
    assert eta.remaining_s == pytest.approx(940.0)


def test_time_between_two_processes_is_not_training() -> None:
    first = [one for step in range(10, 210, 10) for one in (row(step), seen(step))]
    again = [one for step in range(210, 410, 10) for one in (row(step), seen(9000.0 + 2 * step))]
    eta = eta_of(*first, Record("resume"), *again)
    assert eta.remaining_s == pytest.approx(1200.0)


def test_an_evaluation_that_is_yet_to_come_widens_the_interval() -> None:
    facts = {"planned_epochs": 10, "steps_per_epoch": 100, "val_interval": 1, "val_unit": "epoch"}
    plan = Record("config", facts=facts)
    first = [one for step in range(10, 90, 10) for one in (row(step), seen(step))]
    told = eta_of(plan, *first)
    assert "not measured yet" in told.source
    scored = Record("eval", 100, metrics={"acc": 0.5}, facts={"split": "val"}, line=100)
    later = [row(90), row(100), scored, row(110), seen(160.0)]
    assert "not measured" not in eta_of(plan, *first, *later).source
    again = [one for step in range(120, 190, 10) for one in (row(step), seen(900.0 + step))]
    resumed = eta_of(plan, *first, *later, Record("resume"), *again)
    assert "not measured yet" in resumed.source, "by the present process"


def test_time_stamps_and_printed_times_are_better() -> None:
    stamped = [
        Record("train", step, time=1.9e9 + step, metrics={"loss": 1.0}, line=step)
        for step in range(10, 210, 10)
    ]
    eta = eta_of(*(one for record in stamped for one in (record, seen(7.0 * record.step))))
    assert (eta.remaining_s, eta.source) == (pytest.approx(800.0), "time stamps")
    printed = [row(step, iter_time_s=0.5) for step in range(10, 210, 10)]
    eta = eta_of(*(one for record in printed for one in (record, seen(7.0 * record.step))))
    assert (eta.remaining_s, eta.source) == (pytest.approx(400.0), "printed iteration time")


def test_time_stamps_of_evaluations_are_better_too() -> None:
    scored = [
        Record("eval", step, time=1.9e9 + step, metrics={"acc": 0.5}, line=step)
        for step in range(10, 210, 10)
    ]
    eta = eta_of(*(one for record in scored for one in (record, seen(7.0 * record.step))))
    assert (eta.remaining_s, eta.source) == (pytest.approx(800.0), "time stamps of evaluations")
