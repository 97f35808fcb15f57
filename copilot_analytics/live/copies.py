"""Logs that are one run told twice: what `tee` or a shell wrote beside the trainer's own log."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from copilot_analytics.errors import LogError
from copilot_analytics.live.follow_directory import is_stamped
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.reading.sources import read_chunks, read_ends
from copilot_analytics.records import Block, records_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

Row: TypeAlias = tuple[object, ...]
Beginning: TypeAlias = tuple[Row, ...]
Newest: TypeAlias = dict[float, list[Row]] | list[Row]

_ROWS = 2
_HANDFUL = 8  # rows without a time stamp that no two runs print alike by chance
_CHUNK = 1 << 16
_MOST_BYTES = 2 << 20
_END_BYTES = 64 << 10  # more than a pipe and the buffers of its ends hold back
_NEWEST = 20
_MOST_TORN = 2  # lines into which another stream wrote
# What a shell or a scheduler calls the output of a job.
_PRINTED = re.compile(
    r"(?:slurm[-_.].{1,80}|nohup|(?:.{0,80}[-_.])?(?:std(?:out|err)|console)|.{1,80}\.(?:out|err|[oe]\d{1,12}))"
    r"(?:\.(?:log|txt|out|err))?",
    re.IGNORECASE,
)
_CHECKPOINTS = ("*.pth", "*.pt", "*.ckpt", "*.safetensors", "last_checkpoint")


def copies_among(paths: Mapping[str, bool], followed: Collection[str] = ()) -> dict[str, str]:
    """Tell which logs tell the same run as another one.

    Parameters
    ----------
    paths
        Logs, and whether something is seen to write to them; the preferred first where nothing
        else decides.
    followed
        Real paths of logs that are watched already.

    Returns
    -------
    dict
        The log to keep for each copy, see `repeats`: one that is written to, of these one that is
        watched already, then one that is not named as what a job printed, then the one with a
        time-stamped name, as trainers give it, else the one with checkpoints beside it.
    """
    alike: dict[Beginning, list[str]] = {}
    for path in paths:
        beginning = _beginning(path)
        # Without time stamps only what grows now can be known to be written together.
        if beginning is not None and (beginning[0][1] is not None or paths[path]):
            alike.setdefault(beginning, []).append(path)
    found = {}
    for group in alike.values():
        if len(group) < 2:
            continue
        standing = {
            path: (paths[path], os.path.realpath(path) in followed, *_standing(path))
            for path in group
        }
        kept: list[str] = []
        for path in sorted(group, key=standing.__getitem__, reverse=True):
            original = next((one for one in kept if repeats(path, one)), None)
            if original is None:
                kept.append(path)
            else:
                found[path] = original
    return found


def repeats(path: str, original: str) -> bool:
    """Tell whether a log says what another one says, of those that begin alike.

    Two runs of one seed that were started together print the same until they differ, so that
    the newest rows have to agree too: values and time stamps, or without these all that the log
    which is behind said last, one row after the other. What lies in folders beside each
    other, neither within the other, was written by runs of their own, unless one alone is named
    as trainers name a log, or one alone as schedulers name what a job prints (``slurm-7.out``):
    then one may be what a shell wrote elsewhere.

    Parameters
    ----------
    path, original
        Two logs whose first training lines agree in step, time stamp and values.

    Examples
    --------
    >>> repeats("sweep/a/train.log", "sweep/b/train.log")
    False
    """
    one, other = Path(path).absolute(), Path(original).absolute()
    is_within = one.is_relative_to(other.parent) or other.is_relative_to(one.parent)
    if not is_within and _kind_of(one) == _kind_of(other):
        return False
    first, second = _newest(path), _newest(original)
    if not first or not second:
        return True
    return _agree(first, second)


def _says_the_same(rows: list[Row], others: list[Row]) -> bool:
    """Tell whether the newest rows of one log stand in the other, which may be ahead of it."""
    for behind, ahead in ((rows, others), (others, rows)):
        newest = behind[-_NEWEST - 1 : -1]  # the last one may be incomplete
        starts = range(len(ahead) - len(newest) + 1)
        if len(newest) >= _HANDFUL - 1 and any(
            ahead[start : start + len(newest)] == newest for start in starts
        ):
            return True
    return False


def _agree(first: Newest, second: Newest) -> bool:
    """Tell whether the newest rows of two logs agree where both have some."""
    if isinstance(first, list) or isinstance(second, list):
        alike = isinstance(first, list) and isinstance(second, list)
        return alike and _says_the_same([*first], [*second])
    since, until = max(min(first), min(second)), min(max(first), max(second))
    if since > until:
        return False  # farther behind than tee can be: its run has ended
    # Rows at both ends may be incomplete; what tee wrote may be some lines behind.
    common = sorted(at for at in first.keys() | second.keys() if since < at < until)[-_NEWEST:]
    apart = sum(first.get(at) != second.get(at) for at in common)
    return apart <= min(_MOST_TORN, len(common) // 2)


def _beginning(path: str) -> Beginning | None:
    """Return what the first training lines say, of more where none has a time stamp.

    None if there are too few.
    """
    reader, left = LogReader(path), _MOST_BYTES
    rows: list[Row] = []
    enough = _ROWS
    try:
        for chunk in read_chunks(path, _CHUNK):
            for item in reader.feed(chunk):
                if isinstance(item, Block):
                    records = list(item[:_HANDFUL].records())
                else:
                    records = [item] if item.kind == "train" else []
                for record in records:
                    enough = _HANDFUL if record.time is None else enough
                    rows.append((record.step, record.time, *sorted(record.metrics.items())))
            left -= len(chunk)
            if len(rows) >= enough or left <= 0:
                break
    except LogError:
        return None
    return tuple(rows[:enough]) if len(rows) >= enough else None


def _newest(path: str) -> Newest:
    """Return what the last rows of a log say, by their time stamps, or in a list without any.

    Steps may be counted by the reader, from the beginning: they are left out.
    """
    rows: dict[float, list[Row]] = {}
    unstamped: list[Row] = []
    reader = LogReader(path)
    try:
        for chunk in read_ends(path, _END_BYTES):
            rows.clear()  # the first lines only tell the format
            unstamped.clear()
            for record in records_of(reader.feed(chunk)):
                if record.kind in {"train", "eval"}:
                    said = (record.kind, *map(str, sorted(record.metrics.items())))
                    kept = unstamped if record.time is None else rows.setdefault(record.time, [])
                    kept.append(said)
    except LogError:
        return {}
    return rows or unstamped


def _kind_of(log: Path) -> tuple[bool, bool]:
    """Tell who may have named a log: not a shell, and a trainer."""
    return _PRINTED.fullmatch(log.name) is None, is_stamped(log.name)


def _standing(path: str) -> tuple[bool, bool, bool]:
    log = Path(path)
    places = [log.parent]
    if log.stem.startswith(log.parent.name):
        places.append(log.parent.parent)  # MMEngine keeps them above the folder of the log
    try:
        kept = any(next(place.glob(one), None) for place in places for one in _CHECKPOINTS)
    except OSError:
        kept = False
    return *_kind_of(log), kept
