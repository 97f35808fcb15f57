"""What consoles do that a sample cannot show: frames, second passes, sets of weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from copilot_analytics.formats._base import LineParser
from copilot_analytics.reading.detect import known_formats
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.records import Block, Record

if TYPE_CHECKING:
    from copilot_analytics.records import Item


def _read(text: str, chunk: int = 1 << 20) -> tuple[str, list[Record]]:
    reader = LogReader("toy.log")
    raw = text.encode()
    items: list[Item] = []
    for start in range(0, len(raw), chunk):
        items += reader.feed(raw[start : start + chunk])
    items += reader.close()
    assert reader.detection is not None
    records = [
        record
        for item in items
        for record in (item.records() if isinstance(item, Block) else [item])
    ]
    return str(reader.detection.format), records


def _points(records: list[Record], kind: str, name: str) -> list[tuple[int | None, float]]:
    return [(r.step, r.metrics[name]) for r in records if r.kind == kind and name in r.metrics]


def test_keras_frames_over_one_another_are_one_point() -> None:
    frames = "".join(
        f"{at}/20 [====>.........] - ETA: 1s - loss: {3 - at / 10:.4f}" + "\b" * 60 + "\r"
        for at in range(1, 20)
    )
    text = (
        "Epoch 1/2\n\n"
        + frames
        + "20/20 [=======] - 2s 5ms/step - loss: 1.5000 - val_loss: 1.2500\n"
        "Epoch 2/2\n\n" + frames
    )
    log_format, records = _read(text)
    assert log_format == "keras_console"
    assert _points(records, "train", "loss") == [(1, 1.5)]
    assert _points(records, "eval", "val_loss") == [(1, 1.25)]


def test_keras_epoch_with_unknown_length_is_told_by_its_last_frame() -> None:
    text = """\
Epoch 1/2
      1/Unknown - 3s 3s/step - loss: 2.0000
     12/Unknown - 4s 1s/step - loss: 1.7500
12/12 [==============================] - 5s 100ms/step - loss: 1.7500 - val_loss: 1.5000
Epoch 2/2
12/12 [==============================] - 5s 100ms/step - loss: 1.2500 - val_loss: 1.0000
"""
    _, records = _read(text)
    assert _points(records, "train", "loss") == [(1, 1.75), (2, 1.25)]


def test_keras_evaluation_of_a_callback_is_not_the_epoch() -> None:
    text = """\
Epoch 1/2
 5/20 [=====>........................] - ETA: 1s - loss: 2.0000
20/20 [==============================] - ETA: 0s - loss: 1.5000
8/8 [==============================] - 1s 2ms/step - loss: 9.0000
20/20 [==============================] - 3s 100ms/step - loss: 1.5000
Epoch 2/2
 5/20 [=====>........................] - ETA: 1s - loss: 1.5000
