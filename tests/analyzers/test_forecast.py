from __future__ import annotations

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
from simulated_runs import Simulated

from copilot_analytics.analyzers._base import Fold
from copilot_analytics.analyzers.forecast import ForecastAnalyzer, MetricForecast
from copilot_analytics.records import Record
from copilot_analytics.schedule import Schedule, Stage
from copilot_analytics.stats._paths import Draws
from copilot_analytics.stats.forecast import Forecast, forecast


def forecast_of(records: list[Record]) -> MetricForecast:
    fold = Fold([ForecastAnalyzer])
    for record in records:
        fold.update(record)
    return fold.results.of(ForecastAnalyzer)


def evals(values: list[float], *, planned: int | None = 3000, every: int = 100) -> list[Record]:
    facts = {} if planned is None else {"planned_steps": planned}
    rows = [
        Record("eval", every * i, metrics={"accuracy": value}, line=i)
        for i, value in enumerate(values, start=1)
    ]
    return [Record("config", facts=facts), *rows]


def rising(n: int) -> list[float]:
    return [0.9 - 0.5 * i**-0.5 for i in range(1, n + 1)]


def test_it_looks_at_the_planned_end() -> None:
    found = forecast_of(evals(rising(15)))
    assert (found.metric, found.horizon, found.end_known) == ("accuracy", 3000, True)
    assert found.made_at_step == 1500
    assert found.final.low <= found.final.median <= found.final.high <= 1.0
    assert found.best.low >= max(rising(15)) - 1e-12
    assert 0.0 <= found.p_gain <= 1.0
    assert found.expected_gain >= 0.0
    assert found.fan.steps[0] == 1500 and found.fan.steps[-1] == 3000


def test_the_way_to_the_end_is_made_for_the_last_forecast_alone_and_once(monkeypatch) -> None:
    made = []
    paths = Draws.paths

    def counted(draws: Draws) -> object:
        made.append(draws)
        return paths(draws)

    monkeypatch.setattr(Draws, "paths", counted)
    found = forecast_of(evals(rising(25)))
    assert len(found.past) == 23
    assert not made
    assert found.fan is found.fan
    assert len(made) == 1


def test_a_schedule_is_looked_up_at_all_steps_together(monkeypatch) -> None:
    asked = []

    def told(*args: object, **options: object) -> Forecast:
        asked.append(options["schedule"])
        return forecast(*args, **options)

    monkeypatch.setattr("copilot_analytics.analyzers.forecast.forecast", told)
    found = forecast_of(list(Simulated().first(0.4)))
    assert found.p_gain is not None
    past, future = asked[-1]
    assert past.min() > future.min() > 0.0


def test_without_a_plan_it_looks_as_far_ahead_again() -> None:
    found = forecast_of(evals(rising(15), planned=None))
    assert (found.horizon, found.end_known) == (3000, False)
    assert any("planned end is unknown" in note for note in found.notes)


def test_two_evaluations_are_too_few() -> None:
    found = forecast_of(evals(rising(2)))
    assert found.p_gain is None
    assert "2 evaluations" in found.not_judged[0].why


def test_a_metric_that_was_0_all_along_tells_nothing_of_when_it_begins() -> None:
    found = forecast_of(evals([0.0] * 12))
    assert found.p_gain is None and "0 in every evaluation" in found.not_judged[0].why
    assert forecast_of(evals([*[0.0] * 12, 0.1])).p_gain is not None


def test_nothing_is_left_at_the_end() -> None:
    found = forecast_of(evals(rising(30)))
    assert (found.p_gain, found.expected_gain) == (0.0, 0.0)
    assert found.final.median == pytest.approx(rising(30)[-1])
    assert "reached" in found.notes[0]


def test_no_metric_is_a_reason() -> None:
    rows = [Record("eval", i, metrics={"strange": 1.0}) for i in range(1, 9)]
    assert forecast_of(rows).not_judged


