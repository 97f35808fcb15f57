"""Follows one log that grows, is rotated, truncated, replaced or moved.

Polling is all it does: nothing else works on every file system. What is read carries its identity
with it (device, inode, its first bytes and those before the offset), so that a file is known again
under another name, and another file under the same name is not taken for it.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from copilot_analytics.errors import UnreadableLogError
from copilot_analytics.live._files import (
    HEAD,
    ChangedError,
    Key,
    LogFile,
    Position,
    Sibling,
    Why,
    find_copy,
    find_inode,
    on_network,
    open_regular,
    refuse_special,
    rotated_siblings,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_BYTES = 8 << 20
"""Most bytes of one poll."""

GRACE_S = 5.0
"""So long a file is read on after it was renamed, deleted or succeeded."""

_REWRITE_S = 1.0  # so long a file that shrank may take to become what it was
_DOUBT_S = 2.0  # after news, contents are compared although the times of the file are the same
_REOPEN_S = 30.0
_SLOWER = 1.5
_WAIT_S = (0.2, 5.0)
_WAIT_NETWORK_S = (1.0, 15.0)
_OF_RHYTHM = 0.25  # of the time between the last news: so late it is seen among hundreds of logs
_MOST_STEPS = 64
_MOST_KNOWN = 32

Trouble: TypeAlias = Literal["missing", "forbidden", "unreachable"]


@dataclass(frozen=True, slots=True)
class Began:
    """The bytes from here on belong to another file than those before.

    Parameters
    ----------
    file
        Where it is.
    why
        ``opened``: the first one; ``rotated``: the old one was renamed; ``truncated``: the old
        one was cut or written anew; ``replaced``: the old one is gone; ``moved``: the path leads
        elsewhere (a link, a newer directory).
    offset
        Where reading begins in it; above 0 if its start was read before.
    home
        The path under which it was written, which is not where it is once it was rotated.
    """

    file: str
    why: Why
    offset: int = 0
    home: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Bytes:
    """What was written.

    Parameters
    ----------
    content
        At least one byte; lines and characters may be cut anywhere.
    file
        Where it was found: for the last bytes of a file that was rotated, its new name.
    offset
        Of the first byte, in the file.
    """

    content: bytes
    file: str
    offset: int


@dataclass(frozen=True, slots=True)
class Gone:
    """The path leads nowhere for now; told once. More of the same file, or another, may follow.

    Parameters
    ----------
    file
        The path.
    why
        ``missing``, ``forbidden`` (no permission) or ``unreachable`` (the file system fails).
    """

    file: str
    why: Trouble


Piece: TypeAlias = Began | Bytes | Gone


class Followed(Protocol):
    """What names the log to follow, such as a `RunDirectory`."""

    path: str

    def next(self, current: str | None) -> str | None:
        """Return the log after `current`, `current` if it is the last, None if there is none."""


class _OnePath:
    def __init__(self, path: str) -> None:
        self.path = path

    def next(self, current: str | None) -> str | None:
        return self.path


class Tailer:
    """Reads what is written to a log, once and in order.

    At most one descriptor stays open between polls, and none if `lean`. What was written to a
    file between the last look and its rotation is read from its new name, and that of whole files
    in between too, if they stay beside the log, unpacked, under its name with a number or date.
    Not to be had are: what is deleted or packed unread, and what copytruncate destroys between
    copying and truncating. A lean tailer also loses the rest of a file that is deleted or renamed
    into another directory.

    Parameters
    ----------
    path
        The log, which need not exist yet, or a `RunDirectory`.
    clock
        Seconds that never run backwards.
    from_byte
        Where to begin in the first file.
    resume
        Where an earlier tailer stood; excludes `from_byte`.
    lean
        Open the log on change only, and look less often at one that is written to seldom: for
        hundreds of logs.

    Attributes
    ----------
    gone : {"missing", "forbidden", "unreachable"} or None
        What is wrong with the path now.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = os.path.join(folder, "train.log")
    ...     with Tailer(log) as tailer:
    ...         before = tailer.poll()
    ...         with open(log, "w") as writer:
    ...             _ = writer.write("epoch 1, lo")
    ...         after = tailer.poll()
    >>> [type(piece).__name__ for piece in before + after]
    ['Gone', 'Began', 'Bytes']
    >>> after[1].content
    b'epoch 1, lo'
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | Followed,
        *,
        clock: Callable[[], float] = time.monotonic,
        from_byte: int = 0,
        resume: Position | None = None,
        lean: bool = False,
    ) -> None:
        if isinstance(path, str | os.PathLike):
            path = _OnePath(str(Path(path).absolute()))
        self._source: Followed = path
        self._clock = clock
        self._from_byte = from_byte
        self._resume = resume
        self._lean = lean
        self._file: LogFile | None = None
        self._known: dict[tuple[int, int], LogFile] = {}
        self._siblings: frozenset[Key] = frozenset(resume.siblings if resume else ())
        self._waiting: list[tuple[str, int, int]] = []  # seen at the path, not yet opened
        self._room = MOST_BYTES
        self._more = False
        self._restored = False  # and has not come to the live file yet
        self._due: float | None = None
        self._device: int | None = None
        self._grown_at = clock()
        self._rhythm_s = 0.0
        self._looked_at = ("", Path())
        self.gone: Trouble | None = None
        self.size = 0
        self.is_network = False
        self.wait_s = 0.0

    def __enter__(self) -> Tailer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def age_s(self) -> float:
        """Seconds since the log was last seen to grow, or since the start."""
        return max(0.0, self._clock() - self._grown_at)

    @property
    def file(self) -> str | None:
        """The file being read; None before the first."""
        return self._file.path if self._file and self._file.inode else None

    @property
    def is_between(self) -> bool:
        """Whether it waits for the last words of a file before it goes on to the next."""
        return self._file is not None and self._file.left_at is not None and self._due is not None

    @property
    def offset(self) -> int:
        """Bytes read of that file."""
        return self._file.offset if self._file else 0

    def position(self, *, unread: int = 0) -> Position | None:
        """Return where another tailer may go on; None before the first file.

        Parameters
        ----------
        unread
            Bytes at the end that count as not read, such as those of a line without an end.
        """
        if self._file is None:
            return self._resume
        position = self._file.position(unread, self._siblings)
        self._rest()
        return position

    def close(self) -> None:
        """Close what is open; a later poll opens it again."""
        if self._file is not None:
            self._file.close()

    def poll(self) -> list[Piece]:
        """Return what is new; it never waits.

        Raises
        ------
        UnreadableLogError
            If a directory, pipe, socket or device is at the path. What was read stays read, and
            a later poll may do better.
        """
        now = self._clock()
        pieces: list[Piece] = []
        self._room, self._more, self._due = MOST_BYTES, False, None
        steps = 0
        while self._step(now, pieces):
            steps += 1
            if steps >= _MOST_STEPS or self._room <= 0:
                self._more = True
                break
        self._rest()
        if any(isinstance(piece, Bytes) for piece in pieces):
            self._rhythm_s, self._grown_at = now - self._grown_at, now
        self._set_wait(now, news=bool(pieces))
        return pieces

    def _rest(self) -> None:
        if self._lean:
            self.close()

    def _set_wait(self, now: float, *, news: bool) -> None:
        shortest, longest = _WAIT_NETWORK_S if self.is_network else _WAIT_S
        if self._lean:
            shortest = min(longest, max(shortest, _OF_RHYTHM * self._rhythm_s))
        if self._more:
            self.wait_s = 0.0
            return
        self.wait_s = shortest if news else min(longest, max(shortest, self.wait_s * _SLOWER))
        if self._due is not None:
            self.wait_s = min(self.wait_s, max(0.01, self._due - now))

    # Each step below returns whether there may be more to do at once.

    def _step(self, now: float, pieces: list[Piece]) -> bool:
        file = self._file
        home = file.home if file else self._resume.home if self._resume else None
        target = self._source.next(home)
        status = self._look(target, pieces)
        if file is None and self._resume is not None:
            return self._restore(self._resume, target, status, now, pieces)
        if file is None and status is None and target is not None:
            # A file may come and be rotated before the next look.
            home = os.path.realpath(target)
            self._file = LogFile(home, home, 0, 0, left_at=now - GRACE_S, why_next="opened")
            self._take_for_read(rotated_siblings(home), 0)
            return False
        if file is None and status is not None and target is not None:
            there = rotated_siblings(os.path.realpath(target))
            return self._begin(target, status, "opened", now, pieces, there)
        if file is None:
            return False
        if status is not None and file.key == (status.st_dev, status.st_ino):
            if file.left_at is not None:
                file.home = file.path = os.path.realpath(target or "")
            file.left_at, file.why_next = None, "rotated"
            return self._read_in_place(file, target or "", status, now, pieces)
        return self._read_left(file, target, status, now, pieces)

    def _restore(
        self,
        position: Position,
        target: str | None,
        status: os.stat_result | None,
        now: float,
        pieces: list[Piece],
    ) -> bool:
        """Find the file of an earlier tailer, which may have been rotated since."""
        self._restored = True
        renamed = find_inode(position.home, position.device, position.inode)
        places = [renamed]
        if position.offset:
            places += [position.home, find_copy(position.home, position)]
        for path in filter(None, places):
            with suppress(OSError, UnreadableLogError):
                descriptor = open_regular(path)
                held = os.fstat(descriptor)
                file = LogFile(position.home, path, held.st_dev, held.st_ino, opened_at=now)
                file.descriptor = descriptor
                if not position.fits(descriptor):
                    file.close()
                    continue
                file.start_at(position.offset)
                file.left_at = now if path == renamed else now - GRACE_S
                self._adopt(file)
                self._resume = None
                pieces.append(Began(path, "opened", position.offset, position.home))
                return True
        lost = LogFile(position.home, position.home, 0, 0, left_at=now - GRACE_S)
        if status is None and not self._unread_siblings(lost, (0, 0)):
            return False  # the drive may not be there yet
        self._resume = None
        self._adopt(lost)
        return self._succeed(lost, target, status, now, pieces)

    def _look(self, target: str | None, pieces: list[Piece]) -> os.stat_result | None:
        """Return the status of what the path leads to, or tell that it leads nowhere."""
        status = None
        with self._telling(pieces):
            if target is None:
                raise FileNotFoundError(errno.ENOENT, "no log yet")
            if target != self._looked_at[0]:
                self._looked_at = target, Path(target)  # to make one takes longer than the look
            status = self._looked_at[1].stat()
        if status is not None:
            refuse_special(str(target), status.st_mode)
        return status

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
        known = self._known.get(file.key)
        if known is not None and known.fits(descriptor):
            return known.offset
        last = self._file
        if last is not None and last.why_next != "rotated" and last.fits(descriptor):
            return last.offset
        copied = [k.offset for k in self._known.values() if k.offset >= HEAD and k.fits(descriptor)]
        return max(copied, default=0)

    def _adopt(self, file: LogFile) -> None:
        last, self._file = self._file, file
        if last is not None:
            last.close()
        self.gone = None
        if file.device != self._device:
            self._device, self.is_network = file.device, on_network(file.home)

    def _read_in_place(
        self,
        file: LogFile,
        target: str,
        status: os.stat_result,
        now: float,
        pieces: list[Piece],
    ) -> bool:
        self.size = status.st_size
        self._restored = False
        if self.is_network and now - file.opened_at >= _REOPEN_S:
            file.close()  # opening anew refreshes what the client of a network drive remembers
            file.opened_at, file.seen = now, None
        sign = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if sign == file.seen and now - file.grown_at > _DOUBT_S:
            self.gone = None
            return False
        if file.descriptor is None:
            file.home = file.path = os.path.realpath(target)
        with self._telling(pieces):
            status = os.fstat(file.open())
            size = self.size = status.st_size
            if size < file.offset and file.may_be_rewritten(size):
                patience_s = _REWRITE_S * (10 if self.is_network else 1)
                file.shrunk_at = now if file.shrunk_at is None else file.shrunk_at
                if now - file.shrunk_at < patience_s:
                    self._due = file.shrunk_at + patience_s
                    return False
            file.shrunk_at = self.gone = None
            read = self._read(file, size, now, pieces)
            if read is None:
                return self._succeed(file, file.home, status, now, pieces, finished=False)
            file.fresh = False
            if read:
                complete = file.offset == size
                sign = (size, status.st_mtime_ns, status.st_ctime_ns)
                file.seen = sign if complete else None
                return not complete
            return self._cut(file, now)
        return False

    def _read(self, file: LogFile, size: int, now: float, pieces: list[Piece]) -> bool | None:
        """Read what is new; False if what was read before is no longer in the file.

        None if other files were there before its first byte. That is looked for after reading:
        until then its first bytes may go into a copy, and others take their place.
        """
        offset = file.offset
        content = file.take(size, self._room)
        if content is None:
            return False
        if not offset and self._missed_before(file):
            file.start_at(0)
            return None
        if content:
            self._room -= len(content)
            file.grown_at = now
            pieces.append(Bytes(content, file.path, offset))
        return True

    def _cut(self, file: LogFile, now: float) -> bool:
        """Leave a file whose content is no longer what was read; a copy may have the rest."""
        rest = replace(file, device=0, inode=0, descriptor=None, why_next="truncated")
        rest.left_at = now - GRACE_S  # nobody writes to a copy
        with suppress(OSError):
            copy = find_copy(file.home, file) if file.offset else None
            if copy is not None:
                status = Path(copy).stat()
                rest.path, rest.device, rest.inode = copy, status.st_dev, status.st_ino
        self._adopt(rest)
        return True

    def _read_left(
        self,
        file: LogFile,
        target: str | None,
        status: os.stat_result | None,
        now: float,
        pieces: list[Piece],
    ) -> bool:
        """Read on in a file that is no longer where the path leads."""
        reachable = status is not None or self.gone == "missing"
        if reachable and file.left_at is None:
            file.left_at = now
        try:
            size = os.fstat(self._open_left(file)).st_size
            read = self._read(file, size, now, pieces)
            if read is None:
                return self._succeed(file, target, status, now, pieces, finished=False)
            if not read:
                return self._cut(file, now)
            if file.offset < size:
                return True
        except (OSError, UnreadableLogError):
            file.close()
            if file.inode and file.offset and find_copy(file.home, file):
                return self._cut(file, now)
        if file.left_at is None:
            return False
        if status is not None and target is not None:
            seen = (os.path.realpath(target), status.st_dev, status.st_ino)
            if seen not in self._waiting[-1:]:
                self._waiting.append(seen)
        if now - file.left_at < GRACE_S and not self._was_left_long_ago(file, status):
            self._due = file.left_at + GRACE_S
            return False
        return self._succeed(file, target, status, now, pieces)

    def _was_left_long_ago(self, file: LogFile, status: os.stat_result | None) -> bool:
        """Tell whether the next file was written long after the last word of one of the past."""
        if not self._restored or status is None:
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
