"""One of several processes that Ray writes into one log."""

from __future__ import annotations

import pytest

from copilot_analytics.reading.launches import LaunchFilter
from copilot_analytics.reading.lines import LineSplitter
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.reading.replicas import ReplicaFilter
from copilot_analytics.records import Item, records_of

COLOURED = "\x1b[36m(train_fn pid={})\x1b[0m "


def row(process: int, epoch: int, *, task: str = "train_fn", plan: int = 20) -> str:
    loss, accuracy = 2 / (epoch + process % 7), 40 + epoch + process % 7
    return (
        f"({task} pid={process}) Epoch {epoch}/{plan} train loss: {loss:.4f} "
        f"val acc: {accuracy:.2f}\n"
    )


def kept(text: str) -> list[str]:
    lines = ReplicaFilter().see(LineSplitter().feed(text.encode()))
    return [line for _, line in lines.cleaned() if line]


def trained(text: str, size: int = 1 << 20) -> tuple[list[tuple[int | None, float]], int]:
    reader, content = LogReader("train.log"), text.encode()
    items: list[Item] = []
    for start in range(0, len(content), size):
        items += reader.feed(content[start : start + size])
    records = list(records_of(LaunchFilter().all([*items, *reader.close()])))
    points = [(r.step, r.metrics["train loss"]) for r in records if "train loss" in r.metrics]
    return points, sum(r.kind == "launch" for r in records)


@pytest.mark.parametrize("size", [1 << 20, 11])
def test_of_trials_side_by_side_the_first_is_followed(size: int) -> None:
    text = "".join(row(process, epoch) for epoch in range(1, 21) for process in (71, 72, 73))
    points, launches = trained(text, size)
    assert points == [(epoch, round(2 / (epoch + 1), 4)) for epoch in range(1, 21)]
    assert launches == 0


def test_a_trial_that_begins_later_is_a_launch_of_its_own() -> None:
    text = "".join(row(71, epoch, plan=8) for epoch in range(1, 9))
    text += "".join(row(72, epoch, plan=8) for epoch in range(1, 9))
    points, launches = trained(text)
    assert [step for step, _ in points] == [*range(1, 9), *range(1, 9)]
    assert launches == 1


def test_a_process_that_falls_silent_is_followed_no_longer() -> None:
    both = "".join(row(process, epoch) for epoch in (1, 2) for process in (71, 72))
    rest = "".join(row(72, epoch, plan=60) for epoch in range(3, 60))
    left = kept(both + rest)
    assert [line.split("Epoch ")[1].split("/")[0] for line in left][:4] == ["1", "2", "21", "22"]


def test_what_one_process_alone_prints_is_left_in() -> None:
    text = "".join(
        f"(Worker pid={process}, ip=10.0.0.1) step {step} loss {step / 8}\n"
        for step in range(1, 9)
        for process in (5, 6)
    )
    text += "(Worker pid=6, ip=10.0.0.1) validation loss 0.5\nall done after 8 steps\n"
    assert kept(text)[8:] == [
        "(Worker pid=6, ip=10.0.0.1) validation loss 0.5",
        "all done after 8 steps",
    ]


def test_an_evaluation_that_another_trial_printed_first_belongs_to_the_one_that_is_followed() -> (
    None
):
    rows = "".join(f"{COLOURED.format(p)}step {s} loss 0.5\n" for s in (1, 2) for p in (3, 4))
    valid = "".join(f"{COLOURED.format(p)}valid loss {p / 8}\n" for p in (4, 3, 4, 3, 4, 3))
    left = [line.split("valid loss ")[1] for line in kept(rows + valid) if "valid" in line]
    assert left == ["0.5", "0.375", "0.375", "0.375"]


def test_processes_of_different_tasks_do_not_concern_each_other() -> None:
    text = row(71, 1, task="train_fn") + row(72, 1, task="tune_fn")
    assert len(kept(text)) == 2


def test_lines_without_numbers_are_left_in() -> None:
    assert kept("(fn pid=1) Traceback\n(fn pid=2) Traceback\n") == [
        "(fn pid=1) Traceback",
        "(fn pid=2) Traceback",
    ]


@pytest.mark.parametrize("prefix", ["rank", "default"])
def test_of_ranks_whose_losses_differ_the_first_is_followed(prefix: str) -> None:
    rows = {rank: [row(7 + rank, epoch) for epoch in range(1, 13)] for rank in (0, 1)}
    rows = {rank: [r.partition(") ")[2] for r in ours] for rank, ours in rows.items()}
    both = zip(rows[0], rows[1], strict=True)
    text = "".join(f"[{prefix}0]: {one}[{prefix}1]: {other}" for one, other in both)
    alone = "".join(f"[{prefix}0]: {one}" for one in rows[0])
    assert trained(text) == trained(alone)


