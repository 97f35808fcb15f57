"""Shapes of home-made logs that strangers write, one by one: each with lines of our own."""

from __future__ import annotations

import pytest
from home_logs import facts, points, read

from copilot_analytics.formats.home_text import FORMAT


def test_a_warning_behind_an_unfinished_line_is_not_of_it() -> None:
    glued = "/site-packages/toy/boxes.py:88: UserWarning: 3.0 will be an error\n  pick(2)\n"
    text = "".join(f"iter {i} || Loss: 2.{i} || {glued}" for i in range(10, 60, 10))
    assert points(read(text), "train") == [
        (i, {"loss": float(f"2.{i}")}) for i in range(10, 60, 10)
    ]


def test_a_line_that_names_the_best_judges_what_was_held_out() -> None:
    text = "".join(
        f"Epoch: [{e}/3] Iter:[{i}/40], Loss: 1.{e}{i}, IC loss: 0.5{e}\n"
        + (f"Loss: 0.7{e}, MeanIU: 0.6{e}, Best_mIoU: 0.66\n" if i == 30 else "")
        for e in range(3)
        for i in (0, 10, 20, 30)
    )
    judged = [(r.epoch, dict(r.metrics)) for r in read(text) if r.kind == "eval"]
    assert judged == [
        (e + 1, {"loss": float(f"0.7{e}"), "MeanIU": float(f"0.6{e}")}) for e in range(3)
    ]


def test_lines_that_never_say_where_they_are_need_to_be_many() -> None:
    lines = [f"loss:0.0{n}7, accuracy:0.9{n}1, recall:0.8{n}2" for n in range(10, 20)]
    assert FORMAT.confidence(lines) > 0.95
    assert FORMAT.confidence(lines[:6]) < 0.5


@pytest.mark.parametrize(
    "last",
    [
        "Training pipeline completed successfully!",
        "Training has been successfully completed",
        "Optimization Finished!",
        "All done",
        "Final test accuracy = 92.0%",
        "Total training time: 3:12:11",
        "✅ 预训练任务圆满结束 (总耗时: 1.46 小时)",
        "训练完成。最佳 bit accuracy : 100.00%",
    ],
)
def test_words_for_the_end(last: str) -> None:
    rows = "".join(f"epoch {e} loss 0.{e}25\n" for e in range(1, 6))
    assert [r.kind for r in read(rows + last + "\n")][-1] == "end"
    table = "step,loss\n" + "".join(f"{100 * e},0.{e}25\n" for e in range(1, 21))
    assert [r.kind for r in read(table + last + "\n")][-1] == "end"


@pytest.mark.parametrize("said", ["训练轮次 3 完成", "Done.", "Finished loading data"])
def test_words_that_are_not_of_the_end(said: str) -> None:
    rows = "".join(f"epoch {e} loss 0.{e}25\n" for e in range(1, 6))
    assert "end" not in {r.kind for r in read(rows + said + "\n")}


def test_an_epoch_and_its_iteration_in_brackets_may_follow_a_logger() -> None:
    text = "".join(
        f"2024-03-01 10:20:0{i},500 - toy - INFO - [{e},   {i * 10}] loss: 0.{e}{i}5\n"
        for e in (1, 2)
        for i in (1, 2, 3)
    )
    assert [r.epoch for r in read(text) if r.kind == "train"][-1] is not None
    assert [r.step for r in read(text) if r.kind == "train"] == [10, 20, 30, 40, 50, 60]


def test_a_total_in_a_list_of_losses_is_the_loss() -> None:
    text = "".join(
        f"[Epoch 0/30, Batch {b}/90] [Losses: x 0.2{b}, conf 3.1{b}, total 8.0{b}, recall: 0.1]\n"
        f"[epoch: 4/20, iter: {b}/90] total: 1.5{b}\n"
        for b in range(10, 15)
    )
    assert all("loss" in metrics for _, metrics in points(read(text), "train"))
    assert "total" not in str(points(read("epoch 1 loss 0.5 total 800\n"), "train"))


