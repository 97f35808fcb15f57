r"""Reads many numbers of JSON at once, each to the bit as ``json.loads`` and ``float()`` read it.

Eight digits at a time become a whole number by three multiplications on 64-bit words. So a decimal
becomes a quotient ``m / 10**k`` with a whole number `m` below 10**19. Its first approximation is a
division of floats; what that leaves over is computed exactly (Dekker, "A floating-point technique
for extending the available precision", 1971) and corrects it to about 100 bits. Where the nearest
float is the same at both ends of the remaining error, it is the right one (Ziv, "Fast evaluation
of elementary mathematical functions with correctly rounded last bit", 1991). The few numbers that
are out of reach, such as the exact middle between two floats, are read one by one.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from copilot_analytics.records import Floats, Ints

Words = NDArray[np.uint64]
Flags = NDArray[np.bool_]

PADDING: Final = 32
"""Bytes that must precede the first number and follow the last one."""

_U = np.uint64
_ZEROS, _SPREAD, _HIGH = _U(0x3030303030303030), _U(0x0101010101010101), _U(0x8080808080808080)
_LOWER, _NOT_A_DIGIT = _U(0x2020202020202020), _U(0x7676767676767676)
_POINTS, _EXPONENTS = _U(0x2E2E2E2E2E2E2E2E), _U(0x6565656565656565)
_PLACES = _U(0x0001020304050607)
_PAIRS = _U(0x000000FF000000FF)
_HUNDREDS, _ONES = _U(0x000F424000000064), _U(0x0000271000000001)
_TEN, _EIGHT, _BYTES_16, _BYTES_32, _TOP = _U(10), _U(8), _U(16), _U(32), _U(56)
_SEVEN = _U(7)
_MOST_DIGITS, _MOST_DECIMALS = 19, 24
_LARGEST_THIRD = _U(1000)  # above two words of 8 digits: 19 digits together
_EXACT, _TOO_LARGE = _U(1 << 53), _U(1 << 63)
_EXACT_POWER, _LARGEST_POWER = 22, 60
_SPLITTER = float((1 << 27) + 1)
_ERROR = 2.0**-98  # relative; the steps below add up to less than 2**-102
_TENS = np.array([10**power for power in range(20)], dtype=np.uint64)
_NUMBER = re.compile(rb"-?(?:(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|Infinity)|NaN")
_MINUS, _PLUS, _ZERO = ord("-"), ord("+"), ord("0")


def _powers() -> tuple[Floats, Floats, Floats, Floats]:
    """Return powers of ten as sums of two floats, and the halves of the first of each two."""
    high = np.array([float(10**power) for power in range(_LARGEST_POWER + 1)])
    rest = [Fraction(10**power) - Fraction(high[power]) for power in range(_LARGEST_POWER + 1)]
    left, right = _halves(high)
    return high, np.array([float(part) for part in rest]), left, right


def _halves(numbers: Floats) -> tuple[Floats, Floats]:
    """Split floats into sums of two whose products are exact (Veltkamp)."""
    left = numbers * _SPLITTER
    left -= left - numbers
    return left, numbers - left


_HIGHS, _LOWS, _LEFTS, _RIGHTS = _powers()


def quotients(whole: Words, power: Ints) -> tuple[Floats, Flags]:
    """Divide whole numbers by powers of ten.

    Parameters
    ----------
    whole
        Whole numbers below 10**19, shape ``(n,)``.
    power
        Exponents from 0 to 60, shape ``(n,)``.

    Returns
    -------
    numbers, sure
        The quotients, and whether each is the float nearest to the exact one; shape ``(n,)``.

    Examples
    --------
    >>> quotients(np.array([15, 2**53 + 1], np.uint64), np.array([1, 0]))
    (array([1.50000000e+00, 9.00719925e+15]), array([ True, False]))
    """
    high = whole.astype(np.float64)
    divisors = _HIGHS[power]
    first: Floats = high / divisors
    if whole.max() <= _EXACT and power.max() <= _EXACT_POWER:
        return first, np.ones(len(whole), dtype=np.bool_)
    left, right = _halves(first)
    other_left, other_right = _LEFTS[power], _RIGHTS[power]
    product = first * divisors
    error = left * other_left
    error -= product
    error += left * other_right
    error += right * other_left
    error += right * other_right
    rest = high - product
    rest -= error
    rest += (whole - high.astype(np.uint64)).view(np.int64)
    rest -= first * _LOWS[power]
    rest /= divisors
    doubt = first * _ERROR
    numbers = first + (rest + doubt)
    return numbers, numbers == first + (rest - doubt)


class Digits:
    """The bytes of some lines, for reading the numbers in them.

    Parameters
    ----------
    text
        The lines, with `PADDING` bytes before and after them.

    Examples
    --------
    >>> lines = b"1.50,-2,3e-05,0.1000000000000000055,01"
    >>> digits = Digits(b" " * PADDING + lines + b" " * PADDING)
    >>> ends = PADDING + np.array([4, 7, 13, 35, 38])
    >>> numbers, good = digits.numbers(np.array([32, 37, 40, 46, 68]), ends)
    >>> numbers[:4].tolist(), good.tolist()
    ([1.5, -2.0, 3e-05, 0.1], [True, True, True, True, False])
    """

    def __init__(self, text: bytes) -> None:
        self._text = text
        self.codes = np.frombuffer(text, dtype=np.uint8)
        shape = (max(len(text) - 7, 0),)
        self.words: Words = np.ndarray(shape, np.dtype("<u8"), buffer=text, strides=(1,))

    def numbers(self, starts: Ints, ends: Ints) -> tuple[Floats, Flags]:
        """Read numbers.

        Parameters
        ----------
        starts, ends
            Where each stands in the text, shape ``(n,)``.

        Returns
        -------
        numbers, good
            What ``json.loads`` makes of each, as a float, and whether it is a number that fits:
            the others are no JSON, or whole numbers of 2**63 or beyond. Shape ``(n,)``.
        """
        negative = self.codes[starts] == _MINUS
        has_minus = bool(negative.any())
        first = starts + negative if has_minus else starts
        tails = self.words[ends - 8]
        last, exponent, sure = self._exponents(first, ends, tails)
        whole, decimals, has_digits = self._mantissas(first, last, tails)
        power = decimals if exponent is None else decimals - exponent
        sure &= has_digits & (power >= 0) & (power <= _LARGEST_POWER)
        sure &= (whole < _TOO_LARGE) | (decimals > 0)
        if not sure.all():
            whole, power = np.where(sure, whole, _U(0)), np.where(sure, power, 0)
        numbers, nearest = quotients(whole, power)
        sure &= nearest
        if has_minus:
            is_zero = (whole == 0) & (decimals == 0)  # -0 is 0, -0.0 is not
            np.negative(numbers, out=numbers, where=negative & ~is_zero)
            sure &= ~(negative & is_zero)
        good = np.ones(len(numbers), dtype=np.bool_)
        for place in np.flatnonzero(~sure).tolist():
            number = number_in(self._text[starts[place] : ends[place]])
            good[place] = number is not None
            numbers[place] = 0.0 if number is None else number
        return numbers, good

    def _exponents(self, first: Ints, ends: Ints, tails: Words) -> tuple[Ints, Ints | None, Flags]:
        """Return where the mantissas end, the exponents if any is printed, and which are short.

        Parameters
        ----------
        first, ends
            Where each number stands, without its sign.
        tails
            The 8 bytes before each end; those before each end of a mantissa afterwards.
        """
        sure = np.ones(len(ends), dtype=np.bool_)
        found = _bytes_equal(tails | _LOWER, _EXPONENTS)
        some = np.flatnonzero(found)
        at = ends[some] - 8 + _place_of_first(found[some])
        inside = at > first[some]  # before a number of fewer than 8 bytes stands anything
        some, at = some[inside], at[inside]
        if not len(some):
            return ends, None, sure
        sign = self.codes[at + 1]
        digit = at + 1 + ((sign == _MINUS) | (sign == _PLUS))
        count = ends[some] - digit
        exponent = np.zeros(len(some), dtype=np.int64)
        fits = (count > 0) & (count <= 3)
        for back in range(3):
            code = self.codes[ends[some] - 1 - back].astype(np.int64) - _ZERO
            used = count > back
            fits &= ~used | ((code >= 0) & (code <= 9))
            exponent += np.where(used, code * 10**back, 0)
        exponents = np.zeros(len(ends), dtype=np.int64)
        exponents[some] = np.where(sign == _MINUS, -exponent, exponent)
        last = ends.copy()
        last[some] = at
        tails[some] = self.words[at - 8]
        sure[some] = fits
        return last, exponents, sure

    def _mantissas(self, first: Ints, last: Ints, tails: Words) -> tuple[Words, Ints, Flags]:
        """Return digits as whole numbers, how many of them are decimals, and which are sure."""
        heads = self.words[first]
        found = _bytes_equal(heads, _POINTS)
        before = _place_of_first(found)
        has_point = (found != 0) & (first + before < last)
        if not has_point.all():
            before *= has_point
        count = last - first
        count -= before
        count -= has_point
        sure = (count > 0) & (count <= _MOST_DECIMALS)
        decimals = count * has_point
        whole, good = _last_digits(tails, count)
        sure &= good
        longest = int(count.max(initial=0))
        if longest > 8:
            more, good = _last_digits(self.words[last - 16], count - 8)
            sure &= good
            if longest > 16:
                third, good = _last_digits(self.words[last - 24], count - 16)
                sure &= good & (third < _LARGEST_THIRD)
                more += third * _U(10**8)
            whole += more * _U(10**8)
        heads ^= _ZEROS
        leading = heads.astype(np.uint8)
        if has_point.any():
            upper, good = _first_digits(heads, leading, before)
            fits = good & (before > 0) & ((upper == 0) | (before + decimals <= _MOST_DIGITS))
            sure &= fits | ~has_point
            whole += upper * _TENS[np.minimum(decimals, _MOST_DIGITS)]
        # A zero may lead only where a point follows.
        sure &= (leading != 0) | (np.where(has_point, before, count) == 1)
        return whole, decimals, sure


def number_in(text: bytes) -> float | None:
    """Return what JSON means by one number; None for what is none or a too large whole number.

    Examples
    --------
    >>> number_in(b"-0"), number_in(b"NaN"), number_in(b"1e400"), number_in(b"01")
    (0.0, nan, inf, None)
    """
    if not _NUMBER.fullmatch(text):
        return None
    if not text.lstrip(b"-").isdigit():
        return float(text)
    number = int(text) if len(text) <= 20 else 1 << 63
    return float(number) if abs(number) < 1 << 63 else None


def _last_digits(words: Words, count: Ints) -> tuple[Words, Flags]:
    """Read the last digits of words as whole numbers: as many as there are, at most 8."""
    unused = np.minimum(np.maximum(8 - count, 0), 8)
    unused <<= 3
    shift = unused.view(np.uint64)
    return _whole(((words ^ _ZEROS) >> shift) << shift)


def _first_digits(heads: Words, leading: NDArray[np.uint8], count: Ints) -> tuple[Words, Flags]:
    """Read the first digits of words, less the code of a zero, as whole numbers."""
    if count.max() <= 1:
        return leading.astype(np.uint64) * (count > 0), leading <= 9
    return _whole(heads << (_U(64) - (count.view(np.uint64) << _U(3))))


def _whole(digits: Words) -> tuple[Words, Flags]:
    """Return words of 8 digits, the first in the lowest byte, as numbers; tell if they are."""
    wrong = digits + _NOT_A_DIGIT
    wrong |= digits
    wrong &= _HIGH
    whole = digits * _TEN
    whole += digits >> _EIGHT
    other = whole >> _BYTES_16
    whole &= _PAIRS
    whole *= _HUNDREDS
    other &= _PAIRS
    other *= _ONES
    whole += other
    whole >>= _BYTES_32
    return whole, wrong == 0


def _bytes_equal(words: Words, code: Words | np.uint64) -> Words:
    """Mark bytes by their highest bit: the lowest mark is right, higher ones may be wrong."""
    differ = words ^ code
    found = differ - _SPREAD
    found &= ~differ
    found &= _HIGH
    return found


def _place_of_first(found: Words) -> Ints:
    """Return which byte of each word is the lowest one that is marked."""
    lowest = found & (~found + _U(1))
    places: Ints = (((lowest >> _SEVEN) * _PLACES) >> _TOP).view(np.int64)
    return places
