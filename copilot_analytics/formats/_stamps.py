"""Time stamps of log lines: where they stand, and what they mean; one reader for all text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from copilot_analytics.formats._base import Field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from copilot_analytics.records import Floats

NO_YEAR = 1972  # a leap year, so that no day of a log without a year is lost

_FILE_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)(0\d|1[0-2])[0-3]\d_[0-2]\d[0-5]\d[0-5]\d(?!\d)")
_DAY_S = 86400.0
_LATEST_START = 64  # a stamp begins within so many characters, after a level, rank or logger
_SHORTEST_MESSAGE = 12  # characters before a time stamp that ends its line
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_FRACTION = r"(?:[.,](?:(?P<micro>\d{6})|(?P<milli>\d{3}))(?!\d))?"
_STAMPS = tuple(
    re.compile(rf"(?<![\w/:.-])(?:{date}){_TIME}{_FRACTION}(?:Z|\s?[+-]\d\d:?\d\d)?(?![\w:<])\]?")
    for date in (
        r"(?P<year>\d{4})[-/.](?P<month>\d\d)[-/.](?P<day>\d\d)[ T_]{1,2}",
        r"(?P<month>\d\d)/(?P<day>\d\d)/(?P<short_year>\d\d) ",
        r"(?P<month>\d\d)/(?P<day>\d\d)/(?P<year>\d{4})[ T]",
        r"(?P<month>\d\d)[/-](?P<day>\d\d) ",
        r"[IWEF](?P<month>\d\d)(?P<day>\d\d) ",
        r"(?<=\[)",
    )
)


_HALF_DAY = re.compile(r" [AP]M\b")  # its hours would begin again at noon, so they are not read


# What C++ libraries stamp before their logger knows the time zone: no date, seconds since 1970.
_OF_NO_ZONE = re.compile(r"[IWEF]0000 00:00:\d{10}\.\d{6}\b")


class Stamp(NamedTuple):
    """Where the time stamp of a line stands, and the message after it."""

    fields: tuple[Field, ...]
    message: int


NO_STAMP = Stamp((), 0)


def find_stamp(line: str) -> Stamp:
    """Return the time stamp near the start of a line, or `NO_STAMP`.

    Where nothing follows it, the message stands before it.

    Examples
    --------
    >>> line = "[INFO] 2024-03-01 10:20:30,500 - loss 1.0"
    >>> stamp = find_stamp(line)
    >>> [(f.name, line[f.start : f.end]) for f in stamp.fields[-2:]], line[stamp.message :]
    ([('#second', '30'), ('#milli', '500')], ' - loss 1.0')
    >>> [find_stamp(f"{text} 2024-03-01 10:20:30").message for text in ("epoch 1 loss 0.5", "INFO")]
    [0, 24]
    """
    if (unset := _OF_NO_ZONE.match(line)) is not None:
        return Stamp((), unset.end())
    head = line[: _LATEST_START + 40]
    for pattern in _STAMPS:
        found = pattern.search(head)
        if found is not None and found.start() <= _LATEST_START:
            half = _HALF_DAY.match(line, found.end())
            if half is not None:
                return Stamp((), half.end())
            names = [name for name, text in found.groupdict().items() if text is not None]
            fields = tuple(Field(f"#{name}", *found.span(name)) for name in names)
            is_last = not line[found.end() :].strip(" ])}\r\n")
            closes = is_last and found.start() >= _SHORTEST_MESSAGE
            return Stamp(fields, 0 if closes else found.end())
    return NO_STAMP


class Clock:
    """Turns the parts of time stamps into seconds, in the order of the log.

    A year or a day that the stamps leave out is counted on where the months or the hours fall.

    Parameters
    ----------
    file
        Name of the log, which may tell the year.

    Attributes
    ----------
    is_relative : bool
        Whether stamps lacked a year that nothing else told; times then count from an unknown year.

    Examples
    --------
    >>> clock = Clock("20240101_120000.log")
    >>> parts = {"#month": 1, "#day": 2, "#hour": 0, "#minute": 0, "#second": 5}
    >>> clock.times({name: np.array([float(part)]) for name, part in parts.items()})
    array([1.7041536e+09])
    """

    def __init__(self, file: str) -> None:
        dated = _FILE_DATE.search(file.replace("\\", "/").rpartition("/")[2])
        dated = dated or _FILE_DATE.search(file)
        self.is_relative = False
        self._year = int(dated[1]) if dated else None
        self._month = int(dated[2]) if dated else 0
        self._days = 0.0
        self._last_s = 0.0

    def times(self, columns: Mapping[str, Floats]) -> Floats:
        """Return seconds since 1970, as if the stamps were UTC.

        Parameters
        ----------
        columns
            Parts by name: ``#year`` or ``#short_year`` and ``#month`` and ``#day`` as far as they
            are printed, ``#hour``, ``#minute``, ``#second``, ``#milli``, ``#micro``; shape
            ``(n,)``.
        """
        seconds: Floats = columns["#hour"] * 3600 + columns["#minute"] * 60 + columns["#second"]
        if "#milli" in columns:
            seconds = seconds + columns["#milli"] / 1000
        if "#micro" in columns:
            seconds = seconds + columns["#micro"] / 1_000_000
        if "#month" not in columns:
            return seconds + self._count_days(seconds) * _DAY_S
        month = columns["#month"]
        if "#year" in columns:
            year = columns["#year"]
        elif "#short_year" in columns:
            year = 2000 + columns["#short_year"]
        else:
            year = self._count_years(month)
        return days_from_civil(year, month, columns["#day"]) * _DAY_S + seconds

    def _count_years(self, month: Floats) -> Floats:
        first = np.concatenate(([self._month or month[0]], month))
        turns = np.cumsum(np.diff(first) < -6)  # from December to January
        start = NO_YEAR if self._year is None else self._year
        self.is_relative = self.is_relative or self._year is None
        self._month = int(month[-1])
        if turns[-1]:
            self._year = start + int(turns[-1])
        year: Floats = start + turns.astype(np.float64)
        return year

    def _count_days(self, seconds: Floats) -> Floats:
        """Count a day where the hours fall by more than half a day."""
        self.is_relative = True
        before = np.concatenate(([self._last_s], seconds))
        days: Floats = np.cumsum(np.diff(before) < -_DAY_S / 2).astype(np.float64) + self._days
        self._days, self._last_s = float(days[-1]), float(seconds[-1])
        return days


def days_from_civil(year: Floats, month: Floats, day: Floats) -> Floats:
    """Return the days from 1970-01-01 to dates of the Gregorian calendar.

    Parameters
    ----------
    year, month, day
        Whole numbers, same shape; the month from 1.

    References
    ----------
    Howard Hinnant, "chrono-compatible low-level date algorithms".

    Examples
    --------
    >>> days_from_civil(np.array([1970.0, 2024.0]), np.array([1.0, 3.0]), np.array([1.0, 1.0]))
    array([    0., 19783.])
    """
    year = year - (month <= 2)
    era = np.floor(year / 400)
    year_of_era = year - era * 400
    day_of_year = np.floor((153 * (month + np.where(month > 2, -3, 9)) + 2) / 5) + day - 1
    day_of_era = year_of_era * 365 + np.floor(year_of_era / 4)
    day_of_era += day_of_year - np.floor(year_of_era / 100)
    days: Floats = era * 146097 + day_of_era - 719468
    return days
