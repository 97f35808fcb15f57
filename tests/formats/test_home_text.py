"""Traps of home-made logs, one by one."""

from __future__ import annotations

import pytest
from home_logs import facts, points, read

from copilot_analytics.formats.home_text import FORMAT


def test_what_a_validation_prints_while_it_runs_is_no_result() -> None:
    rounds = [
        f"Iters: {10 * k}/40 || Lr: 0.01 || Task Loss: {k}.5 || Cost Time: 0:00:20\n"
        "Start validation, Total sample: 3\n"
        + "".join(f"Sample: {i}, Validation pixAcc: 0.{i}, mIoU: 0.0{i}\n" for i in (1, 2, 3))
        + "Overall validation pixAcc: 0.35, mIoU: 0.035\n"
        for k in (1, 2, 3, 4)
    ]
    records = read("".join(rounds))
    results = [r for r in records if r.kind == "eval"]
    assert [r.metrics for r in results] == [{"Overall validation pixAcc": 0.35, "mIoU": 0.035}] * 4
    assert [r.step for r in results] == [10, 20, 30, 40]
    without = "".join(part.rpartition("Overall")[0] for part in rounds)
    results = [r for r in read(without) if r.kind == "eval"]
    assert [r.metrics["mIoU"] for r in results] == [0.03] * 4


def test_the_word_at_the_start_governs_the_line() -> None:
    text = "".join(
        f"Epoch: [{e}][0/2]\tTime 0.6 (0.7)\tLoss 3.9 (3.5)\n"
        f"Epoch: [{e}][1/2]\tTime 0.6 (0.7)\tLoss 3.8 (3.4)\n"
        f"Test:\tTime 4.5\tLoss 2.5\tAcc@1 55.0\tBest Acc@1 so far 66.3\n"
        for e in range(3)
    )
    records = read(text)
    assert [m for _, m in points(records, "train")] == [{"loss": 3.9}, {"loss": 3.8}] * 3
    assert [m for _, m in points(records, "eval")] == [{"loss": 2.5, "Acc@1": 55.0}] * 3


def test_summaries_of_epochs_are_a_series_of_their_own() -> None:
    text = "".join(f"Epoch [{e}/3] Step [{i}/2] Loss: {e}.{i}\n" for e in (1, 2, 3) for i in (1, 2))
    text = text.replace(
        " Step [2/2] Loss: 1.2\n", " Step [2/2] Loss: 1.2\n==> Epoch [1] 平均 Loss: 1.15\n"
    )
    text = text.replace("1.15\n", "1.15\nEpoch [1] done. Loss: 1.125\n")
    trained = points(read(text), "train")
    assert [m["loss"] for _, m in trained if "loss" in m] == [1.1, 1.2, 2.1, 2.2, 3.1, 3.2]
    assert (2, {"epoch loss": 1.125}) in trained


def test_counters_that_go_on_over_epochs_are_steps_of_the_training() -> None:
    lines = [f"Epoch {1 + s // 250}, Step: {s}, Batch Loss: {s / 8}" for s in range(100, 1001, 100)]
    assert [step for step, _ in points(read("\n".join(lines) + "\n"), "train")] == list(
        range(100, 1001, 100)
    )


def test_numbers_are_read_as_they_are_printed() -> None:
    text = (
        "".join(
            f"step: {k}K | loss: {k}.5e-03 | lr 1.0e-05 | val: acc 0.81 +- 0.02\n"
            for k in range(1, 6)
        )
        + "step: 6K | loss: nan | lr 1.0e-05\n"
    )
    trained = points(read(text), "train")
    assert [step for step, _ in trained] == [1000, 2000, 3000, 4000, 5000, 6000]
    assert trained[1][1] == {"loss": 0.0025, "lr": 1e-05}
    assert trained[-1][1]["loss"] != trained[-1][1]["loss"]
    assert points(read(text), "eval")[0][1] == {"val acc": 0.81}


