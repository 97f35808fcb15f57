"""Bars that consoles draw over one another: Keras, YOLO, and rich as Lightning uses it."""

from __future__ import annotations

import pytest
from log_texts import points_of, read_console

from copilot_analytics.reading.detect import known_formats


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
    log_format, records = read_console(text)
    assert log_format == "keras_console"
    assert points_of(records, "train", "loss") == [(1, 1.5)]
    assert points_of(records, "eval", "val_loss") == [(1, 1.25)]


def test_keras_epoch_with_unknown_length_is_told_by_its_last_frame() -> None:
    text = """\
Epoch 1/2
      1/Unknown - 3s 3s/step - loss: 2.0000
     12/Unknown - 4s 1s/step - loss: 1.7500
12/12 [==============================] - 5s 100ms/step - loss: 1.7500 - val_loss: 1.5000
Epoch 2/2
12/12 [==============================] - 5s 100ms/step - loss: 1.2500 - val_loss: 1.0000
"""
    _, records = read_console(text)
    assert points_of(records, "train", "loss") == [(1, 1.75), (2, 1.25)]


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
    _, records = read_console(text)
    assert points_of(records, "train", "loss") == [(1, 1.5)]


def test_keras_restarts_in_one_file_are_runs() -> None:
    epoch = "Epoch {}/3\n20/20 - 1s - loss: {}\n"
    fit = "".join(epoch.format(number, 1 / number) for number in (1, 2, 3))
    _, records = read_console(fit + fit)
    assert points_of(records, "train", "loss") == [(1, 1.0), (2, 0.5), (3, 1 / 3)] * 2


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
    log_format, records = read_console(text)
    assert log_format == "yolo_console"
    assert points_of(records, "train", "train/box_loss") == [(1, 2.5), (2, 2.25)]
    assert points_of(records, "eval", "metrics/mAP50-95(B)") == [(1, 0.125), (2, 0.25)]


def test_yolo_resumed_counts_from_where_its_plan_says() -> None:
    head = "     Epoch   gpu_mem       box       obj       cls    labels  img_size\n"
    row = "    226/499     1.25G    0.0625    0.05    0.025    45    640: 100%|██| 4/4 [00:09]\n"
    _, records = read_console("Starting training for 500 epochs...\n" + head + row)
    assert points_of(records, "train", "train/box_loss") == [(227, 0.0625)]
    _, without_plan = read_console(head + row)
    assert points_of(without_plan, "train", "train/box_loss") == [(227, 0.0625)]


def test_an_epoch_of_yolo_that_is_cut_is_no_point() -> None:
    cut = _epoch(2, 2, 9.0).partition("\r")[0]
    _, records = read_console(_epoch(1, 2, 2.5) + _result(0.125) + cut)
    assert points_of(records, "train", "train/box_loss") == [(1, 2.5)]


def test_a_loader_with_one_more_batch_moves_no_step_back() -> None:
    lines = []
    for epoch, length in enumerate((4, 5, 4)):
        lines += [
            f"Epoch: [{epoch}]  [{at}/{length}]  eta: 0:00:01  lr: 0.1  loss: 1.0 (1.0)\n"
            for at in range(length)
        ]
    _, records = read_console("".join(lines))
    steps = [step for step, _ in points_of(records, "train", "loss")]
    assert steps == list(range(1, 14))


def test_a_validation_that_is_cut_gives_no_result() -> None:
    text = """\
Train: 0 [   0/2 (  0%)]  Loss: 4.500 (4.50)  Time: 0.500s, 64/s  LR: 1.000e-03
Test: [   0/9]  Time: 0.500 (0.500)  Loss:   4.000 ( 4.000)  Acc@1:  25.000 ( 25.000)
Test: [   8/9]  Time: 0.500 (0.500)  Loss:   3.000 ( 3.500)  Acc@1:  75.000 ( 50.000)
"""
    log_format, records = read_console(text)
    assert log_format == "timm_text"
    assert not [record for record in records if record.kind == "eval"]


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_cuts_change_nothing(chunk: int) -> None:
    text = _epoch(1, 2, 2.5) + _result(0.125) + _epoch(2, 2, 2.25) + _result(0.25)
    assert repr(read_console(text, chunk)) == repr(read_console(text))


