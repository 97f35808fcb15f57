"""Opens logs: says clearly what cannot be read, unpacks gzip, and finds the newest run."""

from __future__ import annotations

import errno
import os
import re
import stat
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from copilot_analytics.errors import (
    LogError,
    LogNotFoundError,
    NotATrainingLogError,
    UnreadableLogError,
)
from copilot_analytics.reading.byte_logs import claimed_by
from copilot_analytics.reading.detect import known_formats
from copilot_analytics.reading.recognise import recognise

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from copilot_analytics.formats._base import LogFormat

COPIES = frozenset({"vis_data", "tf_logs"})
"""Folders in which trainers keep copies of their logs in other forms."""

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

_STAMP = re.compile(r"(?<!\d)(20\d\d[01]\d[0-3]\d)[_-]?([0-2]\d[0-5]\d[0-5]\d)(?!\d)")
_TEXT_ENDINGS = frozenset({".log", ".txt", ".out", ".err"})
_DATA_ENDINGS = frozenset({".json", ".jsonl", ".ndjson", ".csv", ".tsv"})
_PLAIN_NAMES = frozenset({"log", "logs", "train_log", "training_log", "output", "stdout", "stderr"})
_EVENTS = "events.out.tfevents."
_SKIPPED = frozenset(
    "__pycache__ node_modules site-packages wandb_cache venv env conda-meta mlruns".split()
)
_MOST_DEPTH = 5
_MOST_ENTRIES = 50_000
_MOST_JUDGED = 40
_MOST_BESIDE = 12
_SORTING = frozenset("vis_data tf_logs tensorboard tb tb_logs logs log events summaries".split())
_TWIN_S = 3600.0  # a text log and its JSON twin are written together


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
        raise _explained(path, error) from None
    stream = os.fdopen(descriptor, "rb")
    try:
        _refuse_special(path, os.fstat(descriptor).st_mode)
        head = stream.read(_HEAD)
        stream.seek(0)
        _refuse_content(path, head)
    except OSError as error:
        stream.close()
        raise _explained(path, error) from None
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
            raise _explained(path, error) from None


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


def _explained(path: Path, error: OSError | ValueError) -> LogError:
    """Turn an error of the system into one that says what to do."""
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


@dataclass(frozen=True, slots=True, order=True)
class _Found:
    """A file that may be a log; the last in order is the newest."""

    stamp: str
    is_text: bool
    modified: float
    path: str


def find_run(directory: str | Path, *, formats: Mapping[str, LogFormat] | None = None) -> Path:
    """Return the log of the newest run in a directory.

    The newest is told by the time stamps in names, as ``20240131_093000``, else by the time of the
    last change. Text logs are preferred to others that were written with them. Hidden folders,
    environments and caches are not entered.

    Parameters
    ----------
    directory
        Where to look, five levels deep.
    formats
        Formats that count as logs, by name; None takes all that are installed.

    Raises
    ------
    LogNotFoundError
        If there is no such directory, or no file in it that is named like a log.
    NotATrainingLogError
        If no file in it is a training log.
    """
    directory = Path(directory)
    try:
        if not stat.S_ISDIR(directory.stat().st_mode):
            return directory
        os.scandir(directory).close()
    except (OSError, ValueError) as error:
        raise _explained(directory, error) from None
    found = sorted(_candidates(directory), reverse=True)
    if not found:
        endings = ", ".join(sorted(_TEXT_ENDINGS | _DATA_ENDINGS))
        msg = f"no file in {directory} is named like a log ({endings}); name the log itself"
        raise LogNotFoundError(msg)
    formats = known_formats() if formats is None else formats
    refusals = []
    for candidate in found[:_MOST_JUDGED]:
        refusal = _why_no_log(Path(candidate.path), formats)
        if refusal is None:
            return Path(_twin(candidate, found, formats).path)
        refusals.append(f"{os.path.relpath(candidate.path, directory)} ({refusal})")
    tried = ", ".join(refusals[:8]) + (", ..." if len(refusals) > 8 else "")
    msg = (
        f"none of {len(found)} files in {directory} is a training log that copilot knows. Tried "
        f"the newest {len(refusals)}: {tried}. Name the log itself, with --log-format if need be"
    )
    raise NotATrainingLogError(msg)


