"""Where home-made logs say that training stands: headings, counters, brackets, totals."""

from __future__ import annotations

import pytest
from home_logs import points, read

from copilot_analytics.formats.home_text import FORMAT


@pytest.mark.parametrize(
    "header",
    ["current step: {}th step", "Step {}:", "iteration: {} / 900", "--- global step {} ---"],
)
def test_a_line_may_name_the_step_of_the_next_one(header: str) -> None:
    text = "".join(f"{header.format(s)}\nbatch loss:0.{s}\n" for s in range(310, 400, 10))
    assert points(read(text), "train") == [
        (s, {"batch loss": float(f"0.{s}")}) for s in range(310, 400, 10)
    ]
    assert FORMAT.confidence(text.splitlines()) > 0.95


def test_numbered_headings_of_a_story_name_no_step() -> None:
    text = "".join(f"Step {s}: prepare part {s}\nerror rate: 0.{s}25\n" for s in range(1, 9))
    assert FORMAT.confidence(text.splitlines()) < 0.5


def test_a_bar_below_a_line_that_names_its_epoch_does_not_plan_epochs() -> None:
    text = "".join(
        f" 50%|#####     | 784/1568 [00:12<00:12, 61.9it/s]\r"
        f"100%|##########| 1568/1568 [00:25<00:00, 61.9it/s]epoch  {e} | train_loss: 1.9{e} "
        f"| acc_day: 0.58{e}\n"
        for e in range(5)
    )
    assert not any("planned_epochs" in r.facts for r in read(text))


def test_a_bare_count_of_thousands_counts_iterations() -> None:
    text = "".join(
        f"[{i}/9000] Train loss: 0.4{i}, Valid loss: 0.2{i}, Elapsed_time: 3{i}.5\n"
        for i in range(500, 3000, 500)
    )
    records = read(text)
    assert [step for step, _ in points(records, "train")] == [500, 1000, 1500, 2000, 2500]
    assert {"planned_steps": 9000} in [dict(r.facts) for r in records if r.kind == "config"]


def test_a_measure_at_a_step_is_named_before_it() -> None:
    text = "".join(
        f"INFO  Training average loss at step {i}: 0.5{i}\nINFO  Valid MRR at step {i}: 0.3{i}\n"
        for i in range(100, 700, 100)
    )
    records = read(text)
    assert points(records, "train")[-1] == (600, {"Training average loss": 0.56})
    assert points(records, "eval")[-1] == (600, {"Valid MRR": 0.36})


@pytest.mark.parametrize(
    "said",
    [
        "Loss at epoch {e} and iteration {i} is {v}",
        "Loss for epoch {e}, iteration {i} is {v}",
        "Loss at iteration {i}/900 of epoch {e}: {v}",
        "Loss in epoch {e} batch {i} = {v}",
    ],
)
def test_a_measure_may_be_told_before_two_places(said: str) -> None:
    values = {(e, i): f"0.{9 - e}{9 - i // 300}" for e in (1, 2, 3) for i in (300, 600, 900)}
    text = "".join(said.format(e=e, i=i, v=v) + "\n" for (e, i), v in values.items())
    records = read(text)
    assert points(records, "train") == [
        ((e - 1) * 900 + i, {"loss": float(v)}) for (e, i), v in values.items()
    ]
    assert FORMAT.confidence(text.splitlines()) > 0.95


@pytest.mark.parametrize("place", ["took 5.3 s", "lasts until step 90", "is now 0.5 Mb long"])
def test_what_follows_a_measured_place_may_be_something_else(place: str) -> None:
    assert FORMAT.confidence([f"Loss at epoch {e} {place}" for e in range(1, 9)]) == 0.0


def test_headers_below_their_rows_name_the_epoch_that_ended() -> None:
    text = "".join(
        "".join(f"Iter: {i:03d}, Train Loss: 1{e}.{i}\n" for i in (0, 50, 100))
        + f"Epoch: {e:03d}, Inference Time: 1.2 secs\n"
        + f"Epoch: {e:03d}, Train Loss: 3.{e}, Valid Loss: 4.{e}\n"
        for e in (1, 2, 3)
    )
    rows = [r for r in read(text) if r.kind == "train" and "Train Loss" in r.metrics]
    assert [r.step for r in rows] == [0, 50, 100, 102, 152, 202, 203, 253, 303]


def test_an_iteration_with_steps_of_a_known_number_is_an_epoch() -> None:
    text = "".join(
        f"- INFO - iteration:{e} step:{i}/30, NER loss:1.{e}{i}\n"
        for e in (1, 2)
        for i in (10, 20, 30)
    )
    assert [step for step, _ in points(read(text), "train")] == [10, 20, 30, 40, 50, 60]


def test_a_header_may_count_epochs_from_zero_and_one() -> None:
    text = "".join(
        f"- INFO - Epoch {e} ({e + 1}/40):\n- INFO - Train loss: 0.{e}\n- INFO - Test acc: 0.{e}\n"
        for e in range(5)
    )
    facts = {k: v for r in read(text) if r.kind == "config" for k, v in r.facts.items()}
    assert facts["planned_epochs"] == 40 and "steps_per_epoch" not in facts


