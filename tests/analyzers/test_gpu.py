from __future__ import annotations

import pickle

import numpy as np
import pytest
from gpu_runs import EVERY_S, TOTAL_MIB, gpu, healthy, training, using
from hypothesis import given
from hypothesis import strategies as st

from copilot_analytics.analyzers._base import Analyzer, Fold
from copilot_analytics.analyzers._peaks import Peaks
from copilot_analytics.analyzers.gpu import Gpu, GpuAnalyzer
from copilot_analytics.records import Block, Record
from copilot_analytics.run import Run


def after(records, final: bool = True) -> Gpu:
    fold = Fold([GpuAnalyzer])
    for record in records:
        fold.update(record)
    if final:
        fold.update(Record("tick", facts={"silence_s": 5.0}))
    return fold.results.of(GpuAnalyzer)


def test_without_samples_it_says_so():
    found = after(training(50))
    assert found.devices == ()
    assert [gap.what for gap in found.not_judged] == ["GPU telemetry"]


def test_each_device_has_its_own_numbers():
    def other(at):
        return {**using(at, 500.0), "gpu_utilization_pct": 3.0}

    found = after(training(200, healthy, other))
    one, two = found.devices
    assert found.not_judged == ()
    assert (one.index, two.index, one.samples, two.samples) == (0, 1, 200, 200)
    assert (one.peak_memory_mib, two.peak_memory_mib) == (9006.0, 500.0)
    assert one.total_memory_mib == TOTAL_MIB
    assert one.utilization_median_pct == pytest.approx(92.5, abs=1)
    assert two.utilization_median_pct == 3.0
    assert one.utilization_p95_pct == 97.0
    assert one.throttled_share == 0.0
    assert (one.growing, one.peaks_arriving, one.reaches_limit_time) == (False, False, None)
    assert one.latest == healthy(200)


def test_what_no_device_tells_is_unknown():
    device = after(training(200, lambda _: {"gpu_temperature_c": 60.0})).devices[0]
    told = (
        device.peak_memory_mib, device.total_memory_mib, device.utilization_median_pct,
        device.throttled_share, device.used, device.held_after_end_s,
    )  # fmt: skip
    assert told == (None,) * 6


def test_samples_during_evaluations_do_not_count():
    """Half of the time is spent evaluating with an idle device."""

    def records():
        for at in range(1, 200):
            yield Record("train", step=at, time=20.0 * at, line=at, metrics={"loss": 1.0})
            yield gpu(2 * at, {"gpu_utilization_pct": 95.0})
            yield Record("train", step=at, time=20.0 * at + 5, line=at, metrics={"loss": 1.0})
            for more in range(3):
                yield gpu(2 * at + more, {"gpu_utilization_pct": 1.0})
            yield Record("eval", step=at, time=20.0 * at + 9, line=at, metrics={"acc": 0.5})

    device = after(records()).devices[0]
    assert (device.utilization_median_pct, device.utilization_p95_pct) == (95.0, 95.0)


def test_samples_before_training_and_after_it_do_not_count():
    idle = {"gpu_utilization_pct": 0.0}
    start = [gpu(at, idle) for at in range(100)]
    end = [Record("end", line=9), *(gpu(at, idle) for at in range(300, 400))]
    device = after([*start, *training(80, healthy), *end]).devices[0]
    assert device.utilization_median_pct == pytest.approx(92.5, abs=1)


def test_a_leak_is_told_with_the_time_at_which_the_device_is_full():
    def leaking(at):
        return using(at, 4000.0 + 10.0 * at)

    device = after(training(400, leaking, planned=5000)).devices[0]
    assert device.growing
    assert device.mib_per_hour == pytest.approx(3600.0, rel=0.01)  # 10 MiB in 10 s
    assert device.reaches_limit_time == pytest.approx(EVERY_S * 1200, rel=0.02)


def test_a_leak_that_the_run_outlives_has_no_time():
    def leaking(at):
        return using(at, 4000.0 + 10.0 * at)

    device = after(training(400, leaking, planned=800)).devices[0]
    assert device.growing
    assert device.reaches_limit_time is None


