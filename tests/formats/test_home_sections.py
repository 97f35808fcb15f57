"""Which lines of a home-made log belong together, and which say again what others said."""

from __future__ import annotations

import pytest
from home_logs import facts, points, read

from copilot_analytics.formats.home_text import FORMAT

EPOCHS = range(1, 5)


def test_headings_may_follow_the_name_of_a_logger() -> None:
    text = "".join(
        f"toy.train - INFO - Epoch {e}\nTrain Performance:\n Avg loss: 0.9{e}, F1 Score: 0.2{e}\n"
        f"toy.train - INFO - Test Performance:\n Avg loss: 0.8{e}, F1 Score: 0.3{e}\n"
        for e in EPOCHS
    )
    records = read(text)
    assert points(records, "train") == [
        (e, {"Avg loss": float(f"0.9{e}"), "F1 Score": float(f"0.2{e}")}) for e in EPOCHS
    ]
    assert points(records, "eval") == [
        (e, {"Avg loss": float(f"0.8{e}"), "F1 Score": float(f"0.3{e}")}) for e in EPOCHS
    ]


@pytest.mark.parametrize(
    "prefix", ["", "INFO:root:", "2031-05-05 10:00:00,5 | INFO | toy.fit | ", "toy - INFO - "]
)
def test_the_end_may_follow_the_name_of_a_logger(prefix: str) -> None:
    text = "".join(f"{prefix}Epoch {e}/9 | loss 0.9{e}\n" for e in EPOCHS)
    last = read(f"{text}{prefix}Early stopping triggered at epoch 4 (best=0.94).\n")[-1]
    assert last.kind == "end"


def test_a_result_that_is_said_again_counts_once() -> None:
    text = "".join(
        f"Epoch: {e} step: 90 loss: 1.{e}\nval loss: 0.7{e} acc: 0.3{e}1\n"
        f"[valid] epoch {e} acc=0.3{e}1 | best=0.341 @ epoch 4\n"
        for e in EPOCHS
    )
    assert [dict(r.metrics) for r in read(text) if r.kind == "eval"] == [
        {"val loss": float(f"0.7{e}"), "acc": float(f"0.3{e}1")} for e in EPOCHS
    ]


def test_the_same_result_of_another_epoch_counts_again() -> None:
    text = "".join(f"Epoch {e}\nTrain loss: 0.9{e}\nVal acc: 0.5\n" for e in EPOCHS)
    assert points(read(text), "eval") == [(e, {"Val acc": 0.5}) for e in EPOCHS]


def test_measures_below_the_first_losses_are_results_from_the_first_on() -> None:
    text = "".join(
        f"Epoch {e} Metrics:\nTrain Loss: 1.6{e} | Val Loss: 1.4{e}\nF1 Score: 0.4{e}\n"
        for e in EPOCHS
    )
    judged = [dict(r.metrics) for r in read(text) if r.kind == "eval"]
    assert [m["F1 Score"] for m in judged if "F1 Score" in m] == [0.41, 0.42, 0.43, 0.44]


def test_headers_below_rows_that_count_from_zero_shift_none() -> None:
    text = "".join(
        f"Train: epoch: [{e}]  [{i}/30]  loss: 1.{e}{i}\n" for e in range(3) for i in (0, 15, 29)
    )
    headed = text.replace("loss: 1.029\n", "loss: 1.029\nTrain: epoch: [0] Total time: 1:01\n")
    steps = [step for step, _ in points(read(headed), "train")]
    assert steps == [1, 16, 30, 31, 46, 60, 61, 76, 90]


@pytest.mark.parametrize("marks", ["[]", "\u3010\u3011"])
def test_names_may_stand_in_brackets(marks: str) -> None:
    begin, end = marks
    box = {name: f"{begin}{name}{end}" for name in ("Train", "Test", "Epoch", "batch", "loss")}
    text = "".join(
        f"{box['Train']}[Epoch] {e} [batch] {i} [loss] 0.5{e}{i}\n"
        + (f"{box['Test']}[Epoch] {e} [acc] 0.8{e}\n" if i == 2 else "")
        for e in EPOCHS
        for i in range(3)
    )
    records = read(text)
    losses = [m["loss"] for _, m in points(records, "train")]
    assert losses == [float(f"0.5{e}{i}") for e in EPOCHS for i in range(3)]
    assert [m for _, m in points(records, "eval")] == [{"acc": float(f"0.8{e}")} for e in EPOCHS]


def test_a_mean_of_episodes_is_a_score() -> None:
    text = "".join(
        f"Episode  {e}00\tAvg: -9{9 - e}.5\tBest: -90.0\tSecs: 132\n" for e in range(1, 9)
    )
    assert FORMAT.confidence(text.splitlines()) > 0.95
    judged = [m for r in read(text) for name, m in r.metrics.items() if name == "Avg score"]
    assert judged == [-90.5 - (9 - e) for e in range(1, 9)]