def test_a_rank_that_is_behind_is_not_followed() -> None:
    ahead = [f"[rank0]: step: {step} loss: {3 - step / 10}\n" for step in range(1, 9)]
    behind = [f"[rank1]: step: {step} loss: {4 - step / 10}\n" for step in range(1, 9)]
    said = [line.rstrip().removeprefix("[rank0]: ") for line in ahead]
    assert kept("".join([*ahead, *behind])) == said


def test_what_only_one_rank_prints_is_left_in() -> None:
    text = "[rank3]: step: 1 loss: 2.5\n[rank0]: saved 3 files\n[rank3]: step: 2 loss: 2.25\n"
    assert kept(text) == [line.partition(": ")[2] for line in text.splitlines()]


def tagged(rank: int, said: str, stream: str = "stdout") -> str:
    return f"[1,{rank}]<{stream}>:{said}\n"


@pytest.mark.parametrize("size", [1 << 20, 11])
def test_of_ranks_that_mpirun_tags_one_is_read_without_its_tag(size: int) -> None:
    text = "".join(
        tagged(
            rank, f"Epoch {epoch}/9 train loss: {2 / (epoch + rank):.4f} val acc: {epoch + rank}"
        )
        for epoch in range(1, 10)
        for rank in ((0, 1, 2) if epoch % 2 else (2, 0, 1))
    )
    points, launches = trained(text, size)
    assert points == [(epoch, round(2 / epoch, 4)) for epoch in range(1, 10)]
    assert launches == 0


def test_a_rank_that_begins_to_print_late_begins_no_training() -> None:
    text = "".join(tagged(0, f"Epoch {epoch}/9 train loss: {epoch}.5") for epoch in range(1, 8))
    text += "".join(tagged(1, f"Epoch {epoch}/9 train loss: {epoch}.25") for epoch in range(1, 8))
    assert kept(text) == [f"Epoch {epoch}/9 train loss: {epoch}.5" for epoch in range(1, 8)]


def test_what_a_single_rank_says_is_left_in() -> None:
    text = tagged(1, "Using TensorFlow backend.", "stderr") + "[7]<stderr>:loaded 3 weights\n"
    assert kept(text) == ["Using TensorFlow backend.", "loaded 3 weights"]


def test_tags_of_torchrun_are_taken_off_too() -> None:
    text = "".join(
        f"[default{rank}]:{{'loss': 1.{rank}, 'learning_rate': 0.1, 'epoch': {epoch}}}\n"
        for epoch in range(1, 4)
        for rank in (1, 0)
    )
    said = [f"{{'loss': 1.1, 'learning_rate': 0.1, 'epoch': {epoch}}}" for epoch in (1, 2, 3)]
    assert kept(text) == said


@pytest.mark.parametrize("size", [1 << 20, 11])
@pytest.mark.parametrize("label", ["{}: ", "0{}: "])
def test_labels_of_srun_are_taken_off_from_where_they_are_certain(label: str, size: int) -> None:
    said = [
        (0, "+ module load cuda"),
        (1, "+ module load cuda"),
        (0, "+ python train.py"),
        (0, "world size 2"),
        *(
            (rank, f"Epoch {epoch}/9 train loss: {2 / (epoch + rank):.4f} val acc: {epoch}.5")
            for epoch in range(1, 10)
            for rank in (0, 1)
        ),
    ]
    text = "".join(label.format(rank) + line + "\n" for rank, line in said)
    points, launches = trained(text + "srun: error: node7: task 0: Killed\n", size)
    assert points == [(epoch, round(2 / epoch, 4)) for epoch in range(1, 10)]
    assert launches == 0
    assert kept(text)[-1] == "Epoch 9/9 train loss: 0.2222 val acc: 9.5"


@pytest.mark.parametrize("row", ["{0}: {1}.5, {1}.25 avg, 0.001 rate", "{0}: train loss: {1}.5"])
def test_numbers_that_count_the_lines_are_no_labels(row: str) -> None:
    runs = "".join(row.format(i, 9 - i) + "\n" for _ in range(4) for i in range(8))
    assert kept(runs) == runs.splitlines()
    assert kept("Start\n" + runs) == ["Start", *runs.splitlines()]
