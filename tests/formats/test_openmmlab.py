"""The logs of MMEngine and mmcv: what their samples do not show."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from call_counts import counted_calls
from hypothesis import given
from hypothesis import strategies as st
from openmmlab_logs import (
    CONFIG_BY_STEPS,
    MMCV,
    PAIRS,
    RESULT,
    STAMP,
    dumped,
    in_epoch,
    kinds,
    records,
    result_at,
)
from statements import read_text

from copilot_analytics.formats._stamps import days_from_civil
from copilot_analytics.formats.mmcv_json import FORMAT as MMCV_JSON
from copilot_analytics.formats.mmcv_text import FORMAT as MMCV_TEXT
from copilot_analytics.formats.mmengine_json import FORMAT as MMENGINE_JSON
from copilot_analytics.formats.mmengine_text import FORMAT as MMENGINE_TEXT
from copilot_analytics.run import Run


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


def test_a_test_of_mmengine_stands_alone() -> None:
    (found,) = records(MMENGINE_JSON, json.dumps({"acc": 0.5, "data_time": 0.1, "time": 0.2}))
    assert (found.kind, found.step, found.facts) == ("eval", None, {"split": "test"})
    assert records(MMENGINE_JSON, json.dumps({"acc": 0.5, "x": 0.1})) == []
    (first,) = records(MMENGINE_JSON, json.dumps(result_at(3)))
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
    found = records(MMCV_JSON, json.dumps(header), *dumped([in_epoch(2, 50), in_epoch(3, 40)]))
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
    assert MMENGINE_JSON.confidence(dumped([result_at(1)])) == 0.6


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
