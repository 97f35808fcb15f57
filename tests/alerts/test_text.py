"""Cutting text to what a chat takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_analytics.alerts.channels._text import split_text, utf16_length

TEXTS = st.text(
    st.one_of(st.characters(), st.sampled_from("a \n🟠👩\u200d💻é\u0301\ufe0f")), max_size=300
)


@given(TEXTS, st.integers(2, 60))
def test_parts_are_the_text_and_fit(text, limit):
    parts = split_text(text, limit)
    assert "".join(parts) == text
    assert all(parts)
    for part in parts:
        assert utf16_length(part) <= limit
        units = part.encode("utf-16-le", "surrogatepass")
        assert len(units) == 2 * utf16_length(part)


@given(
    st.lists(st.text("ab 🟠", min_size=1, max_size=12), min_size=1, max_size=30),
    st.integers(30, 50),
)
def test_lines_that_fit_stay_whole(lines, limit):
    parts = split_text("\n".join(lines), limit)
    assert all(part.endswith("\n") for part in parts[:-1])


@given(st.integers(2, 40))
def test_astral_characters_are_never_halved(limit):
    parts = split_text("🟠" * 50, limit)
    assert {part.strip("🟠") for part in parts} == {""}
    assert all(utf16_length(part) in {limit, limit - 1} for part in parts[:-1])


def test_marks_stay_with_their_letters():
    parts = split_text("e\u0301" * 10, 5)
    assert all(part.startswith("e") for part in parts)


def test_a_family_longer_than_a_part_still_ends():
    assert "".join(split_text("a" + "\u0301" * 30, 4)) == "a" + "\u0301" * 30


def test_cost_is_linear():
    assert len(split_text("x" * 400_000, 4096)) == 98


def test_too_small_a_limit_is_refused():
    with pytest.raises(ValueError, match="2 units"):
        split_text("x", 1)
