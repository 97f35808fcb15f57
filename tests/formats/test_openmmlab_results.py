"""Results of evaluations and best checkpoints in the text logs of MMEngine and MMCV."""

from __future__ import annotations

from openmmlab_logs import (
    CONFIG_BY_STEPS,
    MMCV,
    PAIRS,
    RESULT,
    STAMP,
    kinds,
    records,
)

from copilot_analytics.formats.mmcv_text import FORMAT as MMCV_TEXT
from copilot_analytics.formats.mmengine_text import FORMAT as MMENGINE_TEXT
from copilot_analytics.run import Run


def test_progress_of_an_evaluation_is_no_result() -> None:
    found = records(
        MMENGINE_TEXT,
        STAMP + "Epoch(val)  [5][10/22]    eta: 0:00:08  time: 0.4120  data_time: 0.2596",
        STAMP + "Epoch(val)  [5][22/22]    time: 0.4120  data_time: 0.2596  memory: 12  loss: 1.0",
        STAMP + "Epoch(test) [22/22]  data_time: 0.2596  time: 0.4120",
    )
    assert kinds(found, "eval") == []


def test_results_without_a_step_fall_on_the_interval() -> None:
    def at(step: int) -> str:
        return f"{STAMP}Iter(train) [{step}/1100]  {PAIRS}"

    found = records(
        MMENGINE_TEXT,
        *CONFIG_BY_STEPS,
        at(100),
        at(200),
        RESULT,
        at(300),
        at(400),
        at(500),
        RESULT,
        at(1000),
        RESULT,
        at(1100),
        RESULT,
    )
    assert [r.step for r in kinds(found, "eval")] == [250, 500, 1000, 1100]


def test_results_without_a_plan_fall_on_the_checkpoint_or_the_last_line() -> None:
    found = records(
        MMENGINE_TEXT,
        f"{STAMP}Iter(train) [ 100/1100]  {PAIRS}",
        STAMP + "Saving checkpoint at 150 iterations",
        RESULT,
        f"{STAMP}Iter(train) [ 200/1100]  {PAIRS}",
        RESULT,
    )
    assert [r.step for r in kinds(found, "eval")] == [150, 200]


def test_best_checkpoints_say_what_they_replace() -> None:
    found = records(
        MMENGINE_TEXT,
        STAMP
        + "The best checkpoint with 0.1000 acc at 100 iter is saved to best_acc_iter_100.pth.",
        STAMP + "The previous best checkpoint /w/best_acc_iter_100.pth is removed",
        STAMP
        + "The best checkpoint with 0.2000 acc at 200 iter is saved to best_acc_iter_200.pth.",
    )
    first, second = kinds(found, "checkpoint")
    assert "replaces" not in first.facts
    assert second.facts["replaces"] == "/w/best_acc_iter_100.pth"
    assert (second.step, second.facts["best_metric"]) == (200, 0.2)


def test_the_bracket_of_an_evaluation_may_be_the_step() -> None:
    def at(step: int) -> str:
        return f"{MMCV}Iter [{step}/400]\tlr: 1.0e-02, time: 0.1, loss: 1.0"

    def result(bracket: int) -> str:
        return f"{MMCV}Iter(val) [{bracket}]\tmIoU: 0.5"

    found = records(MMCV_TEXT, at(100), result(100), at(200), result(17))
    assert [r.step for r in kinds(found, "eval")] == [100, 200]


def test_evaluations_without_any_training_line_keep_their_epoch() -> None:
    found = records(
        MMCV_TEXT,
        MMCV + "workflow: [('train', 1)], max: 48 epochs",
        MMCV + "Epoch(val) [1][9]\taccuracy_top-1: 93.3099",
        MMCV + "Epoch(val) [2][9]\taccuracy_top-1: 94.1901",
    )
    assert [(r.step, r.epoch) for r in kinds(found, "eval")] == [(None, 1.0), (None, 2.0)]
    assert Run.from_records(found).planned_steps == 48


def test_results_in_the_shape_of_training_lines() -> None:
    found = records(
        MMCV_TEXT,
        MMCV.replace("- mmdet ", "") + "Epoch [1][50/100]\tlr: 0.02000, time: 0.1, loss: 1.0",
        MMCV.replace("- mmdet ", "") + "Epoch [1][100/100]\tlr: 0.02000, bbox_mAP: 0.1000",
    )
    assert [(r.kind, r.step) for r in found if r.kind != "config"] == [("train", 50), ("eval", 100)]


def test_a_result_in_the_middle_of_an_epoch() -> None:
    found = records(
        MMCV_TEXT,
        MMCV + "Config:",
        "log_config = dict(interval=50)",
        "runner = dict(type='EpochBasedRunner', max_epochs=4)",
        "evaluation = dict(interval=200, by_epoch=False)",
        MMCV + "workflow: [('train', 1)], max: 4 epochs",
        MMCV + "Epoch [1][200/1000]\tlr: 1.0e-02, time: 0.1, loss: 1.0",
        MMCV + "Epoch(val) [1][30]\tmAP: 0.5",
        MMCV + "Epoch [1][1000/1000]\tlr: 1.0e-02, time: 0.1, loss: 1.0",
        MMCV + "Epoch(val) [1][30]\tmAP: 0.5",
    )
    assert [(r.step, r.epoch) for r in kinds(found, "eval")] == [(200, 0.2), (1000, 1.0)]


def test_a_best_checkpoint_without_its_metric_is_told_too() -> None:
    found = records(
        MMCV_TEXT,
        MMCV + "Now best checkpoint is saved as best_a_epoch_1.pth.",
        MMCV + "Exp name: toy.py",
        MMCV + "The previous best checkpoint /w/best_a_epoch_1.pth was removed",
        MMCV + "Now best checkpoint is saved as best_a_epoch_2.pth.",
        MMCV + "Best a is 0.5 at 2 epoch.",
    )
    first, second = kinds(found, "checkpoint")
    assert first.facts == {"path": "best_a_epoch_1.pth"}
    assert second.facts["replaces"] == "/w/best_a_epoch_1.pth"
    assert second.facts["best_metric"] == 0.5
