from __future__ import annotations

import math

import pytest

from copilot_analytics.analyzers._base import Fold
from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.records import Record
from copilot_analytics.schedule import Drop, Schedule, Stage


def judge(rates, *, facts=None, step=10):
    events = []
    fold = Fold([LearningRateAnalyzer], on_look=lambda _r, _s, _c, news: events.extend(news))
    fold.update(Record("config", facts=facts or {}))
    for number, rate in enumerate(rates, start=1):
        fold.update(Record("train", step=number * step, metrics={"lr": rate}, line=number))
    fold.update(Record("tick", facts={"final": True}))
    return fold.results.of(LearningRateAnalyzer), events


STEPS = [0.1] * 60 + [0.01] * 30 + [0.001] * 10


def test_drops_are_found_at_their_rows():
    rate, events = judge(STEPS)
    assert [(d.step, d.line, d.before, d.after) for d in rate.drops] == [
        (610, 61, 0.1, 0.01),
        (910, 91, 0.01, 0.001),
    ]
    assert [e.kind for e in events] == ["lr", "lr"]
    assert rate.source == "series"
    assert rate.at_floor


@pytest.mark.parametrize("rows", [8, 12, 50, 1000])
def test_a_smooth_decay_has_no_drops(rows):
    cosine = [0.05 * (1 + math.cos(math.pi * i / rows)) for i in range(rows + 1)]
    linear = [0.1 * (1 - i / rows) for i in range(rows + 1)]
    exponential = [0.5**i for i in range(min(rows, 30))]
    for rates in (cosine, linear, exponential):
        assert judge(rates)[0].drops == ()


@pytest.mark.parametrize("epochs", [8, 20, 100])
def test_a_smooth_decay_that_moves_once_an_epoch_has_no_drops(epochs):
    cosine = [0.05 * (1 + math.cos(math.pi * e / epochs)) for e in range(epochs + 1)]
    linear = [0.1 * (1 - e / epochs) for e in range(epochs)]
    poly = [0.1 * (1 - e / epochs) ** 0.9 for e in range(epochs)]
    for rates in (cosine, linear, poly):
        assert judge([rate for rate in rates for _ in range(30)])[0].drops == ()


def test_a_drop_out_of_a_slow_decay_and_drops_epoch_after_epoch_are_drops():
    slow = [0.1 * 0.99**e for e in range(20) for _ in range(20)]
    assert [d.step for d in judge([*slow, *[0.008] * 20])[0].drops] == [4010]
    halved = [0.1 * 0.5**e for e in range(6) for _ in range(20)]
    assert len(judge(halved)[0].drops) == 5


def test_an_observed_decay_is_known_as_one():
    rate, _ = judge([0.05 * (1 + math.cos(math.pi * i / 400)) for i in range(300)])
    assert rate.decays_to_end
    assert not rate.at_floor


@pytest.mark.parametrize("per_epoch", [2, 5, 30])
@pytest.mark.parametrize(("peak", "digits"), [(2e-5, 6), (3e-4, 5), (0.1, 2)])
def test_a_decay_is_one_though_it_is_printed_with_few_digits(per_epoch, peak, digits):
    rows = 40 * per_epoch
    linear = [round(peak * (1 - i / rows), digits) for i in range(rows)]
    cosine = [round(0.5 * peak * (1 + math.cos(math.pi * i / rows)), digits) for i in range(rows)]
    for rates in (linear, cosine):
        assert len(set(rates)) < 32
        for share in (0.6, 0.8):
            rate, events = judge(rates[: int(share * rows)])
            assert rate.decays_to_end and not rate.at_floor
            assert rate.drops == () and not events


def test_a_rate_that_stands_at_its_last_step_for_long_decays_no_more():
    falling = [round(2e-5 * (1 - i / 200), 6) for i in range(100)]
    assert judge(falling)[0].decays_to_end
    assert not judge([*falling, *[falling[-1]] * 60])[0].decays_to_end


@pytest.mark.parametrize("factor", [0.1, 0.5])
def test_drops_by_a_factor_are_no_decay_whose_end_is_known(factor):
    assert not judge([0.1 * factor**e for e in range(6) for _ in range(20)])[0].decays_to_end


def test_a_rate_that_fell_by_chance_now_and_then_does_not_decay():
    """As the patience of a scheduler decides, at uneven times."""
    stays = [4, 60, 7, 110, 9, 40]
    rates = [0.1 * 0.9**n for n, stay in enumerate(stays) for _ in range(stay)]
    assert not judge(rates)[0].decays_to_end


def test_warm_up_is_rising_below_the_peak():
    rising = [0.001 * i for i in range(1, 30)]
    assert judge(rising)[0].warming_up is True
    assert judge(rising + [0.03] * 30)[0].warming_up is False
    assert judge([0.1] * 20)[0].warming_up is False
    assert judge([])[0].warming_up is None


def test_the_schedule_knows_when_warm_up_ends():
    schedule = Schedule((Stage("warmup", "step", end=200), Stage("cosine", "step", end=2000)))
    rates = [0.001 * i for i in range(1, 20)]
    assert judge(rates, facts={"schedule": schedule})[0].warming_up is True
    rate, _ = judge([*rates, 0.02, 0.02, 0.02], facts={"schedule": schedule})
    assert rate.warming_up is False
    assert rate.source == "config"
    assert rate.decays_to_end