def test_samples_of_an_epoch_are_its_steps() -> None:
    text = "".join(
        f"Train Epoch: {e} [{s}/300 ({s // 3}%)]\tLoss: {e}.{s}\n"
        for e in (1, 2)
        for s in (0, 100, 200)
    )
    records = read(text)
    assert [step for step, _ in points(records, "train")] == [0, 100, 200, 300, 400, 500]
    assert facts(records) == {"steps_per_epoch": 300, "step_unit": "sample"}


@pytest.mark.parametrize(
    ("line", "plan"),
    [
        (
            "Namespace(batch_size=4, warmup_epochs=5, epochs=60, save_epoch=2)",
            {"planned_epochs": 60},
        ),
        ("  MAX_EPOCHS: 60", {"planned_epochs": 60}),
        ("num_epochs: 60", {"planned_epochs": 60}),
        ("{'n_epochs': 60, 'lr': 0.1}", {"planned_epochs": 60}),
        ("Starting training for 60 epochs", {"planned_epochs": 60}),
        ("Start training, Total Iterations 20,000", {"planned_steps": 20000}),
        ("decay_epochs: 30", {}),
        ("start_epoch=3", {}),
    ],
)
def test_plans_stand_in_settings_and_sentences(line: str, plan: dict[str, int]) -> None:
    rows = "".join(f"Epoch {e} loss {e}.5 val_loss 1.5\n" for e in range(1, 6))
    told = facts(read(f"{line}\n{rows}"))
    assert {name: told[name] for name in told if name.startswith("planned")} == plan


def test_a_log_whose_first_measure_stands_still_is_claimed() -> None:
    text = "".join(f"step:{k} - critic/score/mean:0.0 - actor/pg_loss:0.{k}\n" for k in range(1, 6))
    assert FORMAT.confidence(text.splitlines()) > 0.95


def test_the_measure_that_chooses_checkpoints_is_learned() -> None:
    text = "".join(
        f"Epoch {e} | loss {e}.5 | val_acc 0.{e}5 | val_f1 0.{e}4\n"
        f"New best val_f1_macro: 0.{e}4 at epoch {e}\n"
        for e in range(1, 6)
    )
    assert facts(read(text))["save_best"] == "val_f1"


def test_final_summaries_are_no_results() -> None:
    rows = "".join(f"Epoch {e} | loss {e}.5 | val mIoU: 0.{e}5\n" for e in range(1, 7))
    text = rows + (
        "=== Final Val Metrics ===\n  Class 1: IoU=70.35%\n  Mean: mIoU=42.87%\n"
        "Training complete. Best validation mIoU: 0.65\n"
    )
    records = read(text)
    assert len(points(records, "eval")) == 6
    assert records[-1].kind == "end"


PROSE = {
    "a web server": "".join(
        f'10.0.0.{i} - - [10/Oct/2023:13:55:01] "GET /step/{i} HTTP/1.1" 200 {i}\n'
        for i in range(60)
    ),
    "a service": "".join(
        f"2024-01-01 10:00:{i:02d} INFO retry step {i}/60: error rate 0.{i}\n" for i in range(60)
    ),
    "pytest": "tests/test_loss.py ...  [ 5%]\ntest_accuracy[1-0.5] PASSED [ 21%]\n" * 5,
    "settings": "loss: 0.5\nepochs: 100\nlr: 0.1\ncls_loss: 1.0\nbox_loss: 2.5\n",
    "a table": "epoch,loss,acc\n" + "".join(f"{i},{i / 8},{i / 9}\n" for i in range(9)),
    "a page": "We train for 90 epochs. After epoch 5 the loss was 0.3 and accuracy 91.2%.\n",
    "a download": "".join(
        f"model.bin: {i:3d}%|#  | {i}/100 [00:09<00:10, 1.2MB/s]\n" for i in range(100)
    ),
    "source code": 'print(f"Epoch {epoch} loss {loss:.4f}")\nloss = 0.5 * loss + 0.1\nacc = 0.0\n'
    * 9,
}