def test_the_reserved_part_is_no_room():
    def leaking(at):
        return {"gpu_memory_used_mib": 10.0 * at, "gpu_memory_total_mib": TOTAL_MIB,
                "gpu_memory_reserved_mib": 6000.0}  # fmt: skip

    device = after(training(400, leaking)).devices[0]
    assert device.reaches_limit_time == pytest.approx(EVERY_S * 1000, rel=0.02)


@pytest.mark.parametrize(
    "level",
    [
        lambda at: 9000.0,
        lambda at: 9000.0 + 3000.0 * (at > 200),  # a jump at the second stage
        lambda at: 12000.0 - 8000.0 / (1 + at / 20),  # a cache that fills
        lambda at: 9000.0 + 800.0 * np.log(at),  # a maximum over ever more batches
        lambda at: 9000.0 + 500.0 * ((at * 7919) % 13),  # inputs of many sizes
        lambda at: 9000.0 + at / 100,  # a trifle
    ],
)
def test_levels_that_are_no_leak(level):
    def device(at):
        return using(at, level(at))

    found = after(training(600, device, planned=10**6)).devices[0]
    assert not found.growing
    assert found.reaches_limit_time is None


def test_only_the_memory_of_the_training_counts_where_it_is_told():
    def crowded(at):
        return {**healthy(at), "gpu_memory_used_mib": 9000.0 + 10.0 * at}

    def leaking(at):
        return {**using(at, 4000.0 + 10.0 * at), "gpu_memory_used_mib": 8000.0 + 10.0 * at}

    others, ours = after(training(400, crowded, leaking)).devices
    assert not others.growing
    assert ours.growing
    assert ours.reaches_limit_time == pytest.approx(EVERY_S * 800, rel=0.02)


def test_what_was_watched_for_minutes_is_not_foretold_for_days():
    device = after(training(200, lambda at: using(at, 4000.0 + at))).devices[0]
    assert device.growing
    assert device.reaches_limit_time is None


def test_a_resume_starts_with_empty_memory():
    def leaking(at):
        return using(at, 4000.0 + 10.0 * (at % 400))

    whole = list(training(390, leaking))
    resumed = [*whole, Record("resume", step=390, line=390), *training(10, healthy, starting=391)]
    assert after(whole).devices[0].growing
    assert not after(resumed).devices[0].growing


def test_whose_device_it_is():
    def quiet(at):
        return {k: v for k, v in healthy(at).items() if k != "gpu_process_memory_mib"}

    assert [d.used for d in after(training(40, healthy, quiet)).devices] == [True, False]
    assert [d.used for d in after(training(40, quiet, quiet)).devices] == [None, None]


def test_memory_held_after_the_end_is_timed():
    held = [gpu(at, healthy(at)) for at in range(101, 201)]
    ended = [*training(100, healthy), Record("end", time=1000.0, line=100)]
    device = after([*ended, *held]).devices[0]
    assert device.held_after_end_s == pytest.approx(990.0, abs=1)
    assert device.pid == 4711
    freed = [*ended, *held, gpu(201, {**healthy(201), "gpu_process_memory_mib": 0.0})]
    assert after(freed).devices[0].held_after_end_s is None
    assert (
        after([*ended, *held, *training(5, healthy, starting=202)]).devices[0].held_after_end_s
        is None
    )


def test_a_lost_device_is_looked_at_at_once():
    records = [*training(20, healthy, healthy), gpu(21, {}, 1, lost=True)]
    found = after(records, final=False)
    assert [device.lost for device in found.devices] == [False, True]
    back = after([*records, gpu(22, healthy(22), 1)], final=False)
    assert [device.lost for device in back.devices] == [False, False]


def test_lost_telemetry_is_not_judged():
    found = after([*training(20, healthy), gpu(21, {}, telemetry_lost=True)], final=False)
    assert [gap.what for gap in found.not_judged] == ["telemetry of GPU 0"]


def test_a_split_device_says_that_utilisation_is_unknown():
    level = {"gpu_memory_used_mib": 5.0}
    found = after([*training(20), *(gpu(at, level, mig=True) for at in range(40))])
    assert [gap.what for gap in found.not_judged] == ["utilisation of GPU 0"]
    assert found.devices[0].utilization_median_pct is None


class Counting(Analyzer[int]):
    name = "counting"

    def __init__(self, options=None):
        super().__init__(options)
        self.kinds = []

    def look(self, run, results, record):
        self.kinds.append(record.kind)
        return ()

    def result(self):
        return len(self.kinds)