def test_a_summary_of_an_epoch_names_it() -> None:
    text = "".join(
        f"Training Summary Epoch: [{e}]\tTime taken (s): 300\tAverage Loss 9{e}.5\t\n"
        f"Validation Summary Epoch: [{e}]\tAverage WER 3{e}.5\tAverage CER 1{e}.25\t\n"
        for e in range(1, 6)
    )
    records = read(text)
    assert points(records, "train")[-1] == (5, {"Average Loss": 95.5})
    assert [r.epoch for r in records if r.kind == "eval"] == [1, 2, 3, 4, 5]


def test_two_counts_may_follow_the_level_of_a_logger() -> None:
    text = "".join(
        f"2020-05-06 10:00:0{i},500 toy.net INFO: [{e}/30], [{i}/6], loss: 5.{e}{i}, lr:0.001\n"
        for e in (1, 2)
        for i in (2, 4, 6)
    )
    records = read(text)
    facts = {k: v for r in records if r.kind == "config" for k, v in r.facts.items()}
    assert (facts["planned_epochs"], facts["steps_per_epoch"]) == (30, 6)
    assert [r.step for r in records if r.kind == "train"] == [2, 4, 6, 8, 10, 12]


def test_a_bar_over_epochs_counts_them() -> None:
    text = "".join(
        f"\rEpochs: {e}%|##| {e}/20 [00:10<00:00, 9.1it/s, t_loss=1.{e}, i_acc=0.9{e}]"
        for e in range(1, 21)
    )
    records = read(text + "\n")
    assert [r.epoch for r in records if r.kind == "train"] == list(range(1, 21))
    assert {"planned_epochs": 20} in [dict(r.facts) for r in records if r.kind == "config"]


def test_a_step_behind_a_count_of_its_own_total_leaves_epochs_to_the_count() -> None:
    text = "".join(
        f"[{e}/99] [Step:{(e - 1) * 30 + i}] loss: 2.{e}{i}\n" for e in (1, 2, 3) for i in (10, 20)
    )
    records = read(text)
    assert [p for p, _ in points(records, "train")] == [10, 20, 40, 50, 70, 80]
    assert {r.facts.get("planned_epochs") for r in records} - {None} == {99}


def test_a_step_that_a_count_says_already_is_not_told_twice() -> None:
    text = "".join(f"[{i}/900] iter: {i} loss: 2.{i}\n" for i in range(10, 90, 10))
    records = read(text)
    assert [p for p, _ in points(records, "train")] == list(range(10, 90, 10))
    assert not any("planned_epochs" in r.facts for r in records)


def test_of_may_stand_for_the_slash() -> None:
    text = "".join(f"{e} of 30 - loss 0.{e} val_loss 0.{e}5\n" for e in range(1, 9))
    records = read(text)
    assert [r.epoch for r in records if r.kind == "eval"] == list(range(1, 9))
    assert {r.facts.get("planned_epochs") for r in records} - {None} == {30}


def test_a_place_in_brackets_stays_a_place() -> None:
    text = "".join(f"Epoch({e}): loss=0.{e}\n" for e in range(1, 9))
    assert [p for p, _ in points(read(text), "train")] == list(range(1, 9))


def test_a_line_of_an_epoch_below_those_of_steps_tells_its_end() -> None:
    text = "".join(
        "".join(f"step {e * 40 + s}: loss 1.{e}{s}\n" for s in (10, 20, 30, 40))
        + f"Epoch {e + 1}: train_loss 1.{e}5 val_loss 2.{e}\n"
        for e in range(4)
    )
    records = read(text)
    ends = [(r.step, r.epoch) for r in records if "train_loss" in r.metrics]
    assert ends == [(40, 1), (80, 2), (120, 3), (160, 4)]
    assert [(r.step, r.epoch) for r in records if r.kind == "eval"] == ends
    assert [r.epoch for r in records if r.step == 50] == [1]


@pytest.mark.parametrize("cuts", [(), range(0, 700, 7)])
def test_steps_may_count_anew_behind_results_that_name_the_epoch(cuts: range) -> None:
    text = "".join(
        "".join(f"iter {s} loss 1.{e}{s}\n" for s in (10, 20, 30, 40))
        + f"Epoch {e + 1} done, val_acc 0.{e}\n"
        for e in range(4)
    )
    records = read(text, cuts)
    assert [r.step for r in records if r.kind == "train"] == list(range(10, 161, 10))
    assert [r.epoch for r in records if r.kind == "eval"] == [1, 2, 3, 4]
    assert not any(r.kind == "launch" for r in records)
    on = "".join(
        f"iter {s} loss 1.{s}\n" + f"Epoch {s // 40} done, val_acc 0.{s}\n" * (s % 40 == 0)
        for s in range(10, 161, 10)
    )
    assert [r.step for r in read(on, cuts) if r.kind == "train"] == list(range(10, 161, 10))