@pytest.mark.parametrize("text", PROSE.values(), ids=PROSE)
def test_what_is_no_training_is_not_claimed(text: str) -> None:
    assert FORMAT.confidence(text.splitlines()) == 0


def test_time_grows_with_the_line_and_no_faster() -> None:
    """A line of 200 kB is left alone, whatever it holds."""
    parser = FORMAT.parser("")
    for line in ("loss 1.5 " * 22_000, "1" * 200_000, "[" * 200_000, "epoch: " * 30_000):
        assert parser.fields(line) is None
        assert list(parser.parse(line, 1)) == []


def test_results_of_a_test_set_count_as_validation_until_there_is_one():
    rows = [
        f"Train Epoch: {epoch} [{at}/2000 ({at / 20:.0f}%)]\tLoss: {2.0 / epoch + at / 8000}\n"
        for epoch in (1, 2)
        for at in (0, 1000)
    ]
    result = "\nTest set: Average loss: {}, Accuracy: {}/1000 ({}%)\n\n"
    records = read(
        "".join([*rows[:2], result.format(1.25, 600, 60), *rows[2:], result.format(0.5, 800, 80)])
    )
    said = [(r.metrics["Average loss"], r.facts["split"]) for r in records if r.kind == "eval"]
    assert said == [(1.25, "val"), (0.5, "val")]


def test_returns_of_episodes_are_how_good_an_agent_is():
    text = "".join(f"Episode {n}\tTotal reward: {2.5 * n}\tEpsilon: 0.5\n" for n in range(1, 9))
    assert FORMAT.confidence(text.splitlines()) > 0.9
    assert points(read(text), "eval")[:2] == [
        (1, {"Total reward": 2.5}),
        (2, {"Total reward": 5.0}),
    ]
    games = "".join(f"global_step={64 * n}, episodic_return=[{n}.]\n" for n in range(1, 9))
    assert points(read(games), "eval")[-1] == (512, {"episodic_return": 8.0})


def test_the_second_bar_of_an_epoch_is_its_evaluation():
    text = ""
    for epoch in range(3):
        text += f"\nEpoch: {epoch}\n"
        for total in (4, 2):
            for done in range(1, total + 1):
                bar = "=" * done + ">" + "." * (total - done)
                measured = f"Loss: {total - epoch}.5 | Acc: 50.5%"
                text += f" [{bar}...]  Step: 9ms | {measured} {done}/{total} \r"
            text += "\n"
    records = read(text)
    losses = [(step, metrics["loss"]) for step, metrics in points(records, "train")]
    assert losses == [(1, 4.5), (2, 3.5), (3, 2.5)]
    results = [metrics["loss"] for _, metrics in points(records, "eval")]
    assert results == [2.5, 1.5, 0.5]


def test_an_evaluation_ends_the_epoch_if_no_more_lines_were_due():
    text = ""
    for epoch in range(2):
        for done in (0, 400, 800):
            text += f"Train Epoch: {epoch} [{done}/1000 ({done // 10}%)]\tLoss: 0.{900 - done}\n"
        text += "Test set: Average loss: 0.5, Accuracy: 75/100 (75%)\n"
    evals = [r for r in read(text) if r.kind == "eval"]
    assert [r.epoch for r in evals] == [1.0, 2.0]


def test_bars_count_steps_below_headers_of_epochs():
    text = "epoch 1/10\n" + "".join(
        f"\rsteps:  {n}%|#   | {n}/2000 [00:01<01:00,  1.30it/s, avr_loss=0.{n}]"
        for n in range(101, 120)
    )
    records = read(text + "\n")
    assert points(records, "train")[0] == (101, {"avr_loss": 0.101})
    assert facts(records)["planned_steps"] == 2000


