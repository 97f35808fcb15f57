"""Losses that a home-made log calls by their split alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from home_logs import points, read

from copilot_analytics import analyze, read_run
from copilot_analytics.formats.home_text import FORMAT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TRAINED = [4.79, 4.25, 3.9, 3.61, 3.35, 3.1, 2.9, 2.75]
HELD_OUT = [5.1, 4.6, 4.32, 4.1, 3.95, 3.8, 3.7, 3.65]


def log(write: Callable[[int, float, float], str]) -> str:
    rows = zip(TRAINED, HELD_OUT, strict=True)
    return "Start\n" + "".join(write(e, t, v) + "\n" for e, (t, v) in enumerate(rows, 1))


@pytest.mark.parametrize(
    ("write", "apart"),
    [
        (lambda e, t, v: f"Epoch {e}: Train: {t}, Val: {v}", 1),
        (lambda e, t, v: f"Epoch {e}/8\nTrain: {t}, Val: {v}", 1),
        (lambda e, t, v: f"Epoch {e}/8\ntrain {t} | val {v}", 1),
        (lambda e, t, v: f"Epoch {e}\n  Train: {t}\n  Val: {v}", 1),
        (lambda e, t, v: f"[{e}/8] train: {t} valid: {v}", 1),
        (lambda e, t, v: f"step {e * 500}: train {t}, val {v}", 500),
        (lambda e, t, v: f"Iter {e * 500} | Train: {t} | Validation: {v} | 12.3s", 500),
        (lambda e, t, v: f"--- step {e * 500} ---\ntrain {t} val {v}", 500),
        (lambda e, t, v: f"iter {e * 500}: train {t} dev {v} lr 3e-4", 500),
        (lambda e, t, v: f"[pre] epoch {e}/8  train={t}  heldout={v}  lr=1e-4", 1),
        (lambda e, t, v: f"Epoch {e}: train {t} | held-out {v}", 1),
    ],
)
def test_numbers_of_both_splits_are_what_was_measured(
    write: Callable[[int, float, float], str], apart: int
) -> None:
    text = log(write)
    assert FORMAT.confidence(text.splitlines()) > 0.95
    records = read(text)
    trained = [(s, next(iter(m.values()))) for s, m in points(records, "train")]
    assert trained == [(e * apart, t) for e, t in enumerate(TRAINED, 1)]
    assert [m for _, metrics in points(records, "eval") for m in metrics.values()] == HELD_OUT
    assert {r.facts["split"] for r in records if r.kind == "eval"} == {"val"}


def test_what_falls_by_the_name_of_its_split_is_a_loss(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_text(log(lambda e, t, v: f"step {e * 500}: train {t}, val {v}"))
    metric = analyze(read_run(path)).metric
    assert (metric.name, metric.direction, metric.best) == ("val", "min", 3.65)


@pytest.mark.parametrize(
    "write",
    [
        lambda e, t, v: f"step {e}: split train: 0.8, val: 0.1, test: 0.1",
        lambda e, t, v: f"fold {e}: train {t} val {v}",
        lambda e, t, v: f"part {e}: train {800 + e} val {100 + e}",
        lambda e, t, v: f"train {e} arrives 10.{e} platform {e + 1}",
        lambda e, t, v: f"Train: {t}, Val: {v}",
        lambda e, t, v: f"train: {t}",
    ],
)
def test_other_numbers_of_splits_are_no_training(
    write: Callable[[int, float, float], str],
) -> None:
    assert FORMAT.confidence(log(write).splitlines()) < 0.5