def test_keras_frames_of_windows_are_glued_without_their_bar() -> None:
    text = "".join(
        f"Epoch {e}/2\n900/900 [======] - ETA: 1s - loss: 0.9 - acc: 0.25 - ETA: 0s - loss: 0.8 - "
        f"acc: 0.3 - 4s 5ms/step - loss: 0.{e}5 - acc: 0.5000 - val_loss: 0.{e}25\n"
        for e in (1, 2)
    )
    log_format, records = read_console(text)
    assert log_format == "keras_console"
    assert points_of(records, "train", "loss") == [(1, 0.15), (2, 0.25)]
    assert points_of(records, "eval", "val_loss") == [(1, 0.125), (2, 0.225)]


def test_a_lone_evaluation_of_keras_is_no_training() -> None:
    lines = [
        "Found 40 images belonging to 4 classes.",
        "5/5 [======] - 2s 3s/step - loss: 0.5000 - acc: 0.7500",
        "Test accuracy: 0.75",
    ]
    assert all(form.confidence(lines) < 0.5 for form in known_formats().values())


def test_the_trainer_may_speak_behind_the_last_frame() -> None:
    frame = "Epoch 1: 100%|###| 4/4 [00:04<00:00, 1.0it/s, v_num=0, train_loss=0.500]"
    _, records = read_console(f"{frame}`Trainer.fit` stopped: `max_epochs=2` reached.\n")
    assert any(r.facts.get("planned_epochs") == 2 for r in records)
    assert any(r.kind == "end" for r in records)


def _rich(frame: str, *metrics: str) -> str:
    lines = [frame + (metrics or ("",))[0], *(" " * len(frame) + one for one in metrics[1:])]
    return "".join(f"{line:<80}\n" for line in lines)


