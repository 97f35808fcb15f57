"""Notices logs that begin while others are watched, for a small part of what a search costs."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_analytics.live.finding import LIVE_S, Candidate, judged_by_content, places_of
from copilot_analytics.live.folder_walk import Walk
from copilot_analytics.reading.detect import known_formats

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

_MOST_S = 0.2  # of a look: the logs that are watched wait meanwhile
_MOST_FOLDERS = 2000  # the nearest
_MOST_AWAITED = 100
_MOST_JUDGED = 3  # at one look
_MOST_BYTES = 2 << 20  # what is no log after so much is none
_GROWTH = 1.25
_TICK_S = 2.0  # by which clocks of file systems are coarse, or behind


class Newcomers:
    """Looks at folders that changed, and at files that appeared there until they grow and are logs.

    A new file changes the time of its folder, so that nothing else is listed. One that does not
    grow is no log that has begun: trainers write tables and states at once, as when a checkpoint is
    saved. Of what was there before the first look, that which changed lately may begin as well.

    Parameters
    ----------
    base
        Folder to search; None means those that `find_logs` takes.
    """

    def __init__(self, base: str | Path | None) -> None:
        self._base = base
        self._folders: dict[str, int] = {}
        self._awaited: dict[str, float] = {}  # at how many bytes each is looked at next
        self._looked_at: float | None = None

    def look(self, followed: Container[str] = ()) -> set[str]:
        """Return the files that have become training logs since the last look.

        Parameters
        ----------
        followed
            Real paths of logs that are watched already.
        """
        began, since = time.time(), self._looked_at
        first = since is None
        since = began - LIVE_S if since is None else since - _TICK_S
        for path, size, modified in self._changed(first=first):
            if modified >= since:
                self._awaited.setdefault(path, size + 1.0)
            if len(self._awaited) > _MOST_AWAITED:
                del self._awaited[next(iter(self._awaited))]
        self._looked_at = began
        return set(self._ready(followed))

    def _changed(self, *, first: bool) -> Iterator[tuple[str, int, float]]:
        """Yield files of the folders that changed, and of those below them that are new."""
        places = places_of(self._base) if first else []
        for folder, known_ns in list(self._folders.items()):
            try:
                if os.stat(folder).st_mtime_ns == known_ns:  # noqa: PTH116  # hundreds at a look
                    continue
            except OSError:
                del self._folders[folder]
                continue
            places.append(Path(folder))
        if not places:
            return
        walk = Walk(time.monotonic() + (10.0 if first else _MOST_S))
        yield from walk.files(places, known=self._folders.keys())
        for folder, changed_ns in walk.folders.items():
            if folder in self._folders or len(self._folders) < _MOST_FOLDERS:
                self._folders[folder] = changed_ns

    def _ready(self, followed: Container[str]) -> Iterator[str]:
        judged = 0
        for path, least in list(self._awaited.items()):
            try:
                status = os.stat(path)  # noqa: PTH116  # as above
            except OSError:
                del self._awaited[path]
                continue
            if status.st_size < least or judged >= _MOST_JUDGED:
                continue
            if os.path.realpath(path) in followed:
                del self._awaited[path]
                continue
            judged += 1
            one = judged_by_content(
                Candidate(path, status.st_size, status.st_mtime), known_formats()
            )
            self._awaited[path] = status.st_size * _GROWTH + 1.0
            if not one.refusal:
                yield path
            if not one.refusal or status.st_size >= _MOST_BYTES:
                self._awaited[path] = float("inf")