def test_a_drop_ahead_is_named() -> None:
    fold = Fold([ForecastAnalyzer])
    for record in Simulated().first(0.4):
        fold.update(record)
    notes = fold.results.of(ForecastAnalyzer).notes
    assert any("drop of the learning rate at epoch 18" in note for note in notes)
    for record in Simulated().records():
        if record.step is not None and record.step > 1200 and record.step <= 2700:
            fold.update(record)
    (note,) = (note for note in fold.results.of(ForecastAnalyzer).notes if "drop" in note)
    assert "lies behind" in note


def test_a_smooth_decay_needs_no_word() -> None:
    found = forecast_of(Simulated(schedule="cosine").first(0.4))
    assert found.final is not None
    assert not any("learning rate" in note for note in found.notes)


def test_a_drop_ahead_leaves_more_room_above() -> None:
    def first_half(*config: Record) -> MetricForecast:
        return forecast_of([*config, *evals(rising(15))])

    drops = Schedule((Stage("multistep", "step", milestones=(2000,), gamma=0.1),))
    knows = first_half(Record("config", facts={"schedule": drops}))
    blind = first_half()
    assert knows.final.high > blind.final.high
    assert knows.p_gain >= blind.p_gain
    assert any("at step 2,000" in note for note in knows.notes)


def test_a_declared_decay_that_has_not_begun_leaves_more_room_above() -> None:
    def first_half(*stages: Stage) -> MetricForecast:
        config = Record("config", facts={"schedule": Schedule(stages)} if stages else {})
        return forecast_of([config, *evals(rising(15))])

    constant = Stage("constant", "step", end=2000)
    cool = Stage("linear", "step", begin=2000, end=3000, final_factor=0.0)
    blind, knows = first_half(), first_half(constant, cool)
    assert knows.final.high > blind.final.high
    assert any("often end better" in note for note in knows.notes)
    for stages in (
        (constant, replace(cool, final_factor=0.5)),
        (Stage("warmup", "step", end=500), Stage("cosine", "step", begin=500, final_factor=0.0)),
        (constant, Stage("other", "step")),
    ):
        other = first_half(*stages)
        assert other.final == blind.final, stages
        assert not any("often end better" in note for note in other.notes)


def test_a_drop_before_which_there_was_little_to_see_changes_nothing() -> None:
    def first_half(*milestones: int) -> MetricForecast:
        drops = Schedule((Stage("multistep", "step", milestones=milestones, gamma=0.1),))
        config = Record("config", facts={"schedule": drops} if milestones else {})
        return forecast_of([config, *evals(rising(5))])

    blind, early = first_half(), first_half(100)
    assert (early.final, early.p_gain) == (blind.final, blind.p_gain)
    assert any("too few evaluations before it" in note for note in early.notes)
    assert first_half(300).p_gain < blind.p_gain


def test_late_in_a_smooth_decay_that_the_log_shows_little_more_is_expected() -> None:
    values = rising(24)

    def last(rate) -> MetricForecast:
        rows = [Record("config", facts={"planned_steps": 3000})]
        for i, value in enumerate(values, start=1):
            rows += [
                Record("train", step, metrics={"loss": 1.0 / step, "lr": rate(step)}, line=step)
                for step in range(100 * i - 90, 100 * i + 1, 10)
            ]
            rows.append(Record("eval", 100 * i, metrics={"accuracy": value}, line=100 * i))
        return forecast_of(rows)

    steady = last(lambda step: 0.1)
    decayed = last(lambda step: 0.1 * (1.0 - step / 3000.0) ** 2)
    assert decayed.expected_gain < 0.5 * steady.expected_gain
    assert decayed.p_gain < steady.p_gain
    assert decayed.best.high < steady.best.high
    hardly = last(lambda step: 0.1 * (1.0 - 0.1 * step / 3000.0))
    assert hardly.p_gain == steady.p_gain