@pytest.mark.parametrize("header", ["", "GPU available: False, used: False\n"])
@pytest.mark.parametrize("chunk", [1 << 20, 7])
def test_a_bar_of_rich_counts_epochs_from_zero_to_the_last_one(header: str, chunk: int) -> None:
    log_format, records = read_console(
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
    assert points_of(records, "train", "train_loss") == [(6 * 22 + 6, 0.447)]
    assert points_of(records, "eval", "val_acc") == [(6 * 22 + 6, 0.826)]


def test_frames_of_rich_tell_the_plan_before_the_first_batch_is_done() -> None:
    bar = "━━━━━━━━━━━━━"
    sanity = _rich(
        f"Epoch 0/5  {bar} 0/4 0:00:00 • -:--:-- 0.00it/s ", "v_num: 0.0", "val_acc: 0.05"
    )
    frames = "".join(
        _rich(f"Epoch 0/5  {bar} {batch}/4 0:00:00 • 0:00:01 9.50it/s ", "v_num: 0.0", "loss: 0.5")
        for batch in (1, 2)
    )
    _, records = read_console(sanity + frames)
    assert [dict(r.facts) for r in records[1:3]] == [{"planned_epochs": 6}, {"steps_per_epoch": 4}]
    assert points_of(records, "train", "loss") == [(1, 0.5), (2, 0.5)]
    assert not [r for r in records if r.kind == "eval"]


def test_a_bar_of_rich_without_an_end_is_no_plan() -> None:
    frame = "Epoch 3/-2 ━━━━━━━━━━━━━━━━━━━━ 4/4 0:00:00 • 0:00:00 9.50it/s "
    _, records = read_console(_rich(frame, "v_num: 0.0", "loss: 0.5"))
    assert not [r for r in records if "planned_epochs" in r.facts]
    assert points_of(records, "train", "loss") == [(16, 0.5)]


def test_a_bar_of_another_script_that_rich_drew_is_not_lightning() -> None:
    bars = "".join(
        f"Epoch {e}/9 ━━━━━━━━━━━━━━━━━━━━ 4/4 0:00:00 • 0:00:00 loss: {1 / e:.3f}\n"
        for e in range(1, 9)
    )
    assert read_console(bars)[0] != "lightning_console"


def _short_rich(epoch: int, last: str, batch: int) -> str:
    return (
        f"Epoch {epoch}{last}  ━━━━━━━━━━━━━━━━ {batch}/40 0:00:0{batch // 10} • 0:00:01 "
        f"20.00it/s train_loss: {1 / (epoch + 1):.3f}\n"
    )


@pytest.mark.parametrize(("last", "planned"), [("/2", 3), ("/4", 5), ("/-2", None), ("", None)])
def test_the_bar_of_rich_names_the_last_epoch_from_0(last: str, planned: int | None) -> None:
    text = "".join(_short_rich(epoch, last, batch) for epoch in range(3) for batch in (20, 40))
    name, records = read_console(text)
    assert name == "lightning_console"
    assert [r.step for r in records if r.kind == "train"] == [20, 40, 60, 80, 100, 120]
    plans = [r.facts["planned_epochs"] for r in records if "planned_epochs" in r.facts]
    assert plans == ([] if planned is None else [planned])


def _fit(epochs: range, stop: str, first_loss: float = 1.0) -> str:
    """Return the bars of a fit of Lightning, the last one again behind its last word."""
    frames = [
        f"\rEpoch {epoch}: 100%|███| 4/4 [00:04<00:00, 1.0it/s, v_num=0, "
        f"train_loss={first_loss / (1 + epoch):.3f}, val_loss={first_loss / (2 + epoch):.3f}]"
        for epoch in epochs
    ]
    return "".join(frames) + f"`Trainer.fit` stopped: `{stop}` reached.\n" + frames[-1] + "\n"


def test_the_bar_that_lightning_draws_once_more_is_no_training_after_the_end() -> None:
    name, records = read_console(_fit(range(3), "max_steps=12"))
    assert name == "lightning_console"
    assert [r.kind for r in records if r.kind in {"train", "end"}] == ["train"] * 3 + ["end"]


def test_each_fit_of_lightning_states_a_plan_of_its_own() -> None:
    _, records = read_console(_fit(range(3), "max_epochs=3") + _fit(range(3, 6), "max_epochs=6"))
    plans = [r.facts["planned_epochs"] for r in records if "planned_epochs" in r.facts]
    assert plans == [3, 6]
    assert [r.kind for r in records if r.kind in {"train", "end"}] == (
        ["train"] * 3 + ["end"] + ["train"] * 3 + ["end"]
    )


def test_what_a_script_prints_without_a_bar_of_lightning_is_its_own() -> None:
    rows = "".join(f"Epoch {e}: val_f1=0.{e + 4}125 val_loss=0.{8 - e}250\n" for e in range(5))
    said = "GPU available: False, used: False\n", "`Trainer.fit` stopped: `max_epochs=5` reached.\n"
    name, records = read_console(said[0] + rows + said[1])
    assert name == "home_text"
    assert [r.metrics["val_f1"] for r in records if r.kind == "eval"] == [
        0.4125, 0.5125, 0.6125, 0.7125, 0.8125,
    ]  # fmt: skip


def test_the_bar_counts_the_batches_of_every_set_that_it_validates_with() -> None:
    rate = "[00:01<00:00, 9.00it/s, loss=0.5, v_num=0]"
    text = ""
    for epoch in range(3):
        text += f"\rEpoch {epoch}:  50%|███   | 4/8 {rate}"
        for loader in range(2):
            for batch in range(1, 3):
                done = 4 + 2 * loader + batch
                text += (
                    f"\n\rValidation DataLoader {loader}: 50%|█ | {batch}/2 [00:00<00:00, 9it/s]"
                )
                text += f"\rEpoch {epoch}:  80%|████  | {done}/8 {rate}"
        text += f"\rEpoch {epoch}: 100%|██████| 8/8 {rate[:-1]}, val_acc=0.{epoch + 5}]\n"
    records = read_console(text)[1]
    assert [r.step for r in records if r.kind == "train"] == [4, 8, 12]
    assert [(r.step, r.metrics["val_acc"]) for r in records if r.kind == "eval"] == [
        (4, 0.5), (8, 0.6), (12, 0.7),
    ]  # fmt: skip


def test_batches_of_validations_within_an_epoch_are_no_steps() -> None:
    rate = "[00:01<00:00, 9.00it/s, loss=0.5, v_num=0]"
    text = ""
    for epoch in range(2):
        for batch in (1, 2, 5, 6):  # two are of a validation behind the second, and the last
            text += f"\rEpoch {epoch}:  50%|███   | {batch}/8 {rate}"
            for seen in (1, 2) if batch in {2, 6} else ():
                text += f"\n\rValidation DataLoader 0: 50%|█ | {seen}/2 [00:00<00:00, 9it/s]"
                text += f"\rEpoch {epoch}:  80%|████  | {batch + seen}/8 {rate}"
        text += f"\n\rEpoch {epoch}:   0%|      | 0/8 {rate}"
    records = read_console(text)[1]
    assert [r.step for r in records if r.kind == "train"] == [1, 2, 3, 4, 5, 6, 7, 8]
