"""What the process of a run printed beside the logs that it wrote."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from copilot_analytics.reading.run_folders import folders_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

REST_S = 5.0
"""So long a process takes at most from its last row to its last word and back."""

WAITED_S = 3600.0
"""So long after the last row an error comes at most: what hangs is ended by its time limit."""

_ENDINGS = frozenset({".err", ".log", ".out", ".txt", ""})
_STREAM = frozenset(
    "stderr stdout std err error errors out output console nohup log txt terminal".split()
)
_WORDS = re.compile(r"[a-z]+|\d+")
_MOST_FILES = 200


def streams_of(logs: Collection[Path]) -> list[Path]:
    """Return the files beside the logs of a run that may hold what its process printed.

    They are named after a log (``train.err`` beside ``train.log``) or after a stream alone
    (``stderr.txt``), and were written to when the run wrote its last row or up to an hour later.

    Parameters
    ----------
    logs
        The logs of one run.
    """
    try:
        last = max(log.stat().st_mtime for log in logs)
        folders = {folder for log in logs for folder in folders_of(log)}
        stems = {stem for log in logs if (stem := _stem(log))}
        found = [path for folder in folders for path in _files(folder)]
        return sorted(
            path
            for path in found
            if path not in logs
            and (stem := _stem(path)) is not None
            and (not stem or stem in stems)
            and -REST_S <= path.stat().st_mtime - last <= WAITED_S
        )
    except OSError:
        return []


def _files(folder: Path) -> Iterable[Path]:
    with os.scandir(folder) as scan:
        for number, entry in enumerate(scan):
            if number >= _MOST_FILES:
                return
            if entry.is_file() and os.path.splitext(entry.name)[1].lower() in _ENDINGS:  # noqa: PTH122  # no path for each
                yield folder / entry.name


def _stem(path: Path) -> tuple[str, ...] | None:
    """Return the words of a name but those for a stream; None if it names neither run nor stream.

    ``()`` is that of a stream alone.
    """
    if path.suffix.lower() not in _ENDINGS:
        return None
    words = _WORDS.findall(path.name.lower())
    return tuple(word for word in words if word not in _STREAM)
