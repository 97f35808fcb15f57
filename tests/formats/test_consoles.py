"""What consoles do that a sample cannot show: frames, second passes, sets of weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from copilot_analytics.formats._base import LineParser
from copilot_analytics.reading.detect import known_formats
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.records import Block

if TYPE_CHECKING:
    from copilot_analytics.records import Item
from log_texts import points_of, read_console


def test_detectron2_row_of_the_writers_that_close_is_of_before_the_exception() -> None:
    row = "[03/01 10:00:0{0} d2.utils.events]:  eta: 0:01:00  iter: {1}  total_loss: 1.5\n"
    start = "[03/01 10:00:00 d2.engine.train_loop]: Starting training from iteration 0\n"
    fall = (
        "ERROR [03/01 10:00:03 d2.engine.train_loop]: Exception during training:\n"
        "Traceback (most recent call last):\n"
        '  File "toy.py", line 1, in run_step\n'
        "FloatingPointError: Loss became infinite or NaN at iteration=41!\n"
        "[03/01 10:00:03 d2.engine.hooks]: Overall training speed: 39 iterations in 0:00:03\n"
    )
    first = start + row.format(1, 19) + row.format(2, 39) + fall + row.format(3, 41)
    _, records = read_console(first + start + row.format(4, 19))
    trained = [(r.step, r.line) for r in records if r.kind == "train"]
    assert trained == [(19, 2), (39, 3), (41, 4), (19, 11)]
    (crash,) = [r for r in records if r.kind == "crash"]
    assert crash.line >= 4


def test_detectron2_result_stands_at_the_checkpoint_before_it() -> None:
    line = "[03/01 10:00:10] d2.utils.events INFO:  iter: {}  total_loss: 4.5  lr: 0.1\n"
    text = (
        line.format(79)
        + "[03/01 10:00:11] fvcore.checkpoint INFO: Saving checkpoint to toy/model_0000099.pth\n"
        + "copypaste: Task: bbox\ncopypaste: AP,AP50\ncopypaste: 1.5000,2.5000\n"
        + line.format(99)
        + "copypaste: Task: bbox\ncopypaste: AP,AP50\ncopypaste: 3.5000,nan\n"
    )
    _, records = read_console(text)
    assert points_of(records, "eval", "bbox/AP") == [(99, 1.5), (99, 3.5)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-8-sig"])
@pytest.mark.parametrize("chunk", [1 << 20, 7])
def test_a_document_of_another_encoding_keeps_its_plan(encoding: str, chunk: int) -> None:
    text = (
        '{\n "global_step": 20, "max_steps": 50,\n "log_history": [\n'
        '  {"epoch": 1.0, "loss": 2.5, "step": 10},\n  {"epoch": 2.0, "loss": 1.5, "step": 20}\n'
        " ]\n}\n"
    )
    raw = ("\ufeff" + text).encode(encoding) if encoding == "utf-16-be" else text.encode(encoding)
    reader = LogReader("trainer_state.json")
    items: list[Item] = []
    for start in range(0, len(raw), chunk):
        items += reader.feed(raw[start : start + chunk])
    items += reader.close()
    records = [r for i in items for r in (i.records() if isinstance(i, Block) else [i])]
    assert points_of(records, "train", "loss") == [(10, 2.5), (20, 1.5)]
    assert any(r.facts.get("planned_steps") == 50 for r in records)


def test_steps_with_a_loss_alone_are_not_taken_for_llm_c() -> None:
    rows = "".join(f"step {i * 10} | loss {3 - i / 10:.3f} | step time 31.2ms\n" for i in range(9))
    form, records = read_console(rows + "step 80 train loss: 2.1 test loss: 2.25\n")
    assert form == "home_text"
    assert points_of(records, "eval", "test loss") == [(80, 2.25)]


def test_results_of_several_trials_of_ray_are_no_run_of_rllib() -> None:
    block = "Result for PPO_Toy_{}:\n  episode_reward_mean: 1.5\n  timesteps_total: 400{}\n\n"
    assert (
        known_formats()["rllib_text"].confidence(
            (block.format(1, 0) + block.format(2, 0)).splitlines()
        )
        == 0.0
    )
    form, records = read_console(block.format(1, 0) + block.format(1, 1))
    assert form == "rllib_text"
    assert points_of(records, "eval", "episode_reward_mean") == [(4000, 1.5), (4001, 1.5)]


def test_every_boosting_that_stops_early_is_a_run() -> None:
    text = "".join(
        f"working on: part {part}\n"
        + "".join(f"[{tree}]\tvalid_0's auc: 0.{part}{tree}\n" for tree in (10, 20, 30))
        + f"Early stopping, best iteration is:\n[20]\tvalid_0's auc: 0.{part}20\n"
        for part in (5, 6, 7)
    )
    log_format, records = read_console(text)
    assert log_format == "lightgbm_text"
    assert len([r for r in records if r.kind == "launch"]) == 2
    assert [s for s, _ in points_of(records, "eval", "valid_0's auc")] == [10, 20, 30] * 3


def test_results_between_the_ticks_of_stylegan_leave_the_log_to_its_console() -> None:
    tick = (
        "tick {0}     kimg {1}.0      time 13m 25s      sec/tick 291.6   sec/kimg 72.89   "
        "maintenance 4.3  cpumem 5.01   gpumem 8.00  augment 0.000\n"
    )
    result = (
        '{{"results": {{"fid50k_full": {0}}}, "metric": "fid50k_full", '
        '"snapshot_pkl": "network-snapshot-{1:06d}.pkl", "timestamp": 1650000000.5}}\n'
    )
    results = result.format(120.5, 0) + result.format(80.5, 4)
    text = "Training for 25000 kimg...\n\n" + results.replace("\n", "\n" + tick.format(0, 0))
    assert read_console(text)[0] == "stylegan_text"
    found, records = read_console(results)
    assert found == "stylegan_json"
    assert points_of(records, "eval", "fid50k_full") == [(0, 120.5), (4000, 80.5)]


def test_another_boosting_does_not_turn_the_direction_round() -> None:
    row = "{0}:\tlearn: 0.{1}\ttest: 0.{1}\tbest: 0.{1} ({0})\ttotal: 50ms\tremaining: 5s\n"
    text = "".join(row.format(tree, tens + tree) for tens in (50, 20) for tree in (0, 1, 2))
    log_format, records = read_console(text)
    told = [r.facts["save_best_direction"] for r in records if "save_best_direction" in r.facts]
    assert (log_format, set(told)) == ("catboost_text", {"max"})


def test_five_numbers_and_a_time_are_no_row_of_rwkv_unless_loss_and_perplexity_agree() -> None:
    rwkv = known_formats()["rwkv_text"]
    row = "0 2.000000 {} 0.00050000 2024-03-01 11:20:30.500000 1"
    found = [rwkv.confidence([row.format(shown)]) for shown in ("7.3891", "7.6", "0", "nan")]
    assert found == [1.0, 0.0, 0.0, 0.0]


def test_results_of_sentence_transformers_leave_out_what_is_before_the_training() -> None:
    text = "epoch,steps,accuracy\n-1,-1,0.125\n" + "".join(f"{n},-1,0.{n}5\n" for n in (0, 1, 2))
    _, records = read_console(text)
    assert [r.epoch for r in records if r.kind == "eval"] == [1.0, 2.0, 3.0]


def test_a_wide_table_that_is_none_of_results_is_passed_over_at_once() -> None:
    parser = known_formats()["detectron2_text"].parser("log")
    assert isinstance(parser, LineParser)
    # A pattern that may cut its blanks in several ways would not come to an end.
    assert list(parser.parse("|            a" * 19 + "!", 1)) == []


def test_settings_of_another_run_of_robomimic_are_no_row_of_the_last_one() -> None:
    run = (
        '{{\n    "train": {{\n        "data": [\n            {{\n                "weight": 1.0\n'
        '            }}\n        ],\n        "num_epochs": {}\n    }}\n}}\n'
        'Train Epoch 1\n{{\n    "Loss": 2.5\n}}\nTrain Epoch 2\n{{\n    "Loss": 1.5\n}}\n'
    )
    _, records = read_console(run.format(20) + run.format(30))
    assert [(r.step, dict(r.metrics)) for r in records if r.kind == "train"] == [
        (1, {"loss": 2.5}), (2, {"loss": 1.5}),
    ] * 2  # fmt: skip
    plans = [r.facts["planned_epochs"] for r in records if "planned_epochs" in r.facts]
    assert (plans[0], plans[-1]) == (20, 30)


def test_cells_of_a_table_of_matlab_may_be_blank():
    header = (
        "|  Epoch  |  Iteration  |  Time Elapsed  |  Mini-batch  |  Validation  |  Mini-batch  |\n"
        "|         |             |   (hh:mm:ss)   |     RMSE     |     RMSE     |     Loss     |\n"
    )
    rows = "".join(
        f"|       {e} |          {e}0 |       26:00:0{e} |        2.{e}0 |"
        f" {f'3.{e}0' if e % 2 else '':>12} |       1.{e}0 |\n"
        for e in range(1, 7)
    )
    name, records = read_console(header + rows, size=50)
    assert name == "matlab_text"
    assert [p for p, _ in points_of(records, "train", "loss")] == [10, 20, 30, 40, 50, 60]
    assert points_of(records, "eval", "Validation RMSE") == [(10, 3.1), (30, 3.3), (50, 3.5)]
    first = next(r for r in records if r.kind == "train")
    assert first.time == 26 * 3600 + 1


@pytest.mark.parametrize("name", ["MAE", "PSNR", "F1"])
def test_the_star_of_the_imagenet_example_sums_up_any_measure(name: str) -> None:
    text = "".join(
        f"Epoch: [{e}][0/10]\tTime 0.1 (0.1)\tData 0.0 (0.0)\tLoss 9.{e} (9.{e})\t\n"
        f"begin test\n * {name} {20 - e}.250 \n * best {name} 9.175 \n"
        for e in range(6)
    )
    form, records = read_console(text)
    assert form == "imagenet_text"
    told = [r.metrics for r in records if r.kind == "eval"]
    assert told == [{name: 20.25 - e} for e in range(6)]
