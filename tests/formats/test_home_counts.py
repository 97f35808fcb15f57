"""What counts the training in home-made logs, and what only looks like it: lines of our own."""

from __future__ import annotations

import pytest
from home_logs import facts, points, read


def test_the_options_of_a_script_are_no_row() -> None:
    text = "Namespace(model='toy', lr_rate=0.05, epoch=400, early_stop=9, topk=20)\n" + "".join(
        f"Epoch: {e} Loss: 3.{e}\nEpoch: {e} recall@5: 0.{e}1 ndcg@5: 0.{e}2\n" for e in range(1, 6)
    )
    records = read(text)
    assert [step for step, _ in points(records, "train")] == [1, 2, 3, 4, 5]
    assert facts(records)["planned_epochs"] == 400


@pytest.mark.parametrize("digits", [24, 33, 38, 60])
def test_a_number_keeps_all_its_digits(digits: int) -> None:
    value = "3" + "1" * (digits - 1)
    text = "".join(
        f"Epoch [{e}/9], Train Loss: {value}.{e}000, Val Loss: {value}.0\n" for e in (1, 2)
    )
    records = read(text)
    assert [row["Train Loss"] for _, row in points(records, "train")] == [float(value)] * 2
    assert [row["Val Loss"] for _, row in points(records, "eval")] == [float(value)] * 2


def test_an_open_first_epoch_has_no_length_yet() -> None:
    rows = "".join(f"  batch {b}, loss = 0.{90 - b // 10}\n" for b in range(10, 80, 10))
    assert "steps_per_epoch" not in facts(read("Starting epoch 1 / 10...\n" + rows))
    closed = "Starting epoch 1 / 10...\n" + rows + "Starting epoch 2 / 10...\n" + rows
    assert facts(read(closed))["steps_per_epoch"] == 70


@pytest.mark.parametrize("said", ["✅ 추천 모델 학습 완료 (Best Val RMSE: 2.2258)", "학습이 완료"])
def test_the_end_may_name_what_was_trained(said: str) -> None:
    rows = "".join(f"Epoch {e}/100 | Loss: 0.{9 - e} | Val RMSE: 2.{e}\n" for e in range(1, 7))
    assert [r.kind for r in read(rows + said + "\n")][-1] == "end"