def test_a_level_of_the_logger_makes_no_remark():
    said = "".join(
        f"2023-01-02 03:0{e}:05,678 DEBUG   Epoch {e} - avg_train_loss: {3 / e:.4f}  "
        f"avg_val_loss: {4 / e:.4f} F1: 0.{e}5\n"
        for e in range(1, 6)
    )
    records = read(said)
    assert points(records, "train")[0] == (1, {"avg_train_loss": 3.0})
    assert points(records, "eval")[-1] == (5, {"avg_val_loss": 0.8, "val F1": 0.55})


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("Train {e}, loss: 0.{e}5, train acc: 0.{e}", 4),
        ("Train: {e}/9 [ 0/50 (  0%)]  Loss: 0.{e}5", 151),
        ("Train: [{e}][10/50] loss 0.{e}5", 160),
        ("E00{e} | 10/50 batches | loss 0.{e}5", 160),
    ],
)
def test_an_epoch_without_its_name_is_one(line: str, step: int) -> None:
    records = read("".join(line.format(e=e) + "\n" for e in range(1, 5)))
    train = points(records, "train")
    assert len(train) == 4
    assert train[-1][0] == step
    assert "planned_steps" not in facts(records) or facts(records)["planned_steps"] == 450


def test_epochs_may_be_counted_by_a_split_alone_from_zero():
    pairs = "".join(
        f"Train {e}, loss: {2 - e / 4}\nTest {e}, loss: {3 - e / 4}, test acc: 0.{e + 3}\n"
        for e in range(4)
    )
    records = read(pairs)
    assert [step for step, _ in points(records, "train")] == [1, 2, 3, 4]
    assert points(records, "eval")[-1] == (4, {"loss": 2.25, "test acc": 0.6})


def test_the_step_may_stand_between_a_loss_and_its_value():
    rows = "".join(f"Train loss {i} {3 - i / 50:.4f} Grad Norm 1.5{i} 2.5s/it\n" for i in range(40))
    records = read(rows + "Validation loss 39:  2.750000\n")
    assert points(records, "train")[39] == (39, {"Train loss": 2.22, "grad_norm": 1.539})
    assert points(records, "eval") == [(39, {"Validation loss": 2.75})]


def test_training_epoch_with_a_number_is_no_plan():
    rows = "".join(
        f"Training epoch: {e}\n\tMean training loss: {3 / e:.3f}.\n" for e in range(1, 6)
    )
    assert "planned_epochs" not in facts(read(rows))


def test_a_starred_line_sums_up_a_validation_that_was_printed_in_part():
    rows = "".join(
        "".join(f"Train: [Epoch {e}/9][Batch {b}/40] Loss {2 / e:.3f}\n" for b in (0, 20))
        + f"Test: [Epoch {e}/9][Batch 0/10] Loss 1.5 (1.5) Top 1-err 50.5 (50.5)\n"
        + f"* Epoch: [{e}/9] Top 1-err {60 - e}.25 Test Loss 1.25\n"
        for e in range(1, 4)
    )
    evals = points(read(rows), "eval")
    assert [metrics["Top 1-err"] for _, metrics in evals] == [59.25, 58.25, 57.25]


def test_measures_of_both_splits_below_a_loss_count_from_the_first_on():
    rows = "".join(
        f"Epoch: {e:03d}, Loss: {2 / e:.4f}\nTrain acc:0.{e}5, Test acc:0.{e}1\n"
        for e in range(1, 6)
    )
    assert points(read(rows), "eval")[0] == (1, {"Test acc": 0.11})


def test_weights_that_are_averaged_and_final_lines_are_no_second_results():
    rows = "".join(
        f"Epoch {e}/4 train_loss={2 / e:.3f}\n  >> Test loss={3 / e:.3f} acc={50 + e}.5%\n"
        f"  >> EMA  loss={1 / e:.3f} acc={60 + e}.5%\n"
        for e in range(1, 5)
    )
    records = read(rows + "Training Complete!\nFinal Test Accuracy: 97.82%\n")
    assert len(points(records, "train")) == 4
    assert [metrics["acc"] for _, metrics in points(records, "eval")] == [51.5, 52.5, 53.5, 54.5]


