"""Home-made logs that name their measures by the split alone, or once for several splits."""

from __future__ import annotations

import re

import pytest
from home_logs import facts, points, read

from copilot_analytics.formats.home_text import FORMAT

EPOCHS = range(1, 9)


def both(text: str) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    records = read(text)
    return [m for _, m in points(records, "train")], [m for _, m in points(records, "eval")]


@pytest.mark.parametrize(
    "line",
    [
        "Epoch {e}/30: Train 0.5{e}, Val 0.9{e}, lr 1e-3",
        "[eval] step {e}00 | train 0.5{e} | Val 0.9{e}",
        "Epoch [{e}/30] train: 0.5{e} Val: 0.9{e}",
    ],
)
def test_a_split_may_be_all_the_name_there_is(line: str) -> None:
    text = "".join(f"{line.format(e=e)}\n" for e in EPOCHS)
    trained, judged = both(text)
    assert [m.get("Train", m.get("train")) for m in trained] == [float(f"0.5{e}") for e in EPOCHS]
    assert judged == [{"Val": float(f"0.9{e}")} for e in EPOCHS]
    assert FORMAT.confidence(text.splitlines()) > 0.95
    alone = re.sub(r"Val:? 0.9\d", "", text)  # steps are counted by many programs
    assert (FORMAT.confidence(alone.splitlines()) > 0.95) == ("Epoch" in line)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("LOSS train 0.5{e} valid 0.9{e}", "valid loss"),
        ("Loss: train 0.5{e}, valid 0.9{e}", "valid Loss"),
        ("Loss: train=0.5{e} valid=0.9{e}", "valid Loss"),
    ],
)
def test_a_measure_may_be_named_once_for_both_splits(line: str, name: str) -> None:
    text = "".join(f"EPOCH {e}:\n{line.format(e=e)}\n" for e in EPOCHS)
    trained, judged = both(text)
    assert [next(iter(m.values())) for m in trained] == [float(f"0.5{e}") for e in EPOCHS]
    assert judged == [{name: float(f"0.9{e}")} for e in EPOCHS]


@pytest.mark.parametrize(("train", "val"), [("tr", "va"), ("trn", "vl")])
def test_splits_may_be_shortened(train: str, val: str) -> None:
    text = "".join(
        f"epoch {e} {train}_loss 0.5{e} {train}_acc=0.6{e} {val}_loss 0.9{e} {val}_acc=0.8{e}\n"
        for e in EPOCHS
    )
    trained, judged = both(text)
    assert trained[0] == {f"{train}_loss": 0.51, f"{train}_acc": 0.61}
    assert judged[0] == {f"{val}_loss": 0.91, f"{val}_acc": 0.81}


def test_each_measure_has_its_own_splits() -> None:
    text = "".join(
        f"Epoch {e} | Loss: train 0.5{e} val 0.9{e} | Acc: train 0.1{e} val 0.2{e}\n"
        for e in EPOCHS
    )
    assert both(text)[1][0] == {"val Loss": 0.91, "val Acc": 0.21}


def test_results_of_a_split_are_a_training_whatever_they_are_called() -> None:
    text = "".join(f"#Epoch {e} finished, validation XYZ: 0.4{e}\n" for e in EPOCHS)
    assert FORMAT.confidence(text.splitlines()) > 0.95


def test_an_error_of_epochs_is_a_training_if_it_is_one_of_a_network() -> None:
    rows = [f">> Epoch {e} finished    AE Reconstruction error 49{9 - e}.5" for e in EPOCHS]
    assert FORMAT.confidence(rows) > 0.95
    assert FORMAT.confidence([f"Epoch {e}: position error 1.{e} m" for e in EPOCHS]) < 0.5


def test_what_is_counted_is_no_training() -> None:
    lines = [f"Player 3 joined round {i // 9}, accuracy bonus {i % 5}" for i in range(60)]
    assert FORMAT.confidence(lines) < 0.5


def test_results_behind_the_end_sum_up_what_rows_told() -> None:
    rows = "".join(f"Epoch {e}/90 - Train Loss: 0.5{e}, Val Loss: 0.6{e}\n" for e in EPOCHS)
    end = "Early stopping at epoch 8\nVal MSE: 3.45e-07\nVal Dir Acc: 51.23%\n"
    names = {name for m in both(rows + end)[1] for name in m}
    assert names == {"Val Loss"}


def test_the_only_result_behind_the_end_is_told() -> None:
    rows = "".join(f"Epoch {e}/8 - Train Loss: 0.5{e}\n" for e in EPOCHS)
    assert both(f"{rows}Training finished.\nTest accuracy: 0.87\n")[1] == [{"Test accuracy": 0.87}]


def test_korean_perplexities() -> None:
    text = "".join(f"| 에폭 {e} | 퍼플렉서티 9{e}.5 | 검증 퍼플렉서티 8{e}.5\n" for e in EPOCHS)
    assert FORMAT.confidence(text.splitlines()) > 0.95
    assert both(text)[1][0] == {"검증 퍼플렉서티": 81.5}


