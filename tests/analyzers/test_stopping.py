"""Whether to go on, wait, stop or kill."""

from __future__ import annotations

import math
import pickle
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from simulated_runs import Simulated

from copilot_analytics.analyzers._base import Fold, Options
from copilot_analytics.analyzers._plan import decide_at
from copilot_analytics.analyzers.forecast import ForecastAnalyzer, MetricForecast
from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
from copilot_analytics.analyzers.phase import Phase, PhaseAnalyzer
from copilot_analytics.analyzers.stopping import StoppingAnalyzer
from copilot_analytics.diagnoses.plateau_before_decay import DIAGNOSIS as BEFORE_DECAY
from copilot_analytics.records import Record
from copilot_analytics.run import Run
from copilot_analytics.schedule import Schedule, Stage
from copilot_analytics.stats.stopping import (
    first_stop,
    risk_bounds,
    shortfall,
    stale_share,
    strictness,
)

if TYPE_CHECKING:
    from copilot_analytics.events import Event
from stop_advice import advice_of, flat_run, measured


@pytest.fixture
def sure(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Let every forecast give the chance named in the dictionary that is returned."""
    chance = {"p": 0.01}
    told = ForecastAnalyzer._forecast

    def forecast(self: ForecastAnalyzer, *given: object) -> MetricForecast:
        found = told(self, *given)
        return found if found.p_gain is None else replace(found, p_gain=chance["p"])

    monkeypatch.setattr(ForecastAnalyzer, "_forecast", forecast)
    return chance


def test_a_healthy_run_goes_on() -> None:
    advice = advice_of(Simulated(schedule="none").first(0.3))
    assert advice.advice == "continue"
    assert "P(" in advice.reason


def test_a_flat_run_without_a_schedule_stops(sure: dict[str, float]) -> None:
    advice = advice_of(flat_run().first(0.7))
    assert advice.advice == "stop"
    assert "= 1 %" in advice.reason and "the best is 0.40068 of epoch 27" in advice.reason
    assert advice.record == strictness() and advice.chance < 0.02
    assert advice.saves_s == pytest.approx(0.3 * flat_run().total_s, rel=0.05)
    assert advice.saves_gpu_h == pytest.approx(advice.saves_s / 3600)
    assert advice.may_lose is not None
    assert any(gap.what == "number of GPUs" for gap in advice.not_judged)


def test_gpus_and_price_count(sure: dict[str, float]) -> None:
    advice = advice_of(flat_run().first(0.7), Options(gpus=8, price_per_gpu_hour=2.0))
    assert advice.saves_gpu_h == pytest.approx(8 * advice.saves_s / 3600)
    assert advice.saves_money == pytest.approx(2.0 * advice.saves_gpu_h)
    assert advice.not_judged == ()
    assert advice.gain_per_gpu_h == pytest.approx(advice.may_lose / advice.saves_gpu_h)
    assert advice.gain_per_money == pytest.approx(advice.gain_per_gpu_h / 2.0)
    logged = advice_of(flat_run(facts={"gpus": 4}).first(0.7))
    assert logged.saves_gpu_h == pytest.approx(4 * logged.saves_s / 3600)
    assert logged.gain_per_gpu_h == pytest.approx(2 * advice.gain_per_gpu_h)
    assert logged.gain_per_money is None


def test_what_an_hour_brings_is_what_the_forecast_says() -> None:
    fold = Fold([StoppingAnalyzer, ForecastAnalyzer], Options(gpus=8))
    for record in Simulated(schedule="none").first(0.3):
        fold.update(record)
    advice, ahead = fold.results.of(StoppingAnalyzer), fold.results.of(ForecastAnalyzer)
    assert advice.advice == "continue"
    hours = 8 * advice.saves_s / 3600
    assert advice.gain_per_gpu_h == pytest.approx(ahead.ahead.gain_per_hour(hours))


def test_what_an_hour_brings_needs_its_number_of_gpus_and_an_end() -> None:
    assert advice_of(flat_run().first(0.7)).gain_per_gpu_h is None
    no_plan = [
        replace(record, facts={"gpus": 8}) if record.kind == "config" else record
        for record in flat_run().first(0.7)
    ]
    unplanned = advice_of(no_plan)
    assert unplanned.gain_per_gpu_h is None
    over = advice_of(flat_run().records(), Options(gpus=8))
    assert (over.advice, over.gain_per_gpu_h) == ("none", None)


def test_the_words_of_a_stop_fit_its_ground(sure: dict[str, float]) -> None:
    """A chance of two in five is no small one; what is expected is too little for its price."""
    small = advice_of(flat_run().first(0.7))
    assert "on average" not in small.reason
    sure["p"] = 0.4
    high = risk_bounds()[1]
    advice = advice_of(flat_run().first(0.7), Options(risk=high))
    assert advice.advice == "stop" and advice.chance > 0.1
    assert "= 40 %" in advice.reason and "on average" in advice.reason
    left = f"too little for the last 30 % of the run at the accepted risk of {100 * high:g} %"
    assert left in advice.reason
    assert advice_of(flat_run().first(0.7)).advice == "continue"


def test_it_is_stricter_early(sure: dict[str, float]) -> None:
    sure["p"] = 0.05
    early = advice_of(flat_run().first(0.16))
    assert (
        early.advice == "continue" and "so early that is too much for a risk of 2 %" in early.reason
    )
    assert advice_of(flat_run().first(0.8)).advice == "stop"


def test_one_low_forecast_is_not_enough(sure: dict[str, float]) -> None:
    fold = Fold([StoppingAnalyzer])
    records = flat_run().first(0.8)
    last = max(i for i, record in enumerate(records) if record.kind == "eval")
    sure["p"] = 0.5
    for record in records[:last]:
        fold.update(record)
    sure["p"] = 0.01
    fold.update(records[last])
    assert fold.results.of(StoppingAnalyzer).advice == "continue"


def test_a_drop_ahead_means_wait(sure: dict[str, float]) -> None:
    advice = advice_of(flat_run(schedule="multistep").first(0.5))
    assert advice.advice == "wait"
    assert (advice.until_step, advice.until_epoch) == (3800, 38)
    assert "epoch 36" in advice.reason and "epoch 38" in advice.reason


def test_waiting_for_little_chance_does_not_claim_that_the_metric_is_flat(
    sure: dict[str, float],
) -> None:
    growing = Simulated(schedule="multistep").first(0.4)
    fold = Fold([StoppingAnalyzer])
    for record in growing:
        fold.update(record)
    assert fold.results.of(PhaseAnalyzer).current is not Phase.PLATEAU
    advice = fold.results.of(StoppingAnalyzer)
    assert advice.advice == "wait"
    assert "flat" not in advice.reason
    assert advice.reason.startswith("P(") and "= 1 %, but the learning rate drops" in advice.reason


def test_the_phase_the_advice_and_the_rule_name_one_place(sure: dict[str, float]) -> None:
    fold = Fold([StoppingAnalyzer])
    for record in flat_run(schedule="multistep").first(0.5):
        fold.update(record)
    run, results = fold.run, fold.results
    drop = results.of(LearningRateAnalyzer).next_drop
    assert drop is not None
    until = f"decide at {decide_at(run, drop)}"
    assert until == "decide at epoch 38"
    finding = BEFORE_DECAY.check(run, results)
    assert finding is not None and until in finding.recommendation
    assert until in results.of(PhaseAnalyzer).reason
    assert until in results.of(StoppingAnalyzer).reason


def test_a_smooth_decay_means_go_on(sure: dict[str, float]) -> None:
    advice = advice_of(flat_run(schedule="cosine").first(0.7))
    assert advice.advice == "continue"
    assert "still decays" in advice.reason


def test_a_lasting_nan_kills_and_a_passing_one_does_not() -> None:
    def broken(first: float, last: float) -> Simulated:
        def change(step: int, share: float, metrics: dict[str, float]) -> dict[str, float]:
            return {**metrics, "loss": math.nan} if first < share <= last else metrics

        return Simulated(change_row=change)

    killed = advice_of(broken(0.4, 1.0).first(0.5))
    assert killed.advice == "kill"
    assert "since epoch 12.1, 30 records in a row" in killed.reason
    assert killed.reason == f"{killed.core}; go back to a checkpoint of epoch 12 or earlier"
    assert advice_of(broken(0.4, 0.405).first(0.5)).advice != "kill"


def test_guessing_kills() -> None:
    dead = Simulated(
        loss=lambda _: math.log(1000), noise=0.002, metric=lambda _: 0.001, metric_noise=0.0002,
        facts={"num_classes": 1000}, schedule="none",
    )  # fmt: skip
    advice = advice_of(dead.first(0.4))
    assert advice.advice == "kill"
    assert "1000 classes" in advice.reason


def test_nothing_evaluated_is_a_reason() -> None:
    advice = advice_of(Simulated(evaluates=False).first(0.5))
    assert advice.advice == "none"
    assert advice.not_judged[0].what == "stop advice"


def test_overfitting_stops_with_the_best(sure: dict[str, float]) -> None:
    made = flat_run(metric=lambda share: 0.4 - 1.2 * abs(share - 0.3), metric_noise=0.002)
    advice = advice_of(made.first(0.7))
    assert advice.advice == "stop"
    assert advice.checkpoints[0].epoch == pytest.approx(18, abs=2)
    lost, _, rest = advice.reason.partition("; ")
    assert "got worse by" in lost and rest == advice.core and rest.startswith("P(")
    assert advice.says_chance


def test_advice_is_news_once(sure: dict[str, float]) -> None:
    told = []
    fold = Fold([StoppingAnalyzer], on_look=lambda _run, _results, _record, news: told.extend(news))
    for record in flat_run().records():
        fold.update(record)
    advice = [event.key for event in told if event.kind == "advice"]
    assert advice == ["stop"]


def test_what_following_it_would_have_saved(sure: dict[str, float]) -> None:
    advice = advice_of(flat_run().records())
    assert advice.advice == "none"
    assert 0 < advice.saves_s < flat_run().total_s


def test_state_survives_pickling(sure: dict[str, float]) -> None:
    fold = Fold([StoppingAnalyzer])
    records = flat_run().first(0.8)
    for record in records[:400]:
        fold.update(record)
    other = pickle.loads(pickle.dumps(fold))  # noqa: S301  # our own bytes
    for record in records[400:]:
        fold.update(record)
        other.update(record)
    assert fold.results.of(StoppingAnalyzer) == other.results.of(StoppingAnalyzer)


def test_an_empty_run_has_no_advice() -> None:
    assert StoppingAnalyzer.of(Run()).advice == "none"


@pytest.mark.parametrize(("share", "advice"), [(0.85, "stop"), (0.93, "continue")])
def test_advice_to_stop_does_not_begin_in_the_last_tenth(
    sure: dict[str, float], share: float, advice: str
) -> None:
    fold = Fold([StoppingAnalyzer])
    for record in flat_run().first(share):
        sure["p"] = 0.001 if (record.step or 0) > (share - 0.05) * 6000 else 0.9
        fold.update(record)
    assert fold.results.of(StoppingAnalyzer).advice == advice


def first_advice(records: list[Record], options: Options | None = None) -> int | None:
    """Return the step of the first advice to stop."""
    told: list[int] = []

    def note(run: Run, _results: object, _record: object, news: list[Event]) -> None:
        told.extend(run.last_step for e in news if e.kind == "advice" and e.key == "stop")

    fold = Fold([StoppingAnalyzer], options, on_look=note)
    for record in records:
        fold.update(record)
    return told[0] if told else None


def test_more_risk_never_stops_later(sure: dict[str, float]) -> None:
    sure["p"] = 0.08
    low, high = risk_bounds()
    places = [first_advice(flat_run().records(), Options(risk=r)) for r in (low, 0.02, 0.1, high)]
    steps = [math.inf if place is None else place for place in places]
    assert steps == sorted(steps, reverse=True)
    assert steps[-1] < steps[0], "the risk makes no difference"


def test_the_analyzer_stops_where_the_arrays_say() -> None:
    rng = np.random.default_rng(3)
    values = 0.4 * (1 - np.exp(-np.arange(1, 61) / 3.0)) + 0.0005 * rng.normal(size=60)
    steps = 100 * np.arange(1, 61)
    records = [
        Record("config", facts={"planned_steps": 6000}),
        *(measured(int(s), float(v)) for s, v in zip(steps, values, strict=True)),
    ]
    fold = Fold([StoppingAnalyzer])
    chances: list[float] = []
    short: list[float] = []
    advised = None
    for record in records:
        fold.update(record)
        ahead = fold.results.of(ForecastAnalyzer)
        if record.kind == "eval":
            chances.append(1.0 if ahead.p_gain is None else ahead.p_gain)
            so_far = values[: len(chances)]
            expected = so_far.max() if ahead.final is None else ahead.final.median
            short.append(shortfall(so_far, expected, direction="max", delta=0.005))
        if advised is None and fold.results.of(StoppingAnalyzer).advice == "stop":
            advised = record.step
    stale = [
        stale_share(steps[:n], values[:n], direction="max", delta=0.005)
        for n in range(1, len(steps) + 1)
    ]
    at = first_stop(chances, steps / 6000, stale, short)
    assert at is not None and advised == steps[at]


def test_a_run_without_a_plan_has_no_record(sure: dict[str, float]) -> None:
    values = 0.4 * (1 - np.exp(-np.arange(1, 41) / 3.0))
    advice = advice_of([measured(100 * i, float(v)) for i, v in enumerate(values, start=1)])
    assert advice.advice == "stop"
    assert advice.record is None
    assert any(gap.what == "how often such advice is right" for gap in advice.not_judged)


@pytest.mark.parametrize("risk", [0.0, 0.9, -0.1, math.nan])
def test_a_risk_that_was_not_measured_is_refused(risk: float) -> None:
    with pytest.raises(ValueError, match="share of runs from"):
        StoppingAnalyzer(Options(risk=risk))


def test_a_restart_ahead_means_go_on(sure: dict[str, float]) -> None:
    cycles = Schedule((Stage("restarts", "epoch", milestones=(45.0,), final_factor=0.0),))
    restarting = flat_run(facts={"schedule": cycles})
    assert advice_of(list(flat_run().first(0.7))).advice == "stop"
    told = advice_of(list(restarting.first(0.7)))
    assert told.advice == "continue"
    assert "restarts about epoch 45" in told.reason
    after = advice_of(list(restarting.first(0.85)))
    assert after.reason.startswith("the learning rate still decays")


def test_less_is_promised_of_a_metric_of_which_less_is_better() -> None:
    records = flat_run().first(0.5)
    losses = [
        Record("eval", r.step, r.epoch, metrics={"val_loss": 1 - sum(r.metrics.values())})
        if r.kind == "eval"
        else r
        for r in records
    ]
    assert "P(val_loss ≥ 0.5 % lower by epoch" in advice_of(losses).reason
    assert re.search(r"P\(≥ 0\.5 pt more \S+ by epoch", advice_of(records).reason)
