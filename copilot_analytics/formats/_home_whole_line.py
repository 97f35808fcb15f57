"""What only the whole of a home-made line tells of its parts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from copilot_analytics.formats._home_tokens import ANY_RANK, OTHER_RANK
from copilot_analytics.formats._home_vocabulary import (
    is_bookkeeping,
    is_quality,
    split_in,
)
from copilot_analytics.schema import names_a_private_loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot_analytics.formats._home_readings import Reading
    from copilot_analytics.formats._splits import Split
    from copilot_analytics.formats._stamps import Stamp

_DIGITS = re.compile(r"\d+")
_SPLIT_BEHIND = re.compile(
    r"(?i)%?\s?[(\[](?P<split>train(?:ing)?|val(?:id(?:ation)?)?|test|dev|eval)[)\]]"
)
_PLACE = re.compile(r"(?i)\b(?:epoch|iter(?:ation)?|step|loss)\b\W{0,4}\d")
MOST_EPOCHS = 2000
"""That a training prints as a bare "[3/80]"; larger counts are iterations."""

_STARRED = re.compile(r"(?i)\s{0,4}\*{1,3}\s{1,4}(?:acc|prec|err|top|m?ap|miou)\w{0,8}(?:@1)?\b")
_WARNING = re.compile(r"[^\s:]{0,300}\.py:\d{1,6}: \w{0,40}Warning\b")


def end_of_message(line: str) -> int:
    """Return where a warning of Python begins, which was written behind an unfinished line.

    Examples
    --------
    >>> line = "iter 10 || Loss: 1.5 || /site-packages/a.py:7: UserWarning: 2.0 is old"
    >>> line[: end_of_message(line)]
    'iter 10 || Loss: 1.5 || '
    """
    found = _WARNING.search(line) if "Warning" in line else None
    return len(line) if found is None else found.start()


def end_of_what_comes_before(line: str, stamp: Stamp) -> int:
    """Return where the time stamp begins if what stands before it says where training is, else 0.

    Examples
    --------
    >>> from copilot_analytics.formats._stamps import find_stamp
    >>> line = "[epoch:1/9] [loss:0.5] [2024-01-02 03:04:05]"
    >>> line[: end_of_what_comes_before(line, find_stamp(line))]
    '[epoch:1/9] [loss:0.5] ['
    """
    begin = stamp.fields[0].start if stamp.fields else 0
    return begin if begin and _PLACE.search(line, 0, begin) is not None else 0


def split_of_a_star(line: str, start: int) -> Split | None:
    """Return the split of a line like ``* Acc@1 81.1``, by which many sum up an evaluation.

    Examples
    --------
    >>> split_of_a_star(" * Acc@1 81.1 Loss 0.9", 0), split_of_a_star("* Train Acc 81.1", 0)
    ('val', None)
    """
    return "val" if _STARRED.match(line, start) else None


def is_a_loss(line: str, reading: Reading, *, whole: bool) -> bool:
    """Tell whether what a line calls a total is a loss: games and bills sum up as well."""
    return not whole and (bool(reading.places) or "loss" in line.lower())


def uncovered(line: str, until: int, taken: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return where digits stand before a place that are in none of the spans.

    Examples
    --------
    >>> uncovered("[7] 10:30 x 5", 10, [(4, 6), (7, 9)])
    [(1, 2)]
    """
    spans = [found.span() for found in _DIGITS.finditer(line, 0, until)]
    return [span for span in spans if not any(a < span[1] and span[0] < b for a, b in taken)]


def sum_up(reading: Reading) -> None:
    """Take ``* Acc 81.5 Test loss 0.7`` for a result from its start: it sums a validation up."""
    told = {metric.split for metric in reading.metrics} - {None}
    if len(told) == 1 and "train" not in told:
        (split,) = told
        for metric in reading.metrics:
            if not is_bookkeeping(metric.name):
                metric.split = split


def count_epochs(line: str, reading: Reading) -> None:
    """Take "[3/80]" for an epoch where the line tells training and validation."""
    places, splits = reading.places, {metric.split for metric in reading.metrics}
    is_both = bool(splits & {"val", "test"}) and bool(splits & {None, "train"})
    if is_both and {"#count", "#count_of"} <= places.keys():
        of = places["#count_of"]
        if int(line[of[0].start : of[-1].end].replace(",", "")) > MOST_EPOCHS:
            return
        places["#epoch"], places["#epochs"] = places.pop("#count"), places.pop("#count_of")


def name_adversaries(reading: Reading) -> None:
    """Take ``D: 0.75, G: 1.5`` for the losses of two networks that learn against each other."""
    pair = [metric for metric in reading.metrics if metric.name in {"G", "D", "g", "d"}]
    if len(pair) == 2 and not any(metric.whole for metric in pair):
        for metric in pair:
            metric.name += " loss"


def name_parts_of_data(line: str, reading: Reading) -> None:
    """Take ``T_loss 0.5 | V_loss 0.6`` for the loss of training and validation.

    One of them alone tells nothing: ``v_loss`` is also how well an agent judges its states. What
    stands in brackets behind a number tells more than what stands before: ``Loss: 0.5(valid)``.
    """
    for metric in reading.metrics:
        behind = _SPLIT_BEHIND.match(line, metric.parts[-1].end)
        if behind is not None and not is_bookkeeping(metric.name):
            metric.split, metric.says_split = split_in(behind["split"]), True
    named = {metric.name.lower(): metric for metric in reading.metrics if metric.split is None}
    for name, metric in named.items():
        initial, _, measure = name.partition("_")
        twin = named.get(f"v_{measure}") if initial == "t" else None
        if twin is not None and is_quality(measure):
            metric.split, twin.split = "train", "val"


def name_the_process(line: str, reading: Reading) -> None:
    """Tell whether another process than the first one wrote a line; its number is no other's."""
    begin = reading.stamp.message
    rank = ANY_RANK.match(line, begin)
    if rank is not None:
        reading.is_other_rank = OTHER_RANK.match(line, begin) is not None
        reading.spare = [span for span in reading.spare if not begin <= span[0] < rank.end()]


def leave_out_unclear(reading: Reading) -> None:
    """Leave out what is not named clearly enough beside what is."""
    strong = any(map(_is_clear, (metric.name for metric in reading.metrics)))
    kept = []
    for metric in reading.metrics:
        clear = _is_clear(metric.name) or is_bookkeeping(metric.name)
        if clear or (not metric.whole and (metric.bound or strong)):
            kept.append(metric)
        else:
            reading.spare += [(part.start, part.end) for part in metric.parts]
    reading.metrics = kept


def _is_clear(name: str) -> bool:
    return is_quality(name) or names_a_private_loss(name)