def logs_beside(log: Path, *, formats: Mapping[str, LogFormat] | None = None) -> list[Path]:
    """Return a log and the others that its run may have left, the log itself first.

    They are looked for in its folder and below it, and from a folder that only sorts logs
    (``vis_data``, ``tensorboard``) in the one above. Copies of what the log says already, and
    folders of other runs, are left out.

    Parameters
    ----------
    log
        A log of the run.
    formats
        Formats that count as logs, by name; None takes all that are installed.
    """
    formats = known_formats() if formats is None else formats
    own = _format_of(log, formats)
    folder = log.parent.parent if log.parent.name.lower() in _SORTING else log.parent
    stamp = _stamp_of(log.parent.name)
    found = [log]
    for candidate in sorted(_candidates(folder), reverse=True)[:_MOST_JUDGED]:
        path = Path(candidate.path)
        inner = path.parent.relative_to(folder).parts
        other_run = any(_stamp_of(name) not in {"", stamp} for name in inner)
        if len(found) > _MOST_BESIDE or path == log or other_run:
            continue
        form = _format_of(path, formats)
        if form is not None and (own is None or formats[form].twin_of != own):
            found.append(path)
    return found


def _format_of(path: Path, formats: Mapping[str, LogFormat]) -> str | None:
    try:
        return recognise(read_chunks(path, 1 << 18), formats)
    except LogError:
        return None


def _twin(candidate: _Found, found: list[_Found], formats: Mapping[str, LogFormat]) -> _Found:
    """Return the text log of the same run if `candidate` is none and has no time stamp."""
    folder = Path(candidate.path).parent
    beside = {str(folder), str(folder.parent)} if folder.name in COPIES else {str(folder)}
    for other in found if not candidate.is_text else ():
        near = abs(other.modified - candidate.modified) <= _TWIN_S
        is_twin = other.is_text and near and str(Path(other.path).parent) in beside
        if is_twin and _why_no_log(Path(other.path), formats) is None:
            return other
    return candidate


def _candidates(directory: Path) -> list[_Found]:
    found: list[_Found] = []
    entered: set[tuple[int, int]] = set()
    folders = [(str(directory), 0, _stamp_of(directory.resolve().name))]
    entries_left = _MOST_ENTRIES
    while folders and entries_left > 0:
        folder, depth, stamp = folders.pop(0)
        try:
            here = Path(folder).stat()
            if (here.st_dev, here.st_ino) in entered:
                continue
            entered.add((here.st_dev, here.st_ino))
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name, reverse=True)
        except OSError:
            continue
        for entry in entries[:entries_left]:
            entries_left -= 1
            own = _stamp_of(entry.name) or stamp
            try:
                if entry.is_dir():
                    if depth < _MOST_DEPTH and not _is_skipped(entry):
                        folders.append((entry.path, depth + 1, own))
                elif entry.is_file() and (kind := _kind_of(entry.name)) is not None:
                    modified = entry.stat().st_mtime
                    when = own or time.strftime("%Y%m%d%H%M%S", time.localtime(modified))
                    found.append(_Found(when, kind == "text", modified, entry.path))
            except (OSError, ValueError, OverflowError):
                continue
    return found


def _stamp_of(name: str) -> str:
    found = _STAMP.search(name)
    return found[1] + found[2] if found else ""


def _is_skipped(entry: os.DirEntry[str]) -> bool:
    name = entry.name
    if name.startswith(".") or name in _SKIPPED or name.endswith((".egg-info", ".dist-info")):
        return True
    return Path(entry.path, "pyvenv.cfg").exists()


def is_named_like_a_log(path: str) -> bool:
    """Tell whether a file has one of the endings that logs have.

    Examples
    --------
    >>> is_named_like_a_log("runs/train.log"), is_named_like_a_log("runs/last_checkpoint")
    (True, False)
    """
    return _kind_of(Path(path).name) is not None


def _kind_of(name: str) -> str | None:
    stem = name.lower().removesuffix(".gz")
    ending = Path(stem).suffix
    if ending in _DATA_ENDINGS or stem.startswith(_EVENTS):
        return "data"
    return "text" if ending in _TEXT_ENDINGS or stem in _PLAIN_NAMES else None


def _why_no_log(path: Path, formats: Mapping[str, LogFormat]) -> str | None:
    """Judge a file by its first bytes; None if it is a log."""
    try:
        found = recognise(read_chunks(path, 1 << 18), formats)
    except UnreadableLogError:
        return "unreadable"
    except LogError:
        return "empty"
    return None if found is not None else "no known format"
