"""Which file comes next once a log was rotated, truncated, replaced or moved.

What is read carries its identity with it (device, inode, its first bytes and those before the
offset), so that a file is known again under another name, and another file under the same name is
not taken for it.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from copilot_analytics.errors import UnreadableLogError
from copilot_analytics.live._files import (
    HEAD,
    ChangedError,
    Key,
    LogFile,
    Position,
    Sibling,
    Why,
    find_inode,
    on_network,
    open_regular,
    rotated_siblings,
)
from copilot_analytics.live.pieces import Began, Gone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from copilot_analytics.live.pieces import Piece, Trouble

GRACE_S = 5.0
"""So long a file is read on after it was renamed, deleted or succeeded."""

_MOST_KNOWN = 32


class Followed(Protocol):
    """What names the log to follow, such as a `RunDirectory`."""

    path: str

    def next(self, current: str | None) -> str | None:
        """Return the log after `current`, `current` if it is the last, None if there is none."""


class Succession:
    """The file that is read, those that were read before, and the way to the next one.

    Parameters
    ----------
    source, clock, from_byte, resume
        See `Tailer`.
    """

    def __init__(
        self,
        source: Followed,
        clock: Callable[[], float],
        from_byte: int,
        resume: Position | None,
    ) -> None:
        self._source = source
        self._clock = clock
        self._from_byte = from_byte
        self._resume = resume
        self._file: LogFile | None = None
        self._known: dict[tuple[int, int], LogFile] = {}
        self._siblings: frozenset[Key] = frozenset(resume.siblings if resume else ())
        self._waiting: list[tuple[str, int, int]] = []  # seen at the path, not yet opened
        self._in_past = False  # it has not come to the live file yet
        self._due: float | None = None
        self._device: int | None = None
        self.gone: Trouble | None = None
        self.is_network = False

    @contextmanager
    def _telling(self, pieces: list[Piece]) -> Iterator[None]:
        """Turn what the file system refuses into a piece, once."""
        trouble: Trouble | None = None
        try:
            yield
        except ChangedError:
            self._due = self._clock()
        except ValueError:
            path = ascii(self._source.path)
            raise UnreadableLogError(f"{path} cannot be the name of a file") from None
        except (FileNotFoundError, NotADirectoryError):
            trouble = "missing"
        except PermissionError:
            trouble = "forbidden"
        except OSError:
            trouble = "unreachable"
            if self._file is not None:
                self._file.close()
        if trouble is not None and trouble != self.gone:
            self.gone = trouble
            pieces.append(Gone(self._source.path, trouble))

    def _begin(
        self,
        target: str,
        status: os.stat_result,
        why: Why,
        now: float,
        pieces: list[Piece],
        there: list[Sibling] | None = None,
    ) -> bool:
        """Go on to the file that the path leads to; `there` is what was rotated at a new place.

        Where the place is the same, what was rotated is read already or still to be read: it may
        have come since the last look.
        """
        home = os.path.realpath(target)
        file = LogFile(home, home, status.st_dev, status.st_ino, opened_at=now)
        offset = None
        with self._telling(pieces):
            size = os.fstat(file.open()).st_size
            offset = self._offset_in(file, size)
        if offset is None:
            file.close()
            return False
        if self._from_byte > size:
            why = "truncated"
        if 0 < self._from_byte <= size:
            offset = self._from_byte
        self._from_byte = 0
        file.start_at(offset)
        last = self._file
        self._adopt(file)
        if there is not None:
            self._take_for_read(there, file.inode)
        self._waiting.clear()
        if last is None or offset == 0 or (last.offset, last.last) != (offset, file.last):
            pieces.append(Began(home, why, offset, home))
        return True

    def _offset_in(self, file: LogFile, size: int) -> int:
        """Return how much of a file was read before, perhaps under another name."""
        descriptor = file.open()
        known, last = self._known.get(file.key), self._file
        # A file that is replaced may come back under the number of one before the last.
        same = [known] if known is not None else []
        if last is not None and last.why_next != "rotated":
            same.append(last)
        offsets = [one.offset for one in same if one.fits(descriptor)]
        if offsets:
            return max(offsets)
        copied = [k.offset for k in self._known.values() if k.offset >= HEAD and k.fits(descriptor)]
        return max(copied, default=0)

    def _adopt(self, file: LogFile) -> None:
        last, self._file = self._file, file
        if last is not None:
            last.close()
        self.gone = None
        if file.device != self._device:
            self._device, self.is_network = file.device, on_network(file.home)

    def _was_left_long_ago(self, file: LogFile, status: os.stat_result | None) -> bool:
        """Tell whether the next file was written long after the last word of one of the past."""
        if not self._in_past or status is None:
            return False
        with suppress(OSError, UnreadableLogError):
            return status.st_mtime - os.fstat(self._open_left(file)).st_mtime > GRACE_S
        return False

    def _open_left(self, file: LogFile) -> int:
        try:
            return file.open()
        except (OSError, UnreadableLogError):
            path = find_inode(file.home, file.device, file.inode) if file.inode else None
            if path is None:
                raise
            file.path = path
            return file.open()

    def _succeed(
        self,
        file: LogFile,
        target: str | None,
        status: os.stat_result | None,
        now: float,
        pieces: list[Piece],
        *,
        finished: bool = True,
    ) -> bool:
        """Go on to the next file: one that was rotated unread, or the one at the path."""
        if finished:
            siblings = rotated_siblings(file.home)
            self._siblings |= {s.key for s in siblings if s.inode == file.inode}
            self._known.pop(file.key, None)
            self._known[file.key] = file
            if len(self._known) > _MOST_KNOWN:
                del self._known[next(iter(self._known))]
        taken = (status.st_dev, status.st_ino) if status else (0, 0)
        unread = self._unread_siblings(file, taken)
        if status is not None and not _is_still(target, taken):
            self._due = now  # it may have been rotated too, and come after others
            return False
        if unread:
            return self._begin_sibling(unread, file.home, "rotated", now, pieces)
        live = os.path.realpath(target) if target else file.home
        if live != file.home and self._is_unread(file.home, taken):
            return self._begin_left(file.home, None, file.home, "rotated", now, pieces)
        while self._waiting:
            home, device, inode = self._waiting.pop(0)
            path = find_inode(home, device, inode)
            if path is not None and (device, inode) != taken and self._is_unread(path, taken):
                beside = rotated_siblings(home) if home != file.home else []
                earlier = self._written_after(file, _older(beside, inode), taken)
                if earlier:
                    return self._begin_sibling(earlier, home, "moved", now, pieces)
                return self._begin_left(path, inode, home, "moved", now, pieces)
        there = rotated_siblings(live) if live != file.home else None
        earlier = self._written_after(file, there or [], taken)
        if earlier:
            return self._begin_sibling(earlier, live, "moved", now, pieces)
        if status is None or target is None:
            return False
        if file.why_next not in {"truncated", "opened"}:
            place = find_inode(file.home, file.device, file.inode)
            file.why_next = "rotated" if place not in {None, file.home} else "replaced"
            if live != file.home:
                file.why_next = "moved"
        return self._begin(target, status, file.why_next, now, pieces, there)

    def _unread_siblings(self, file: LogFile, taken: tuple[int, int]) -> list[Sibling]:
        """Return the files that were rotated, wholly unread, after `file`, the oldest first."""
        siblings = rotated_siblings(file.home)
        infix = any(s.infix for s in siblings if s.inode == file.inode)
        return [
            sibling
            for sibling in siblings
            if sibling.head
            and sibling.infix == infix
            and sibling.inode not in {file.inode, taken[1]}
            and not sibling.is_among(self._siblings)
        ]

    def _written_after(
        self, file: LogFile, there: list[Sibling], taken: tuple[int, int]
    ) -> list[Sibling]:
        """Return which rotated files at a new place were written after `file`, oldest first.

        Whoever reads the run anew, after a restart, was not there when they were rotated.
        """
        if not there:
            return []
        try:
            written_ns = os.fstat(self._open_left(file)).st_mtime_ns
        except (OSError, UnreadableLogError):
            return []
        return [
            sibling
            for sibling in there
            if sibling.head
            and sibling.modified_ns >= written_ns
            and self._is_unread(sibling.path, taken, sibling.inode)
        ]

    def _missed_before(self, file: LogFile) -> bool:
        """Tell whether files came and were rotated before the bytes of this one just read."""
        if file.fresh:
            return False
        unread = self._unread_siblings(file, file.key)
        if not unread:
            return False
        inodes = [sibling.inode for sibling in rotated_siblings(file.home)]
        if file.inode in inodes:
            return unread[0].inode in inodes[: inodes.index(file.inode)]
        if find_inode(file.home, file.device, file.inode) != file.home:
            return unread[0].modified_ns < os.fstat(file.open()).st_mtime_ns
        # A copy made by hand begins like the log.
        return any(sibling.head != file.head[: len(sibling.head)] for sibling in unread)

    def _is_unread(self, path: str, taken: tuple[int, int], inode: int | None = None) -> bool:
        """Tell whether a file is neither one that was read nor the one at the path.

        One that is no longer where `inode` was found counts as unread: to begin with it fails,
        and all is looked at again.
        """
        try:
            descriptor = open_regular(path)
        except FileNotFoundError:
            return inode is not None
        except (OSError, UnreadableLogError):
            return False
        with suppress(OSError):
            try:
                other = os.fstat(descriptor)
                known = self._known.get((other.st_dev, other.st_ino))
                read = known is not None and known.offset > 0 and known.fits(descriptor)
                moved = inode is not None and other.st_ino != inode
                fresh = (other.st_dev, other.st_ino) != taken and other.st_size > 0 and not read
                return moved or fresh
            finally:
                os.close(descriptor)
        return False

    def _begin_sibling(
        self, unread: list[Sibling], home: str, why: Why, now: float, pieces: list[Piece]
    ) -> bool:
        """Go on to the first of the rotated files that are unread."""
        first = unread[0]
        left_at = now if len(unread) == 1 else now - GRACE_S
        begun = self._begin_left(first.path, first.inode, home, why, left_at, pieces)
        if begun:
            self._siblings |= {first.key}
        return begun

    def _begin_left(
        self,
        path: str,
        inode: int | None,
        home: str,
        why: Why,
        left_at: float,
        pieces: list[Piece],
    ) -> bool:
        """Go on to a file that is no longer, or never was, where the path leads.

        `inode` tells it from one that was put in its place a moment ago.
        """
        with self._telling(pieces):
            try:
                status = Path(path).stat()
            except FileNotFoundError:
                raise ChangedError(path) from None
            if inode not in {None, status.st_ino}:
                raise ChangedError(path)
            elsewhere = self._file is None or self._file.home != home
            there = rotated_siblings(home) if elsewhere else []
            file = LogFile(home, path, status.st_dev, status.st_ino, left_at=left_at)
            offset = self._offset_in(file, status.st_size)
            file.start_at(offset)
            pieces.append(Began(path, why, offset, home))
            self._adopt(file)
            file.fresh = True
            if elsewhere:
                self._take_for_read(there, file.inode)
            return True
        return False

    def _take_for_read(self, there: list[Sibling], inode: int) -> None:
        """Take the rotated files at a new place that are older than this one for read."""
        older = _older(there, inode)
        self._siblings = frozenset(sibling.key for sibling in older if sibling.head)


def _older(there: list[Sibling], inode: int) -> list[Sibling]:
    """Return the rotated files before one of them, all if it is none of them."""
    own = [number for number, sibling in enumerate(there) if sibling.inode == inode]
    return there[: own[0] if own else None]


def _is_still(target: str | None, taken: tuple[int, int]) -> bool:
    """Tell whether a path leads to the file that was seen there a moment ago."""
    try:
        status = Path(target or "").stat()
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == taken
