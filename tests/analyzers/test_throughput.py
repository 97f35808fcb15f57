from __future__ import annotations

import pytest
from simulated_runs import Simulated

from copilot_analytics.analyzers._base import Fold
from copilot_analytics.analyzers.throughput import Throughput, ThroughputAnalyzer
from copilot_analytics.records import Record
from copilot_analytics.run import Run


def speed_of(
    times: list[float], data: list[float] | None = None, per_epoch: int = 100
) -> Throughput:
    records = []
    for i, seconds in enumerate(times, start=1):
        metrics = {"iter_time_s": seconds}
        if data is not None:
            metrics["data_time_s"] = data[i - 1]
        records.append(Record("train", i, i / per_epoch, metrics=metrics, line=i))
    records.append(Record("tick", facts={"silence_s": 0.0}))
    return ThroughputAnalyzer.of(Run.from_records(records))


def test_median_and_share_of_data() -> None:
    speed = speed_of([0.4, 0.6] * 100, [0.1, 0.3] * 100)
    assert speed.iter_time_s == pytest.approx(0.5)
    # The first record of the second epoch is left out.
    assert speed.data_share == pytest.approx(0.4, rel=0.01)


def test_the_start_of_an_epoch_is_no_loading_bound() -> None:
    times = [10.0 if i % 50 == 0 else 0.5 for i in range(200)]
    data = [9.5 if i % 50 == 0 else 0.02 for i in range(200)]
    speed = speed_of(times, data, per_epoch=50)
    assert speed.data_share == pytest.approx(0.04)
    assert speed.outliers == 0


def test_periodic_stalls_are_found() -> None:
    speed = speed_of([5.0 if i % 16 == 0 else 0.5 for i in range(1, 400)], per_epoch=1000)
    assert speed.outliers == 24
    assert speed.outlier_period == 16


def test_irregular_stalls_have_no_period() -> None:
    at = {31, 60, 77, 140, 141, 199, 260, 330}
    speed = speed_of([5.0 if i in at else 0.5 for i in range(400)], per_epoch=1000)
    assert speed.outliers == len(at)
    assert speed.outlier_period is None


def test_a_slow_down_has_a_beginning() -> None:
    speed = speed_of([0.5] * 300 + [0.9] * 200, per_epoch=1000)
    assert speed.slowdown == pytest.approx(1.8, rel=0.02)
    assert speed.slowdown_significant
    assert speed.slow_since_step == pytest.approx(300, abs=25)


def test_noise_is_no_slow_down() -> None:
    import numpy as np

    for seed in range(20):
        rng = np.random.default_rng(seed)
        speed = speed_of((0.5 * np.exp(0.15 * rng.normal(size=400))).tolist(), per_epoch=1000)
        assert not speed.slowdown_significant


def test_nothing_logged_is_said() -> None:
    run = Run.from_records([Record("train", 1, metrics={"loss": 1.0})])
    assert ThroughputAnalyzer.of(run).not_judged[0].what == "throughput"


def test_a_resume_does_not_look_like_a_slow_down() -> None:
    made = Simulated(epochs=20).records()
    before = [r for r in made if r.step is None or r.step <= 1000]
    after = [r for r in made if r.step is not None and r.step > 1000]
    run = Run.from_records([*before, Record("resume", line=9), *after])
    assert not ThroughputAnalyzer.of(run).slowdown_significant


def test_a_share_that_wanders_around_its_limit_is_one_stretch() -> None:
    shares = [0.32, 0.28, 0.31, 0.2, 0.33]
    data = [share for share in shares for _ in range(200)]
    fold, told = Fold([ThroughputAnalyzer]), []
    for i, share in enumerate(data, start=1):
        metrics = {"iter_time_s": 1.0, "data_time_s": share}
        fold.update(Record("train", i, i / 1e4, metrics=metrics, line=i))
        told.append(fold.results.of(ThroughputAnalyzer).waits_for_data)
    assert not any(told[:29]) and all(told[29:])


def test_waiting_ends_at_half_of_its_limit() -> None:
    times, data = [1.0] * 600, [0.4] * 200 + [0.16] * 400
    assert speed_of(times, data, per_epoch=1000).waits_for_data
    data[200:] = [0.14] * 400
    assert not speed_of(times, data, per_epoch=1000).waits_for_data
