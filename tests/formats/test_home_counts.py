"""What counts the training in home-made logs, and what only looks like it: lines of our own."""

from __future__ import annotations

import pytest
from home_logs import facts, points, read

from copilot_analytics.formats.home_text import FORMAT


def test_the_options_of_a_script_are_no_row() -> None:
    text = "Namespace(model='toy', lr_rate=0.05, epoch=400, early_stop=9, topk=20)\n" + "".join(
        f"Epoch: {e} Loss: 3.{e}\nEpoch: {e} recall@5: 0.{e}1 ndcg@5: 0.{e}2\n" for e in range(1, 6)
    )
    records = read(text)
    assert [step for step, _ in points(records, "train")] == [1, 2, 3, 4, 5]
    assert facts(records)["planned_epochs"] == 400


@pytest.mark.parametrize(
    "settings",
    ["lr=0.001, clip=5.0, iterations=9000", "dropout: 0.5 alpha: 0.3 iterations: 9000"],
)
def test_settings_that_end_with_the_steps_are_no_row(settings: str) -> None:
    text = f"{settings}\n" + "".join(f"Iteration {i}/9000, Loss: 9.{i}\n" for i in (0, 100, 200))
    assert [step for step, _ in points(read(text), "train")] == [0, 100, 200]


@pytest.mark.parametrize("digits", [24, 33, 38, 60])
def test_a_number_keeps_all_its_digits(digits: int) -> None:
    value = "3" + "1" * (digits - 1)
    text = "".join(
        f"Epoch [{e}/9], Train Loss: {value}.{e}000, Val Loss: {value}.0\n" for e in (1, 2)
    )
    records = read(text)
    assert [row["Train Loss"] for _, row in points(records, "train")] == [float(value)] * 2
    assert [row["Val Loss"] for _, row in points(records, "eval")] == [float(value)] * 2


@pytest.mark.parametrize("said", ["Epoch no. = {}", "## Epoch No: {}", "Epoch number: {}"])
def test_an_epoch_may_be_a_number_in_words(said: str) -> None:
    text = "".join(
        said.format(e) + f"\n- Train Loss: 0.{9 - e}5\n- Validation Loss: 1.{9 - e}\n"
        for e in range(1, 7)
    )
    assert points(read(text), "train") == [
        (e, {"Train Loss": float(f"0.{9 - e}5")}) for e in range(1, 7)
    ]
    assert FORMAT.confidence(text.splitlines()) > 0.95


def test_a_result_above_the_loss_of_its_epoch_is_one_from_the_first_on() -> None:
    text = "".join(
        f"Epoch {e}\nAccuracy: 0.{e}1\nTrain Loss: 0.{9 - e}5\nValidation Loss: 1.{9 - e}\n"
        for e in range(1, 5)
    )
    told = [row["Accuracy"] for _, row in points(read(text), "eval") if "Accuracy" in row]
    assert told == [float(f"0.{e}1") for e in range(1, 5)]


def test_an_iteration_behind_its_epoch_may_follow_other_measures() -> None:
    text = "".join(
        f"Lr: 9.{9 - e}1e-03 | Update: 5.8e-04 mean,9.4e-04 std | Epoch: [{e}][{i}/40] "
        f"| Loss 0.{9 - i // 10}{e} (0.6) | IoU 0.5{e} (0.5)\n"
        for e in (0, 1)
        for i in (0, 10, 20, 30)
    )
    records = read(text)
    assert [step for step, _ in points(records, "train")] == [1, 11, 21, 31, 41, 51, 61, 71]
    assert facts(records)["steps_per_epoch"] == 40


def test_an_epoch_in_brackets_behind_a_total_leaves_that_the_plan() -> None:
    text = "".join(
        f"{1900 + 5 * i}/9600 (epoch {1 + i // 4}) loss: 8.{9 - i}, KL_loss: 1{i}.5, \n"
        for i in range(8)
    )
    records = read(text)
    assert [step for step, _ in points(records, "train")] == [1900 + 5 * i for i in range(8)]
    assert facts(records)["planned_steps"] == 9600
    assert "steps_per_epoch" not in facts(records)