def test_a_rate_a_digit_above_its_peak_is_at_its_peak() -> None:
    schedule = Schedule((Stage("cosine", "step", end=3000, final_factor=0.0),))
    rows = [Record("config", facts={"planned_steps": 3000, "schedule": schedule})]
    for i, value in enumerate(rising(12), start=1):
        rate = 0.1 if i < 12 else 0.1 * (1.0 + 5e-5)
        rows.append(Record("train", 100 * i, metrics={"loss": 1.0 / i, "lr": rate}, line=2 * i))
        rows.append(Record("eval", 100 * i, metrics={"accuracy": value}, line=2 * i + 1))
    assert forecast_of(rows).p_gain == pytest.approx(forecast_of(evals(rising(12))).p_gain)


def test_past_forecasts_are_kept_and_bounded() -> None:
    few = forecast_of(evals(rising(10)))
    assert [step for step, *_ in few.past] == list(range(300, 1001, 100))
    many = forecast_of(evals(rising(400), planned=80_000))
    assert len(many.past) <= 200
    assert many.past[-1][0] == 40_000


def test_an_evaluation_that_replaces_one_of_its_step_is_forecast_anew() -> None:
    values = rising(12)
    first = evals(values)
    again = Record("eval", 1200, metrics={"accuracy": values[-1] + 0.05}, line=13)
    replaced = forecast_of([*first, again])
    assert replaced == forecast_of([*first[:-1], again])
    assert replaced.best.low >= values[-1] + 0.05


def test_the_best_of_a_very_long_run_is_not_forgotten(monkeypatch) -> None:
    monkeypatch.setattr("copilot_analytics.analyzers.forecast._LONGEST", 30)
    wobble = [0.5 + 0.01 * (i % 3) for i in range(40)]
    wobble[4] = 0.8
    found = forecast_of(evals(wobble, planned=5000))
    assert found.best.low >= 0.8
    assert found.p_gain < 0.1
    # As a point of the curve it has no say: the end is where the newest point to.
    assert found.final.high < 0.6
    without = forecast_of(evals(wobble[:4] + wobble[5:], planned=5000))
    assert found.final.median == pytest.approx(without.final.median, abs=0.01)


def test_a_share_below_zero_has_no_bounds() -> None:
    found = forecast_of(evals([-1.0, -1.0, *rising(10)]))
    assert found.final.low <= found.final.median <= found.final.high
    assert found.best.low >= max(rising(10))


def test_steps_written_again_are_forecast_once() -> None:
    again = [*evals(rising(10)), *evals(rising(12))[6:]]
    found = forecast_of(again)
    assert found.made_at_step == 1200
    assert found.p_gain is not None


def test_nan_evaluations_are_left_out() -> None:
    values = rising(12)
    values[5] = math.nan
    found = forecast_of(evals(values))
    assert found.p_gain is not None
    assert found.notes[-1] == "1 evaluation that is not finite was left out"
    assert not any("not finite" in note for note in forecast_of(evals(rising(12))).notes)


def test_a_loss_goes_down() -> None:
    rows = [
        Record("eval", 100 * i, metrics={"val_loss": 2.0 * i**-0.5}, line=i) for i in range(1, 16)
    ]
    found = forecast_of([Record("config", facts={"planned_steps": 3000}), *rows])
    assert found.best.high <= 2.0 * 15**-0.5 + 1e-12
    assert found.final.median < 2.0 * 10**-0.5


def test_flat_has_less_chance_than_rising() -> None:
    rng = np.random.default_rng(0)
    flat = [0.7 + 0.001 * x for x in rng.normal(size=25)]
    assert forecast_of(evals(flat)).p_gain < forecast_of(evals(rising(10))).p_gain


def test_a_train_record_changes_nothing_and_state_pickles() -> None:
    fold = Fold([ForecastAnalyzer])
    for record in evals(rising(8)):
        fold.update(record)
    before = fold.results.of(ForecastAnalyzer)
    copy = pickle.loads(pickle.dumps(fold))  # noqa: S301  # our own bytes
    copy.update(Record("train", 810, metrics={"loss": 1.0}))
    assert copy.results.of(ForecastAnalyzer).p_gain == before.p_gain