class CountingSamples(Counting):
    name = "counting_samples"
    follows_gpu = True


def test_samples_wake_only_those_that_follow_them_and_not_often():
    fold = Fold([Counting, CountingSamples])
    for at in range(640):
        fold.update(gpu(at, healthy(at), at % 4))
    others, followers = fold.results._analyzers.values()
    assert others.kinds == []
    assert 640 / 64 <= len(followers.kinds) <= 640 / 64 + 4


def test_samples_do_not_change_when_training_is_looked_at():
    """What is counted in looks must not depend on how often the devices are read."""
    with_samples, without = Fold([Counting]), Fold([Counting])
    for record in training(500, healthy, healthy, evals_every=50):
        with_samples.update(record)
        if record.kind != "gpu":
            without.update(record)
    kinds = [next(iter(f.results._analyzers.values())).kinds for f in (with_samples, without)]
    assert kinds[0] == kinds[1]


def in_blocks(records, sizes):
    """The same records, with runs of training records as blocks of drawn sizes."""
    waiting, sizes = [], iter(sizes)

    def flush():
        while waiting:
            size = next(sizes, 3)
            rows = waiting[:size]
            del waiting[:size]
            yield Block(
                np.array([r.step for r in rows]),
                np.full(len(rows), np.nan),
                np.array([r.time for r in rows]),
                np.array([r.line for r in rows]),
                {"loss": np.array([r.metrics["loss"] for r in rows])},
            )

    for record in records:
        if record.kind == "train":
            waiting.append(record)
            continue
        yield from flush()
        yield record
    yield from flush()


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("train"), st.integers(1, 9)),
            st.tuples(st.just("gpu"), st.integers(1, 20)),
            st.tuples(st.just("lost"), st.just(1)),
            st.tuples(st.just("eval"), st.just(1)),
        ),
        max_size=30,
    ),
    st.lists(st.integers(1, 7), max_size=30),
    st.integers(0, 60),
)
def test_blocks_and_pickling_change_nothing(course, sizes, cut):
    records, step, at = [], 0, 0
    for kind, count in course:
        for _ in range(count):
            at += 1
            if kind == "train":
                step += 1
                records.append(
                    Record("train", step=step, time=EVERY_S * at, line=at, metrics={"loss": 1.0})
                )
            elif kind == "eval":
                records.append(Record("eval", step=step, line=at, metrics={"acc": 0.5}))
            elif kind == "lost":
                records.append(gpu(at, {}, at % 2, lost=True))
            else:
                level = using(at, 4000.0 + 10.0 * at)
                records.append(gpu(at, level, at % 2))
    one_by_one, blocks = Fold([GpuAnalyzer]), Fold([GpuAnalyzer])
    for place, record in enumerate(records):
        if place == cut:
            one_by_one = pickle.loads(pickle.dumps(one_by_one))  # noqa: S301  # our own
        one_by_one.update(record)
        assert one_by_one.results.of(GpuAnalyzer) == one_by_one.results.of(GpuAnalyzer)
    for item in in_blocks(records, sizes):
        blocks.update(item)
    assert one_by_one.results.of(GpuAnalyzer) == blocks.results.of(GpuAnalyzer)


def test_state_stays_small_however_long_the_run():
    analyzer = GpuAnalyzer()
    run = Run()
    sizes = []
    for at in range(40_000):
        analyzer.sample(run, gpu(at, using(at, float(at))))
        if at in {9_999, 39_999}:
            sizes.append(len(pickle.dumps(analyzer)))
    assert sizes[1] < 1.1 * sizes[0] < 60_000


def test_peaks_keep_the_highest_level_of_each_stretch():
    peaks = Peaks()
    for at in range(1000):
        peaks.take(float(at), 5000.0 if at == 777 else 100.0)
    assert max(peaks._levels) == 5000.0
    assert len(peaks._levels) < 96
    assert peaks._times == sorted(peaks._times)


def test_frames_tell_devices_apart():
    run = Run.from_records(training(30, healthy, healthy))
    frame = run.gpu
    assert len(frame) == 60
    assert frame["uuid"].tolist()[:2] == ["GPU-0", "GPU-1"]
    assert frame.loc[frame["index"] == 1, "gpu_memory_used_mib"].max() == 9006.0
    assert not run.gpu_log.superseded.any()