def test_t_may_count_the_updates() -> None:
    text = "Starting epoch 1 / 1...\n" + "".join(
        f"        t = {t}, loss = 0.{90 - t // 10}\n" for t in range(10, 80, 10)
    )
    assert [step for step, _ in points(read(text), "train")] == [10, 20, 30, 40, 50, 60, 70]
    timed = "".join(f"epoch {e}: t = {30 * e}, loss = 0.{9 - e}\n" for e in range(1, 6))
    assert [step for step, _ in points(read(timed), "train")] == [1, 2, 3, 4, 5]


def test_the_steps_of_an_episode_are_not_where_it_is() -> None:
    text = "".join(
        f"Episode {e}:\n  Level: 2\n  Reward: {40 - 7 * e}.5\n  Steps: {90 + 3 * (e % 3)}\n"
        f"  Loss: 0.{9 - e}\n-----\n"
        for e in range(1, 7)
    )
    records = read(text)
    assert [step for step, _ in points(records, "train")] == [1, 2, 3, 4, 5, 6]
    assert [step for step, _ in points(records, "eval")] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("cuts", [(), range(0, 900, 11)])
def test_a_line_of_its_own_may_tell_how_many_rounds_there_are(cuts: range) -> None:
    text = "".join(
        f"Round {r}/50\nRound {r}, Global Loss: 0.{90 - r}\nRound {r} took: 9 s\n"
        for r in range(1, 9)
    )
    records = read(text, cuts)
    assert facts(records)["planned_steps"] == 50
    assert [step for step, _ in points(records, "train")] == list(range(1, 9))


def test_results_of_rounds_are_a_training() -> None:
    text = "".join(
        f"Round {r}:\nTest Accuracy: 0.{40 + r}\nTime taken: 15.4{r} seconds\n-----\n\n"
        for r in range(1, 8)
    )
    assert FORMAT.confidence(text.splitlines()) > 0.95
    assert points(read(text), "eval") == [
        (r, {"Test Accuracy": float(f"0.{40 + r}")}) for r in range(1, 8)
    ]
    steps = text.replace("Round", "Step")
    assert FORMAT.confidence(steps.splitlines()) < 0.5


