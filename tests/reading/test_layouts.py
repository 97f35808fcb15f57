from __future__ import annotations

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from copilot_analytics.formats._base import Field
from copilot_analytics.reading.layouts import MASK, Layout, LayoutCache, rows_of

DIGITS = st.integers(0, 18).flatmap(lambda n: st.text("0123456789", min_size=n, max_size=n))


@st.composite
def decimals(draw):
    """A shape of a decimal number, and some numbers of that shape."""
    sign = draw(st.sampled_from(["", "-", "+"]))
    whole, fraction = draw(st.integers(0, 12)), draw(st.integers(0, 12))
    point = draw(st.booleans()) or not whole
    exponent = draw(st.sampled_from(["", "e-", "E+", "e"]))
    width = draw(st.integers(1, 3)) if exponent else 0
    if not whole and not fraction:
        whole = 1
    if not point:
        whole, fraction = whole + fraction, 0

    def one():
        def digits(n):
            return draw(st.text("0123456789", min_size=n, max_size=n))

        dot = "." + digits(fraction) if point else ""
        return sign + digits(whole) + dot + exponent + digits(width)

    return [one() for _ in range(draw(st.integers(1, 6)))]


def same_bits(a, b):
    return struct.pack("<d", a) == struct.pack("<d", b)


def read(texts, prefix="loss_2: "):
    lines = [f"{prefix}{text} end".encode() for text in texts]
    first = lines[0]
    layout = Layout(first, [Field("loss", len(prefix), len(prefix) + len(texts[0]))])
    codes = np.frombuffer(b"\n".join(lines) + b"\n", np.uint8)
    starts = np.arange(len(lines)) * (len(first) + 1)
    rows = rows_of(codes, starts, len(first))
    assert layout.fits(rows).all()
    return layout.numbers(rows)[0].tolist()


@given(decimals())
def test_numbers_are_equal_to_float_bit_by_bit(texts):
    assert len({text.encode().translate(MASK) for text in texts}) == 1
    for text, number in zip(texts, read(texts), strict=True):
        assert same_bits(number, float(text)), text


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
def test_printed_floats_come_back(numbers):
    for pattern in ("{!r}", "{:.4f}", "{:.3e}", "{:g}"):
        for text in map(pattern.format, numbers):
            assert same_bits(read([text])[0], float(text))


def test_words_for_numbers_are_constant():
    for text in ("nan", "-inf", "inf", "-nan", "NaN", "1_000", "Infinity"):
        assert repr(read([text] * 3)) == repr([float(text)] * 3)


def test_digits_outside_of_the_numbers_must_be_equal():
    layout = Layout(b"d0.loss: 1", [Field("d0.loss", 9, 10)])
    rows = np.frombuffer(b"d0.loss: 2\nd1.loss: 3\n", np.uint8).reshape(2, -1)
    assert layout.fits(rows).tolist() == [True, False]


def test_the_cache_is_bounded_and_recovers_from_junk():
    cache = LayoutCache(most=4, worth=2)
    for i in range(1000):
        assert not cache.is_worth(f"junk {'x' * i}".encode(), 1)
    assert not cache.is_worth(b"loss 0", 1)
    assert cache.is_worth(b"loss 0", 1)
    assert not cache.is_worth(b"0" * 9000, 100), "a mask that costs more than it saves"
    for name in (b"a", b"b", b"c", b"d"):
        cache.learn(name + b" 0", name + b" 1", [Field("x", 2, 3)])
    assert not cache.is_worth(b"e 0", 100)
    assert cache.known(b"a 0")[0].names == ("x",)
