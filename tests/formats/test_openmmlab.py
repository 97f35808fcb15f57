"""The logs of MMEngine and mmcv: what their samples do not show."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from call_counts import counted_calls
from hypothesis import given
from hypothesis import strategies as st
from statements import read_text

from copilot_analytics.formats._epoch_length import EpochLength
from copilot_analytics.formats._stamps import days_from_civil
from copilot_analytics.formats.mmcv_json import FORMAT as MMCV_JSON
from copilot_analytics.formats.mmcv_text import FORMAT as MMCV_TEXT
from copilot_analytics.formats.mmengine_json import FORMAT as MMENGINE_JSON
from copilot_analytics.formats.mmengine_text import FORMAT as MMENGINE_TEXT
from copilot_analytics.records import Block, Record, records_of
from copilot_analytics.run import Run

STAMP = "2024/05/01 10:00:00 - mmengine - INFO - "
MMCV = "2021-05-01 10:00:00,000 - mmdet - INFO - "
PAIRS = "lr: 1.0000e-02  eta: 0:10:00  time: 0.1000  data_time: 0.0100  loss: 1.0000"


def records(log_format: Any, *lines: str, file: str = "") -> list[Record]:
    found = []
    for item in read_text(log_format, "\n".join(lines), file):
        found.extend(item.records() if isinstance(item, Block) else (item,))
    return found


def kinds(found: list[Record], kind: str) -> list[Record]:
    return [record for record in found if record.kind == kind]


def dumped(lines: list[dict[str, Any]]) -> list[str]:
    return [json.dumps(line) for line in lines]


# ------------------------------------------------------------------- MMEngine text


def test_progress_of_an_evaluation_is_no_result() -> None:
    found = records(
        MMENGINE_TEXT,
        STAMP + "Epoch(val)  [5][10/22]    eta: 0:00:08  time: 0.4120  data_time: 0.2596",
        STAMP + "Epoch(val)  [5][22/22]    time: 0.4120  data_time: 0.2596  memory: 12  loss: 1.0",
        STAMP + "Epoch(test) [22/22]  data_time: 0.2596  time: 0.4120",
    )
    assert kinds(found, "eval") == []


def test_numbers_stay_as_they_were_printed() -> None:
    line = STAMP + (
        "Epoch(train)  [1][1/4]  lr: 0.0000e+00  time: 0.1  data_time: 0.1  loss: nan  "
        "a: inf  b: -inf  c: -1.2e-03  d: .5  e: 7.  f: [1, 2]  g:   h: x"
    )
    metrics = records(MMENGINE_TEXT, line)[0].metrics
    assert math.isnan(metrics["loss"])
    assert [metrics[name] for name in "abcde"] == [math.inf, -math.inf, -0.0012, 0.5, 7.0]
    assert not {"f", "g", "h", "g:   h"} & set(metrics)


@pytest.mark.parametrize(
    ("eta", "seconds"),
    [
        ("0:00:05", 5),
        ("3 days, 6:50:35", 283835),
        ("1 day, 0:00:00", 86400),
        ("-1 day, 23:59:59", -1),
    ],
)
def test_eta(eta: str, seconds: float) -> None:
    line = (
        f"{STAMP}Iter(train) [ 8/90]  lr: 1.0e-03  eta: {eta}  time: 0.5  data_time: 0.1  loss: 1"
    )
    assert records(MMENGINE_TEXT, line)[0].metrics["eta_s"] == seconds
    line = f"{MMCV}Iter [8/90]\tlr: 1.0e-03, eta: {eta}, time: 0.5, data_time: 0.1, loss: 1"
    assert records(MMCV_TEXT, line)[0].metrics["eta_s"] == seconds


def test_keys_hold_blanks_dots_slashes_and_brackets() -> None:
    line = STAMP + (
        "Epoch(val) [3][6/6]    coco/AP .5: 0.5  coco/AR (M): -1.000000  NuScenes metric/a/NDS: 0.2"
        "  car: 0.9505  bad: [0.1, 0.2]  data_time: 0.1  time: 0.2"
    )
    (found,) = kinds(records(MMENGINE_TEXT, line), "eval")
    assert dict(found.metrics) == {
        "coco/AP .5": 0.5,
        "coco/AR (M)": -1.0,
        "NuScenes metric/a/NDS": 0.2,
        "car": 0.9505,
        "data_time_s": 0.1,
        "iter_time_s": 0.2,
    }
    assert (found.epoch, found.step) == (3.0, None)


@pytest.mark.parametrize("blanks", [" ", "  "])
def test_several_rates_stand_one_or_two_blanks_apart(blanks: str) -> None:
    line = f"{STAMP}Epoch(train)  [1][1/4]  base_lr: 1.0e-02{blanks}lr: 1.0e-03  loss: 1.0"
    assert dict(records(MMENGINE_TEXT, line)[0].metrics) == {
        "base_lr": 0.01,
        "lr": 0.001,
        "loss": 1.0,
    }
    line = f"{STAMP}Iter(train) [1/4]  gen.lr: 1.0e-02{blanks}disc.lr: 1.0e-03  loss: 1.0"
    assert dict(records(MMENGINE_TEXT, line)[0].metrics) == {
        "lr": 0.01,
        "disc.lr": 0.001,
        "loss": 1.0,
    }


def test_a_year_is_taken_from_the_name_and_turns_with_december() -> None:
    lines = [
        f"{day} 23:59:00 - mmengine - INFO - Iter(train) [{i}/9]  {PAIRS}"
        for i, day in enumerate(("12/31", "01/01", "01/02"), 1)
    ]
    found = kinds(records(MMENGINE_TEXT, *lines, file="20231231_100000.log"), "train")
    assert [r.time for r in found] == [1704067140.0, 1704153540.0, 1704239940.0]
    relative = records(MMENGINE_TEXT, *lines, file="train.log")
    times = [r.time for r in kinds(relative, "train")]
    assert np.diff(times).tolist() == [86400.0, 86400.0]  # type: ignore[arg-type]
    assert any("year" in r.facts.get("note", "") for r in relative)


def test_colours_of_a_terminal_do_not_matter() -> None:
    line = f"05/01 10:00:00 - mmengine - \x1b[4m\x1b[97mINFO\x1b[0m - Iter(train) [1/9]  {PAIRS}"
    assert records(MMENGINE_TEXT, line)[0].kind == "train"


CONFIG_BY_STEPS = (
    STAMP + "Config:",
    "train_cfg = dict(type='IterBasedTrainLoop', max_iters=1100, val_interval=250)",
    "default_hooks = dict(logger=dict(type='LoggerHook', interval=100))",
    STAMP + "Checkpoints will be saved to work_dirs/toy.",
)
RESULT = STAMP + "Iter(val) [5/5]    mIoU: 30.0000  data_time: 0.1000  time: 0.1000"


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


def test_early_stopping_and_scaled_rates_are_read() -> None:
    found = records(
        MMENGINE_TEXT,
        STAMP + "Config:",
        "optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.4))",
        STAMP + "LR is set based on batch size of 256 and the current batch size is 64. "
        "Scaling the original LR by 0.25.",
        f"{STAMP}Iter(train) [ 100/1100]  {PAIRS}",
        STAMP + "the monitored metric did not improve in the last 5 records. best score: 0.700. ",
    )
    rates = [r.facts["base_lr"] for r in found if "base_lr" in r.facts]
    assert rates == [0.4, pytest.approx(0.1)]
    (end,) = kinds(found, "end")
    assert end.step == 100


def test_another_launch_tells_the_plan_anew() -> None:
    launch = (
        STAMP,
        "----",
        "System environment:",
        "    MMEngine: 0.10.4",
        STAMP + "Hooks will be executed in the following order:",
        f"{STAMP}Epoch(train)  [1][1/4]  {PAIRS}",
        STAMP + "Exp name: toy",
    )
    found = records(MMENGINE_TEXT, *launch, *launch)
    assert [r.facts.get("steps_per_epoch") for r in kinds(found, "config")] == [
        None,
        4,
        None,
        None,
        4,
        None,
    ]


# ------------------------------------------------------------------------ mmcv text


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


@pytest.mark.parametrize(
    "head", ["lr: backbone: 1.0e-04 head: 2.0e-03", "lr_backbone: 1.0e-04 lr_head: 2.0e-03"]
)
def test_rates_of_several_optimizers(head: str) -> None:
    found = records(MMCV_TEXT, f"{MMCV}Epoch [1][1/4]\t{head}, time: 0.1, loss: 1.0")
    assert dict(found[0].metrics) == {
        "lr": 1e-4,
        "lr_head": 2e-3,
        "iter_time_s": 0.1,
        "loss": 1.0,
    }


# ------------------------------------------------------------------------- MMEngine JSON


def _train(step: int, epoch: int | None = None) -> dict[str, Any]:
    place = {"step": step} if epoch is None else {"epoch": epoch, "step": step}
    return {"lr": 0.1, "data_time": 0.0, "loss": 1.0, "time": 0.1, **place}


def _result(step: int) -> dict[str, Any]:
    return {"acc": 0.5, "data_time": 0.0, "time": 0.1, "step": step}


@given(
    per_epoch=st.integers(1, 300),
    interval=st.integers(1, 60),
    epochs=st.integers(1, 12),
    repeats=st.booleans(),
)
def test_the_length_of_an_epoch_is_a_true_bound(
    per_epoch: int, interval: int, epochs: int, *, repeats: bool
) -> None:
    """Lines at the same iterations of every epoch tell more than lines at regular steps."""
    within = np.arange(interval, per_epoch + 1, interval, dtype=float)
    within = within if len(within) else np.array([float(per_epoch)])
    steps = (np.arange(epochs)[:, None] * per_epoch + within).ravel()
    if not repeats:
        steps = np.arange(interval, per_epoch * epochs + interval, interval, dtype=float)
    epoch = np.ceil(steps / per_epoch)
    length = EpochLength()
    progress = length.of_global(epoch, steps)
    assert length.low <= per_epoch
    known = ~np.isnan(progress)
    assert np.all(progress[known] >= epoch[known] - 1)
    assert np.all(progress[known] <= epoch[known])
    if not repeats:
        return
    np.testing.assert_allclose(progress[known], (steps / per_epoch)[known])
    if epochs > 1:
        assert length.length == per_epoch
    if epochs > 2:
        assert length.exact
    if length.exact:
        assert length.length == per_epoch


def test_lines_repeat_at_the_same_iterations_of_every_epoch() -> None:
    steps = [e * 38 + k for e in range(4) for k in (10, 20, 30)]
    lines = [_train(step, (step - 1) // 38 + 1) for step in steps]
    for epoch in (4, 3, 2, 1):
        lines.insert(epoch * 3, _result(epoch))
    found = records(MMENGINE_JSON, *dumped(lines))
    assert [r.step for r in kinds(found, "eval")] == [30, 76, 114, 152]
    plan = kinds(found, "config")[-1].facts
    assert plan == {"steps_per_epoch": 38, "steps_per_epoch_exact": True}


@given(cut=st.integers(1, 59), seed=st.integers(0, 20))
def test_json_blocks_mean_their_rows(cut: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    per_epoch = int(rng.integers(3, 12))
    count = np.arange(60)
    numbers = count + 1
    for log_format, place in (
        (MMCV_JSON, {"epoch": count // per_epoch + 1, "iter": count % per_epoch + 1}),
        (MMCV_JSON, {"epoch": count // per_epoch + 1, "iter": count + 1}),
        (MMCV_JSON, {"epoch": count % 30 // per_epoch + 1, "iter": count % 30 % per_epoch + 1}),
        (MMENGINE_JSON, {"epoch": count // per_epoch + 1, "step": count + 1}),
        (MMENGINE_JSON, {"epoch": count * 3 // 8 + 1, "step": count * 3 + 3}),
    ):
        columns = {name: np.asarray(column, dtype=float) for name, column in place.items()}
        whole = log_format.parser("")
        parts = log_format.parser("")
        together = list(records_of(whole.block(columns, numbers)))
        apart = [
            record
            for rows in (slice(0, cut), slice(cut, None))
            for record in records_of(
                parts.block({name: column[rows] for name, column in columns.items()}, numbers[rows])
            )
        ]
        assert repr(together) == repr(apart)
        assert repr(list(whole.close())) == repr(list(parts.close()))


def test_the_step_of_a_result_is_an_epoch_or_an_iteration() -> None:
    by_epoch = [_train(4, 1), _train(8, 1), _result(1), _train(12, 2), _train(16, 2), _result(2)]
    by_step = [_train(50), _result(50), _train(100), _result(100)]
    epochs_with_steps = [_train(8, 1), _train(16, 2), _result(16)]
    without = [_train(50), _result(0)]
    for lines, expected in (
        (by_epoch, [(8, 1.0), (16, 2.0)]),
        (by_step, [(50, None), (100, None)]),
        (epochs_with_steps, [(16, 2.0)]),
        (without, [(50, None)]),
    ):
        found = kinds(records(MMENGINE_JSON, *dumped(lines)), "eval")
        assert [(r.step, r.epoch) for r in found] == expected


def test_an_evaluation_may_report_a_loss() -> None:
    found = records(MMENGINE_JSON, *dumped([_train(5, 1), {**_result(1), "loss": 0.5}]))
    assert [r.kind for r in found] == ["train", "config", "eval"]
    assert found[-1].metrics["loss"] == 0.5


# ----------------------------------------------------------------------------- mmcv JSON


def _inner(epoch: int, iteration: int, mode: str = "train") -> dict[str, Any]:
    return {"mode": mode, "epoch": epoch, "iter": iteration, "lr": 0.1, "loss": 1.0}


def test_iterations_count_from_the_epoch_or_from_the_start() -> None:
    inner = [_inner(1, 50), _inner(1, 100), _inner(2, 50)]
    onward = [_inner(1, 50), _inner(1, 100), _inner(2, 150)]
    for lines in (inner, onward):
        found = kinds(records(MMCV_JSON, *dumped(lines)), "train")
        assert [r.step for r in found] == [50, 100, 150]


def test_the_configuration_tells_from_where_iterations_count() -> None:
    header = {
        "config": "runner = dict(type='IterBasedRunner', max_iters=400)\n"
        "evaluation = dict(interval=100)\nlog_config = dict(interval=50)\n"
    }
    lines = [header, _inner(3, 50), _inner(3, 100), _inner(3, 7, "val"), _inner(4, 150)]
    found = records(MMCV_JSON, *dumped(lines))
    assert [r.step for r in kinds(found, "train")] == [50, 100, 150]
    assert [(r.step, r.epoch) for r in kinds(found, "eval")] == [(100, None)]
    assert kinds(found, "config")[0].facts["planned_steps"] == 400


@pytest.mark.parametrize(("version", "length"), [("1.3.3", 120), ("1.7.0", 100)])
def test_old_versions_print_the_length_of_the_epoch(version: str, length: int) -> None:
    header = {"env_info": f"MMCV: {version}", "config": "total_epochs = 3\n"}
    lines = [header, _inner(1, 50), _inner(1, 100), _inner(1, 120, "val"), _inner(2, 50)]
    found = records(MMCV_JSON, *dumped(lines))
    assert [r.step for r in kinds(found, "eval")] == [length]
    assert kinds(found, "train")[-1].step == length + 50


def test_launches_appended_to_one_file_begin_anew() -> None:
    first = [_inner(1, 50), _inner(1, 100), _inner(2, 50)]
    second = [_inner(1, 20), _inner(2, 20)]
    found = kinds(records(MMCV_JSON, *dumped([*first, *second])), "train")
    assert [r.step for r in found] == [50, 100, 150, 20, 40]


def test_copies_and_texts_are_no_metrics() -> None:
    line = {**_inner(1, 5, "val"), "mAP": 0.5, "mAP_copypaste": "0.5 0.1", "ok": True, "n": None}
    (found,) = kinds(records(MMCV_JSON, json.dumps(line)), "eval")
    assert dict(found.metrics) == {"lr": 0.1, "loss": 1.0, "mAP": 0.5}


# ------------------------------------------------------------------------------- time


@given(st.integers(-(10**9), 10**10))
def test_dates_are_those_of_the_calendar(second: int) -> None:
    import datetime

    when = datetime.datetime.fromtimestamp(second, tz=datetime.UTC)
    date = (np.array([float(part)]) for part in (when.year, when.month, when.day))
    assert days_from_civil(*date)[0] == second // 86400


def test_a_block_costs_little() -> None:
    line = f"{STAMP}Epoch(train)  [1][1/4]  {PAIRS}  a: 1  b: 2  c: 3"
    parser = MMENGINE_TEXT.parser("")
    fields = parser.fields(line)
    assert fields is not None
    spent = []
    for rows in (10, 10_000):
        columns = {f.name: np.full(rows, float(line[f.start : f.end])) for f in fields}
        with counted_calls() as calls:
            parser.block(columns, np.arange(rows))
        spent += calls
    assert spent[1] <= spent[0]  # nothing is done row by row


# ------------------------------------------------------------------------ hostile input

WORDS = st.sampled_from(
    [
        "Epoch(train)", "Iter(train)", "Epoch(val)", "Iter(test)", "Epoch", "Iter", " ", "  ", "\t",
        "[1]", "[9/4]", "[" + "9" * 400 + "/2]", "[0][0/0]", "[999999999][1/999999999]", "lr: 1e-3",
        "loss: nan", "time: inf", "eta: 9 days, 1:2:3",
        ", ", "x: 1e999", "resumed epoch: 1, iter: 2",
        "Saving checkpoint at 3 epochs", "Config:", "----", "a = dict(", "Exp name: x", "mIoU: 0.5",
        "The best checkpoint with nan a at 1 epoch is saved to x.", "Best a is b at 2 iter.",
        "Now best checkpoint is saved as x.", "max: 4 iters", "workflow: [('train', 1)],",
    ]
)  # fmt: skip


@given(st.lists(st.lists(WORDS, max_size=6).map("".join), max_size=6))
def test_any_text_is_taken(lines: list[str]) -> None:
    for log_format, stamp in ((MMENGINE_TEXT, STAMP), (MMCV_TEXT, MMCV)):
        text = [stamp + line for line in lines]
        Run.from_records(read_text(log_format, "\n".join([*text, *lines, *text])))
        assert 0 <= log_format.confidence(text) <= 1


VALUES = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.integers(0, 3)
    | st.just(10**400)
    | st.sampled_from(["train", "val", "x", "MMCV: 1.3.0", "a = dict(", [0.1, 0.2], {"g": [0.1]}])
)
KEYS = st.sampled_from(
    ["mode", "epoch", "iter", "step", "lr", "loss", "time", "data_time", "acc", "env_info",
     "config", "seed", "exp_name", "CLASSES"]
)  # fmt: skip


@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=8), max_size=8))
def test_any_json_is_taken(lines: list[dict[str, Any]]) -> None:
    for log_format, fixed in (
        (MMENGINE_JSON, {"lr": 0.1, "step": 1}),
        (MMCV_JSON, {"mode": "train", "epoch": 1, "iter": 1}),
        (MMCV_JSON, {"mode": "val"}),
    ):
        text = dumped([*lines, *({**fixed, **line} for line in lines)])
        Run.from_records(read_text(log_format, "\n".join(text)))
        assert 0 <= log_format.confidence(text) <= 1


# -------------------------------------------------------------------------- odds and ends


def test_a_test_of_mmengine_stands_alone() -> None:
    (found,) = records(MMENGINE_JSON, json.dumps({"acc": 0.5, "data_time": 0.1, "time": 0.2}))
    assert (found.kind, found.step, found.facts) == ("eval", None, {"split": "test"})
    assert records(MMENGINE_JSON, json.dumps({"acc": 0.5, "x": 0.1})) == []
    (first,) = records(MMENGINE_JSON, json.dumps(_result(3)))
    assert (first.step, first.epoch) == (3, None)


def test_a_validation_before_training_is_at_the_beginning() -> None:
    line = STAMP + "Epoch(val) [0][6/6]    acc: 0.5  data_time: 0.1  time: 0.2"
    (found,) = records(MMENGINE_TEXT, line)
    assert (found.step, found.epoch) == (0, 0.0)


def test_lines_that_only_look_like_statements() -> None:
    assert (
        records(MMENGINE_TEXT, STAMP + "see Epoch(train) below", STAMP + "Iter(train) [1/2]  ")
        == []
    )
    assert (
        records(MMCV_TEXT, MMCV + "see Epoch [1] below", MMCV + "Epoch(train) [1][2]\tx: 1") == []
    )
    assert records(MMCV_TEXT, MMCV + "Epoch [1][50/100]\tlr: 1.0e-03, ") == []
    assert records(MMCV_JSON, '{"mode": "val", "epoch": 1, "iter": 1}', '{"mode": "train"}') == []


def test_a_resume_without_a_checkpoint_and_best_by_iteration() -> None:
    found = records(
        MMCV_TEXT,
        MMCV + "resumed from epoch: 2, iter 300",
        MMCV + "Best mIoU is none at 400 iter.",
        MMCV + "Best mIoU is 0.5 at 500 iter.",
    )
    assert [(r.kind, r.step) for r in found] == [
        ("resume", 300), ("config", None), ("checkpoint", 400), ("checkpoint", 500),
    ]  # fmt: skip
    assert found[0].facts == {"epoch": 2, "step": 300}
    assert "best_metric" not in found[2].facts


def test_classes_and_hooks_of_a_header() -> None:
    header = {
        "CLASSES": ["a", "b"],
        "config": "log_config = dict(hooks=[dict(type='TextLoggerHook', by_epoch=False)])",
    }
    found = records(MMCV_JSON, json.dumps(header), *dumped([_inner(2, 50), _inner(3, 40)]))
    assert found[0].facts["num_classes"] == 2
    assert [r.step for r in kinds(found, "train")] == [50, 40]
    header["config"] = ""
    assert records(MMCV_JSON, json.dumps(header))[0].facts == {"num_classes": 2}


def test_confidence_needs_more_than_a_header_of_another_program() -> None:
    assert MMENGINE_TEXT.confidence([STAMP + "hello"]) == 0.7
    assert MMENGINE_TEXT.confidence([STAMP, "System environment:"]) == 0.9
    assert MMCV_TEXT.confidence([MMCV + "Environment info:", "MMCV: 1.7.0"]) == 0.9
    assert MMCV_TEXT.confidence([MMCV + "Environment info:"]) == 0.6
    assert MMCV_TEXT.confidence([MMCV + "Epoch [1][2/3] done"]) == 0
    assert MMCV_JSON.confidence(["[1]", "{", '{"mode": "x", "epoch": 1, "iter": 1}']) == 0
    assert MMENGINE_JSON.confidence(dumped([_result(1)])) == 0.6


def test_a_step_beside_the_plan_is_the_last_line() -> None:
    found = records(
        MMENGINE_TEXT, *CONFIG_BY_STEPS, f"{STAMP}Iter(train) [900/2000]  {PAIRS}", RESULT
    )
    assert kinds(found, "eval")[0].step == 900


def test_forks_of_mmcv_may_write_blanks_instead_of_commas() -> None:
    head = "2021-05-01 10:00:00,000 - cls - INFO - "
    found = records(
        MMCV_TEXT,
        head + "Epoch [1][10/20] lr: 1.000e-02 top-1: 12.5000 top-5: 50.0000 loss: 2.2500",
        head + "Epoch(val) [1][4] top-1: 25.5000 top-5: 75.0000",
    )
    assert dict(kinds(found, "train")[0].metrics) == {
        "lr": 0.01,
        "top-1": 12.5,
        "top-5": 50.0,
        "loss": 2.25,
    }
    assert dict(kinds(found, "eval")[0].metrics) == {"top-1": 25.5, "top-5": 75.0}
