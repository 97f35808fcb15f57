"""Frames of tqdm's bars, for formats whose trainer draws them (`hf_console`, `lightning_console`).

A frame is at the beginning of its line and has the clock of tqdm, which gives the time of a row.
Where the width of the console is unknown, as in a cell of Colab, no bar is drawn between its
percentage and its counts. `_home_bars` reads whatever looks like a bar.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_COUNT = r"\d{1,12}(?:\.\d{1,3})?[kMGT]?"
_CLOCK = r"(?:\d{1,3} days?, )?[\d:]{2,12}"
_FRAME = re.compile(
    rf"^\s{{0,40}}(?P<title>[^|\r\n]{{0,200}}?)\s?(?P<percent>\d{{1,3}})%(?:\|[^|]{{0,500}}\|)?"
    rf"\s{{0,3}}(?P<count>{_COUNT})/(?P<total>{_COUNT}) "
    rf"\[(?P<elapsed>{_CLOCK})<(?P<left>[^,\]]{{1,30}})(?:,\s{{0,9}}(?P<rate>[^,\]]{{1,24}}))?"
    r"(?P<rest>[^\]\r\n]{0,4000})\]?"
)
_SCALE = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


class Frame(NamedTuple):
    """One drawing of a bar.

    Parameters
    ----------
    title
        What stands before the percentage, without blanks and a colon at its end.
    done, total
        Steps done and planned; rounded where the bar scales its unit.
    elapsed_s
        Seconds since the bar began.
    rest
        What follows the rate: names and numbers as a rule.
    start, end
        The characters of `rest` in the line.
    is_exact
        Whether the counts are printed in full.
    """

    title: str
    done: int
    total: int
    elapsed_s: float
    rest: str
    start: int
    end: int
    is_exact: bool


def find_frame(line: str) -> Frame | None:
    """Return the frame of a bar that a line begins with; None if it begins with none.

    Examples
    --------
    >>> frame = find_frame("Epoch 3:  50%|##  | 5/10 [00:05<00:05, 1.01s/it, loss=0.5]")
    >>> frame.title, frame.done, frame.total, frame.elapsed_s, frame.rest
    ('Epoch 3', 5, 10, 5.0, ', loss=0.5')
    >>> find_frame("100% 8/8 [00:11<00:00,  1.40s/it]").total
    8
    >>> find_frame("loss 0.5") is None
    True
    """
    if "%" not in line[:260] or "<" not in line:
        return None
    found = _FRAME.match(line)
    if found is None:
        return None
    count, total = found["count"], found["total"]
    return Frame(
        found["title"].rstrip(": "),
        _whole(count),
        _whole(total),
        _seconds(found["elapsed"]),
        found["rest"],
        *found.span("rest"),
        is_exact=count.isdigit() and total.isdigit(),
    )


def _whole(text: str) -> int:
    return round(float(text.rstrip("kMGT")) * _SCALE.get(text[-1], 1.0))


def _seconds(text: str) -> float:
    days, _, clock = text.rpartition(", ")
    seconds = 0.0
    for part in clock.split(":"):
        seconds = seconds * 60 + float(part or 0)
    return seconds + 86400 * float(days.split()[0] if days else 0)
