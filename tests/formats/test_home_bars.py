"""Shapes of home-made logs: bars, tables, agents, and how people print numbers."""

from __future__ import annotations

import pytest
from home_logs import points, read

from copilot_analytics.formats.home_table import FORMAT as HOME_TABLE
from copilot_analytics.formats.home_text import FORMAT
from copilot_analytics.run import Run


@pytest.mark.parametrize(
    "aside", ["avg over last 50", "last 50", "EMA 0.99", "mean of last 50 steps"]
)
def test_how_a_loss_is_averaged_may_stand_between_it_and_its_number(aside: str) -> None:
    text = "".join(
        f"Epoch 2, Batch {i}, Training Loss ({aside}): 1.{i}\n" for i in range(25, 75, 5)
    )
    rows = [r.metrics for r in read(text) if r.kind == "train"]
    assert rows == [{"Training Loss": float(f"1.{i}")} for i in range(25, 75, 5)]


def drawn(epoch: int, postfix: str) -> str:
    """Return three frames of a bar of four steps, which names no epoch."""
    return "\n".join(
        f"\r{25 * n}%|###| {n}/4 [00:0{n}<00:01, 2.5it/s, {postfix}{epoch}{n}]" for n in (1, 2, 4)
    )


def full(number: int, title: str = "", name: str = "loss") -> str:
    return f"{title}100%|###| 40/40 [00:20<00:00, 2.0it/s, {name}={1 / number:.4f}]\n"


@pytest.mark.parametrize("title", ["", "train: "])
@pytest.mark.parametrize("again", [False, True])
def test_of_bars_that_are_drawn_at_their_end_alone_each_is_an_epoch(
    title: str, *, again: bool
) -> None:
    twice = [f"{full(n, title).rstrip()}\r{full(n, title)}" for n in range(1, 13)]
    records = read("".join(twice if again else (full(n, title) for n in range(1, 13))))
    assert points(records, "train") == [
        (40 * n, {"loss": float(f"{1 / n:.4f}")}) for n in range(1, 13)
    ]


@pytest.mark.parametrize("title", ["Epoch 1/1", "Train epoch [1/1]", "Training (epoch 1/1)"])
def test_each_frame_of_the_only_epoch_is_a_point(title: str) -> None:
    text = "".join(
        f"\r{title}: {n:3d}%|#  | {4 * n}/400 [00:{n:02d}<01:40, 4.0it/s, loss={1 / (n + 1):.4f}]"
        for n in range(0, 60, 5)
    )
    assert points(read(text), "train") == [
        (4 * n, {"loss": float(f"{1 / (n + 1):.4f}")}) for n in range(5, 60, 5)
    ]
    plans = [r.facts for r in read(text) if r.kind == "config"]
    assert any(plan.get("planned_epochs") == 1 for plan in plans)
    assert any(plan.get("steps_per_epoch") == 400 for plan in plans)


def test_the_end_of_a_bar_of_one_epoch_of_many_is_its_point() -> None:
    text = "".join(
        f"\rEpoch {e}/12: {25 * n}%|#  | {n}/4 [00:0{n}<00:01, 4.0it/s, loss={1 / (4 * e + n):.4f}]"
        for e in range(1, 13)
        for n in range(5)
    )
    assert [step for step, _ in points(read(text), "train")] == list(range(1, 13))


def test_a_bar_whose_end_is_drawn_again_is_one_bar() -> None:
    text = "".join(
        f"{drawn(n, 'loss=0.')}\n{full(n).replace('40/40', '4/4')}" for n in range(1, 13)
    )
    assert {step for step, _ in points(read(text), "train")} <= set(range(49))
    assert len([step for step, _ in points(read(text), "train") if step == 48]) == 1


def test_bars_that_measure_no_loss_at_their_ends_are_no_training() -> None:
    text = "".join(full(n, "eval: ", "acc") for n in range(1, 13))
    assert FORMAT.confidence(text.splitlines()) == 0.0


def test_of_bars_that_lines_below_sum_up_nothing_counts() -> None:
    text = "".join(
        f"{drawn(e, 'train loss=0.')}\n[{e}/90] Train Loss: 1.{e}, Valid Loss: 2.{e}\n"
        for e in range(1, 6)
    )
    assert points(read(text), "train") == [
        (e, {"Train Loss": float(f"1.{e}")}) for e in range(1, 6)
    ]
    assert [step for step, _ in points(read(text), "eval")] == [1, 2, 3, 4, 5]


def test_of_bars_whose_epoch_a_line_below_names_the_end_counts() -> None:
    text = "".join(f"{drawn(e, 'loss=0.')}\nEpoch {e}, Val Loss: 2.{e}\n" for e in range(1, 6))
    assert points(read(text), "train") == [(e, {"loss": float(f"0.{e}4")}) for e in range(1, 6)]
    headed = "".join(
        f"{drawn(e, 'loss=0.')}\nEpoch {e} finished.\nval acc: 0.{e}\n" for e in (1, 2)
    )
    assert points(read(headed), "train") == [(1, {"loss": 0.14}), (2, {"loss": 0.24})]
    assert points(read(headed), "eval") == [(1, {"val acc": 0.1}), (2, {"val acc": 0.2})]


