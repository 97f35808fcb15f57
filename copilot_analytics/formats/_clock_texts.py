"""Texts in JSON that tell a time: how long something took, or when it was.

`_json_rows` takes durations from here; parsers of JSON lines may name the keys of such texts, and
the reading of columns (`copilot_analytics.reading.clock_columns`) reads many at once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from copilot_analytics.records import Ints

_Count = TypeVar("_Count", int, "Ints")

_DURATION = re.compile(r"(?:(\d{1,6}) days?,? )?(\d{1,6}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9}))?")
_STAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):?(\d\d))?"
)
_DAY_S, _HOUR_S, _MINUTE_S = 86_400, 3_600, 60
_MARCH_YEAR_0 = 719_468  # days from the first of March of the year 0 to 1970


def seconds_of_duration(text: str) -> float | None:
    """Return a duration such as ``1 day, 2:03:04``, in seconds; None if it is none.

    Examples
    --------
    >>> seconds_of_duration("0:01:05"), seconds_of_duration("2 days, 1:00:00.5")
    (65.0, 176400.5)
    >>> seconds_of_duration("soon") is None
    True
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[:4])
    whole = days * _DAY_S + hours * _HOUR_S + minutes * _MINUTE_S + seconds
    return whole + fraction_of(found[5])


def seconds_of_stamp(text: str) -> float | None:
    """Return the seconds since 1970 of a time stamp of ISO 8601, without a zone as UTC.

    None if it is none.

    Examples
    --------
    >>> seconds_of_stamp("2024-01-01T00:00:01.5Z"), seconds_of_stamp("2024-01-01 02:00:00+02:00")
    (1704067201.5, 1704067200.0)
    >>> seconds_of_stamp("2024-01-01") is None
    True
    """
    found = _STAMP.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    whole = days_since_1970(year, month, day) * _DAY_S
    whole += hour * _HOUR_S + minute * _MINUTE_S + second
    if found[8]:
        offset = int(found[9]) * _HOUR_S + int(found[10]) * _MINUTE_S
        whole -= offset if found[8] == "+" else -offset
    return whole + fraction_of(found[7])


def clock_seconds(text: str) -> float | None:
    """Return the seconds of a duration or of a time stamp; None if a text is neither.

    Examples
    --------
    >>> clock_seconds("0:00:07"), clock_seconds("1970-01-01 00:00:07"), clock_seconds("7")
    (7.0, 7.0, None)
    """
    seconds = seconds_of_duration(text)
    return seconds_of_stamp(text) if seconds is None else seconds


def fraction_of(digits: str | None) -> float:
    """Return what the digits behind a point add; 0 without any."""
    return int(digits) / 10 ** len(digits) if digits else 0.0


def days_since_1970(year: _Count, month: _Count, day: _Count) -> _Count:
    """Return the days from 1970 to a date of the Gregorian calendar, also for arrays of them.

    Examples
    --------
    >>> days_since_1970(1970, 1, 1), days_since_1970(2024, 3, 1)
    (0, 19783)
    """
    # Years that begin in March have their leap day at their end (Hinnant, "chrono-compatible
    # low-level date algorithms").
    early = month <= 2
    year = year - early
    day_of_year = (153 * (month + 12 * early - 3) + 2) // 5 + day - 1
    return year * 365 + year // 4 - year // 100 + year // 400 + day_of_year - _MARCH_YEAR_0
