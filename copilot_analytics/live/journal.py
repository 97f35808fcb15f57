"""Keeps what only a live watch saw, so that a replay can see it too.

One JSON object a line. A log does not hold the samples of the devices; the journal does, each with
the place in the log at which it was taken, so that :func:`merged` puts it back exactly there.
"""

from __future__ import annotations

import dataclasses
import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from copilot_analytics.gpu_samples import worth_keeping
from copilot_analytics.records import WATCHED, Block, Item, Record, last_line

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterable, Iterator

_MOST_BYTES = 16 * 2**20
_LONGEST_LINE = 64 * 2**10
_PLACED = ("step", "epoch", "time")


class Journal:
    """Appends records to a file of their own that nobody else may read.

    When the file has grown to `most_bytes`, its older half is thinned to every second sample of a
    device, so that the journal still spans the whole run. A disk that is full or a folder that is
    gone never stops the watch: `append` then returns False and `state` says why.

    Parameters
    ----------
    path
        The file; its folder must exist. It is made with mode 0600, and links are not followed.
    most_bytes
        Size that it does not pass by more than one record.

    Attributes
    ----------
    state : str
        Empty while all is well; otherwise why nothing is kept.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     journal = Journal(Path(folder, "gpu.jsonl"))
    ...     taken = Record("gpu", time=5.0, metrics={"gpu_power_w": 250.5}, line=12)
    ...     kept = journal.append(taken)
    ...     journal.close()
    ...     list(read_journal(journal.path)) == [taken]
    True
    """

    def __init__(self, path: str | os.PathLike[str], *, most_bytes: int = _MOST_BYTES) -> None:
        self.path = Path(path)
        self.state = ""
        self._most_bytes = most_bytes
        self._file: int | None = None
        self._size = 0
        self._whole = True

    def append(self, record: Record) -> bool:
        """Add a record; return whether it was kept.

        Raises
        ------
        ValueError
            If the record is of a kind that the log itself holds.
        """
        if record.kind not in WATCHED:
            msg = f"a journal keeps {sorted(WATCHED)}, not {record.kind!r}: the log holds those"
            raise ValueError(msg)
        line = _to_line(record)
        try:
            self._open()
            if self._size and self._size + len(line) > self._most_bytes:
                self._thin()
            self._write(line)
        except OSError as error:
            self.close()
            self.state = f"samples are not kept: {error.strerror or error} ({self.path})"
            return False
        self.state = ""
        return True

    def close(self) -> None:
        """Close the file; a later `append` opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self) -> None:
        """Open the file unless the one that is open is still the one at the path."""
        if self._file is not None:
            mine = os.fstat(self._file)
            try:
                there = os.lstat(self.path)
            except FileNotFoundError:
                there = None
            if there is not None and os.path.samestat(mine, there):
                self._size = mine.st_size
                return
            self.close()
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        self._file = os.open(self.path, flags, 0o600)
        found = os.fstat(self._file)
        if stat.S_IMODE(found.st_mode) & 0o077 and hasattr(os, "fchmod"):
            os.fchmod(self._file, 0o600)
        self._size = found.st_size
        self._whole = True
        if self._size:
            os.lseek(self._file, -1, os.SEEK_END)
            self._whole = os.read(self._file, 1) == b"\n"

    def _write(self, line: bytes) -> None:
        if self._file is None:
            return
        # A line that a crash or a full disk tore stays torn; this one starts on its own.
        whole = line if self._whole else b"\n" + line
        written = os.write(self._file, whole)
        self._size += written
        self._whole = written == len(whole)
        if not self._whole:
            raise OSError(0, "the disk is full")

    def _thin(self) -> None:
        """Write the file anew with half of its older half, see `worth_keeping`."""
        lines = [line for line in self.path.read_bytes().splitlines(keepends=True) if line.strip()]
        told = [(line, record) for line in lines if (record := _from_line(line)) is not None]
        text = b"".join(line for line, _ in told)
        while len(text) > 0.8 * self._most_bytes:
            fewer = _thinned(told)
            if len(fewer) == len(told):
                break
            told = fewer
            text = b"".join(line for line, _ in told)
        beside = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        beside.unlink(missing_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text)
            beside.replace(self.path)
        finally:
            beside.unlink(missing_ok=True)
        self._open()


def _thinned(told: list[tuple[bytes, Record]]) -> list[tuple[bytes, Record]]:
    """Leave out some samples of the older half; what is no sample of a device stays."""
    samples = [place for place, (_, record) in enumerate(told) if record.metrics]
    records = [told[place][1] for place in samples]
    names = dict.fromkeys(name for record in records for name in record.metrics)
    keep = worth_keeping(
        [f"{record.kind} {record.facts.get('uuid', '')}" for record in records],
        [record.facts for record in records],
        (np.array([r.metrics.get(name, np.nan) for r in records]) for name in names),
        sum(place < len(told) // 2 for place in samples),
    )
    left_out = {place for place, kept in zip(samples, keep.tolist(), strict=True) if not kept}
    return [one for place, one in enumerate(told) if place not in left_out]


def read_journal(path: str | os.PathLike[str]) -> Iterator[Record]:
    """Yield the records of a journal in the order in which they were written.

    Lines that are torn, too long or no record are left out: a crash or a full disk may tear any.
    A journal that does not exist holds nothing.

    Raises
    ------
    OSError
        If the file exists and cannot be read.
    """
    try:
        file = Path(path).open("rb")  # noqa: SIM115  # closed by the `with` below
    except FileNotFoundError:
        return
    with file:
        while line := file.readline(_LONGEST_LINE):
            if not line.endswith(b"\n") and len(line) == _LONGEST_LINE:
                while line and not line.endswith(b"\n"):
                    line = file.readline(_LONGEST_LINE)
                continue
            record = _from_line(line)
            if record is not None:
                yield record


def merged(items: Iterable[Item], journal: Iterable[Record]) -> Iterator[Item]:
    """Put the records of a journal back between the items of the log.

    A record whose `line` is set comes right after what the log had said up to that line of its
    `file`, written as the log's own records write it; one without comes before the first item of
    the log with a later time. Blocks are split where a record falls into them.

    Parameters
    ----------
    items
        Records and blocks of the log, in its order.
    journal
        Records of the journal, in its order.

    Examples
    --------
    >>> log = [Record("train", step=s, line=s, file="a") for s in (1, 2, 3)]
    >>> taken = [Record("gpu", line=2, file="a")]
    >>> [(item.kind, item.line) for item in merged(log, taken)]
    [('train', 1), ('train', 2), ('gpu', 2), ('train', 3)]
    """
    waiting = iter(journal)
    record = next(waiting, None)
    left_behind: set[str] = set()
    file: str | None = None
    for item in items:
        if file is not None and item.file != file:
            left_behind.add(file)
            left_behind.discard(item.file)
        file = item.file
        rest = item
        while record is not None:
            ahead = _ahead(rest, record, left_behind)
            if ahead == _length(rest):
                break
            if ahead and isinstance(rest, Block):
                yield rest[:ahead]
                rest = rest[ahead:]
            yield record
            record = next(waiting, None)
        yield rest
    if record is not None:
        yield record
        yield from waiting


def passed(item: Item, waiting: deque[Record]) -> Iterable[Item]:
    """Return an item of the log with the records that lie before its end.

    Parameters
    ----------
    item
        What the log tells next.
    waiting
        Records of the journal, in its order; those that are returned are taken from it.

    Examples
    --------
    >>> from collections import deque
    >>> waiting = deque(Record("gpu", line=line, file="a") for line in (2, 5))
    >>> row = Record("train", step=3, line=3, file="a")
    >>> [one.kind for one in passed(row, waiting)], len(waiting)
    (['gpu', 'train'], 1)
    """
    last = last_line(item)
    due: list[Record] = []
    while waiting and waiting[0].line < last:
        due.append(waiting.popleft())
    return merged([item], due) if due else (item,)


def _ahead(item: Item, record: Record, left_behind: set[str]) -> int:
    """Return how many rows of an item come before a record of the journal."""
    size = _length(item)
    if record.line:
        if record.file != item.file:
            return 0 if record.file in left_behind else size
        if isinstance(item, Block):
            later = np.flatnonzero(item.line > record.line)
            return int(later[0]) if len(later) else size
        return size if item.line <= record.line else 0
    if record.time is None:
        return 0
    if isinstance(item, Block):
        later = np.flatnonzero(item.time > record.time)
        return int(later[0]) if len(later) else size
    return 0 if item.time is not None and item.time > record.time else size


def _length(item: Item) -> int:
    return len(item) if isinstance(item, Block) else 1


def _to_line(record: Record) -> bytes:
    told: dict[str, Any] = {"kind": record.kind}
    told.update((n, getattr(record, n)) for n in _PLACED if getattr(record, n) is not None)
    for name in ("line", "file", "facts", "metrics"):
        part = getattr(record, name)
        if part:
            told[name] = dict(part) if name in {"facts", "metrics"} else part
    return json.dumps(told, separators=(",", ":")).encode() + b"\n"


def _from_line(line: bytes) -> Record | None:
    """Return the record of a line; None if it is torn or no record."""
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or told.get("kind") not in WATCHED:
        return None
    metrics, facts = told.get("metrics", {}), told.get("facts", {})
    numbers = [*metrics.values()] if isinstance(metrics, dict) else [None]
    numbers += [told[name] for name in _PLACED if name in told]
    if not isinstance(facts, dict) or not all(_is_number(number) for number in numbers):
        return None
    if not isinstance(told.get("line", 0), int) or not isinstance(told.get("file", ""), str):
        return None
    named = {field.name for field in dataclasses.fields(Record)}
    whole = {name: part for name, part in told.items() if name in named}
    whole["metrics"] = {name: float(number) for name, number in metrics.items()}
    return Record(**whole)


def _is_number(answer: object) -> bool:
    return isinstance(answer, int | float) and not isinstance(answer, bool)