def test_bars_that_nothing_names_are_an_epoch_each() -> None:
    text = "".join(f"{drawn(e, 'loss=0.')}\nTest set: loss: 0.{e}\n" for e in range(1, 4))
    records = read(text)
    assert [(r.step, r.epoch) for r in records if r.kind == "train"][-3:] == [
        (9, 2.25),
        (10, 2.5),
        (12, 3.0),
    ]
    assert [(r.step, r.epoch) for r in records if r.kind == "eval"] == [
        (4, None),
        (None, 2.0),
        (None, 3.0),
    ]
    assert not any(r.kind == "launch" for r in records)


def test_a_log_may_tell_evaluations_alone() -> None:
    text = "".join(f"epoch {e} done\ntesting acc {e}5.25%\n保存最佳模型\n" for e in range(1, 7))
    assert FORMAT.confidence(text.splitlines()) > 0.95
    assert [(r.epoch, dict(r.metrics)) for r in read(text) if r.kind == "eval"][-1] == (
        6,
        {"testing acc": 65.25},
    )
    ended = "".join(f"Epoch: {e}, Validation loss: 0.{e}5, Best loss: 0.1\n" for e in range(1, 7))
    assert read(ended + "Early Stopping at epoch 6\n")[-1].kind == "end"
    assert FORMAT.confidence(text.splitlines()[:9]) < 0.5


def test_a_heading_that_says_completed_is_no_end_of_the_training() -> None:
    text = "".join(
        f"--- Epoch: {e}\nTraining completed.   Loss: -4.{e}, Reg_loss: 0.{e}, Accuracy: 3.{e} .\n"
        f"Validation completed.   Loss: -5.{e}, Reg_loss: 0.{e}, Accuracy: 4.{e} .\n"
        for e in range(1, 6)
    )
    assert len(points(read(text), "train")) == len(points(read(text), "eval")) == 5
    assert not any(r.kind == "end" for r in read(text))


def test_what_was_counted_in_brackets_is_no_measure() -> None:
    text = "".join(
        f"Timestep {s}000\nmean reward (100 episodes) -1{s}.5\n"
        f"best mean reward -9.5\nepisodes {s}\n"
        for s in range(1, 7)
    )
    assert [(r.step, dict(r.metrics)) for r in read(text) if r.kind == "eval"] == [
        (s * 1000, {"mean reward": -10.5 - s}) for s in range(1, 7)
    ]


def test_what_an_accuracy_is_of_is_not_its_name() -> None:
    last = "Accuracy of the network on the 900 test images: 54.5 %\n"
    text = "".join(f"epoch {e} loss: 0.{e}\n" for e in range(1, 6))
    assert points(read(text + last), "eval") == [(5, {"Accuracy": 54.5})]


def test_rows_of_a_table_may_be_far_between_and_set_in_bold() -> None:
    text = "Epoch | Train Loss | Val Acc\n" + "".join(
        f"Validation loss decreased (0.95769 --> 0.80711).  Saving model ...\n"
        f" {e}    |   **0.9{e}**   |  {'—' if e == 2 else f'5{e}.25'}\n"
        for e in range(1, 6)
    )
    assert HOME_TABLE.confidence(text.splitlines()) > 0.95
    assert [step for step, _ in points(read(text), "train")] == [1, 2, 3, 4, 5]
    assert [step for step, _ in points(read(text), "eval")] == [1, 3, 4, 5]
    tabs = "epoch\ttrain loss\tvalid loss\n" + "".join(f"{e}\t0.{e}\t\t0.3{e}\n" for e in range(4))
    assert points(read(tabs), "train")[-1] == (4, {"train loss": 0.3})


def test_a_pair_of_brackets_behind_planned_epochs_counts_steps() -> None:
    text = "".join(
        f"[{e}/8][{e * 20 + i}] Loss_D: 0.{e}{i} 0.5 Loss_G: 1.{e}{i}\n"
        for e in range(4)
        for i in (5, 15)
    )
    records = read(text)
    assert [r.step for r in records if r.kind == "train"] == [5, 15, 25, 35, 45, 55, 65, 75]
    assert [r.facts["planned_epochs"] for r in records if "planned_epochs" in r.facts] == [8]


def test_steps_that_go_on_tell_the_length_of_an_epoch() -> None:
    text = "".join(
        f"[Epoch {e}/5] step {e * 40 - 40 + s} loss: 0.{e}{s}\n"
        for e in range(1, 6)
        for s in (20, 40)
    )
    records = read(text)
    assert [r.epoch for r in records if r.kind == "train"][2:] == [1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5]
    known = {name: fact for r in records for name, fact in r.facts.items()}
    assert known["steps_per_epoch"] == 40
    assert known["steps_per_epoch_exact"]


