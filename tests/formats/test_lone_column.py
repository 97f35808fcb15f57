"""Files of a single column: which are losses, and which may be anything."""

from __future__ import annotations

import math

import pytest
from home_logs import points
from log_texts import records_in

from copilot_analytics.formats.lone_column import FORMAT

LOSSES = [f"{1 + 3 * math.exp(-n / 8):.6f}" for n in range(40)]


def column(header: str, rows: list[str]) -> str:
    return "\n".join((header, *rows)) + "\n"


@pytest.mark.parametrize("header", ["loss", "train_loss", '"Loss"'])
def test_a_column_that_falls_below_the_name_of_a_loss_is_read(header: str) -> None:
    trained = points(records_in(column(header, LOSSES), "loss.csv", 7), "train")
    assert [step for step, _ in trained] == list(range(1, 41))
    assert [value for _, row in trained for value in row.values()] == [float(x) for x in LOSSES]


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("price", LOSSES),  # what falls may be anything
        ("loss", LOSSES[::-1]),
        ("loss", [str(n) for n in range(40, 0, -1)]),  # counts of what was lost
        ("loss", [*LOSSES[:20], "total", *LOSSES[20:]]),
        ("loss", LOSSES[:8]),
        (LOSSES[0], LOSSES),
    ],
)
def test_other_columns_are_no_training(header: str, rows: list[str]) -> None:
    assert FORMAT.confidence(column(header, rows).splitlines()) == 0