def test_a_linking_word_may_stand_before_the_bracket() -> None:
    text = "".join(
        f"Epoch is [2/60], mini-batch is [{b}/16], batch_loss is 2.{b}5\n" for b in range(1, 7)
    )
    facts = {k: v for r in read(text) if r.kind == "config" for k, v in r.facts.items()}
    assert facts["planned_epochs"] == 60 and facts["steps_per_epoch"] == 16


def test_a_stamp_may_stand_behind_what_was_measured() -> None:
    text = "".join(
        f"[epoch:{e}/40] [loss:0.2{e}5] [lr:0.009] [Time:[2024-05-06 00:1{e}:31]]\n"
        for e in range(1, 6)
    )
    assert points(read(text), "train") == [
        (e, {"loss": float(f"0.2{e}5"), "lr": 0.009}) for e in range(1, 6)
    ]


def test_a_line_of_the_learning_rate_alone_is_no_row() -> None:
    text = "".join(
        f"Epoch: {e:03d}/003 | Current Learning Rate: 0.001\n"
        + "".join(f"Epoch: {e:03d}/003 | Batch {b:04d}/0011 | Loss: 0.{e}{b}\n" for b in (0, 5, 10))
        for e in (1, 2, 3)
    )
    assert [step for step, _ in points(read(text), "train")][-1] == 33


@pytest.mark.parametrize(
    ("row", "last", "name"),
    [
        ("Epoca {:03d}/9 | loss_D: 1.{}", "Concluido. Resultados em: x", "loss_D"),
        ("Época {}/9 - pérdida: 0.{}5", "Entrenamiento completado.", "pérdida"),
        ("Эпоха {}/9, потери: 0.{}5", "Обучение завершено", "потери"),
        ("에폭 {}/9 손실: 0.{}5", "학습 완료", "손실"),
        ("第{}轮 损失: 0.{}5", "训练结束", "损失"),
        ("Epoche {}/9, Verlust: 0.{}5", "Fertig!", "Verlust"),
    ],
)
def test_people_write_in_their_own_language(row: str, last: str, name: str) -> None:
    lines = [row.format(e, e) for e in range(1, 7)]
    records = read("\n".join([*lines, last, ""]))
    assert [(step, *metrics) for step, metrics in points(records, "train")] == [
        (e, name) for e in range(1, 7)
    ]
    assert [r.epoch for r in records if r.kind == "train"][-1] == 6
    assert records[-1].kind == "end"
    assert FORMAT.confidence(lines) > 0.95


def test_the_result_of_a_fold_is_a_summary() -> None:
    text = "".join(
        f"Epoch {e} - avg_train_loss: 0.6{e}\nEpoch {e} - Score: 0.0{e}\n" for e in range(1, 5)
    )
    text += "===== fold: 1 result =====\nScore: 0.0988\n===== CV =====\nScore: 0.0434\n"
    assert points(read(text), "eval")[-1] == (4, {"Score": 0.04})


def test_a_column_beside_its_twin_of_the_training_is_an_evaluation() -> None:
    text = "train_loss\ttrain_EPE\tEPE\n" + "".join(f"4.{e}\t2.{e}\t1.{e}\n" for e in range(10, 20))
    assert [dict(r.metrics) for r in read(text) if r.kind == "eval"][-1] == {"EPE": 1.19}


@pytest.mark.parametrize(
    ("said", "step", "facts"),
    [
        ("=> saving checkpoint to out/model_3.pth.tar", 30, {"path": "out/model_3.pth.tar"}),
        ("Model saved in file: ./ckpt/model.ckpt-30", 30, {"path": "./ckpt/model.ckpt-30"}),
        ("Saved weights", 30, {}),
        (
            "New best! val loss 0.25, saving model to b.pt",
            30,
            {"path": "b.pt", "best_metric": 0.25},
        ),
        ("Best model saved", None, {}),
        ("模型已保存到 out/last.pt", 30, {"path": "out/last.pt"}),
    ],
)
def test_saved_checkpoints_are_told(said: str, step: int | None, facts: dict[str, object]) -> None:
    rows = "".join(f"iter {i} loss 0.{i}\n" for i in (10, 20, 30))
    found = [r for r in read(rows + said + "\niter 40 loss 0.4\n") if r.kind == "checkpoint"]
    assert [(r.step, dict(r.facts), r.line) for r in found] == [(step, facts, 4)]


