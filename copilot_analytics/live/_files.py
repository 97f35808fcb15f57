"""What a tailer knows of a file: identity, position, rotated siblings, kind of file system."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import Literal, TypeAlias

from copilot_analytics.errors import UnreadableLogError

HEAD = 1024
LAST = 256
MOUNTS = Path("/proc/mounts")

Why: TypeAlias = Literal["opened", "rotated", "truncated", "replaced", "moved"]

Key: TypeAlias = tuple[int, int, str]
"""A rotated file as it was met: inode, and length and hash of its first bytes."""

_MOST_SIBLINGS = 256
_MOST_SCANS = 3
_FIRST_DATE = 100_000  # a number as long as yymmdd is a date
_PACKED = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip", ".Z", ".lzma")
_SUFFIX = re.compile(r"[._-](\d{1,6}|20\d\d[\d_.:T-]{2,24})$")
_INFIX = re.compile(r"[._-]20\d\d[\d_.:T-]{4,24}$")
_NETWORK = frozenset(
    "9p afs afpfs beegfs ceph cifs coda davfs drvfs gfs2 glusterfs gpfs lustre ncpfs nfs nfs4 "
    "ocfs2 orangefs pvfs2 prl_fs smb2 smb3 smbfs vboxsf vmhgfs wekafs".split()
)
_KINDS = (
    (stat.S_ISDIR, "a directory; name a log in it, or follow it as a RunDirectory"),
    (stat.S_ISFIFO, "a pipe; write the log to a file and follow that"),
    (stat.S_ISSOCK, "a socket; write the log to a file and follow that"),
)


class ChangedError(OSError):
    """Another file took the place of one that was to be opened."""


def refuse_special(path: str, mode: int) -> None:
    """Raise UnreadableLogError unless `mode` is that of a regular file."""
    if stat.S_ISREG(mode):
        return
    kind = next((words for test, words in _KINDS if test(mode)), "a device; name a log file")
    raise UnreadableLogError(f"{path} is {kind}")


def on_network(path: str) -> bool:
    """Tell whether a file is on a network or FUSE file system, as far as Linux tells."""
    try:
        lines = MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return False
    best, kind = "", ""
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields[1])
        below = point.rstrip("/") + "/"
        if len(point) >= len(best) and (path + "/").startswith(below):
            best, kind = point, fields[2]  # of two mounts on one point the later one counts
    return kind in _NETWORK or kind == "fuse" or kind.startswith("fuse.")


def digest(content: bytes) -> str:
    """Return a short hash."""
    return blake2b(content, digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True)
class Position:
    """Where a tailer stood; plain numbers and text, fit for JSON.

    Parameters
    ----------
    home
        The path under which the file was written.
    device, inode
        Of the file.
    offset
        Bytes of it that are done with.
    head_size, head, last_size, last
        Length and hash of its first bytes, and of those before `offset`.
    siblings
        The rotated files that were there before it.
    """

    home: str
    device: int
    inode: int
    offset: int
    head_size: int
    head: str
    last_size: int
    last: str
    siblings: tuple[Key, ...] = ()

    def fits(self, descriptor: int) -> bool:
        """Tell whether an open file holds what was read up to here."""
        last = os.pread(descriptor, self.last_size, self.offset - self.last_size)
        head = os.pread(descriptor, self.head_size, 0)
        return (
            os.fstat(descriptor).st_size >= self.offset
            and digest(head) == self.head
            and digest(last) == self.last
        )


@dataclass(slots=True)
class LogFile:
    """A file being read. `home` is the path under which it was live, `path` where it is now."""

    home: str
    path: str
    device: int
    inode: int
    offset: int = 0
    head: bytes = b""
    last: bytes = b""
    descriptor: int | None = field(default=None, repr=False)
    opened_at: float = 0.0
    seen: tuple[int, int, int] | None = None  # size, mtime and ctime when last checked
    grown_at: float = float("-inf")
    shrunk_at: float | None = None
    left_at: float | None = None
    why_next: Why = "rotated"  # why the next file begins
    fresh: bool = False  # its siblings are those that were there when it was opened

    @property
    def key(self) -> tuple[int, int]:
        return self.device, self.inode

    def start_at(self, offset: int) -> None:
        """Go to an offset of the open file and learn what is before it."""
        descriptor = self.open()
        self.head = os.pread(descriptor, min(HEAD, offset), 0)
        self.last = os.pread(descriptor, min(LAST, offset), max(0, offset - LAST))
        self.offset = offset

    def open(self) -> int:
        """Return the descriptor, opening the file if need be.

        Raises
        ------
        ChangedError
            If another file is at `path` by now.
        """
        if self.descriptor is None:
            descriptor = open_regular(self.path)
            status = os.fstat(descriptor)
            if (status.st_dev, status.st_ino) != self.key:
                os.close(descriptor)
                raise ChangedError(self.path)
            self.descriptor = descriptor
        return self.descriptor

    def close(self) -> None:
        """Close the descriptor, if there is one; reading opens it again."""
        if self.descriptor is not None:
            with suppress(OSError):
                os.close(self.descriptor)
            self.descriptor = None

    def fits(self, descriptor: int) -> bool:
        """Tell whether an open file holds what was read so far."""
        before = len(self.last)
        return (
            os.fstat(descriptor).st_size >= self.offset
            and os.pread(descriptor, len(self.head), 0) == self.head
            and os.pread(descriptor, before, self.offset - before) == self.last
        )

    def may_be_rewritten(self, size: int) -> bool:
        """Tell whether a file that shrank begins as before: its writer may write it anew."""
        start = min(size, len(self.head))
        return os.pread(self.open(), start, 0) == self.head[:start]

    def take(self, size: int, most: int) -> bytes | None:
        """Return up to `most` new bytes, none past `size`; None if what was read has changed."""
        descriptor = self.open()
        if size < self.offset or os.pread(descriptor, len(self.head), 0) != self.head:
            return None
        # One read brings the bytes before the offset and the news, so that both are of one file.
        before = len(self.last)
        wanted = before + min(most, size - self.offset)
        content = os.pread(descriptor, wanted, self.offset - before)
        if content[:before] != self.last:
            return None
        content = content[before:]
        self.offset += len(content)
        self.head += content[: HEAD - len(self.head)]
        self.last = (self.last + content[-LAST:])[-LAST:]
        return content

    def position(self, unread: int, siblings: frozenset[Key]) -> Position:
        """Return the position `unread` bytes before the offset."""
        offset = max(0, self.offset - unread)
        head, last = self.head[:offset], self.last[: max(0, len(self.last) - unread)]
        if len(last) < min(LAST // 4, offset):
            last = b""
            with suppress(OSError, UnreadableLogError):
                if self.fits(self.open()):
                    last = os.pread(self.open(), min(LAST, offset), max(0, offset - LAST))
        return Position(
            self.home,
            self.device,
            self.inode,
            offset,
            len(head),
            digest(head),
            len(last),
            digest(last),
            tuple(sorted(siblings)),
        )


def open_regular(path: str) -> int:
    """Open a regular file; nothing else is opened, for that alone can disturb its writer."""
    refuse_special(path, Path(path).stat().st_mode)
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    descriptor = os.open(path, flags)
    try:
        refuse_special(path, os.fstat(descriptor).st_mode)
    except UnreadableLogError:
        os.close(descriptor)
        raise
    return descriptor


@dataclass(frozen=True, slots=True)
class Sibling:
    """A file beside the log that carries its name and a number or date."""

    path: str
    inode: int
    head: bytes
    infix: bool
    number: int  # 0 without one
    modified_ns: int
    changed_ns: int

    @property
    def key(self) -> Key:
        return self.inode, len(self.head), digest(self.head)

    def is_among(self, keys: frozenset[Key]) -> bool:
        """Tell whether it was met before, though it may have grown since."""
        return any(
            inode == self.inode and digest(self.head[:size]) == known for inode, size, known in keys
        )


def find_inode(home: str, device: int, inode: int) -> str | None:
    """Return where in its directory a file is now; None if it is not there."""
    with suppress(OSError), os.scandir(Path(home).parent) as entries:
        for entry in entries:
            if entry.inode() == inode and not entry.is_symlink():
                status = entry.stat(follow_symlinks=False)
                same = (status.st_dev, status.st_ino) == (device, inode)  # it may be another by now
                if same and stat.S_ISREG(status.st_mode):
                    return entry.path
    return None


def find_copy(home: str, file: LogFile | Position) -> str | None:
    """Return a file beside the log that holds what was read of it, the longest one."""
    directory, name = os.path.split(home)
    stem = Path(name).stem
    found: list[tuple[int, int, str]] = []
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if not entry.name.startswith(stem) or entry.name == name:
                continue
            if entry.name.endswith(_PACKED) or not entry.is_file(follow_symlinks=False):
                continue
            with suppress(OSError):
                status = entry.stat()
                if status.st_size >= file.offset:
                    found.append((status.st_size, status.st_mtime_ns, entry.path))
    for _, _, path in sorted(found, reverse=True)[:_MOST_SIBLINGS]:
        with suppress(OSError, UnreadableLogError):
            descriptor = open_regular(path)
            try:
                if file.fits(descriptor):
                    return path
            finally:
                os.close(descriptor)
    return None


def rotated_siblings(home: str) -> list[Sibling]:
    """Return the rotated files of a log, the oldest first.

    They are called ``x.log.1``, ``x.log-20300102`` or ``x-20300102.log``.
    """
    found, still = _scan(home)
    for _ in range(_MOST_SCANS - 1):
        if not still:
            found, still = _scan(home)
    return in_order(found)


def _scan(home: str) -> tuple[list[Sibling], bool]:
    """Return the rotated files of a log, and whether none was renamed meanwhile."""
    directory, name = os.path.split(home)
    stem, ending = Path(name).stem, Path(name).suffix
    found: list[Sibling] = []
    still = True
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            match = infix = None
            if entry.name.startswith(name):
                match = _SUFFIX.fullmatch(entry.name, len(name))
            elif ending and entry.name.startswith(stem) and entry.name.endswith(ending):
                infix = _INFIX.fullmatch(entry.name, len(stem), len(entry.name) - len(ending))
            if not (match or infix) or len(found) >= _MOST_SIBLINGS:
                continue
            try:
                sibling = _sibling(entry.path, match)
            except FileNotFoundError:
                still = False
            except (OSError, UnreadableLogError):
                continue
            else:
                found.append(sibling)
                still = still and sibling.inode == entry.inode()
    return found, still


def in_order(siblings: list[Sibling]) -> list[Sibling]:
    """Sort rotated files from the oldest to the newest.

    Times alone do not tell: a writer may add to a file that was rotated already after the first
    line of the next one. Small numbers do. As a rule they are shifted at each rotation, so that
    the highest is the oldest; that they rise with time instead is believed only where every pair
    of neighbours says so, by the times of contents and of names.
    """
    by_number = sorted(siblings, key=lambda one: -one.number)
    if len({one.number for one in siblings}) < len(siblings) or not all(
        0 < one.number < _FIRST_DATE for one in siblings
    ):
        return sorted(siblings, key=lambda one: (one.modified_ns, -one.number))
    rising = len(siblings) > 1 and all(
        low.modified_ns < high.modified_ns and low.changed_ns < high.changed_ns
        for high, low in pairwise(by_number)
    )
    return by_number[::-1] if rising else by_number


def _sibling(path: str, match: re.Match[str] | None) -> Sibling:
    descriptor = open_regular(path)
    try:
        status = os.fstat(descriptor)
        head = os.pread(descriptor, LAST, 0)
    finally:
        os.close(descriptor)
    number = int(match[1]) if match and match[1].isdecimal() else 0
    return Sibling(
        path, status.st_ino, head, match is None, number, status.st_mtime_ns, status.st_ctime_ns
    )
