"""Where a run began, kept so that a watch that is started anew reads the same files in order."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_analytics.live import _files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot_analytics.live.pieces import Began


def place_of(first: str) -> _files.Position | None:
    """Read what `first_place` gave; None if it cannot be used.

    Examples
    --------
    >>> place_of("") is None
    True
    """
    if not first:
        return None
    try:
        told = json.loads(first)
        told["siblings"] = tuple(tuple(one) for one in told.get("siblings", ()))
        return _files.Position(**told)
    except (ValueError, TypeError, AttributeError):
        return None


def first_place(begun: Sequence[Began], first: str, position: _files.Position | None) -> str:
    """Return where a run begins, unless that is where an earlier supervisor began.

    Parameters
    ----------
    begun
        The files that were begun in the first look.
    first
        What an earlier supervisor gave; empty if there was none.
    position
        Where the tailer stands after that look.

    Returns
    -------
    str
        `first` where that holds, or where the first file cannot be read.
    """
    path = Path(begun[0].file)
    try:
        status = path.stat()
        with path.open("rb") as file:
            head = file.read(_files.HEAD)
    except OSError:
        return first
    known = place_of(first)
    if known is not None and (known.device, known.inode) == (status.st_dev, status.st_ino):
        return first
    # Older than the run are the files that were there when it was first met.
    siblings = known.siblings if known is not None else ()
    if known is None and position is not None and len(begun) == 1:
        siblings = position.siblings
    place = _files.Position(
        begun[0].home, status.st_dev, status.st_ino, 0, len(head), _files.digest(head), 0,
        _files.digest(b""), siblings,
    )  # fmt: skip
    return json.dumps(asdict(place))