@pytest.mark.parametrize(
    "said",
    [
        "Loaded saved model from out/model.pth",
        "Figures saved to out/curve.png",
        "save_best_only=True, model=net",
        "Models will be saved to runs/7",
    ],
)
def test_what_saves_no_checkpoint_is_none(said: str) -> None:
    rows = "".join(f"iter {i} loss 0.{i}\n" for i in (10, 20, 30))
    assert "checkpoint" not in {r.kind for r in read(rows + said + "\n")}


def test_ranks_are_measured_on_held_out_data_whatever_line_tells_them() -> None:
    text = "".join(
        f"Iteration {i} [30.1 s]: HR = 0.5{i}, NDCG = 0.3{i}, loss = 0.4{i} [1.1 s]\n"
        for i in range(6)
    )
    records = read(text)
    assert points(records, "eval")[-1][1] == {"HR": 0.55, "NDCG": 0.35}
    assert points(records, "train")[-1][1] == {"loss": 0.45}


def test_an_error_may_head_the_results() -> None:
    text = "".join(
        f"Epoch {e}\n-----\n"
        + "".join(f"loss: 2.{e}{b}  [{b * 640:>5d}/6000]\n" for b in range(4))
        + f"Test Error: \n Accuracy: 5{e}.5%, Avg loss: 2.{e}5 \n\n"
        for e in range(1, 4)
    )
    assert [dict(r.metrics) for r in read(text) if r.kind == "eval"] == [
        {"Accuracy": float(f"5{e}.5"), "Avg loss": float(f"2.{e}5")} for e in range(1, 4)
    ]


def test_a_number_may_stick_to_its_loss() -> None:
    text = "".join(f"EPOCH[{e}/90] loss0.5{e}1-|Sample:1.2|\n" for e in range(1, 6))
    assert points(read(text), "train")[-1][1]["loss"] == 0.551


def test_what_a_batch_measured_is_no_evaluation() -> None:
    text = "".join(
        f"Average loss at step {i}: 3.{i} learning rate: 10.0\nMinibatch perplexity: 11.{i}\n"
        f"Validation set perplexity: 10.{i}\n"
        for i in range(100, 600, 100)
    )
    names = {name for r in read(text) if r.kind == "eval" for name in r.metrics}
    assert names == {"Validation set perplexity"}


@pytest.mark.parametrize(
    "line",
    [
        "Epoch: [1/20][{i}/25] Time 0.25{i} (0.251) Data 0.12{i} (0.121) Loss 13.{i}",
        "Epoch 1 iter {i}/25: loss 13.{i} batch_time: 0.25{i}s data_time: 0.12{i}s",
        "Epoch 1 step {i} | loss 13.{i} | data 12{i}.5 ms | step time 25{i}.5 ms",
    ],
)
def test_seconds_of_an_iteration_and_of_its_data_are_read(line: str) -> None:
    records = read("".join(f"{line.format(i=i)}\n" for i in range(1, 9)))
    trained = [metrics for _, metrics in points(records, "train")]
    assert len(trained) == 8
    for i, metrics in enumerate(trained, 1):
        assert metrics["loss"] == float(f"13.{i}")
        assert metrics["iter_time_s"] == pytest.approx(0.25 + i / 1000, abs=6e-4)
        assert metrics["data_time_s"] == pytest.approx(0.12 + i / 1000, abs=6e-4)
    assert not any("time" in name for r in records if r.kind == "eval" for name in r.metrics)


