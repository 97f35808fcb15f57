"""A run keeps what its log said, and its frames are views of that."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from made_runs import make_run

from copilot_analytics.records import Block, Record
from copilot_analytics.run import Run


def test_records_come_back_in_the_order_of_the_log() -> None:
    records = [
        Record("config", facts={"name": "x"}, line=1),
        Record("train", step=10, epoch=0.5, time=5.0, metrics={"loss": 2.0}, line=2),
        Record("train", step=20, metrics={"loss": 1.0, "acc": float("nan")}, line=3),
        Record("eval", step=20, metrics={"mAP": 0.1}, facts={"split": "val"}, line=4),
        Record("train", step=30, metrics={}, line=5),
    ]
    again = Run.from_records(records).records
    assert [str(record) for record in again] == [str(record) for record in records]


def test_losses_that_do_not_say_so_are_known_where_no_other_is_logged() -> None:
    restored = Run.from_records([Record("train", step=1, metrics={"lr": 0.1, "l_pix": 2.0})])
    assert restored.loss_names == ("l_pix",)
    both = Run.from_records([Record("train", step=1, metrics={"l_pix": 1.0, "loss": 2.0})])
    assert both.loss_names == ("loss",)


def test_blocks_and_records_build_the_same_run() -> None:
    block = Block(
        np.array([10, 20, 15]), np.array([0.1, np.nan, 0.15]), np.array([1.0, 2.0, np.nan]),
        np.array([1, 2, 3]), {"loss": np.array([3.0, np.inf, 1.0])},
    )  # fmt: skip
    whole, single = Run.from_records([block]), Run.from_records(block.records())
    assert [str(r) for r in whole.records] == [str(r) for r in single.records]
    assert (
        (whole.first_time, whole.last_time) == (single.first_time, single.last_time) == (1.0, 2.0)
    )
    pd.testing.assert_frame_equal(whole.train, single.train)


def test_frames_are_typed_and_cached_until_news_comes() -> None:
    run = make_run(50)
    frame = run.train
    assert frame["step"].dtype == "int64"
    assert frame["time"].dtype == "datetime64[ns]"
    assert frame["loss"].dtype == "float64"
    assert frame.attrs["units"]["iter_time_s"] == "seconds"
    assert run.train is frame
    run.append(Record("train", step=9000, metrics={"loss": 0.1}))
    assert len(run.train) == len(frame) + 1
    assert len(run.eval) == 16


def test_plan_in_epochs_becomes_steps_only_when_an_epoch_is_known() -> None:
    run = Run()
    run.append(Record("config", facts={"planned_epochs": 24}))
    run.append(Record("train", step=5, metrics={"loss": 1.0}))
    assert run.planned_steps is None
    run.append(Record("config", facts={"steps_per_epoch": 500}))
    assert run.planned_steps == 12000
    assert run.progress == 5 / 12000


def test_without_training_lines_an_epoch_is_the_step() -> None:
    run = Run()
    run.append(Record("config", facts={"planned_epochs": 12}))
    for epoch in (1.0, 2.0, 3.0):
        run.append(Record("eval", epoch=epoch, metrics={"mAP": epoch / 10}))
    assert run.eval_series("mAP").step.tolist() == [1, 2, 3]
    assert run.counts_epochs
    assert (run.last_step, run.planned_steps, run.progress) == (3, 12, 0.25)


def test_an_epoch_that_is_no_number_is_none() -> None:
    run = Run.from_records([
        Record("eval", epoch=1.0, metrics={"acc": 0.5}),
        Record("eval", epoch=math.nan, metrics={"acc": 0.5}),
        Record("eval", epoch=math.inf, metrics={"acc": 0.5}),
    ])  # fmt: skip
    assert len(run.eval_log) == 3
    assert run.last_epoch == 1.0


def test_html_escapes_what_the_log_said() -> None:
    run = make_run(50)
    run.append(Record("config", facts={"name": "<script>alert(1)</script>"}))
    assert "<script" not in run._repr_html_()


def test_test_results_do_not_choose_checkpoints() -> None:
    run = Run()
    run.append(Record("eval", step=1, metrics={"acc": 0.5}, facts={"split": "val"}))
    run.append(Record("eval", step=1, metrics={"acc": 0.9}, facts={"split": "test"}))
    assert run.eval["acc"].tolist() == [0.5]
    assert run.test["acc"].tolist() == [0.9]


def resumed(at: int, *, says_so: bool) -> Run:
    """Return a run that reached step 100, evaluated every 20, and fell back to a step."""
    run = Run()
    for step in range(10, 101, 10):
        run.append(Record("train", step=step, epoch=step / 50, metrics={"loss": 1.0}))
        if step % 20 == 0:
            run.append(Record("eval", step=step, epoch=step / 50, metrics={"acc": 0.5}))
    if says_so:
        run.append(Record("resume", step=at))
    run.append(Record("train", step=at + 10, epoch=(at + 10) / 50, metrics={"loss": 0.9}))
    return run


@pytest.mark.parametrize("says_so", [True, False])
def test_after_a_resume_the_run_is_where_it_resumed(*, says_so: bool) -> None:
    run = resumed(40, says_so=says_so)
    assert (run.last_step, run.last_epoch) == (50, 1.0)
    assert run.eval_series("acc").step.tolist() == [20, 40], "later ones are to be written again"
    assert run.train["segment"].tolist() == [0] * 10 + [1], "one resume is one new segment"
    run.append(Record("eval", step=60, metrics={"acc": 0.6}))
    assert run.eval["segment"].tolist() == [0] * 5 + [1]
    assert run.eval["superseded"].tolist() == [False] * 2 + [True] * 3 + [False]


def test_two_results_of_one_evaluation_are_both_kept() -> None:
    run = Run()
    run.append(Record("eval", step=10, metrics={"bbox_mAP": 0.1, "iter_time_s": 1.0}))
    run.append(Record("eval", step=10, metrics={"segm_mAP": 0.2, "iter_time_s": 1.0}))
    assert run.eval_series("bbox_mAP").value.tolist() == [0.1]
    assert run.eval_series("segm_mAP").value.tolist() == [0.2]
    run.append(Record("eval", step=10, metrics={"bbox_mAP": 0.3}))
    assert run.eval_series("bbox_mAP").value.tolist() == [0.3]
    assert run.eval_series("segm_mAP").value.tolist() == [0.2], "it was not measured again"
    run.append(Record("eval", step=20, metrics={"bbox_mAP": 0.4}))
    run.append(Record("eval", step=20, metrics={"bbox_mAP": math.nan}))
    assert run.eval_series("segm_mAP").step.tolist() == [10], "it was not measured at 20"
    assert math.isnan(run.eval_series("bbox_mAP").value[-1]), "what the log says last counts"
    assert [record.metrics for record in run.records][2] == {"bbox_mAP": 0.3}


def test_what_was_written_before_a_resume_is_no_part_of_an_evaluation_after_it() -> None:
    run = resumed(80, says_so=True)
    run.append(Record("eval", step=100, metrics={"loss": 1.0}))
    run.append(Record("eval", step=100, metrics={"loss": 2.0}))
    assert run.eval_series("acc").step.tolist() == [20, 40, 60, 80]
    assert run.eval_series("loss").value.tolist() == [2.0]


def test_a_launch_begins_another_run_only_after_training() -> None:
    run = Run()
    launch = Record("launch", facts={"reason": "again"})
    run.append(Record("config", facts={"planned_epochs": 10, "log_format": "toy"}))
    assert run.succeeded_by(launch) is run
    run.append(Record("train", step=1, metrics={"loss": 1.0}))
    other = run.succeeded_by(launch)
    assert other is not run
    assert (other.meta.log_format, other.meta.planned_epochs) == ("toy", None)


def test_samples_of_devices_are_kept_in_columns_and_come_back_as_they_were():
    """A day of eight devices is 69,000 samples; as records they took a hundred megabytes."""
    run, told = Run("train.log"), []
    tracemalloc.start()
    for n in range(20_000):
        metrics = {f"gpu_{name}": float(n) for name in ("power_w", "temperature_c", "memory_mib")}
        if n == 7:
            del metrics["gpu_power_w"]
        device = {"uuid": f"GPU-{n % 2}", "index": n % 2, "name": "made up"}
        sample = Record(
            "gpu", time=10.0 * n, metrics=metrics, facts=device, line=n, file="train.log"
        )
        run.append(sample)
        if n < 20:
            step = Record("train", step=n + 1, metrics={"loss": 1.0}, line=n, file="train.log")
            run.append(step)
            told += [sample, step]
    del metrics, device, sample
    kept_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept_bytes / 20_000 < 200
    assert run.records[:40] == told
    assert {uuid: len(rows) for uuid, rows in run.gpu_log.rows_of_devices().items()} == {
        "GPU-0": 10_000,
        "GPU-1": 10_000,
    }
    assert list(run.gpu["index"][:3]) == [0, 1, 0]


def test_lines_of_one_step_complete_each_other() -> None:
    rows = [
        Record("train", 10, metrics={"loss": 2.0}, line=1),
        Record("train", 10, metrics={"lr": 0.1}, line=2),
        Record("train", 10, metrics={"acc": 0.5, "lr": 0.1}, line=3),
        Record("train", 10, metrics={"loss": 1.0}, line=4),
    ]
    kept = Run.from_records(rows[:3])
    assert kept.train_series("loss").value.tolist() == [2.0]
    assert kept.train_series("acc").step.tolist() == [10]
    again = Run.from_records(rows)
    assert again.train_series("loss").value.tolist() == [1.0]
    assert again.train["superseded"].tolist() == [True, True, True, False]


def test_the_end_may_tell_a_step_that_no_training_line_told():
    run = Run.from_records(
        [Record("train", step=90, metrics={"loss": 1.0}), Record("end", step=95, epoch=2.0)]
    )
    assert (run.last_step, run.last_epoch) == (95, 2.0)


def test_samples_of_a_long_watch_are_thinned_and_keep_their_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("copilot_analytics.run.MOST_ROWS", 100)
    run = Run()
    for n in range(1, 1001):
        if n % 10 == 1:
            run.append(Record("train", step=n, metrics={"loss": 1.0}, line=n))
        power = 999.0 if n == 123 else 200.0 + n % 3
        facts = {"uuid": f"GPU-{n % 2}"}
        run.append(
            Record("gpu", time=float(n), metrics={"gpu_power_w": power}, facts=facts, line=n)
        )
    assert len(run.gpu_log) <= 101 and len(run.gpu) == len(run.gpu_log)
    assert run.gpu_log.series("gpu_power_w").value.max() == 999.0
    assert run.gpu_log.time[-40:].tolist() == list(range(961, 1001))
    assert set(run.gpu_log.rows_of_devices()) == {"GPU-0", "GPU-1"}
    told = [(record.kind, record.line) for record in run.iter_records()]
    assert [line for _, line in told] == sorted(line for _, line in told)
    assert sum(kind == "train" for kind, _ in told) == 100
    assert sum(kind == "gpu" for kind, _ in told) == len(run.gpu_log)