def test_a_bar_may_be_drawn_before_the_epoch_that_follows_it_is_counted() -> None:
    text = "".join(
        f" {e}%|#   | {e - 1}/90 [00:1{e}<02:00,  1.1s/it]2031-01-01 10:0{e}:00,5 - INFO - "
        f"Epoch {e} | Train Loss: 0.5{e} | Val Loss: 0.6{e}\n"
        for e in EPOCHS
    )
    assert facts(read(text))["planned_epochs"] == 90


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("[Epoch {e:03d}] loss 0.5{e}/0.9{e} dice 0.6{e}/0.7{e}", ("loss", "dice")),
        (
            "Epoch {e} | Train/Val loss: 0.5{e}/0.9{e} | Train/Val acc: 0.6{e}/0.7{e}",
            ("loss", "acc"),
        ),
        (
            "Epoch {e}: Loss (val/train): 0.9{e} / 0.5{e}, Acc (val/train): 0.7{e} / 0.6{e}",
            ("Loss", "Acc"),
        ),
    ],
)
def test_a_slash_parts_the_training_from_the_validation(line: str, names: tuple[str, str]) -> None:
    text = "".join(f"{line.format(e=e)}\n" for e in EPOCHS)
    trained, judged = both(text)
    loss, other = names
    assert trained == [{loss: float(f"0.5{e}"), other: float(f"0.6{e}")} for e in EPOCHS]
    assert [sorted(row.values()) for row in judged] == [
        [float(f"0.7{e}"), float(f"0.9{e}")] for e in EPOCHS
    ]


def test_a_lone_number_behind_a_slash_may_be_anything() -> None:
    text = "".join(f"Epoch {e} loss 0.5{e}/0.4{e} lr 0.1\n" for e in EPOCHS)
    trained, judged = both(text)
    assert [row["loss"] for row in trained] == [float(f"0.5{e}") for e in EPOCHS]
    assert not judged


def test_a_split_may_stand_in_brackets_behind_the_number() -> None:
    text = "".join(
        f"epoch: {e} | time in 1 minutes, 2 seconds\n"
        f"\tLoss: 0.9{e}(train)\t|\tAcc: 5{e}.5%(train)\n"
        f"\tLoss: 0.8{e}(valid)\t|\tAcc: 6{e}.5%(valid)\n"
        for e in EPOCHS
    )
    trained, judged = both(text)
    assert [list(row.values()) for row in trained] == [[float(f"0.9{e}"), 50.5 + e] for e in EPOCHS]
    assert [list(row.values()) for row in judged] == [[float(f"0.8{e}"), 60.5 + e] for e in EPOCHS]


def test_a_split_in_a_sentence_holds_for_what_follows_it() -> None:
    text = "".join(
        f"epoch {e}: train acc: 8{e}.5%, loss: 0.5{e}\n"
        f"The result of the small net with Adam is test acc: 7{e}.25%, loss: 0.9{e}\n"
        for e in EPOCHS
    )
    trained, told = both(text)
    assert [row["loss"] for row in trained] == [float(f"0.5{e}") for e in EPOCHS]
    named = [{"test acc": float(f"7{e}.25"), "loss": float(f"0.9{e}")} for e in EPOCHS]
    assert [{name.replace("test loss", "loss"): x for name, x in m.items()} for m in told] == named


def test_tags_of_entities_are_told_of_each_split_and_not_of_each_type() -> None:
    whole = "accuracy:  9{e}.00%; precision:  5{e}.00%; recall:  6{e}.00%; FB1:  5{e}.50"
    of_type = "             PER: precision:  1{e}.00%; recall:  2{e}.00%; FB1:  1{e}.50  73"
    text = "".join(
        f"iteration:{e} step:100/100, tagger loss: 9.{e}5\n"
        + "".join(
            f"INFO - evaluate:{split}\n"
            f"INFO - {whole.format(e=of)}\n\nINFO - {of_type.format(e=of)}\n\n"
            for split, of in (("dev", e), ("test", e - 1))
        )
        for e in EPOCHS
    )
    records = [r for r in read(text) if r.kind == "eval"]
    scores = [(r.facts["split"], r.metrics["FB1"]) for r in records]
    assert scores == [
        (s, float(f"5{e - b}.50")) for e in EPOCHS for s, b in (("val", 0), ("test", 1))
    ]


def test_a_star_marks_what_sums_an_evaluation_up() -> None:
    text = "".join(
        f"Epoch: [{e}][{b}/20]\tTime 0.17{b % 9}\tLoss 2.{b:02}\n"
        for e in range(4)
        for b in (0, 10)
    )
    rows = text.splitlines(keepends=True)
    text = "".join(
        "".join(rows[2 * e : 2 * e + 2]) + f" * Acc@1 5{e}.5 Loss 2.1{e}\n" for e in range(4)
    )
    records = read(text)
    assert [row for _, row in points(records, "eval")] == [
        {"Acc@1": float(f"5{e}.5"), "loss": float(f"2.1{e}")} for e in range(4)
    ]
    assert len(points(records, "train")) == 8