def test_decibels_are_measured_and_rates_are_not():
    rows = "".join(
        f"<epoch: {1 + i // 3}, iter: {i},000, lr:2e-04> G_loss: 1.{i}e-02\n" for i in range(1, 6)
    )
    records = read(rows + "<epoch: 2, iter: 5,000, Average PSNR : 30.25dB>\n")
    assert points(records, "eval") == [(5000, {"Average PSNR": 30.25})]
    rows = "".join(
        f"Steps : {i}, Gen Loss Total : {9 / i:.3f}, s/b : 0.51{i}\n" for i in range(1, 7)
    )
    assert points(read(rows), "train")[0] == (1, {"Gen Loss Total": 9.0})


def test_returns_in_training_rows_leave_the_test_its_place():
    rows = "".join(
        f"Epoch #{e}: loss=0.{e}5, rew={20 + e}.5\nEpoch #{e}: test_reward: {30 + e}.5 ± 1.5\n"
        for e in range(1, 5)
    )
    found = [r for r in read(rows) if r.kind == "eval" and "test_reward" in r.metrics]
    assert [r.facts["split"] for r in found] == ["val"] * 4


def test_a_bar_over_the_test_set_tells_what_the_lines_after_it_measured():
    rows = "".join(
        f"Train Epoch: {e}/9. Loss: 1.{e}: 100%|##| 40/40 [00:10<00:00, 4it/s]\n"
        f"Test Iter: 5/5. Loss: 2.{e}. top1: 4{e}.5: 100%|##| 5/5 [00:01<00:00, 4it/s]\n"
        f"06/01/2021 10:0{e}:00 - INFO - __main__ -   top-1 acc: 4{e}.25\n"
        for e in range(1, 5)
    )
    evals = [r for r in read(rows) if r.kind == "eval"]
    assert {r.facts["split"] for r in evals} == {"val"}
    assert [r.metrics["top1"] for r in evals if "top1" in r.metrics] == [41.5, 42.5, 43.5, 44.5]


@pytest.mark.parametrize(
    "last", ["WARNING - 早停触发, 在Epoch 5停止训练", "Environment solved in 5 episodes!"]
)
def test_more_words_for_the_end(last: str) -> None:
    rows = "".join(f"Epoch {e} train_loss: {2 / e:.3f}\n" for e in range(1, 6))
    assert [r.kind for r in read(rows + f"2024-01-02 03:04:05 - {last}\n")][-1] == "end"


def test_results_of_single_images_are_no_training():
    rows = "".join(f"  image_{i:03d}: loss=0.00{i + 10}, psnr={30 + i / 8}\n" for i in range(20))
    assert FORMAT.confidence(rows.splitlines()) == 0.0


def test_a_line_that_says_where_training_was_resumed() -> None:
    rows = [f"Epoch {n}/8: train_loss={2 / n:.3f} val_acc={1 - 0.5 / n:.3f}\n" for n in range(1, 9)]
    rows.insert(4, "[2030-01-02 03:04:05] Resumed from checkpoint ckpt_4.pth at epoch 4\n")
    (resume,) = (one for one in read("".join(rows)) if one.kind == "resume")
    assert resume.facts == {"checkpoint": "ckpt_4.pth", "epoch": 4} and resume.line == 5
    rows[4] = "Restoring model weights from the end of the best epoch: 3.\n"
    assert all(one.kind != "resume" for one in read("".join(rows)))


def test_the_loss_scale_describes_the_training() -> None:
    rows = [f"epoch 1 | step {n} | loss {2 / n:.3f} | loss_scale {2.0**-n}\n" for n in range(1, 9)]
    trained = points(read("".join(rows)), "train")
    assert [m["loss_scale"] for _, m in trained] == [2.0**-n for n in range(1, 9)]
