"""Opens logs: says clearly what cannot be read, and unpacks gzip."""

from __future__ import annotations

import errno
import os
import re
import stat
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from copilot_analytics.errors import (
    LogError,
    LogNotFoundError,
    UnreadableLogError,
)
from copilot_analytics.reading.byte_logs import claimed_by
from copilot_analytics.reading.detect import known_formats

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK = 4 << 20
MOST_UNPACKED = 2 << 30

_GZIP = b"\x1f\x8b"
_HEAD = 1 << 16
_MOST_CONTROL = 0.05
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x7fELF", "a program (ELF)"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive, as PyTorch checkpoints are"),
    (b"\x89HDF\r\n", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"BZh", "packed with bzip2; unpack it first"),
    (b"\xfd7zXZ\0", "packed with xz; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd; unpack it first"),
)
_PICKLE = re.compile(rb"\x80[\x02-\x05](?:[\x80-\x9f(}\]cX\x8a]|ccopy|\x95)")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_CONTROL = bytes(code for code in range(32) if code not in b"\t\n\r\b\x1b\f\0") + b"\x7f"


def open_log(path: str | Path) -> BinaryIO:
    """Open a log for reading bytes.

    Raises
    ------
    LogNotFoundError
        If there is nothing at the path.
    UnreadableLogError
        If it is a directory, a device, a pipe, a binary file, or may not be read.
    LogError
        If it is empty.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
        _refuse_special(path, mode)
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError) as error:
        raise explained(path, error) from None
    stream = os.fdopen(descriptor, "rb")
    try:
        _refuse_special(path, os.fstat(descriptor).st_mode)
        head = stream.read(_HEAD)
        stream.seek(0)
        _refuse_content(path, head)
    except OSError as error:
        stream.close()
        raise explained(path, error) from None
    except LogError:
        stream.close()
        raise
    return stream


def read_chunks(path: str | Path, size: int = CHUNK) -> Iterator[bytes]:
    """Yield the bytes of a log, unpacked if it is packed with gzip.

    Parameters
    ----------
    path
        The log.
    size
        Most bytes of a chunk.

    Raises
    ------
    LogError
        As `open_log`; if it vanishes, is damaged, or unpacks to more than 2 GiB.
    """
    path = Path(path)
    with open_log(path) as stream:
        try:
            packed = stream.read(2) == _GZIP
            stream.seek(0)
            if packed:
                yield from _unpacked(path, stream, size)
                return
            while chunk := stream.read(size):
                yield chunk
        except OSError as error:
            raise explained(path, error) from None


def read_ends(path: str | Path, most: int) -> Iterator[bytes]:
    """Yield the first and the last lines of a log, all of one that is short or packed.

    Parameters
    ----------
    path
        The log.
    most
        Most bytes of either end; half a line at the cut is left out.

    Raises
    ------
    LogError
        As `read_chunks`.
    """
    path = Path(path)
    with open_log(path) as stream:
        try:
            head = stream.read(most)
            size = stream.seek(0, os.SEEK_END)
            if size > 2 * most and not head.startswith((_GZIP, *_UTF16)):
                yield head[: max(head.rfind(b"\n"), head.rfind(b"\r")) + 1]
                stream.seek(size - most)
                tail = stream.read(most)
                cuts = [at for at in (tail.find(b"\n"), tail.find(b"\r")) if at >= 0]
                yield tail[min(cuts, default=most) + 1 :]
                return
        except OSError as error:
            raise explained(path, error) from None
    yield from read_chunks(path)


def _unpacked(path: Path, stream: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield what gzip members hold; a member that is cut off ends where it is cut."""
    member = zlib.decompressobj(wbits=31)
    total = 0
    packed = b""
    first = True
    while True:
        if not packed:
            packed = stream.read(1 << 16)
            if not packed:
                if not total:
                    raise _empty(path)
                return
        if member.eof:
            packed = packed.lstrip(b"\0")
            if not packed:
                continue
            member = zlib.decompressobj(wbits=31)
        try:
            chunk = member.decompress(packed, size)
        except zlib.error:
            msg = f"{path} is damaged: gzip fails after {total} bytes; try `gzip -t` on it"
            raise UnreadableLogError(msg) from None
        packed = member.unconsumed_tail or member.unused_data
        total += len(chunk)
        if total > MOST_UNPACKED:
            msg = f"{path} unpacks to more than 2 GiB; unpack it yourself and cut out what matters"
            raise UnreadableLogError(msg)
        if first and chunk:
            _refuse_content(path, chunk[:_HEAD])
            first = False
        if chunk:
            yield chunk


def _refuse_special(path: Path, mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    if stat.S_ISDIR(mode):
        what = "a directory; name a log in it"
    elif stat.S_ISFIFO(mode):
        what = "a pipe; write it to a file and name that"
    elif stat.S_ISSOCK(mode):
        what = "a socket, not a log"
    else:
        what = "a device, not a log"
    msg = f"{path} is {what}"
    raise UnreadableLogError(msg)


def _refuse_content(path: Path, head: bytes) -> None:
    if not head:
        raise _empty(path)
    what = binary_kind(head)
    if what is not None:
        msg = f"{path} is no text: it is {what}; name the log that the training wrote"
        raise UnreadableLogError(msg)


def _empty(path: Path) -> LogError:
    return LogError(
        f"{path} is empty. If training has just begun, wait for its first lines; if it prints "
        "elsewhere, name that file"
    )


def binary_kind(head: bytes) -> str | None:
    r"""Say what kind of binary file begins like this; None if it may be text.

    Holes of NUL bytes, which network file systems leave in logs, do not make a file binary.

    Examples
    --------
    >>> binary_kind(b"\x7fELF\x02\x01"), binary_kind(b"loss 1.0\n\0\0\0\0")
    ('a program (ELF)', None)
    """
    for magic, what in _MAGIC:
        if head.startswith(magic):
            return what
    if head.startswith(_UTF16) or head.startswith(_GZIP):
        return None
    if _PICKLE.match(head):
        return "a pickle, as older checkpoints are"
    filled = head.replace(b"\0", b"")
    if not filled:
        return "nothing but NUL bytes"
    control = len(filled) - len(filled.translate(None, _CONTROL))
    if control > _MOST_CONTROL * len(filled):
        # A log that is no text is told by the format that reads it.
        if claimed_by(head, known_formats()) is not None:
            return None
        is_event = b"brain.Event:" in head[:64]
        return "a damaged TensorBoard event file" if is_event else "binary data"
    return None


def explained(path: Path, error: OSError | ValueError) -> LogError:
    """Turn an error of the system into one that says what to do, to be raised by the caller."""
    code = error.errno if isinstance(error, OSError) else None
    if code in {errno.ENOENT, errno.ENOTDIR}:
        if path.is_symlink():
            return LogNotFoundError(f"{path} is a link to a file that does not exist")
        return LogNotFoundError(f"there is no file {path}; check the path")
    if code == errno.ESTALE:
        return LogNotFoundError(f"{path} vanished while it was read; try again")
    if code == errno.ELOOP:
        return UnreadableLogError(f"{path} is a link that leads to itself")
    if code in {errno.EACCES, errno.EPERM}:
        return UnreadableLogError(f"{path} may not be read; ask for permission (chmod +r)")
    if code in {errno.ENXIO, errno.ENODEV}:
        return UnreadableLogError(f"{path} is a device or socket, not a log")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return UnreadableLogError(f"{path} cannot be read: {reason}")
