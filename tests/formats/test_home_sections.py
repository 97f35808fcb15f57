"""Which lines of a home-made log belong together, and which say again what others said."""

from __future__ import annotations

import pytest
from home_logs import points, read

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
