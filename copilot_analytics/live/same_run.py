"""Logs that one run writes in several forms: its console, ``progress.csv``, ``progress.json``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_analytics.errors import CopilotError
from copilot_analytics.reading.digests import Digest
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.reading.sources import read_chunks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from copilot_analytics.records import Item

_LEVELS = 2  # between the folders of a console and of what a logger writes
_MOST_BESIDE = 4  # more logs in a folder are those of other runs
TOGETHER_S = 3600.0
"""The logs of one run change at about one time."""
_MOST_BYTES = 64 << 10
_LEAST_PAIRS, _LEAST_PLACES = 8, 2
_AGREE, _MOST_ELSE = 6e-3, 0.05  # consoles print three digits
_GROWTH = 1.5  # what was not decided is looked at again when there is so much more
_MOST_REMEMBERED = 2000


@dataclass(frozen=True, slots=True)
class Form:
    """A log, of which others may be other forms.

    Parameters
    ----------
    path
        Where it is.
    log_format
        What its form is called.
    size, modified
        In bytes, and in seconds since 1970.
    """

    path: str
    log_format: str
    size: int
    modified: float


_DECIDED: dict[tuple[str, str], tuple[bool, int]] = {}  # at so many bytes of both
_OPEN: dict[tuple[str, str], int] = {}


def forms_of_one_run(logs: Sequence[Form]) -> list[list[str]]:
    """Group logs that tell one run in different forms.

    They lie in one folder or in one above the other, change at about one time, and agree in the
    values of their first rows. Two runs of one seed print the same too, but in the same form and
    apart: logs of one form are never taken for one run, nor what agrees with several of these.

    Parameters
    ----------
    logs
        Logs that were found.

    Returns
    -------
    list of list of str
        The paths of each run that has several, in the order of `logs`.
    """
    heads: dict[str, Digest | None] = {}
    group = {one.path: {one.path} for one in logs}
    for near in (0, _LEVELS):  # what lies in one folder first
        for one, other in _pairs(logs, near):
            together = group[one.path] | group[other.path]
            if group[one.path] is group[other.path] or not _agree(one, other, heads):
                continue
            for path in together:
                group[path] = together
    forms = {one.path: one.log_format for one in logs}
    found: list[set[str]] = []
    for members in {id(paths): paths for paths in group.values()}.values():
        found += _told_apart(members, forms)
    order = {one.path: number for number, one in enumerate(logs)}
    return [sorted(paths, key=order.__getitem__) for paths in found]


def width(path: str) -> int:
    """Return how many quantities the first rows of a log tell."""
    head = _head(path)
    return 0 if head is None else len(head.names)


def _pairs(logs: Sequence[Form], levels: int) -> Iterator[tuple[Form, Form]]:
    """Yield logs of different forms that lie close enough to be of one run."""
    inside: dict[str, list[Form]] = {}
    for one in logs:
        inside.setdefault(os.path.dirname(os.path.abspath(one.path)), []).append(one)  # noqa: PTH100, PTH120  # links stay
    for folder, there in inside.items():
        above = [Path(folder), *Path(folder).parents][: levels + 1]
        for place in map(str, above):
            others = inside.get(place, [])
            if len(others) > _MOST_BESIDE or len(there) > _MOST_BESIDE:
                continue
            pairs = (
                combinations(there, 2)
                if place == folder
                else ((one, other) for one in there for other in others)
            )
            for one, other in pairs:
                apart_s = abs(one.modified - other.modified)
                if one.log_format != other.log_format and apart_s <= TOGETHER_S:
                    yield one, other


def _told_apart(members: set[str], forms: Mapping[str, str]) -> list[set[str]]:
    """Return the runs among logs that agree: those of a folder, where a form is there twice."""
    kinds = [forms[path] for path in members]
    if len(members) < 2:
        return []
    if len(set(kinds)) == len(kinds):
        return [members]
    folders: dict[str, set[str]] = {}
    for path in members:
        folders.setdefault(os.path.dirname(path), set()).add(path)  # noqa: PTH120  # as above
    if len(folders) == 1:
        return []
    return [run for paths in folders.values() for run in _told_apart(paths, forms)]


def _agree(one: Form, other: Form, heads: dict[str, Digest | None]) -> bool:
    """Tell whether the first rows of two logs say the same; once that is known, it is kept."""
    key = (one.path, other.path) if one.path < other.path else (other.path, one.path)
    size = one.size + other.size
    answer, at = _DECIDED.get(key, (None, 0))
    if answer is not None and size >= at:  # what has shrunk was written anew
        return answer
    if size < _OPEN.get(key, 0):
        return False
    for form in (one, other):
        if form.path not in heads:
            heads[form.path] = _head(form.path)
    first, second = heads[one.path], heads[other.path]
    answer = None
    if first is not None and second is not None and first.unit == second.unit:
        answer = _tell_the_same(first, second)
    if len(_DECIDED) + len(_OPEN) > _MOST_REMEMBERED:
        _DECIDED.clear()
        _OPEN.clear()
    if answer is None and min(one.size, other.size) < _MOST_BYTES:
        _OPEN[key] = int(size * _GROWTH)
        return False
    _DECIDED[key] = (bool(answer), size)
    return bool(answer)


def _tell_the_same(one: Digest, other: Digest) -> bool | None:
    """Compare what both tell; None if that is too little."""
    common = one.points.keys() & other.points.keys()
    if len(common) < _LEAST_PAIRS or len({place for _, place in common}) < _LEAST_PLACES:
        return None
    pairs = [(one.points[point], other.points[point]) for point in common]
    apart = sum(not abs(a - b) <= _AGREE * max(abs(a), abs(b)) for a, b in pairs)
    return apart <= _MOST_ELSE * len(pairs)


def _head(path: str) -> Digest | None:
    """Read the first rows of a log; None if there are none."""
    items: list[Item] = []
    reader, left = LogReader(path), _MOST_BYTES
    try:
        for chunk in read_chunks(path, 1 << 14):
            items += reader.feed(chunk)
            left -= len(chunk)
            if left <= 0:
                break
    except CopilotError:
        return None
    found = Digest.holding(Path(path), items)
    return found if found.values else None
