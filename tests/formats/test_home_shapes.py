"""Shapes of home-made logs that strangers write, one by one: each with lines of our own."""

from __future__ import annotations

import pytest

from copilot_analytics.formats.home_table import FORMAT as HOME_TABLE
from copilot_analytics.formats.home_text import FORMAT
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.records import Block, Item, Record


def read(text: str) -> list[Record]:
    format_of = {"home_text": FORMAT, "home_table": HOME_TABLE}
    name = "home_table" if HOME_TABLE.confidence(text.splitlines()) > 0.5 else "home_text"
    reader = LogReader("run.log", name, formats={name: format_of[name]})
    items: list[Item] = [*reader.feed(text.encode()), *reader.close()]
    records = [r for i in items for r in (i.records() if isinstance(i, Block) else (i,))]
    return [r for r in records if "log_format" not in r.facts]


def points(records: list[Record], kind: str) -> list[tuple[int | None, dict[str, float]]]:
    return [(r.step, dict(r.metrics)) for r in records if r.kind == kind and r.metrics]


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


def test_a_bar_below_a_line_that_names_its_epoch_does_not_plan_epochs() -> None:
    text = "".join(
        f" 50%|#####     | 784/1568 [00:12<00:12, 61.9it/s]\r"
        f"100%|##########| 1568/1568 [00:25<00:00, 61.9it/s]epoch  {e} | train_loss: 1.9{e} "
        f"| acc_day: 0.58{e}\n"
        for e in range(5)
    )
    assert not any("planned_epochs" in r.facts for r in read(text))


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
        "Done.",
        "All done",
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


@pytest.mark.parametrize("said", ["训练轮次 3 完成", "done 3 of 9", "Finished loading data"])
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