@pytest.mark.parametrize(
    "said",
    ["after epoch {}: {}", "after Epoch {} is {}", "for epoch {} of 9: {}", "at epoch {} = {}"],
)
def test_a_measure_may_stand_before_its_epoch(said: str) -> None:
    text = "".join(f"Validation loss {said.format(e, f'0.7{e}')}\n" for e in range(1, 8))
    records = read(text)
    judged = [(r.epoch, dict(r.metrics)) for r in records if r.kind == "eval"]
    assert judged == [(e, {"Validation loss": float(f"0.7{e}")}) for e in range(1, 8)]
    assert FORMAT.confidence(text.splitlines()) > 0.95


def test_the_number_of_epochs_is_no_epoch() -> None:
    text = "Loss for a number of epoch 5: 3.5\nTotal number of epoch 9\n"
    assert read(f"{text}Epoch 1 loss 0.5\nEpoch 2 loss 0.4\n")[-1].step == 2


def test_splits_alone_may_name_what_was_measured() -> None:
    text = "".join(f"[epoch {e}] train=1.6{9 - e} val=1.7{9 - e} best=1.7@{e}\n" for e in range(8))
    assert FORMAT.confidence(text.splitlines()) > 0.95
    assert points(read(text), "train") == [
        (e + 1, {"train": float(f"1.6{9 - e}")}) for e in range(8)
    ]


def rounds(header: str, clients: int = 1) -> str:
    return "Args: local epochs: 3\n" + "".join(
        f"{header.format(r)}\n"
        + "".join(f"  epoch {e}/3  loss=1.{r}{e}\n" for _ in range(clients) for e in (1, 2, 3))
        + f"Test Acc: 0.6{r}\n"
        for r in (1, 2, 3)
    )


@pytest.mark.parametrize(
    "header", ["=== Round {}/9 ===", "  Iteration {}/9  (global 35)", "GENERATION {} / 9"]
)
def test_epochs_that_begin_again_in_each_round_are_parts_of_it(header: str) -> None:
    records = read(rounds(header))
    trained = [(r.step, r.epoch) for r in records if r.kind == "train"]
    assert [step for step, _ in trained] == list(range(1, 10))
    assert trained[-1][1] == 3.0
    assert facts(records)["planned_epochs"] == 9
    assert [(r.epoch, dict(r.metrics)) for r in records if r.kind == "eval"] == [
        (r, {"Test Acc": float(f"0.6{r}")}) for r in (1, 2, 3)
    ]


@pytest.mark.parametrize("clients", [2, 3])
@pytest.mark.parametrize("header", ["=== Round {}/9 ===", "--- Global Round {}/9 ---"])
def test_each_client_counts_the_epochs_of_a_round_once_more(header: str, clients: int) -> None:
    records = read(rounds(header, clients))
    assert "launch" not in {r.kind for r in records}
    steps = [r.step for r in records if r.kind == "train"]
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == (1, 9)
    assert facts(records)["planned_epochs"] == 9
    assert [r.epoch for r in records if r.kind == "eval"] == [1, 2, 3]


@pytest.mark.parametrize("header", ["#### Federated Round {}/9 ####", "Communication round {}"])
def test_epochs_of_clients_may_have_no_total(header: str) -> None:
    text = "".join(
        header.format(r)
        + "\n"
        + "".join(f"Client {c} Epoch {e}: Loss = 0.{9 - r}{c}{e}\n" for c in (0, 1) for e in (1, 2))
        + f"Accuracy: 0.{r}5, F1: 0.{r}4\n"
        for r in range(1, 6)
    )
    records = read(text)
    assert "launch" not in {r.kind for r in records}
    assert [(r.epoch, r.metrics["Accuracy"]) for r in records if r.kind == "eval"] == [
        (r, float(f"0.{r}5")) for r in range(1, 6)
    ]
    assert points(records, "train")[-1] == (5, {"loss": 0.412})
    assert facts(records).get("planned_epochs") == (9 if "/9" in header else None)


def test_epochs_below_a_line_of_their_step_stay_epochs() -> None:
    text = "".join(
        f"Step {s}/900\nepoch {1 + s // 300}/3 loss=1.{s}\n" for s in range(100, 900, 100)
    )
    assert facts(read(text))["planned_epochs"] == 3


def test_local_epochs_are_no_plan_and_no_axis() -> None:
    text = "Local Epochs: 3\n" + "".join(
        f"| Global Round : {r} | Local Epoch : {e} | [0/480 (0%)]\tLoss: 0.{r}{e}\n"
        for r in range(1, 6)
        for e in range(3)
    )
    records = read(text)
    assert "planned_epochs" not in facts(records)
    assert points(records, "train")[-1] == (5, {"loss": 0.52})


def test_german_words_of_tables() -> None:
    text = "Epoche;Trainingsverlust;Validierungsverlust\n" + "".join(
        f"{e};0,5{e};0,6{e}\n" for e in EPOCHS
    )
    records = read(text)
    assert points(records, "train")[0] == (1, {"Trainingsverlust": 0.51})
    assert points(records, "eval")[0] == (1, {"Validierungsverlust": 0.61})


