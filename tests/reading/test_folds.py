"""The folds of a cross-validation in one text log: each is a run that knows its number."""

from __future__ import annotations

import pytest

from copilot_analytics import analyze
from copilot_analytics.api import iter_items
from copilot_analytics.live.replay import Replay
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.records import Block
from copilot_analytics.report.markdown import render
from copilot_analytics.report.verdict import verdict

STAMP = "2031-05-01 10:00:00,000 - cv - INFO - "


def rows(fold: int, *, before: str = "", last: int = 8) -> str:
    nan_from = 5 if fold == 2 else 99
    lines = []
    for epoch in range(1, last + 1):
        loss = "nan" if epoch >= nan_from else f"{1 / epoch:.4f}"
        acc = 0.1 if epoch >= nan_from else 0.5 + 0.04 * epoch + 0.01 * fold
        lines.append(
            f"{before}Epoch {epoch}/8 train_loss: {loss} val_loss: {loss} val_acc: {acc:.4f}"
        )
    return "\n".join(lines) + "\n"


def log_of(header: str, before: str = "", end: str = "CV mean acc 0.72\n", first: int = 1) -> str:
    parts = []
    for fold in range(first, first + 3):
        head = header.format(fold)
        parts.append((f"{head}\n" if head else "") + rows(fold, before=before.format(fold)))
    return "".join(parts) + end


def launches(path):
    items = iter_items(path)
    return [item for item in items if not isinstance(item, Block) and item.kind == "launch"]


@pytest.mark.parametrize(
    ("header", "before"),
    [
        ("===== fold {}/3 =====", ""),
        ("=== Fold {} ===", ""),
        ("Fold: {}", ""),
        ("FOLD {}", ""),
        ("Fold [{}/3]", ""),
        (STAMP + "Training fold {} of 3", ""),
        ("Fold {}: train 800, val 200", ""),
        ("", "Fold {} "),
        ("", STAMP + "fold {}/3 "),
        ("---- Fold {}/3 ----", "[Fold {}] "),
    ],
)
def test_each_fold_is_a_run_that_knows_its_number(tmp_path, header, before):
    log = tmp_path / "train.log"
    log.write_text(log_of(header, before))
    analysis = analyze(log, now=9e9)
    assert analysis.earlier_runs == 2
    assert analysis.run.meta.fold == 3
    assert [(one.fold, one.metric, one.best, one.lost) for one in analysis.folds] == [
        (1, "val_acc", pytest.approx(0.83), ""),
        (2, "val_acc", pytest.approx(0.68), "NaN from epoch 5 on"),
        (3, "val_acc", pytest.approx(0.85), ""),
    ]
    assert [item.facts["reason"] for item in launches(log)] == ["fold 2 begins", "fold 3 begins"]
    told = "best val_acc 0.83 (fold 1); 0.68, then NaN from epoch 5 on (fold 2); 0.85 (fold 3)"
    assert told in verdict(analysis)
    assert "| fold 2 |  | best val_acc 0.68, then NaN from epoch 5 on |" in render(analysis, {})


def test_the_message_of_the_end_names_the_best_of_each_fold(tmp_path):
    log = tmp_path / "train.log"
    log.write_text(log_of("=== Fold {} ==="))
    messages = [one.message for one in Replay(log, journals=False) if one.message is not None]
    ended = [message for message in messages if "FINISHED" in message.title][-1]
    told = "best val_acc 0.83 (fold 1); 0.68, then NaN from epoch 5 on (fold 2); 0.85 (fold 3)"
    assert f"The log holds 3 folds, {told}" in ended.body


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("header", ["===== Fold {}/3 =====", "Training fold {} of 3"])
def test_a_fold_that_others_follow_is_no_end(tmp_path, header, first):
    log = tmp_path / "train.log"
    log.write_text(log_of(header, first=first, end=""))
    messages = [one.message for one in Replay(log, journals=False) if one.message is not None]
    done = [message for message in messages if " IS DONE" in message.title]
    assert [message.title.partition("   ")[0] for message in done] == [
        f"☑️ FOLD {fold} OF 3 IS DONE" for fold in (first, first + 1)
    ]
    assert f"Fold {first + 2} follows." in done[1].body
    assert {(message.kind, message.figures) for message in done} == {("news", ())}
    (ended,) = [message for message in messages if "FINISHED" in message.title]
    assert (ended.kind, bool(ended.figures)) == ("summary", True)


def test_folds_may_count_from_0_and_the_plan_is_stated_once_for_all(tmp_path):
    log = tmp_path / "train.log"
    text = log_of("Fold {}", first=0).replace("/8 ", " ")
    log.write_text(f"Namespace(epochs=8, folds=3)\n{text}")
    analysis = analyze(log, now=9e9)
    assert [one.fold for one in analysis.folds] == [0, 1, 2]
    assert analysis.run.meta.planned_epochs == 8


@pytest.mark.parametrize(
    "said",
    [
        "Fold 2 best acc: 0.9714",
        "fold: 0.25",
        "10-fold 2",
        "Results of fold 2: 0.97",
        "Fold 9",  # of which nothing was trained
    ],
)
def test_what_tells_of_a_fold_begins_none(tmp_path, said):
    log = tmp_path / "train.log"
    log.write_text(f"Fold 1\n{rows(1)}{said}\n")
    analysis = analyze(log, now=9e9)
    assert (analysis.earlier_runs, analysis.run.meta.fold, analysis.folds) == (0, 1, ())
    assert "fold" not in verdict(analysis)


def test_a_fold_that_counts_its_steps_on_is_a_run_too(tmp_path):
    log = tmp_path / "train.log"
    steps = {1: range(10, 100, 10), 2: range(100, 200, 10)}
    log.write_text(
        "".join(
            f"Fold {fold}/2\n" + "".join(f"step {s} loss 0.{999 - s}\n" for s in those)
            for fold, those in steps.items()
        )
    )
    analysis = analyze(log, now=9e9)
    assert (analysis.earlier_runs, analysis.run.meta.fold) == (1, 2)
    assert analysis.run.train_log.step.tolist() == list(steps[2])


def test_any_cut_of_the_bytes_tells_the_folds_alike(tmp_path):
    data = log_of("=== Fold {} ===").encode()

    def read(size):
        reader = LogReader("train.log", "home_text")
        items = [i for at in range(0, len(data), size) for i in reader.feed(data[at : at + size])]
        told = [*items, *reader.close()]
        return [(r.line, r.facts["fold"]) for r in told if "fold" in getattr(r, "facts", ())]

    assert read(len(data)) == read(7) == read(100) == [(1, 1), (10, 2), (19, 3)]
