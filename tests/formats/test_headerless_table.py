"""Tables without a header: what counts up is the axis, and the rest is not judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from log_texts import records_in

from copilot_analytics import analyze, read_run
from copilot_analytics.errors import NotATrainingLogError
from copilot_analytics.formats.headerless_table import FORMAT

if TYPE_CHECKING:
    from pathlib import Path

ROWS = range(1, 31)


def fallen(row: int) -> str:
    return f"{4 * 0.85**row + 0.5:.4f}"


@pytest.mark.parametrize(
    ("line", "steps", "columns"),
    [
        ("{n} {a} {b}", list(ROWS), {"col2", "col3"}),
        ("{n},{a},{b}", list(ROWS), {"col2", "col3"}),
        ("{s}\t{a}\t0.001", [n * 100 for n in ROWS], {"col2", "col3"}),
        ("{n};{s};{a}", [n * 100 for n in ROWS], {"col3"}),
        ("{e} {s} {b} {a}", [n * 100 for n in ROWS], {"col3", "col4"}),
    ],
)
def test_what_counts_up_is_the_axis(line: str, steps: list[int], columns: set[str]) -> None:
    rows = [line.format(n=n, s=n * 100, e=(n - 1) // 5, a=fallen(n), b=f"0.{n:02d}") for n in ROWS]
    assert 0.5 < FORMAT.confidence(rows) < 0.95
    assert FORMAT.confidence(rows[:11]) < 0.5
    assert FORMAT.confidence([*rows, rows[0][:2]]) > 0.5
    text = "\n".join(rows) + "\n"
    records = records_in(text, "run.txt")
    trained = [r for r in records if r.kind == "train"]
    assert [r.step for r in trained] == steps
    assert {name for r in trained for name in r.metrics} == columns
    assert {r.metrics.get("col2") for r in trained if "col2" in r.metrics} <= {
        *(float(fallen(n)) for n in ROWS)
    }
    for size in (1, 7, 100):
        assert repr(records_in(text, "run.txt", size)) == repr(records)


def test_its_columns_are_not_judged_and_the_report_says_so(tmp_path: Path) -> None:
    path = tmp_path / "run.txt"
    path.write_text("".join(f"{n} {fallen(n)}\n" for n in ROWS))
    analysis = analyze(read_run(path))
    assert analysis.metric.name is None
    assert not analysis.findings
    (note,) = analysis.run.meta.notes
    assert "no header: that column 1 counts up is all" in note


def noise(row: int) -> float:
    return row * 7919 % 101 / 101


@pytest.mark.parametrize(
    "line",
    [
        "{n} {noise}",  # data
        "{n} {up}",
        "{n} {straight}",  # a ranking
        "{gap} {a}",  # numbers of something, with gaps
        "{half} {a}",  # a measured decay
        "{noise} {a}",
        "{a}",
        "{n} row {a}",
        "2031-01-01 10:{n:02d}:00 {n} {a}",
    ],
)
def test_other_numbers_are_no_training(line: str, tmp_path: Path) -> None:
    rows = [
        line.format(
            n=n,
            a=fallen(n),
            noise=f"{noise(n):.4f}",
            up=f"0.{n:02d}",
            straight=f"{0.99 - n / 100:.2f}",
            gap=n * n,
            half=n / 2,
        )
        for n in ROWS
    ]
    assert FORMAT.confidence(rows) == 0.0
    path = tmp_path / "data.txt"
    path.write_text("\n".join(rows) + "\n")
    with pytest.raises(NotATrainingLogError):
        read_run(path)