"""
    _, records = _read(text)
    assert _points(records, "train", "loss") == [(1, 1.5)]


def test_keras_restarts_in_one_file_are_runs() -> None:
    epoch = "Epoch {}/3\n20/20 - 1s - loss: {}\n"
    fit = "".join(epoch.format(number, 1 / number) for number in (1, 2, 3))
    _, records = _read(fit + fit)
    assert _points(records, "train", "loss") == [(1, 1.0), (2, 0.5), (3, 1 / 3)] * 2


_BAR = "      Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size\n"
_ALL = "        Class     Images  Instances      Box(P          R      mAP50  mAP50-95): 100%\n"


def _epoch(number: int, total: int, loss: float) -> str:
    row = f"      {number}/{total}    2.5G      {loss}     1.5      1.25      20      640: "
    return _BAR + row + "50%|█ | 1/2 [00:01<00:01]\r" + row + "100%|██| 2/2 [00:02<00:00]\n"


def _result(strict: float) -> str:
    return _ALL + f"        all         10         20        0.5       0.25      0.5  {strict}\n"


def test_yolo_counts_one_result_an_epoch() -> None:
    start = "Starting training for 2 epochs...\n"
    text = (
        _result(0.0)
        + start
        + _epoch(1, 2, 2.5)
        + _result(0.125)
        + _epoch(2, 2, 2.25)
        + _result(0.25)
        + "2 epochs completed in 0.002 hours.\nValidating best.pt...\n"
        + _result(0.75)
    )
    log_format, records = _read(text)
    assert log_format == "yolo_console"
    assert _points(records, "train", "train/box_loss") == [(1, 2.5), (2, 2.25)]
    assert _points(records, "eval", "metrics/mAP50-95(B)") == [(1, 0.125), (2, 0.25)]


def test_yolo_resumed_counts_from_where_its_plan_says() -> None:
    head = "     Epoch   gpu_mem       box       obj       cls    labels  img_size\n"
    row = "    226/499     1.25G    0.0625    0.05    0.025    45    640: 100%|██| 4/4 [00:09]\n"
    _, records = _read("Starting training for 500 epochs...\n" + head + row)
    assert _points(records, "train", "train/box_loss") == [(227, 0.0625)]
    _, without_plan = _read(head + row)
    assert _points(without_plan, "train", "train/box_loss") == [(227, 0.0625)]


def test_an_epoch_of_yolo_that_is_cut_is_no_point() -> None:
    cut = _epoch(2, 2, 9.0).partition("\r")[0]
    _, records = _read(_epoch(1, 2, 2.5) + _result(0.125) + cut)
    assert _points(records, "train", "train/box_loss") == [(1, 2.5)]


def test_a_loader_with_one_more_batch_moves_no_step_back() -> None:
    lines = []
    for epoch, length in enumerate((4, 5, 4)):
        lines += [
            f"Epoch: [{epoch}]  [{at}/{length}]  eta: 0:00:01  lr: 0.1  loss: 1.0 (1.0)\n"
            for at in range(length)
        ]
    _, records = _read("".join(lines))
    steps = [step for step, _ in _points(records, "train", "loss")]
    assert steps == list(range(1, 14))


def test_a_validation_that_is_cut_gives_no_result() -> None:
    text = """\
