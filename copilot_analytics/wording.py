"""How numbers, durations and chances are written for people."""

from __future__ import annotations

import math
from datetime import UTC, datetime

IS_ALIVE = " is alive"
"""What is said of a process that lives, behind its number."""

NOBODY_WRITES = "no process holds the log open for writing"
"""What is said of a log whose writer was looked for and not found."""

_FIRST_LIKELY = 315_532_800.0  # 1980
_FIRST_DATED = 63_072_000.0  # 1972, the year of time stamps that print none


def number(value: float | None, digits: int = 4) -> str:
    """Write a number with so many significant digits, without noise.

    Examples
    --------
    >>> number(0.97331), number(12.0), number(1.2e-5), number(float("nan")), number(None)
    ('0.9733', '12', '1.2e-05', 'nan', '–')
    >>> number(25012.4)
    '25,012'
    """
    if value is None:
        return "–"
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= 10**digits:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def duration(seconds: float | None) -> str:
    """Write a duration with its two leading units.

    Examples
    --------
    >>> duration(4805), duration(95), duration(3.25), duration(200000), duration(None)
    ('1 h 20 min', '1 min 35 s', '3.2 s', '2 d 8 h', 'unknown')
    >>> duration(2399), duration(3590)
    ('40 min', '1 h')
    """
    if seconds is None or not math.isfinite(seconds):
        return "unknown"
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < 600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min" + (f" {rest} s" if rest else "")
    if whole < 3570:
        return f"{round(whole / 60)} min"
    if whole < 86400:
        hours, rest = divmod(round(whole / 60), 60)
        return f"{hours} h" + (f" {rest:02d} min" if rest else "")
    days, rest = divmod(round(whole / 3600), 24)
    return f"{days} d" + (f" {rest} h" if rest else "")


def interval(low_s: float | None, high_s: float | None, level: float) -> str:
    """Write an interval of durations; empty where it is unknown or rounds to a single duration.

    Examples
    --------
    >>> interval(2280.0, 2580.0, 0.8), interval(900.2, 900.4, 0.8), interval(None, None, 0.8)
    ('80 %: 38 min – 43 min', '', '')
    """
    low, high = duration(low_s), duration(high_s)
    return "" if low_s is None or low == high else f"{share(level)}: {low} – {high}"


def share(value: float | None) -> str:
    """Write a probability or share in per cent, never as certain.

    Examples
    --------
    >>> share(0.043), share(0.0004), share(0.9999), share(None)
    ('4 %', '< 1 %', '> 99 %', 'unknown')
    """
    if value is None or not math.isfinite(value):
        return "unknown"
    if value < 0.01:
        return "< 1 %"
    if value > 0.995:
        return "> 99 %"
    return f"{100 * value:.0f} %"


def is_share(value: float | None) -> str:
    """Write a probability behind what it is of.

    Examples
    --------
    >>> is_share(0.23), is_share(0.0004)
    ('= 23 %', '< 1 %')
    """
    text = share(value)
    return text if text[0] in "<>" else f"= {text}"


def tells_year(time: float) -> bool:
    """Tell whether a time stamp holds a year; logs that print none are read as of 1972.

    Examples
    --------
    >>> tells_year(1.7e9), tells_year(8e7)
    (True, False)
    """
    return time >= _FIRST_LIKELY


def undated(time: float) -> str | None:
    """Write a time that only a clock without dates told: since the start, or of the day.

    None if the time has a date.

    Examples
    --------
    >>> undated(49.0), undated(90061.0), undated(8e7)
    ('00:00:49', '1 d 01:01:01', None)
    """
    if not 0 <= time < _FIRST_DATED:
        return None
    days, seconds = divmod(int(time), 86_400)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{days} d {clock}" if days else clock


def moment(time: float | None) -> str:
    """Write a time stamp to the minute, as the log gives it; to the second if it has no date.

    Examples
    --------
    >>> moment(1.7e9), moment(8e7), moment(None)
    ('2023-11-14 22:13', 'Jul 14 22:13, year unknown', 'unknown')
    >>> moment(49.0)
    '00:00:49, the log tells no date'
    """
    if time is None:
        return "unknown"
    clock = undated(time)
    if clock is not None:
        return f"{clock}, the log tells no date"
    if not tells_year(time):
        return datetime.fromtimestamp(time, tz=UTC).strftime("%b %d %H:%M, year unknown")
    return datetime.fromtimestamp(time, tz=UTC).strftime("%Y-%m-%d %H:%M")


def in_words(name: str) -> str:
    """Write the name of a phase or a status as words.

    Examples
    --------
    >>> in_words("LEARNING_FAST")
    'learning fast'
    """
    return name.replace("_", " ").lower()


def place(step: int | None, epoch: float | None = None) -> str:
    """Write where in the run something is: by its epoch if that is known, else by its step.

    Examples
    --------
    >>> place(1200, 3.0), place(1200, 8.263), place(1200), place(None)
    ('epoch 3', 'epoch 8.2', 'step 1,200', 'an unknown place')
    """
    if epoch is not None and math.isfinite(epoch):
        return f"epoch {epochs(epoch)}"
    return "an unknown place" if step is None else f"step {step:,}"


def epochs(value: float) -> str:
    """Write a number of epochs, rounded down: one that is not over is never said to be.

    Examples
    --------
    >>> epochs(12.0), epochs(7.99), epochs(12.3), epochs(0.05)
    ('12', '7.9', '12.3', '0.05')
    """
    if abs(value - round(value)) < 0.005:
        return f"{round(value)}"
    digits = 1 if value >= 0.1 else 2
    return f"{math.floor(10**digits * value + 1e-6) / 10**digits:.{digits}f}"


def begun(text: str) -> str:
    """Let a text begin with a capital, but for the name of a metric or a file.

    Examples
    --------
    >>> begun("the run is over"), begun("overfitting: it got worse")
    ('The run is over', 'Overfitting: it got worse')
    >>> begun("val_loss is nan"), begun("mIoU fell")
    ('val_loss is nan', 'mIoU fell')
    """
    first = text.partition(" ")[0].rstrip(",:;.")
    return text[:1].upper() + text[1:] if first.isalpha() and first.islower() else text


def plural(count: int, noun: str) -> str:
    """Write a count with its noun.

    Examples
    --------
    >>> plural(1, "epoch"), plural(1200, "step")
    ('1 epoch', '1,200 steps')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
