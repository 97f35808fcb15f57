"""Which logs are named as if one process after the other had written them.

``train.log`` and ``train2.log``, ``slurm-123.out`` and ``slurm-124.out``, ``version_0/metrics.csv``
and ``version_1/metrics.csv``, a ``train.log`` in each folder named by a time: a name and a number,
or a word for going on. Whether one of them really goes on from another is told by their content.
"""

from __future__ import annotations

import itertools
import operator
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from copilot_analytics.live.follow_directory import is_stamped

if TYPE_CHECKING:
    from collections.abc import Callable

_ENDINGS = frozenset({".log", ".txt", ".out", ".err", ".csv", ".tsv", ".jsonl", ".ndjson", ""})
_NAME = re.compile(
    r"(?P<key>.*?[^\W_])??[-._ ]*"
    r"(?P<word>resum\w{0,3}|cont(?:inued?)?|restart(?:ed)?|retry|rerun|again|part)?[-._ ]*"
    r"(?P<number>\d{0,18})",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\d{1,18}")
_MOST_MEMBERS = 8  # each is opened to be judged
_MOST_ENTRIES = 5000  # of a folder: a listing must not hold up the watch of other logs


class _Place(NamedTuple):
    """Where a name stands among those of its family."""

    numbers: tuple[int, ...]
    number: int
    is_named_so: bool


def later_logs(log: Path) -> list[Path]:
    """Return the logs whose names come after that of `log`, the next one first; 8 at most.

    They lie in its folder, or under the same name in a folder beside its own.

    Parameters
    ----------
    log
        It need not exist.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("train.log", "train_resume.log", "train2.log", "val.log"):
    ...         Path(folder, name).touch()
    ...     [path.name for path in later_logs(Path(folder, "train.log"))]
    ['train_resume.log', 'train2.log']
    """
    return _nearest(sorted(_placed(log, operator.gt)))


def earlier_logs(log: Path) -> list[Path]:
    """Return the logs whose names come before that of `log`, the nearest first; 8 at most.

    Parameters
    ----------
    log
        As in `later_logs`.
    """
    return _nearest(sorted(_placed(log, operator.lt), reverse=True))


def name_beside(log: Path, other: Path) -> str:
    """Return what a log is called where another one is known: with its folder if that differs.

    Examples
    --------
    >>> name_beside(Path("version_1/metrics.csv"), Path("version_0/metrics.csv"))
    'version_1/metrics.csv'
    >>> name_beside(Path("runs/train2.log"), Path("runs/train.log"))
    'train2.log'
    """
    return log.name if log.parent == other.parent else f"{log.parent.name}/{log.name}"


def _nearest(placed: list[tuple[_Place, str]]) -> list[Path]:
    """Return the first that are files; none beyond them is asked for."""
    files = (Path(path) for _, path in placed if os.path.isfile(path))  # noqa: PTH113  # fast
    return list(itertools.islice(files, _MOST_MEMBERS))


def _placed(log: Path, comes: Callable[[_Place, _Place], bool]) -> list[tuple[_Place, str]]:
    """Return the paths of a family whose places come before or after that of `log`.

    They are plain text, for a family may have hundreds of members, of which a few are wanted.
    """
    beside, folders = _family(log)
    own, own_folder = beside.pop(log.name, None), folders.pop(log.parent.name, None)
    found: list[tuple[_Place, str]] = []
    if own is not None:
        like = ((name, one) for name, one in beside.items() if comes(one, own))
        found += [(one, f"{log.parent}{os.sep}{name}") for name, one in like]
    if own_folder is not None:
        root = log.parent.parent
        like = ((name, one) for name, one in folders.items() if comes(one, own_folder))
        found += [(one, f"{root}{os.sep}{name}{os.sep}{log.name}") for name, one in like]
    return found


def _family(log: Path) -> tuple[dict[str, _Place], dict[str, _Place]]:
    """Return the names in the folder of a log that are like its own, and those of like folders."""
    if is_stamped(log.name):
        return {}, {}  # the logs of a `RunDirectory`
    named = _key(log.stem) if log.suffix.lower() in _ENDINGS else None
    beside: dict[str, _Place] = {}
    if named is not None:
        beside = _like(log.parent, named[0], suffix=log.suffix, files=True)
        beside.setdefault(log.name, named[1])  # what was rotated may have left no file in its place
    folder = _key(log.parent.name)
    folders: dict[str, _Place] = {}
    if folder is not None and _DIGITS.search(log.parent.name):
        folders = _like(log.parent.parent, folder[0], suffix="", files=False)
    return beside, folders


def _like(folder: Path, key: str, *, suffix: str, files: bool) -> dict[str, _Place]:
    found: dict[str, _Place] = {}
    with suppress(OSError), os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            if number >= _MOST_ENTRIES:
                break
            name = entry.name
            if suffix and not name.endswith(suffix):
                continue
            known = _key(name.removesuffix(suffix))
            if known is not None and known[0] == key and entry.is_file() == files:
                found[name] = known[1]
    return found


def _key(stem: str) -> tuple[str, _Place] | None:
    """Return what a name shares with its family, and its place there.

    Examples
    --------
    >>> _key("train")[0], _key("train_resume2")[0], _key("slurm-124")[0]
    ('train', 'train', 'slurm')
    >>> _key("train")[1] < _key("train_resume")[1] < _key("train2")[1]
    True
    """
    match = _NAME.fullmatch(stem)
    if match is None or not match["key"]:
        return None
    numbers = tuple(int(digits) for digits in _DIGITS.findall(match["key"]))
    key = _DIGITS.sub("#", match["key"]).lower()
    return key, _Place(numbers, int(match["number"] or 0), match["word"] is not None)