@pytest.mark.parametrize(
    "plan", [("epoch {}/8 iter {}/160", True), ("epoch {} | step {}/160", False)]
)
@pytest.mark.parametrize("base", [0, 1])
def test_a_total_beside_steps_that_go_on_is_that_of_the_training(
    plan: tuple[str, bool], base: int
) -> None:
    form, tells_epochs = plan
    text = ""
    for epoch in range(base, 5 + base):
        for row in range(4):
            step = (epoch - base) * 20 + row * 5 + 5 * base
            text += form.format(epoch, step) + f" loss 2.{99 - step}\n"
        text += f"eval epoch {epoch}: loss 2.{epoch} top1 {20 + epoch}.5\n"
    records = read(text)
    assert read(text, range(40, len(text), 37)) == records
    run = Run.from_records(records)
    assert (run.planned_steps, run.steps_per_epoch) == (160, 20)
    assert run.meta.planned_epochs == (8 if tells_epochs else None)
    first = 5.0 if base else 1.0
    assert run.train["step"].tolist() == [first + 5 * n for n in range(20)]
    assert run.train["epoch"].tolist()[4:] == [(first + 5 * n) / 20 for n in range(4, 20)]
    assert run.eval["epoch"].tolist()[1:] == [2.0, 3.0, 4.0, 5.0]


def test_a_cost_of_epochs_is_measured_by_a_training_alone() -> None:
    lines = [f"Epoch: 000{e} cost= 1.{e}821" for e in range(1, 7)]
    assert FORMAT.confidence(lines) > 0.95
    assert FORMAT.confidence([line.replace("Epoch", "Iteration") for line in lines]) < 0.5


def test_rewards_of_an_agent_are_a_training() -> None:
    lines = [f"[TOY] PPO Iteration {s}/90 - Avg Reward: 1{s}.25" for s in range(1, 9)]
    assert FORMAT.confidence(lines) > 0.95
    assert points(read("\n".join(lines) + "\n"), "eval")[-1] == (8, {"Avg Reward": 18.25})


def test_the_stop_loss_of_an_order_is_no_training() -> None:
    lines = [
        f"order {n} SELL price=1.25{n} stop_loss=1.26{n} take_profit=1.24{n}" for n in range(30)
    ]
    assert FORMAT.confidence(lines) < 0.5
    table = ["step,stop_loss,packet loss", *(f"{n},1.2{n},0.{n}" for n in range(30))]
    assert HOME_TABLE.confidence(table) < 0.5


def test_a_table_may_call_its_loss_in_another_language() -> None:
    text = "epoch,训练损失,验证损失\n" + "".join(f"{e},0.{e},0.{e}5\n" for e in range(1, 6))
    assert points(read(text), "train")[0] == (1, {"训练损失": 0.1})


@pytest.mark.parametrize(
    ("printed", "number"),
    [
        ("0,8165", 0.8165),
        ("-0,5", -0.5),
        ("12,25", 12.25),
        ("1,5e-02", 0.015),
        ("1,250", 1250.0),
        ("-1,250.5", -1250.5),
        ("-2,001,250", -2001250.0),
    ],
)
def test_commas_divide_or_group_the_digits_of_a_number(printed: str, number: float) -> None:
    lines = [f"Epoch {e}/9 loss: 0.{e} reward: {printed} lr=0.1" for e in range(1, 8)]
    (_, metrics), *_ = points(read("\n".join(lines) + "\n"), "eval")
    assert metrics["reward"] == pytest.approx(number, rel=1e-15)


@pytest.mark.parametrize(("first", "drawn"), [(1, 1), (0, 0), (0, 1)])
def test_a_bar_that_goes_on_with_each_epoch_counts_them(first: int, drawn: int) -> None:
    text = "".join(
        f"\r  {5 * n}%|#   | {n + drawn}/20 [06:27<09:48, 38.1s/it]\n"
        f"Epoch: {n + first}, loss: 1.{n}5\n"
        for n in range(9)
    )
    records = read(text)
    assert {r.facts.get("planned_epochs") for r in records} - {None} == {20}
    assert [r.epoch for r in records if r.kind == "train"] == list(range(1, 10))


def test_a_bar_over_batches_below_each_epoch_counts_no_epochs() -> None:
    text = "".join(
        f"\r 50%|#   | {at}/20 [06:27<09:48, 38.1s/it]"
        + (f"\nEpoch: {e}, loss: 1.{e}5\n" * (at == 20))
        for e in range(1, 9)
        for at in (10, 20)
    )
    assert not any("planned_epochs" in r.facts for r in read(text))


def test_bars_with_their_count_in_the_middle_are_of_the_training_and_of_its_test() -> None:
    bar = " [====== {0}/{0} =====>]  Step: 81ms | Tot: 4s | Loss: {1:.3f} | Acc: {2:.3f}% (9/10)\n"
    text = "".join(
        f"\nEpoch: {e}\n" + bar.format(391, 1 - e / 10, 50 + e) + bar.format(100, 1.5, 40 + e)
        for e in range(8)
    )
    trained = [m["loss"] for _, m in points(read(text), "train")]
    assert trained == [round(1 - e / 10, 3) for e in range(8)]
    assert [m["Acc"] for _, m in points(read(text), "eval")] == [40.0 + e for e in range(8)]
