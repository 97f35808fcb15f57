"""Lines that differ in digits alone are looked at once: none must depend on the first."""

from __future__ import annotations

import re

import pytest
from home_logs import points, read
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot_analytics.formats._home_masks import readings_alike
from copilot_analytics.formats._home_words import read_line

SHAPES = [
    "Epoch 00/00 | train loss 0.00 | val acc 00.00% | Acc@0: 00.0",
    "[0000/0000] loss: 0.000, val loss: 0.000",
    "[rank 0]: step 00 loss 0.00",
    "gpu:0 | iter 00 loss:00.0",
    "00:00 epoch 000 loss:00.0 acc: 0,000",
    "epoch000 loss 0,000 top-0 acc 00.0",
    "2024-00-00 00:00:00,000 INFO Test: [00/00] loss 0.00 (0.00)",
    "Loss after epoch 0: 0.000",
    "class 0 iou: 0.00, loss0: 0.00",
]


def digits(draw: st.DrawFn, shape: str) -> str:
    return re.sub("0", lambda _: draw(st.sampled_from("0123456789")), shape)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[str, str]:
    shape = draw(st.sampled_from(SHAPES))
    return digits(draw, shape), digits(draw, shape)


@settings(max_examples=400, deadline=None)
@given(pairs())
def test_what_a_line_says_does_not_depend_on_lines_before(lines: tuple[str, str]) -> None:
    before, line = lines
    readings_alike.cache_clear()
    alone = read_line(line)
    readings_alike.cache_clear()
    read_line(before)
    assert read_line(line) == alone


@pytest.mark.parametrize("header", ["", "Epoch {}\n", "Step {}:\n", "Validation:\n"])
@pytest.mark.parametrize("row", ["loss: 0.{0}{1} lr: 1e-3", "batch {1} | loss={0}.{1}"])
def test_rows_without_an_axis_are_the_same_in_any_pieces(header: str, row: str) -> None:
    text = "Start\n" + "".join(
        header.format(e) + "".join(f"{row.format(e, i)}\n" for i in range(1, 8))
        for e in range(1, 6)
    )
    whole = read(text)
    assert whole == read(text, range(0, len(text), 7))
    assert whole == read(text, range(0, len(text), 61))
    assert points(whole, "train") or points(whole, "eval")
