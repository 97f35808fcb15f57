"""The scoreboard for reading logs judges fairly, and its key can be read."""

import csv
import importlib.util
import os
import subprocess
import sys

import pytest

from copilot_analytics import Record, Run


@pytest.fixture(scope="module")
def board(repository):
    path = repository / "benchmarks" / "score_formats.py"
    spec = importlib.util.spec_from_file_location("score_formats", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass asks for it
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules[spec.name]


KEY = {
    "file": "made/up.log",
    "opens": "yes",
    "runs": "2",
    "step_unit": "iteration",
    "last_step": "156318|200 epoch",
    "train_name": "train_loss|train/box_loss",
    "train_last": "0.25",
    "eval_name": "val_loss",
    "planned": "200 epoch",
    "status": "unknown|finished",
}
SEEN = {
    "runs": 2,
    "step_unit": "iteration",
    "last_step": {"": 156400, "epoch": 200.0},
    "train_name": "box_loss",
    "train_points": 99,
    "train_last": 0.25 * (1 + 1e-7),
    "eval_name": "eval/Loss",
    "planned": {"iteration": None, "epoch": 200},
    "status": "finished",
}


def test_alternatives_units_and_wrapped_names_are_right(board):
    found = board.compare(KEY, SEEN)
    assert all(found.right.values()) and not found.misses
    assert set(found.right) == KEY.keys() - {"file"}, "what the key leaves empty is not asked"


@pytest.mark.parametrize(
    ("point", "seen", "told"),
    [
        ("runs", 1, "made/up.log: runs: expected 2, got 1"),
        ("train_last", 0.2501, "made/up.log: train_last: expected 0.25, got 0.2501"),
        ("eval_name", None, "made/up.log: eval_name: expected val_loss, got -"),
        ("eval_name", "loss_cls", "made/up.log: eval_name: expected val_loss, got loss_cls"),
        (
            "last_step",
            {"": 100, "epoch": 156318},
            "made/up.log: last_step: expected 156318|200 epoch, got 100 or 156318 epoch",
        ),
        (
            "planned",
            {"iteration": 200, "epoch": None},
            "made/up.log: planned: expected 200 epoch, got 200 iteration",
        ),
        ("status", "crashed", "made/up.log: status: expected unknown|finished, got crashed"),
    ],
)
def test_a_wrong_point_is_one_miss(board, point, seen, told):
    found = board.compare(KEY, {**SEEN, point: seen})
    assert [name for name, right in found.right.items() if not right] == [point]
    assert found.misses == [told]


def test_none_is_an_answer_and_nan_is_a_number(board):
    assert board.is_right("-", None) and board.is_right("-|3 epoch", {"epoch": None, "": None})
    assert not board.is_right("-", {"epoch": 12, "": None})
    assert board.is_right("nan", float("nan"))
    assert not board.is_right("nan", 1.0) and not board.is_right("1", float("nan"))


def test_a_file_that_does_not_open_misses_every_point_in_one_sentence(board):
    found = board.compare(KEY, None, "(unknown)")
    assert not any(found.right.values()) and len(found.right) == len(KEY) - 1
    assert found.misses == ["made/up.log: opens: expected yes, got no (unknown)"]


def test_a_traceback_is_no_right_refusal(board):
    key = {"file": "made/up.log", "opens": "no"}
    assert board.compare(key, None).right == {"opens": True}
    broken = board.compare(key, None, "(ValueError: x)", traceback=True)
    assert broken.right == {"opens": False} and broken.traceback
    assert board.compare(key, SEEN).false_opening


def _run(*, offset=0.0, per_epoch=10, points=3, exact=True):
    facts = {"steps_per_epoch": per_epoch, "steps_per_epoch_exact": exact}
    run = Run.from_records([Record("config", facts=facts)])
    for epoch in range(1, points + 1):
        step = epoch * per_epoch
        run.append(Record("train", step=step, epoch=epoch, metrics={"loss": 1 / epoch + offset}))
        run.append(Record("eval", step=step, epoch=epoch, metrics={"acc": 0.1 * epoch}))
    return run


def test_twins_agree_to_their_printed_digits(board):
    assert board.twin_differences(_run(), _run(offset=5e-5)) == []
    assert board.twin_differences(_run(), _run(offset=1e-3)) == [
        "train loss: 3 of 3 values differ, first at 10 and 10"
    ]
    assert board.twin_differences(_run(), _run(points=2)) == [
        "train loss: 3 points and 2",
        "eval acc: 3 points and 2",
    ]


def test_steps_of_twins_count_where_both_know_the_length_of_an_epoch(board):
    assert board.twin_differences(_run(), _run(per_epoch=9, exact=False)) == []
    told = board.twin_differences(_run(), _run(per_epoch=9))
    assert told[0] == "train loss: 3 of 3 steps differ, first at 10 and 9"


def test_every_row_of_the_key_can_be_read(board, repository):
    seen = set()
    tables = sorted((repository / "benchmarks").glob("formats_key_*.csv"))
    assert tables
    for table in tables:
        with table.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream, strict=True))
        assert list(rows[0]) == ["file", *board.POINTS, "note"]
        for row in rows:
            assert None not in row and None not in row.values(), row
            assert row["file"] not in seen, "a file stands in the key once"
            seen.add(row["file"])
            assert set(row["opens"].split("|")) <= {"yes", "no"}
            assert set(row["direction"].split("|")) <= {"", "-", "min", "max"}
            states = {"", "finished", "interrupted", "crashed", "unknown", "waiting"}
            assert set(row["status"].split("|")) <= states
            for point in ("runs", "last_step", "train_points", "eval_points"):
                for answer in filter(None, row[point].split("|")):
                    assert answer == "-" or float(answer.partition(" ")[0]) >= 0, row
            for answer in filter(None, f"{row['train_last']}|{row['eval_last']}".split("|")):
                assert answer == "-" or isinstance(float(answer), float), row
            for answer in filter(None, row["planned"].split("|")):
                assert answer == "-" or (" " in answer and float(answer.split()[0]) > 0), row


def test_without_logs_it_says_so_in_one_sentence(repository, tmp_path):
    done = subprocess.run(
        [sys.executable, str(repository / "benchmarks" / "score_formats.py")],
        env={**os.environ, "COPILOT_SHARED": str(tmp_path), "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1 and "corpus" in done.stdout
