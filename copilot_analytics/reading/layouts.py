"""Reads the numbers of many lines at once, exactly.

Lines that are equal once every digit is masked have the same layout: their numbers stand in the
same places and have the same signs, points and exponents. A layout is worked out from one line;
the digits of all others are gathered at once and summed by their weights, and one division by a
power of ten rounds as ``float()`` does: the digits make a whole number below 2**53 and the power is
at most 10**22, so both are exact. Sums are plain array operations rather than a matrix product,
which would wake the threads of the linear algebra library beside a training.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot_analytics.formats._base import Field
    from copilot_analytics.records import Floats, Ints

Codes = NDArray[np.uint8]

MASK = bytes(ord("0") if 0x31 <= code <= 0x39 else code for code in range(256))
"""For ``bytes.translate``: every digit becomes ``0``."""

_ZERO = ord("0")
_NEWLINE = 10
_PART = 8  # a whole number of 8 codes is exact in int32
_MOST_DIGITS = 15  # one of 15 digits is exact in float64
_MOST_EXPONENT_DIGITS = 6
_LARGEST_POWER = 22
_LONGEST_MASK = 1 << 13
_POWERS = np.array([float(10**power) for power in range(_LARGEST_POWER + 1)])
_DECIMAL = re.compile(rb"([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?)(\d+))?")


@dataclass(frozen=True, slots=True)
class _Scaled:
    """A number whose exponent is printed: rows of its digits and its exponent."""

    field: int
    exponent_part: int
    exponent_sign: int
    decimals: int
    sign: float


class Layout:
    r"""Where the numbers of lines that look alike stand.

    Parameters
    ----------
    line
        One of the lines, ASCII.
    fields
        Its numbers.

    Examples
    --------
    >>> from copilot_analytics.formats._base import Field
    >>> layout = Layout(b"step 7: loss 1.50", [Field("step", 5, 6), Field("loss", 13, 17)])
    >>> rows = np.frombuffer(b"step 8: loss 0.25\nstep 9: loss 0.10\n", np.uint8).reshape(2, -1)
    >>> layout.fits(rows), layout.numbers(rows)
    (array([ True, True]), array([[8. , 9. ], [0.25, 0.1 ]]))
    """

    def __init__(self, line: bytes, fields: Sequence[Field]) -> None:
        self.names = tuple(field.name for field in fields)
        self.length = len(line)
        self._spans = [(field.start, field.end) for field in fields]
        self._constant: list[tuple[int, float]] = []
        self._one_by_one: list[int] = []
        self._joined: list[tuple[int, list[int]]] = []
        self._scaled: list[_Scaled] = []
        self._parts: list[list[int]] = [[] for _ in fields]
        self._divisors = np.ones((len(fields), 1))
        self._signs = np.ones((len(fields), 1))
        for index, (start, end) in enumerate(self._spans):
            self._learn(index, start, line[start:end])
        self._positions, self._offsets = self._places()
        inside = {place for start, end in self._spans for place in range(start, end)}
        digits = [place for place, code in enumerate(line) if 0x30 <= code <= 0x39]
        self._fixed = np.array([place for place in digits if place not in inside], dtype=np.intp)
        self._fixed_codes = np.frombuffer(line, np.uint8)[self._fixed]
        self._has_signs = bool((self._signs < 0).any())

    def fits(self, rows: Codes) -> NDArray[np.bool_]:
        """Tell which lines have the same digits outside of the numbers.

        Parameters
        ----------
        rows
            Lines of this layout as codes, each with its newline; shape ``(n, length + 1)``.
        """
        if not len(self._fixed):
            return np.ones(len(rows), dtype=np.bool_)
        same: NDArray[np.bool_] = (rows[:, self._fixed] == self._fixed_codes).all(axis=1)
        return same

    def numbers(self, rows: Codes) -> Floats:
        """Return the numbers of lines, each equal to ``float()`` of its characters.

        Parameters
        ----------
        rows
            Lines of this layout as codes, each with its newline; shape ``(n, length + 1)``.

        Returns
        -------
        ndarray
            Shape ``(fields, n)``.
        """
        codes = rows.T[self._positions]
        sums = codes[0].astype(np.int32)
        for row in codes[1:]:
            sums *= 10
            sums += row
        sums -= self._offsets
        parts = sums.astype(np.float64)
        numbers: Floats = parts[: len(self.names)]
        for index, more in self._joined:
            for part in more:
                numbers[index] *= 10.0**_PART
                numbers[index] += parts[part]
        numbers /= self._divisors
        if self._has_signs:
            numbers *= self._signs
        for scaled in self._scaled:
            self._scale(scaled, numbers, parts[scaled.exponent_part], rows)
        for index, number in self._constant:
            numbers[index] = number
        for index in self._one_by_one:
            numbers[index] = self._read(index, rows)
        return numbers

    def _learn(self, index: int, start: int, text: bytes) -> None:
        found = _DECIMAL.fullmatch(text)
        digits = len(found[2] or b"") + len(found[3] or b"") if found else 0
        if found is None or not digits:
            if any(0x30 <= code <= 0x39 for code in text):
                self._one_by_one.append(index)
            else:
                self._constant.append((index, float(text)))
            return
        if digits > _MOST_DIGITS or len(found[5] or b"") > _MOST_EXPONENT_DIGITS:
            self._one_by_one.append(index)
            return
        places = [start + place for place in range(*found.span(2))]
        if found[3] is not None:
            places += [start + place for place in range(*found.span(3))]
        decimals, sign = len(found[3] or b""), -1.0 if found[1] == b"-" else 1.0
        first = len(places) % _PART or _PART
        self._parts[index] = places[:first]
        more = []
        for cut in range(first, len(places), _PART):
            more.append(len(self._parts))
            self._parts.append(places[cut : cut + _PART])
        if more:
            self._joined.append((index, more))
        if found[5] is None:
            self._divisors[index], self._signs[index] = _POWERS[decimals], sign
            return
        exponent_sign = -1 if found[4] == b"-" else 1
        self._scaled.append(_Scaled(index, len(self._parts), exponent_sign, decimals, sign))
        self._parts.append([start + place for place in range(*found.span(5))])

    def _places(self) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        """Return where the digits of each part stand, and what their codes add to its sum.

        The parts are filled up from the left with the newline, whose code is always the same.
        """
        width = max((len(part) for part in self._parts), default=0) or 1
        places = np.full((width, len(self._parts)), self.length, dtype=np.intp)
        offsets = np.zeros((len(self._parts), 1), dtype=np.int32)
        for row, part in enumerate(self._parts):
            filled = width - len(part)
            places[filled:, row] = part
            codes = [_NEWLINE] * filled + [_ZERO] * len(part)
            offsets[row] = sum(c * 10**power for power, c in enumerate(reversed(codes)))
        return places, offsets

    def _scale(self, scaled: _Scaled, numbers: Floats, exponents: Floats, rows: Codes) -> None:
        """Apply the printed exponents; what is out of reach of exact powers is read one by one."""
        power = (scaled.exponent_sign * exponents).astype(np.int64) - scaled.decimals
        row = numbers[scaled.field]
        row *= scaled.sign
        row *= _POWERS[np.clip(power, 0, _LARGEST_POWER)]
        row /= _POWERS[np.clip(-power, 0, _LARGEST_POWER)]
        far = np.flatnonzero(np.abs(power) > _LARGEST_POWER)
        if len(far):
            row[far] = self._read(scaled.field, rows[far])

    def _read(self, index: int, rows: Codes) -> list[float]:
        start, end = self._spans[index]
        texts = np.ascontiguousarray(rows[:, start:end]).view(f"S{end - start}").ravel()
        return list(map(float, texts.tolist()))


class LayoutCache:
    """The layouts seen so far, by masked line.

    A layout is worked out once `worth` lines of it were seen, so that logs in which every line
    looks new cost little; at most `most` masks are remembered.
    """

    def __init__(self, most: int = 4096, worth: int = 8, variants: int = 8) -> None:
        self._most, self._worth, self._variants = most, worth, variants
        self._layouts: dict[bytes, list[Layout]] = {}
        self._seen: dict[bytes, int] = {}

    def __deepcopy__(self, memo: dict[int, object]) -> LayoutCache:
        """Return itself: what it holds changes how fast lines are read, never what they say."""
        return self

    def known(self, mask: bytes) -> list[Layout]:
        """Return the layouts of a mask; they differ in digits outside of the numbers."""
        return self._layouts.get(mask, [])

    def is_worth(self, mask: bytes, lines: int) -> bool:
        """Note more lines of a mask; tell whether to work out a layout for them."""
        if mask in self._layouts:
            return len(self._layouts[mask]) < self._variants
        if len(self._layouts) >= self._most or len(mask) > _LONGEST_MASK:
            return False
        if len(self._seen) >= self._most:
            self._seen.clear()
        seen = self._seen.get(mask, 0) + lines
        self._seen[mask] = seen
        return seen >= self._worth

    def learn(self, mask: bytes, line: bytes, fields: Sequence[Field]) -> Layout:
        """Work out a layout and remember it."""
        layout = Layout(line, fields)
        self._layouts.setdefault(mask, []).append(layout)
        self._seen.pop(mask, None)
        return layout


def rows_of(codes: Codes, starts: Ints, length: int) -> Codes:
    """Return lines of equal length with their newlines, shape ``(n, length + 1)``."""
    windows: NDArray[Any] = np.lib.stride_tricks.sliding_window_view(codes, length + 1)
    rows: Codes = windows[starts]
    return rows