def test_a_warm_up_in_iterations_is_over_after_two_epochs_of_evaluations():
    schedule = Schedule((Stage("warmup", "step", end=500), Stage("cosine", "epoch")))
    facts = {"planned_epochs": 100, "schedule": schedule}
    fold = Fold([LearningRateAnalyzer])
    fold.update(Record("config", facts=facts))
    said = []
    for epoch in range(1, 6):
        fold.update(Record("eval", epoch=float(epoch), metrics={"acc": 0.1 * epoch}))
        said.append(fold.results.of(LearningRateAnalyzer).warming_up)
    assert said == [None, False, False, False, False]


def test_a_warm_up_in_epochs_is_known_from_evaluations_alone():
    schedule = Schedule((Stage("warmup", "epoch", end=3),))
    fold = Fold([LearningRateAnalyzer])
    fold.update(Record("config", facts={"planned_epochs": 100, "schedule": schedule}))
    said = []
    for epoch in range(1, 6):
        fold.update(Record("eval", epoch=float(epoch), metrics={"acc": 0.1 * epoch}))
        said.append(fold.results.of(LearningRateAnalyzer).warming_up)
    assert said == [True, True, False, False, False]


def test_the_next_drop_lies_before_the_planned_end():
    schedule = Schedule((Stage("multistep", "step", milestones=(600, 900), gamma=0.1),))
    facts = {"schedule": schedule, "planned_steps": 1000}
    rate, _ = judge(STEPS[:30], facts=facts)
    assert rate.next_drop == Drop(600, None, 0.1)
    assert not rate.at_floor
    short, _ = judge(STEPS[:30], facts={**facts, "planned_steps": 500})
    assert short.next_drop is None
    assert judge(STEPS, facts=facts)[0].at_floor


def test_a_rewind_takes_its_drops_back():
    fold = Fold([LearningRateAnalyzer])
    rows = [(i * 10, rate) for i, rate in enumerate(STEPS[:70], start=1)]
    for step, rate in [*rows, *((s, 0.1) for s in range(400, 600, 10))]:
        fold.update(Record("train", step=step, metrics={"lr": rate}))
    fold.update(Record("tick", facts={"final": True}))
    assert fold.results.of(LearningRateAnalyzer).drops == ()


def test_no_rate_and_no_schedule_is_not_judged():
    fold = Fold([LearningRateAnalyzer])
    fold.update(Record("train", step=1, metrics={"loss": 1.0}))
    assert fold.results.of(LearningRateAnalyzer).not_judged


@pytest.mark.parametrize(("milestone", "ahead"), [(3, True), (5, False), (8, False)])
def test_a_drop_after_the_planned_epochs_is_not_ahead(milestone, ahead):
    stage = Stage("multistep", "epoch", milestones=(milestone,), gamma=0.1)
    facts = {"planned_epochs": 5, "steps_per_epoch": 100, "schedule": Schedule((stage,))}
    rate, _ = judge([0.1] * 10, facts=facts)
    assert (rate.next_drop is not None) is ahead


def cosine_cycles(count, rows=40):
    return [0.05 * (1 + math.cos(math.pi * i / rows)) for _ in range(count) for i in range(rows)]


def test_a_restart_is_foretold_by_the_cycle_before_and_the_last_cycle_goes_to_the_end():
    facts = {"planned_steps": 1200}
    # 60 rows: the second of three cycles is half-way down.
    second, _ = judge(cosine_cycles(3)[:60], facts=facts)
    assert second.next_restart == pytest.approx(800, abs=20)
    assert not second.decays_to_end and not second.at_floor
    low, _ = judge(cosine_cycles(3)[:80], facts=facts)
    assert not low.at_floor and low.next_restart is not None
    for rows in range(81, 115):
        last, _ = judge(cosine_cycles(3)[:rows], facts=facts)
        assert last.next_restart is None
        assert last.decays_to_end and not last.at_floor


def test_a_declared_restart_is_known_without_a_rate():
    stage = Stage("restarts", "epoch", milestones=(4, 8), final_factor=0.0)
    schedule = Schedule((stage,))
    facts = {"planned_epochs": 12, "steps_per_epoch": 100, "schedule": schedule}
    fold = Fold([LearningRateAnalyzer])
    fold.update(Record("config", facts=facts))
    said = []
    for epoch in range(1, 12):
        fold.update(Record("train", step=100 * epoch, epoch=epoch, metrics={"loss": 1.0 / epoch}))
        fold.update(Record("eval", step=100 * epoch, epoch=epoch, metrics={"acc": 0.05 * epoch}))
        found = fold.results.of(LearningRateAnalyzer)
        said.append((found.next_restart, found.decays_to_end, found.at_floor))
    assert said[:3] == [(400, False, False)] * 3
    assert said[3:7] == [(800, False, False)] * 4
    assert said[7:] == [(None, True, False)] * 4
    assert str(schedule) == "cosine, restarting at epochs 4, 8"


def test_a_schedule_of_an_unknown_shape_is_judged_by_the_rate():
    facts = {"planned_steps": 1000, "schedule": Schedule((Stage("other", "step"),))}
    up = [0.1 * i / 30 for i in range(1, 31)]
    down = [0.05 * (1 + math.cos(math.pi * i / 70)) for i in range(70)]
    top, _ = judge([*up, *down[:2]], facts=facts)
    assert not top.at_floor, "more than half of a cycle is to come"
    later, _ = judge([*up, *down[:25]], facts=facts)
    assert later.decays_to_end and not later.at_floor
    end, _ = judge([*up, *down], facts=facts)
    assert end.at_floor