@pytest.mark.parametrize("cuts", [(), range(0, 900, 11)])
def test_a_counter_that_goes_on_below_a_header_counts_the_training(cuts: range) -> None:
    row = "step:{:5d}/ 3305 loss:0.3{} lr: 0.0{}\n"
    text = "".join(row.format(s, s // 100, 40 - s // 100) for s in range(2300, 2700, 100))
    text += "Epoch 5/5\n"
    text += "".join(row.format(s, s // 100, 40 - s // 100) for s in range(2700, 3305, 100))
    records = read(text, cuts)
    assert [step for step, _ in points(records, "train")] == list(range(2300, 3305, 100))


def test_initials_tell_the_part_of_the_data_only_beside_each_other() -> None:
    text = "".join(
        f"Epoch: {e} | T_Loss 1.{9 - e} | T_acc 0.1{e} | V_Loss 2.{9 - e} | V_acc. 0.2{e}\n"
        for e in range(1, 6)
    )
    records = read(text)
    assert points(records, "train")[0] == (1, {"T_Loss": 1.8, "T_acc": 0.11})
    assert points(records, "eval")[0] == (1, {"val V_Loss": 2.8, "val V_acc": 0.21})
    agent = "".join(f"Epoch: {e} | pi_loss 0.{e}5 | v_loss 1.{9 - e}\n" for e in range(1, 6))
    assert not points(read(agent), "eval")


def test_what_one_class_reached_is_no_result() -> None:
    text = "".join(
        f"iter [{100 * i}/900] loss 0.{9 - i}\n * class [0] IoU 98.{i}\n * class [1] IoU 68.{i}\n"
        for i in range(1, 6)
    )
    records = read(text)
    assert not points(records, "eval") and len(points(records, "train")) == 5


def test_an_open_first_epoch_has_no_length_yet() -> None:
    rows = "".join(f"  batch {b}, loss = 0.{90 - b // 10}\n" for b in range(10, 80, 10))
    assert "steps_per_epoch" not in facts(read("Starting epoch 1 / 10...\n" + rows))
    closed = "Starting epoch 1 / 10...\n" + rows + "Starting epoch 2 / 10...\n" + rows
    assert facts(read(closed))["steps_per_epoch"] == 70


@pytest.mark.parametrize("said", ["✅ 추천 모델 학습 완료 (Best Val RMSE: 2.2258)", "학습이 완료"])
def test_the_end_may_name_what_was_trained(said: str) -> None:
    rows = "".join(f"Epoch {e}/100 | Loss: 0.{9 - e} | Val RMSE: 2.{e}\n" for e in range(1, 7))
    assert [r.kind for r in read(rows + said + "\n")][-1] == "end"


def test_the_length_of_an_epoch_heads_none() -> None:
    rows = "".join(f"step {s}, loss: 1{9 - s}.25\n" for s in range(6))
    text = f"{rows}loaded 338025 tokens\n1 epoch = 2640 batches\n{rows}"
    records = read(text)
    assert not any("planned_epochs" in r.facts for r in records)
    assert [r.step for r in records if r.kind == "train"] == [*range(6), *range(6)]
    assert {r.epoch for r in records if r.kind == "train"} == {None}


@pytest.mark.parametrize("cuts", [(), range(0, 900, 13)])
def test_what_only_some_rows_tell_was_evaluated(cuts: range) -> None:
    text = "".join(
        f"Epoch {e:02d} loss 2.{90 - e} | train 2.1s"
        + (f" | Acc {e + 1}.32% | infer 4.4s\n" if e % 5 == 0 else "\n")
        for e in range(1, 21)
    )
    records = read(text, cuts)
    assert points(records, "eval") == [(e, {"val Acc": e + 1.32}) for e in (5, 10, 15, 20)]
    assert len(points(records, "train")) == 20


def test_a_measure_that_every_row_tells_is_of_the_training() -> None:
    text = "".join(f"Epoch {e} loss 2.{90 - e} | Acc {e + 1}.5%\n" for e in range(1, 9))
    assert not points(read(text), "eval")


@pytest.mark.parametrize("word", ["Epoch", "Epoha", "Epoka"])
def test_batches_above_the_line_that_ends_their_epoch_are_of_it(word: str) -> None:
    text = "".join(
        "".join(
            f"[Batch {b}00] train MSE: 0.{9 - e}{b} | val MSE: 0.{9 - e}5 | Tempo: 5.{b} batch/s\n"
            for b in range(1, 5)
        )
        + f"=> {word} [{e}/9] over!\n   Val MSE: 0.{9 - e}4\n"
        for e in (1, 2, 3)
    )
    records = read(text)
    rows = points(records, "train")
    assert [step for step, _ in rows] == [400 * e + 100 * b for e in range(3) for b in range(1, 5)]
    assert {name for _, row in rows for name in row} == {"train MSE"}
    assert facts(records)["planned_epochs"] == 9


def test_the_next_run_of_one_epoch_may_say_the_same() -> None:
    run = "Epoch 1/1, Loss: 12.5\nValidation Loss: 0.75\nTraining completed.\n"
    text = run * 3 + run.replace("12.5", "13.5")
    assert [row["loss"] for _, row in points(read(text), "train")] == [12.5, 12.5, 12.5, 13.5]


def _counted(*results: tuple[int, int, float]) -> str:
    rows = [
        f"Train Epoch: {epoch} [640/60000 (1%)]\tLoss: 0.5{epoch}\n"
        f"Test set: Average loss: 0.1{epoch}, Accuracy: {right}/{of} ({percent:g}%)\n"
        for epoch, (right, of, percent) in enumerate(results, start=1)
    ]
    return "".join(rows)


def test_a_count_of_right_answers_tells_of_how_many_they_are() -> None:
    log = _counted((9668, 10000, 97), (9814, 10000, 98.14), (9879, 10000, 98))
    assert facts(read(log))["eval_samples"] == 10000


def test_counts_of_sets_of_different_sizes_tell_none() -> None:
    assert facts(read(_counted((90, 100, 90), (900, 1000, 90))))["eval_samples"] == 0


def test_a_share_that_is_not_that_of_the_count_tells_nothing() -> None:
    assert "eval_samples" not in facts(read(_counted((10, 10000, 97), (20, 10000, 98))))


def repeated(name: str, between: str = "") -> str:
    return "".join(
        "".join(f"{name} {e}, Loss: {9 - e}.{9 - i}\n{between}" for i in range(5))
        + f"Epoch {e}: Val Loss: {9 - e}.5\n"
        for e in (0, 1, 2)
    )


@pytest.mark.parametrize("cuts", [(), range(0, 400, 7)])
def test_many_rows_may_name_nothing_but_their_epoch(cuts: range) -> None:
    records = read(repeated("Epoch:"), cuts)
    assert points(records, "train") == [
        (5 * e + i + 1, {"loss": float(f"{9 - e}.{9 - i}")}) for e in (0, 1, 2) for i in range(5)
    ]
    assert [r.epoch for r in records if r.kind == "eval"] == [1, 2, 3]
    assert facts(records)["step_unit"] == "iteration"


def test_what_sums_up_many_rows_of_an_epoch_ends_it() -> None:
    text = "".join(
        "".join(f"epoch {e}/3 loss {4 - e}.{9 - i}\n" for i in range(4))
        + f"epoch {e}/3 train loss {4 - e}.7 val loss {4 - e}.8\n"
        for e in (1, 2, 3)
    )
    records = read(text)
    ends = [r for r in records if r.kind == "train" and "train loss" in r.metrics]
    assert [(r.step, r.epoch) for r in ends] == [(4, 1), (8, 2), (12, 3)]
    assert facts(records)["planned_epochs"] == 3


def test_rows_of_an_epoch_that_stand_apart_are_not_many_of_it() -> None:
    told = points(read(repeated("Epoch:", between="model saved\n")), "train")
    assert {step for step, _ in told} == {1, 2, 3}


@pytest.mark.parametrize(
    ("place", "step", "planned"),
    [
        ("Epoch{0}/30", 12, 30),
        ("Train|Epoch{0}/30|", 12, 30),
        ("epoch{0}:", 12, None),
        ("[Iter{0}00]", 1200, None),
        ("EPOCH{0} Step{0}0,", 120, None),
    ],
)
def test_a_counter_may_be_glued_to_its_number(place: str, step: int, planned: int | None) -> None:
    text = "".join(f"{place.format(n)} loss: {3 - n / 10:.3f}\n" for n in range(1, 13))
    records = read(text)
    rows = points(records, "train")
    assert (len(rows), rows[-1][0], rows[-1][1]["loss"]) == (12, step, 1.8)
    assert facts(records).get("planned_epochs") == planned


@pytest.mark.parametrize("name", ["mAP", "mAP@0.5", "knn_acc", "ndcg"])
def test_what_is_never_measured_on_a_batch_is_an_evaluation_beside_the_loss(name: str) -> None:
    text = "".join(f"Epoch {e}/9 loss 2.{9 - e} {name} 0.{e}5 lr 1.0e-3\n" for e in range(1, 10))
    records = read(text)
    assert [m for _, m in points(records, "eval")][-1] == {name: 0.95}
    assert all(set(m) <= {"loss", "lr"} for _, m in points(records, "train"))


@pytest.mark.parametrize(
    "said", ["第{e}/20轮", "第 {e} / 20 轮训练:", "训练轮次: {e}/20,", "训练轮数 {e}/20 |"]
)
def test_rounds_are_epochs_in_chinese(said: str) -> None:
    text = "".join(f"{said.format(e=e)} 损失: 0.9{e} 准确率: 0.5{e}\n" for e in range(1, 6))
    records = read(text)
    assert [step for step, _ in points(records, "train")] == [1, 2, 3, 4, 5]
    assert facts(records)["planned_epochs"] == 20
    assert facts(records)["step_unit"] == "epoch"


def test_the_name_of_a_split_may_count_its_batches() -> None:
    text = "".join(
        f"Epoch {e} begin\n" + "".join(f"Train {i}: loss:0.{e}{i}\n" for i in (100, 200, 300))
        for e in (1, 2)
    )
    records = read(text)
    assert [row["loss"] for _, row in points(records, "train")][:2] == [0.1100, 0.1200]
    assert [step for step, _ in points(records, "train")] == [100, 200, 300, 400, 500, 600]


def test_rows_of_an_epoch_may_be_equal_by_chance() -> None:
    losses = ["0.91", "0.85", "0.85", "0.7", "0.7"]
    text = "".join(f"Epoch {e}/3.. Train Loss {loss}..\n" for e in (1, 2, 3) for loss in losses)
    assert len(points(read(text), "train")) == 15
    ranks = "".join(f"Epoch {e}/9 Train Loss 0.5{e}\n" * 2 for e in range(1, 6))
    assert len(points(read(ranks), "train")) == 5


def test_episodes_behind_a_count_have_many_of_its_steps() -> None:
    text = "".join(
        f" {70 * e}/900: episode: {e}, duration: 1.5s, episode reward: {e}.25, loss: 0.{9 - e}\n"
        for e in range(1, 8)
    )
    records = read(text)
    assert [step for step, _ in points(records, "train")] == [70 * e for e in range(1, 8)]
    assert facts(records)["planned_steps"] == 900


def test_what_counts_slower_than_episodes_is_no_epoch() -> None:
    text = "".join(f"1 of 2 session | Episode: {e} | Reward: {e}.5\n" for e in range(5, 12))
    records = read(text)
    assert [step for step, _ in points(records, "eval")] == list(range(5, 12))
    assert "planned_epochs" not in facts(records)


def test_an_epoch_joined_to_its_number_may_tell_the_total() -> None:
    text = "".join(
        f"[F3][M5] ep0{e}/50  loss=0.9{e}/0.5{e}  val=0.8{e}/0.6{e}\n" for e in range(1, 7)
    )
    records = read(text)
    assert [row["loss"] for _, row in points(records, "train")] == [
        float(f"0.9{e}") for e in range(1, 7)
    ]
    assert [row for _, row in points(records, "eval")] == [
        {"val": float(f"0.8{e}")} for e in range(1, 7)
    ]
    assert facts(records)["planned_epochs"] == 50


@pytest.mark.parametrize("prefix", ["GPU {r}: ", "[rank {r}] ", "2024-01-02 10:00:00 Rank {r}: "])
def test_the_first_of_interleaved_ranks_is_read(prefix: str) -> None:
    text = "".join(
        f"{prefix.format(r=r)}epoch {e}, loss = {3 - e * 0.25 + r * 0.01}\n"
        for e in range(1, 6)
        for r in range(3)
    )
    assert [row["loss"] for _, row in points(read(text), "train")] == [
        3 - e * 0.25 for e in range(1, 6)
    ]


@pytest.mark.parametrize("name", ["iteration index", "step idx"])
def test_the_index_of_a_step_counts_it(name: str) -> None:
    text = "".join(f"{name}: {i * 100}, batch loss: 0.{9 - i}5\n" for i in range(1, 8))
    assert [step for step, _ in points(read(text), "train")] == [i * 100 for i in range(1, 8)]


@pytest.mark.parametrize("cuts", [(), (40, 95, 200, 333)])
def test_a_result_below_the_batches_of_an_epoch_ends_them(cuts: tuple[int, ...]) -> None:
    text = "".join(
        "".join(f"Batch {b}, Loss: 0.{9 - e}{b // 10}\n" for b in range(0, 50, 10))
        + f"Epoch: {e} PixAcc: 0.7{e}25, mIoU: 0.2{e}51\n"
        for e in range(6)
    )
    rows = [step for step, _ in points(read(text, cuts), "train")]
    assert len(rows) == 30
    assert rows == sorted(set(rows))
    records = [r for r in read(text, cuts) if r.kind == "eval"]
    assert [r.epoch for r in records] == [1, 2, 3, 4, 5, 6]