Train: 0 [   0/2 (  0%)]  Loss: 4.500 (4.50)  Time: 0.500s, 64/s  LR: 1.000e-03
Test: [   0/9]  Time: 0.500 (0.500)  Loss:   4.000 ( 4.000)  Acc@1:  25.000 ( 25.000)
Test: [   8/9]  Time: 0.500 (0.500)  Loss:   3.000 ( 3.500)  Acc@1:  75.000 ( 50.000)
"""
    log_format, records = _read(text)
    assert log_format == "timm_text"
    assert not [record for record in records if record.kind == "eval"]


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
    _, records = _read(first + start + row.format(4, 19))
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
    _, records = _read(text)
    assert _points(records, "eval", "bbox/AP") == [(99, 1.5), (99, 3.5)]


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_cuts_change_nothing(chunk: int) -> None:
    text = _epoch(1, 2, 2.5) + _result(0.125) + _epoch(2, 2, 2.25) + _result(0.25)
    assert repr(_read(text, chunk)) == repr(_read(text))


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
    assert _points(records, "train", "loss") == [(10, 2.5), (20, 1.5)]
    assert any(r.facts.get("planned_steps") == 50 for r in records)


def test_steps_with_a_loss_alone_are_not_taken_for_llm_c() -> None:
    rows = "".join(f"step {i * 10} | loss {3 - i / 10:.3f} | step time 31.2ms\n" for i in range(9))
    form, records = _read(rows + "step 80 train loss: 2.1 test loss: 2.25\n")
    assert form == "home_text"
    assert _points(records, "eval", "test loss") == [(80, 2.25)]


def test_results_of_several_trials_of_ray_are_no_run_of_rllib() -> None:
    block = "Result for PPO_Toy_{}:\n  episode_reward_mean: 1.5\n  timesteps_total: 400{}\n\n"
    assert (
        known_formats()["rllib_text"].confidence(
            (block.format(1, 0) + block.format(2, 0)).splitlines()
        )
        == 0.0
    )
    form, records = _read(block.format(1, 0) + block.format(1, 1))
    assert form == "rllib_text"
    assert _points(records, "eval", "episode_reward_mean") == [(4000, 1.5), (4001, 1.5)]


def test_keras_frames_of_windows_are_glued_without_their_bar() -> None:
    text = "".join(
        f"Epoch {e}/2\n900/900 [======] - ETA: 1s - loss: 0.9 - acc: 0.25 - ETA: 0s - loss: 0.8 - "
        f"acc: 0.3 - 4s 5ms/step - loss: 0.{e}5 - acc: 0.5000 - val_loss: 0.{e}25\n"
        for e in (1, 2)
    )
    log_format, records = _read(text)
    assert log_format == "keras_console"
    assert _points(records, "train", "loss") == [(1, 0.15), (2, 0.25)]
    assert _points(records, "eval", "val_loss") == [(1, 0.125), (2, 0.225)]


def test_a_lone_evaluation_of_keras_is_no_training() -> None:
    lines = [
        "Found 40 images belonging to 4 classes.",
        "5/5 [======] - 2s 3s/step - loss: 0.5000 - acc: 0.7500",
        "Test accuracy: 0.75",
    ]
    assert all(form.confidence(lines) < 0.5 for form in known_formats().values())


def test_every_boosting_that_stops_early_is_a_run() -> None:
    text = "".join(
        f"working on: part {part}\n"
        + "".join(f"[{tree}]\tvalid_0's auc: 0.{part}{tree}\n" for tree in (10, 20, 30))
        + f"Early stopping, best iteration is:\n[20]\tvalid_0's auc: 0.{part}20\n"
        for part in (5, 6, 7)
    )
    log_format, records = _read(text)
    assert log_format == "lightgbm_text"
    assert len([r for r in records if r.kind == "launch"]) == 2
    assert [s for s, _ in _points(records, "eval", "valid_0's auc")] == [10, 20, 30] * 3


def test_the_trainer_may_speak_behind_the_last_frame() -> None:
    frame = "Epoch 1: 100%|###| 4/4 [00:04<00:00, 1.0it/s, v_num=0, train_loss=0.500]"
    _, records = _read(f"{frame}`Trainer.fit` stopped: `max_epochs=2` reached.\n")
    assert any(r.facts.get("planned_epochs") == 2 for r in records)
    assert any(r.kind == "end" for r in records)


def _rich(frame: str, *metrics: str) -> str:
    lines = [frame + (metrics or ("",))[0], *(" " * len(frame) + one for one in metrics[1:])]
    return "".join(f"{line:<80}\n" for line in lines)


@pytest.mark.parametrize("header", ["", "GPU available: False, used: False\n"])
@pytest.mark.parametrize("chunk", [1 << 20, 7])
def test_a_bar_of_rich_counts_epochs_from_zero_to_the_last_one(header: str, chunk: int) -> None:
    log_format, records = _read(
        f"{header}\nDetected KeyboardInterrupt, attempting graceful shutdown ...\n"
        + _rich(
            "Epoch 6/29 ━━━━╸             6/22 0:00:00 • 0:00:02 11.87it/s ",
            "v_num: 0.000",
            "train_loss: 0.447",
            "val_acc: 0.826",
        ),
        chunk,
    )
    assert log_format == "lightning_console"
    facts = [dict(r.facts) for r in records if r.kind == "config"]
    assert facts[1:] == [{"planned_epochs": 30}, {"steps_per_epoch": 22}]
    assert _points(records, "train", "train_loss") == [(6 * 22 + 6, 0.447)]
    assert _points(records, "eval", "val_acc") == [(6 * 22 + 6, 0.826)]


def test_frames_of_rich_tell_the_plan_before_the_first_batch_is_done() -> None:
    bar = "━━━━━━━━━━━━━"
    sanity = _rich(
        f"Epoch 0/5  {bar} 0/4 0:00:00 • -:--:-- 0.00it/s ", "v_num: 0.0", "val_acc: 0.05"
    )
    frames = "".join(
        _rich(f"Epoch 0/5  {bar} {batch}/4 0:00:00 • 0:00:01 9.50it/s ", "v_num: 0.0", "loss: 0.5")
        for batch in (1, 2)
    )
    _, records = _read(sanity + frames)
    assert [dict(r.facts) for r in records[1:3]] == [{"planned_epochs": 6}, {"steps_per_epoch": 4}]
    assert _points(records, "train", "loss") == [(1, 0.5), (2, 0.5)]
    assert not [r for r in records if r.kind == "eval"]


def test_a_bar_of_rich_without_an_end_is_no_plan() -> None:
    frame = "Epoch 3/-2 ━━━━━━━━━━━━━━━━━━━━ 4/4 0:00:00 • 0:00:00 9.50it/s "
    _, records = _read(_rich(frame, "v_num: 0.0", "loss: 0.5"))
    assert not [r for r in records if "planned_epochs" in r.facts]
    assert _points(records, "train", "loss") == [(16, 0.5)]


def test_a_bar_of_another_script_that_rich_drew_is_not_lightning() -> None:
    bars = "".join(
        f"Epoch {e}/9 ━━━━━━━━━━━━━━━━━━━━ 4/4 0:00:00 • 0:00:00 loss: {1 / e:.3f}\n"
        for e in range(1, 9)
    )
    assert _read(bars)[0] != "lightning_console"


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
    assert _read(text)[0] == "stylegan_text"
    found, records = _read(results)
    assert found == "stylegan_json"
    assert _points(records, "eval", "fid50k_full") == [(0, 120.5), (4000, 80.5)]


def test_another_boosting_does_not_turn_the_direction_round() -> None:
    row = "{0}:\tlearn: 0.{1}\ttest: 0.{1}\tbest: 0.{1} ({0})\ttotal: 50ms\tremaining: 5s\n"
    text = "".join(row.format(tree, tens + tree) for tens in (50, 20) for tree in (0, 1, 2))
    log_format, records = _read(text)
    told = [r.facts["save_best_direction"] for r in records if "save_best_direction" in r.facts]
    assert (log_format, set(told)) == ("catboost_text", {"max"})


def test_five_numbers_and_a_time_are_no_row_of_rwkv_unless_loss_and_perplexity_agree() -> None:
    rwkv = known_formats()["rwkv_text"]
    row = "0 2.000000 {} 0.00050000 2024-03-01 11:20:30.500000 1"
    found = [rwkv.confidence([row.format(shown)]) for shown in ("7.3891", "7.6", "0", "nan")]
    assert found == [1.0, 0.0, 0.0, 0.0]


def test_results_of_sentence_transformers_leave_out_what_is_before_the_training() -> None:
    text = "epoch,steps,accuracy\n-1,-1,0.125\n" + "".join(f"{n},-1,0.{n}5\n" for n in (0, 1, 2))
    _, records = _read(text)
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
    _, records = _read(run.format(20) + run.format(30))
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
    name, records = _read(header + rows, chunk=50)
    assert name == "matlab_text"
    assert [p for p, _ in _points(records, "train", "loss")] == [10, 20, 30, 40, 50, 60]
    assert _points(records, "eval", "Validation RMSE") == [(10, 3.1), (30, 3.3), (50, 3.5)]
    first = next(r for r in records if r.kind == "train")
    assert first.time == 26 * 3600 + 1


def _short_rich(epoch: int, last: str, batch: int) -> str:
    return (
        f"Epoch {epoch}{last}  ━━━━━━━━━━━━━━━━ {batch}/40 0:00:0{batch // 10} • 0:00:01 "
        f"20.00it/s train_loss: {1 / (epoch + 1):.3f}\n"
    )


@pytest.mark.parametrize(("last", "planned"), [("/2", 3), ("/4", 5), ("/-2", None), ("", None)])
def test_the_bar_of_rich_names_the_last_epoch_from_0(last: str, planned: int | None) -> None:
    text = "".join(_short_rich(epoch, last, batch) for epoch in range(3) for batch in (20, 40))
    name, records = _read(text)
    assert name == "lightning_console"
    assert [r.step for r in records if r.kind == "train"] == [20, 40, 60, 80, 100, 120]
    plans = [r.facts["planned_epochs"] for r in records if "planned_epochs" in r.facts]
    assert plans == ([] if planned is None else [planned])


@pytest.mark.parametrize(
    ("name", "said", "reason"),
    [
        (
            "fairseq_text",
            "early stop since valid performance hasn't improved for last 5 runs",
            "ea",
        ),
        ("joeynmt_text", "Training ended since minimum lr 1.000000e-08 was reached.", "the log"),
        ("flair_text", "2024-03-01 10:20:33,100 learning rate too small - quitting training!", "l"),
        ("flair_text", "2024-03-01 10:20:33,100 Testing using best model ...", "Testing using"),
        (
            "espnet2_text",
            "[Early stopping] valid.acc has been not improved. The training was stopped at 9epoch",
            "early stopping",
        ),
        ("basicsr_text", "24-03-01 10:20:33.100 - INFO: End of training.", "completed"),
        (
            "sockeye_text",
            "[INFO:sockeye.training] Maximum number of not improved checkpoints (8) reached: 8",
            "early stopping",
        ),
        ("sockeye_text", "[INFO:sockeye.training] Training finished.", "the log says"),
        ("icefall_text", "2024-03-01 10:20:33,100 INFO [train.py:1000] (0/4) Done!", "the log"),
        ("stylegan_text", "Exiting...", "the training loop"),
        ("nemo_text", "`Trainer.fit` stopped: `max_steps=5` reached.", "the planned end"),
        ("nematus_text", "INFO: Early Stop!", "early stopping"),
        (
            "kaldi_text",
            "[steps/train.py:5 - train - INFO ] Doing final combination to produce final.mdl",
            "the models",
        ),
        ("gan_text", "End of epoch 3 / 3 \t Time Taken: 100 sec", "the last epoch"),
        ("megatron_text", "2024-03-01 10:20:33 Training completed successfully.", "Training comp"),
    ],
)
def test_trainers_say_that_they_are_done(name: str, said: str, reason: str) -> None:
    sample = known_formats()[name].samples[0]
    plain = [r for r in _read(sample.text)[1] if r.kind == "end"]
    ends = [r for r in _read(sample.text + said + "\n")[1] if r.kind == "end"]
    assert len(ends) == len(plain) + 1
    assert ends[-1].facts["reason"].startswith(reason)


def test_yolox_says_that_training_is_done_when_it_failed_as_well() -> None:
    sample = known_formats()["yolox_text"].samples[0].text
    said = "Training of experiment is done and the best AP is 0.00\n"
    assert [r.kind for r in _read(sample + said)[1]] == [r.kind for r in _read(sample)[1]]


def test_how_long_training_took_does_not_say_that_it_succeeded() -> None:
    line = "2024-03-01 10:00:09 INFO: epoch: [1/2], iter: 10, lr: 0.001000, loss: 4.5, acc: 0.25\n"
    _, records = _read(line + "Total training time: 0:00:35 (0:00:02 on hooks)\n")
    assert [r.kind for r in records if r.kind in {"train", "end"}] == ["train"]
