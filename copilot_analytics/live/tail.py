"""Follows one log that grows, is rotated, truncated, replaced or moved.

Polling is all it does: nothing else works on every file system. Which file comes after the one
that is read is for `_succession` to say.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_analytics.errors import UnreadableLogError
from copilot_analytics.live._files import (
    LogFile,
    Position,
    find_copy,
    find_inode,
    open_regular,
    refuse_special,
    rotated_siblings,
)
from copilot_analytics.live._succession import GRACE_S, Followed, Succession
from copilot_analytics.live.pieces import Began, Bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from copilot_analytics.live.pieces import Piece

MOST_BYTES = 8 << 20
"""Most bytes of one poll."""

_REWRITE_S = 1.0  # so long a file that shrank may take to become what it was
_DOUBT_S = 2.0  # after news, contents are compared although the times of the file are the same
_REOPEN_S = 30.0
_SLOWER = 1.5
_WAIT_S = (0.2, 5.0)
_WAIT_NETWORK_S = (1.0, 15.0)
_LEAN_WAIT_S = 10.0
_OF_RHYTHM = 0.5  # of the time between the last news: so late it is seen among hundreds of logs
_MOST_STEPS = 64


class _OnePath:
    def __init__(self, path: str) -> None:
        self.path = path

    def next(self, current: str | None) -> str | None:
        return self.path


class Tailer(Succession):
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
        The log, which need not exist yet, or what names one log after the other: a `RunDirectory`
        or `ResumedLogs`.
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
        super().__init__(path, clock, from_byte, resume)
        self._in_past = not isinstance(path, _OnePath)  # it may begin at the start before the last
        self._lean = lean
        self._room = MOST_BYTES
        self._more = False
        self._grown_at = clock()
        self._rhythm_s = 0.0
        self._looked_at = ("", Path())
        self.size = 0
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
            longest = max(longest, _LEAN_WAIT_S)
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
        self._in_past = True
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

    def _read_in_place(
        self,
        file: LogFile,
        target: str,
        status: os.stat_result,
        now: float,
        pieces: list[Piece],
    ) -> bool:
        self.size = status.st_size
        self._in_past = False
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