def test_words_joined_by_capitals_tell_an_agent() -> None:
    text = "Episode,TotalReward,Epsilon\n" + "".join(f"{e},-{9 - e},0.9{e}\n" for e in range(1, 9))
    assert points(read(text), "eval")[-1] == (8, {"TotalReward": -1.0})


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("| End of training | test loss  4.85 | test ppl   127.40", "End of training | test loss"),
        ("Solved! Running reward is now 475.6 and the last episode runs to 500 steps!", "Solved!"),
        ("Training complete in 12m 3s", "Training complete in 12m 3s"),
        ("Done training", "Done training"),
        ("Finished Training", "Finished Training"),
    ],
)
def test_the_last_words_of_well_known_examples_finish_a_run(said: str, reason: str) -> None:
    text = "".join(
        f"| epoch   {e} |   200/400 batches | lr 20.00 | loss  6.{9 - e}2 | ppl   61{9 - e}.97\n"
        f"| end of epoch   {e} | time: 34.20s | valid loss  5.{9 - e}2 | valid ppl   31{9 - e}.5\n"
        for e in range(1, 6)
    )
    records = read(text + said + "\n")
    assert [r.facts["reason"].startswith(reason) for r in records if r.kind == "end"] == [True]
    assert len(points(records, "eval")) == 5


def test_a_heading_tells_apart_rows_that_look_the_same() -> None:
    text = "".join(
        f"epoch: {e}, loss is: 0.5{e}, acc is: 0.6{e}\n"
        f"testing in eval mode...\n"
        f"epoch: {e}, loss is: 0.9{e}, acc is: 0.7{e}\n"
        "back to training\n"
        for e in range(6)
    )
    records = read(text)
    assert [row["loss"] for _, row in points(records, "train")] == [
        float(f"0.5{e}") for e in range(6)
    ]
    assert [row["acc"] for _, row in points(records, "eval")] == [
        float(f"0.7{e}") for e in range(6)
    ]


def test_a_heading_without_results_does_not_take_the_next_epoch() -> None:
    text = "".join(f"epoch: {e}, loss: 0.5{e}\nRunning validation...\n" for e in range(6))
    records = read(text)
    assert len(points(records, "train")) == 6
    assert not points(records, "eval")


def test_one_epoch_of_both_parts_of_the_data_is_a_training() -> None:
    epoch = "Epoch: 01 | Epoch Time: 1m 40s\n\tTrain Loss: 0.223\n\t Val. Loss: 0.124\n"
    assert FORMAT.confidence(epoch.splitlines()) > 0.5
    assert FORMAT.confidence(epoch.replace("Train Loss", "Test Acc").splitlines()) < 0.5


def test_a_table_below_the_end_does_not_judge_the_training() -> None:
    text = "".join(
        f"Epoch {e}/6\nLR: 1e-05\nTrain Loss: 0.9{e}, Val Loss: 0.8{e}\n\n" for e in range(1, 7)
    )
    text += "Training finished. Total time: 40.5 seconds\nperson   0.4298\nmIoU     0.5442\n"
    judged = [row for _, row in points(read(text), "eval")]
    assert judged == [{"Val Loss": float(f"0.8{e}")} for e in range(1, 7)]


def test_what_the_logger_is_called_hides_no_end() -> None:
    text = "".join(f"INFO:__main__:Epoch {e} | Loss: 0.{9 - e}\n" for e in range(1, 6))
    text += "INFO:__main__:\u2705 Training completed successfully!\n"
    assert [record.kind for record in read(text)][-1] == "end"


@pytest.mark.parametrize(
    ("train", "val"),
    [("Train:", "Val:"), ("[Train]", "[Validation]"), ("Training...", "Validating...")],
)
@pytest.mark.parametrize("measure", ["accuracy", "mAP"])
def test_measures_below_a_heading_are_those_of_its_split(
    train: str, val: str, measure: str
) -> None:
    text = "".join(
        f"Epoch {e}/9\n{train}\n  loss: 0.9{e}\n  {measure}: 0.5{e}\n"
        f"{val}\n  loss: 0.8{e}\n  {measure}: 0.6{e}\n\n"
        for e in EPOCHS
    )
    records = read(text)
    trained = [value for _, row in points(records, "train") for value in row.values()]
    judged = [value for _, row in points(records, "eval") for value in row.values()]
    assert trained == [float(f"0.{part}{e}") for e in EPOCHS for part in (9, 5)]
    assert judged == [float(f"0.{part}{e}") for e in EPOCHS for part in (8, 6)]


def test_what_a_library_says_before_its_logger_knows_the_time_is_no_row() -> None:
    noise = (
        "E0000 00:00:1700000000.125000    2354 toy_platform.cc:52] failed: UNKNOWN ERROR (303)\n"
    )
    rows = "".join(f"step {s}: loss = 0.{90 - s}51, acc = 0.{s}00\n" for s in range(10, 80, 10))
    records = read(noise + rows)
    assert [r.step for r in records if r.kind == "train"] == list(range(10, 80, 10))
    assert all(r.facts.get("step_unit", "iteration") == "iteration" for r in records)