@pytest.mark.parametrize(
    "line",
    [
        "Epoch 1 step {i} loss 0.{i} time: 0.5{i}",  # of what?
        "Epoch {i}/20 time 34.{i} data 3.4 loss 0.{i}",  # of an epoch
        "[{i}/80] Time 52.{i} Data 3.4 Loss 0.{i}",  # these may be epochs
        "Epoch [1/20][{i}/25] Time 0:04:1{i} Data 3.4 Loss 0.{i}",
    ],
)
def test_other_times_are_no_time_of_an_iteration(line: str) -> None:
    records = read("".join(f"{line.format(i=i)}\n" for i in range(1, 9)))
    trained = [metrics for _, metrics in points(records, "train")]
    assert [set(metrics) for metrics in trained] == [{"loss"}] * 8


def test_recalls_at_ranks_are_results_below_a_row_of_the_training() -> None:
    text = "".join(
        f"Epoch {e}/6 Finished, Train Loss: 1.{9 - e}\nText-to-Video:\n"
        f"\t>>>  R@1: 3{e}.5 - R@5: 6{e}.25 - Median R: 2.0\n"
        for e in range(1, 7)
    )
    assert points(read(text), "eval") == [
        (e, {"R@1": float(f"3{e}.5"), "R@5": float(f"6{e}.25"), "Median R": 2.0})
        for e in range(1, 7)
    ]
    assert [p for p, _ in points(read(text), "train")] == list(range(1, 7))


@pytest.mark.parametrize(
    "line",
    [
        "epoch, {e}\ntrain_loss, 1.{e}\nval_loss, 2.{e}\nlr, 0.001",
        "epoch, {e}, train_loss, 1.{e}, val_loss, 2.{e}",
        "epoch {e}\n('train_loss', 1.{e})\n('val_loss', 2.{e})",
        "epoch {e}, train_loss, 1.{e}, val_loss, 2.{e}",
    ],
)
def test_commas_may_stand_between_names_and_numbers(line: str) -> None:
    text = "".join(line.format(e=e) + "\n" for e in range(1, 9))
    assert FORMAT.confidence(text.splitlines()) > 0.95
    records = read(text)
    assert [(s, m["train_loss"]) for s, m in points(records, "train")] == [
        (e, float(f"1.{e}")) for e in range(1, 9)
    ]
    assert [m for _, m in points(records, "eval")] == [
        {"val_loss": float(f"2.{e}")} for e in range(1, 9)
    ]


def test_a_comma_ends_a_name_in_other_lines() -> None:
    text = "".join(f"epoch {e} took 3.5 s in all, loss: 1.{e}, done\n" for e in range(1, 9))
    assert points(read(text), "train")[-1] == (8, {"loss": 1.8})


@pytest.mark.parametrize(
    "line",
    [
        "エポック {e}/9: 訓練損失 0.9{e}, 検証損失 0.8{e}",
        "Epoca {e} di 9: perdita addestramento 0.9{e}, perdita validazione 0.8{e}",
        "Epoche {e} von 9: Trainingsverlust 0.9{e}, Validierungsverlust 0.8{e}",
        "Época {e} de 9: pérdida de entrenamiento 0.9{e}, pérdida de validación 0.8{e}",
        "Époque {e} sur 9 : perte d'entraînement = 0.9{e} ; perte de validation = 0.8{e}",
    ],
)
def test_more_languages_tell_totals_and_losses(line: str) -> None:
    text = "".join(f"{line.format(e=e)}\n" for e in range(1, 6))
    records = read(text)
    trained = [value for _, row in points(records, "train") for value in row.values()]
    judged = [value for _, row in points(records, "eval") for value in row.values()]
    assert (trained, judged) == (
        [float(f"0.9{e}") for e in range(1, 6)],
        [float(f"0.8{e}") for e in range(1, 6)],
    )
    assert facts(records)["planned_epochs"] == 9
    assert FORMAT.confidence(text.splitlines()) > 0.5
