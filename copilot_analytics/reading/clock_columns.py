"""Durations and time stamps of many lines at once, each as `_clock_texts` reads it alone.

Their digits stand in fixed places: a stamp's behind its beginning, a duration's before its end.
What stands between them is compared; a text that differs is left to be read alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.formats._clock_texts import clock_seconds, days_since_1970

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from copilot_analytics.reading.decimals import Digits, Flags
    from copilot_analytics.records import Floats, Ints

_DURATION = re.compile(rb"(?:\d{1,6} days?, )?\d{1,6}:\d\d:\d\d")
_STAMP = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?P<zone>Z|[+-]\d\d:\d\d)?")
_ZERO, _COLON, _BLANK, _POINT = ord("0"), ord(":"), ord(" "), ord(".")
_MOST_DIGITS, _MOST_DECIMALS = 6, 9
_STAMP_LENGTH = 19
_DAY_S, _HOUR_S, _MINUTE_S = 86_400, 3_600, 60


@dataclass(frozen=True, slots=True)
class ClockText:
    """How one text tells the time, and so all texts in its place.

    Parameters
    ----------
    zone
        What ends a stamp, such as ``b"Z"``; None for a duration.
    separator
        What stands between date and time.
    """

    zone: bytes | None
    separator: int = _BLANK

    def seconds(self, digits: Digits, begin: Ints, end: Ints) -> tuple[Floats, Flags]:
        """Return the seconds that texts mean, and which of them are told this way.

        Parameters
        ----------
        digits
            The bytes of the lines.
        begin, end
            Where each text starts and ends, shape ``(n,)``.
        """
        if self.zone is None:
            return _durations(digits.codes, begin, end)
        return self._stamps(digits.codes, begin, end)

    def _stamps(self, codes: NDArray[np.uint8], begin: Ints, end: Ints) -> tuple[Floats, Flags]:
        zone = self.zone or b""
        good = end - begin >= _STAMP_LENGTH + len(zone)
        begin = np.where(good, begin, 0)
        end = np.where(good, end, _STAMP_LENGTH + len(zone))
        parts = []
        for place, width in ((0, 4), (5, 2), (8, 2), (11, 2), (14, 2), (17, 2)):
            part, are_digits = _number(codes, begin + place, width)
            parts.append(part)
            good &= are_digits
        for place, mark in ((4, ord("-")), (7, ord("-")), (10, self.separator)):
            good &= codes[begin + place] == mark
        for place in (13, 16):
            good &= codes[begin + place] == _COLON
        for place, mark in enumerate(zone):
            good &= codes[end - len(zone) + place] == mark
        year, month, day, hour, minute, second = parts
        days: Ints = days_since_1970(year, month, day)
        whole = days * _DAY_S + hour * _HOUR_S + minute * _MINUTE_S + second - _offset_s(zone)
        fraction, are_digits = _fraction(codes, begin + _STAMP_LENGTH, end - len(zone))
        return whole + fraction, good & are_digits


def clock_text(text: bytes) -> ClockText | None:
    """Return how a text tells the time; None if it tells none that has its digits in fixed places.

    Examples
    --------
    >>> clock_text(b"1 day, 0:10:00").zone is None, clock_text(b"2024-01-01T00:00:00Z").zone
    (True, b'Z')
    >>> clock_text(b"soon") is None
    True
    """
    if _DURATION.fullmatch(text):
        return ClockText(None)
    stamp = _STAMP.fullmatch(text)
    return None if stamp is None else ClockText(stamp["zone"] or b"", text[10])


def _durations(codes: NDArray[np.uint8], begin: Ints, end: Ints) -> tuple[Floats, Flags]:
    """Return durations such as ``2 days, 10:05:01``."""
    good = end - begin >= len("0:00:00")
    end = np.where(good, end, begin + 8)
    seconds, fine = _number(codes, end - 2, 2)
    minutes, also_fine = _number(codes, end - 5, 2)
    first_colon = end - 6
    good &= fine & also_fine & (codes[end - 3] == _COLON) & (codes[first_colon] == _COLON)
    blank = np.where(codes[first_colon - 3] == _BLANK, first_colon - 3, first_colon - 2)
    has_days = (codes[blank] == _BLANK) & (blank > begin)
    hours, fine = _up_to(codes, np.where(has_days, blank + 1, begin), first_colon)
    good &= fine
    whole = hours * _HOUR_S + minutes * _MINUTE_S + seconds
    if has_days.any():
        plural = codes[blank - 2] == ord("s")
        stop = blank - 1 - len("day") - plural
        days, fine = _up_to(codes, np.where(has_days, begin, stop - 2), stop - 1)
        for place, mark in enumerate(b" day"):
            fine &= codes[stop - 1 + place] == mark
        fine &= codes[blank - 1] == ord(",")
        good &= fine | ~has_days
        whole = whole + np.where(has_days, days, 0) * _DAY_S
    return whole.astype(np.float64), good


def _number(codes: NDArray[np.uint8], begin: Ints, width: int) -> tuple[Ints, Flags]:
    """Return whole numbers of one width, and which of them are digits throughout."""
    number = np.zeros(len(begin), dtype=np.int64)
    good = np.ones(len(begin), dtype=np.bool_)
    for place in range(width):
        digit = codes[begin + place].astype(np.int64) - _ZERO
        good &= (digit >= 0) & (digit <= 9)
        number = number * 10 + digit
    return number, good


def _up_to(
    codes: NDArray[np.uint8], begin: Ints, end: Ints, most: int = _MOST_DIGITS
) -> tuple[Ints, Flags]:
    """Return whole numbers that end in one place each, of at most so many digits."""
    number = np.zeros(len(begin), dtype=np.int64)
    width = end - begin
    good = (width >= 1) & (width <= most)
    for place in range(min(int(width.max(initial=0)), most)):
        inside = place < width
        digit = codes[np.where(inside, end - 1 - place, begin)].astype(np.int64) - _ZERO
        good &= ~inside | ((digit >= 0) & (digit <= 9))
        number += np.where(inside, digit, 0) * 10**place
    return number, good


def _fraction(codes: NDArray[np.uint8], begin: Ints, end: Ints) -> tuple[Floats, Flags]:
    """Return what a point and digits behind it add; 0 where there are none."""
    has_any = end > begin
    if not has_any.any():
        return np.zeros(len(begin)), end == begin
    first = np.where(has_any, begin + 1, begin)
    stop = np.where(has_any, end, begin + 1)
    digits, fine = _up_to(codes, first, stop, _MOST_DECIMALS)
    width = np.clip(stop - first, 1, _MOST_DECIMALS)
    good = np.where(has_any, fine & (codes[begin] == _POINT), end == begin)
    return np.where(has_any, digits / 10.0**width, 0.0), good


def _offset_s(zone: bytes) -> int:
    """Return by how much a zone is ahead of UTC."""
    if len(zone) < 2:
        return 0
    ahead = clock_seconds(f"{zone[1:].decode()}:00") or 0.0
    return int(ahead) if zone.startswith(b"+") else -int(ahead)
