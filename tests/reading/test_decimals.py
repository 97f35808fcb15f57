from __future__ import annotations

import json
import random
import struct
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_analytics.reading.decimals import PADDING, Digits, number_in, quotients


def read(texts, between=", "):
    padding = b" " * PADDING
    digits = Digits(padding + between.join(texts).encode() + padding)
    sizes = np.array([len(text) for text in texts])
    ends = PADDING + np.cumsum(sizes + len(between)) - len(between)
    numbers, good = digits.numbers(ends - sizes, ends)
    return numbers.tolist(), good.tolist()


def by_json(text):
    """What JSON means by a number that fits, as a float."""
    try:
        number = json.loads(text)
    except ValueError:
        return None
    if type(number) not in (int, float) or (type(number) is int and abs(number) >= 2**63):
        return None
    return float(number)


def check(texts, between=", "):
    for text, number, good in zip(texts, *read(texts, between), strict=True):
        expected = by_json(text)
        assert good == (expected is not None), text
        if good:
            assert struct.pack("<d", number) == struct.pack("<d", expected), text


DIGITS = st.text("0123456789", max_size=26)
SHAPES = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["", "-", "+"]),
    DIGITS,
    st.sampled_from(["", ".", ".0", ".000"]),
    DIGITS,
    st.sampled_from(["", "e-05", "E+3", "e7", "e-30", "e+300", "e-400", "e", "e-", "e1.5"]),
)
WORDS = st.sampled_from(
    ["NaN", "Infinity", "-Infinity", "nan", "inf", "-", ".", "-0", "-0.0", "true", "null", "1_0",
     "9223372036854775807", "9223372036854775808", "-9223372036854775808", "9007199254740993",
     "1e400", "5e-324", "2.2250738585072011e-308", "0e0", "-0e0", "00", "01.5", "1.", ".5",
     "1 2", '"'],
)  # fmt: skip
NUMBERS = st.one_of(
    st.floats().map(json.dumps),
    st.floats(-10, 10).map(repr),
    st.floats(-1, 1).map("{:.20f}".format),
    st.floats(1e-30, 1).map("{:.16e}".format),
    st.integers().map(str),
    SHAPES,
    WORDS,
)


@given(st.lists(NUMBERS, min_size=1, max_size=20), st.sampled_from([",", ", ", "}e1,"]))
def test_numbers_are_what_json_reads(texts, between):
    check(texts, between)


def shortest(rng):
    return repr(rng.uniform(-1, 1) * 10 ** rng.randint(-9, 9))


def fixed(rng):
    return f"{rng.uniform(-1, 1) * 10 ** rng.randint(-9, 9):.{rng.randint(1, 24)}f}"


def scientific(rng):
    return f"{rng.uniform(-1, 1) * 10 ** rng.randint(-25, 9):.{rng.randint(0, 20)}e}"


def any_float(rng):
    number = struct.unpack("<d", rng.randbytes(8))[0]
    return json.dumps(number)


def whole(rng):
    return str(rng.randint(-(10 ** rng.randint(1, 20)), 10 ** rng.randint(1, 20)))


def between_floats(rng):
    """The exact middle between two floats, or a decimal beside it."""
    float_ = rng.choice(
        [float(rng.getrandbits(60)), rng.randint(1, 2**53) / 2 ** rng.randint(0, 9)]
    )
    middle = (Fraction(float_) + Fraction(np.nextafter(float_, np.inf))) / 2
    digits = rng.choice([9, 10, 11])
    number = round(middle * 10**digits) + rng.choice([0, 0, 1, -1])
    return f"{number // 10**digits}.{number % 10**digits:0{digits}d}"


@pytest.mark.parametrize("printed", [shortest, fixed, scientific, any_float, whole, between_floats])
def test_many_printed_numbers_come_back_bit_by_bit(printed):
    rng = random.Random(11)  # noqa: S311  # the same ones every time
    check([printed(rng) for _ in range(20_000)])


def test_quotients_are_sure_but_for_the_middle_between_two_floats():
    rng = random.Random(5)  # noqa: S311  # the same ones every time
    whole = [rng.randrange(10 ** rng.randint(1, 19)) for _ in range(5000)]
    power = [rng.randint(0, 60) for _ in whole]
    numbers, sure = quotients(np.array(whole, np.uint64), np.array(power))
    assert sure.sum() > 4990
    for number, good, top, exponent in zip(numbers, sure, whole, power, strict=True):
        assert not good or number == float(Fraction(top, 10**exponent))
    middle = np.array([2**53 + 1, 2**54 + 2, (2**53 + 1) * 5], np.uint64)
    assert quotients(middle, np.array([0, 0, 1]))[1].tolist() == [False, False, False]


def test_one_number_is_read_by_the_grammar_of_json():
    assert [number_in(text) for text in (b"1.5", b"-2", b"1e3")] == [1.5, -2.0, 1000.0]
    for text in (b"", b"01", b"+1", b"1.", b".5", b"1_0", b"inf", b"9" * 5000, b"-9" + b"0" * 19):
        assert number_in(text) is None
