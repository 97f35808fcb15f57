"""Logs that are one JSON document, rewritten whole whenever there is news.

Only an array of entries matters, and facts beside it. When a document is followed by another one,
as a rewritten file is, entries that were told already are not told again.

Hugging Face's ``trainer_state.json``, Chainer's and AllenNLP's metrics and `plain_json` are such.
"""

from __future__ import annotations

import codecs
import json
import re
from abc import abstractmethod
from itertools import takewhile
from typing import TYPE_CHECKING, Any, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import ByteParser, LogFormat
from copilot_analytics.formats._rows import Naming, RowReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from copilot_analytics.formats._base import Json
    from copilot_analytics.records import Item

MOST_BYTES = 256 << 20

_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LONGEST_END = 64  # bytes in which the end of a document is looked for
_BLANK = re.compile(r"[\s,]*")


class DocumentParser(ByteParser):
    """Reads a log of JSON documents by its format."""

    def __init__(self, form: DocumentFormat, rows: RowReader) -> None:
        self._form = form
        self._rows = rows
        self._held = bytearray()
        self._told: list[Json] = []
        self._is_wide = False  # written by a shell of Windows, two bytes a character

    def feed(self, chunk: bytes) -> Iterable[Item]:
        """Take the next bytes; a document that is whole is read at once."""
        self._held += chunk
        self._is_wide = self._is_wide or self._held.startswith(_WIDE)
        end = bytes(self._held[-_LONGEST_END:])
        end = end.replace(b"\0", b"") if self._is_wide else end
        if len(self._held) > MOST_BYTES or not end.rstrip().endswith(self._form.closing):
            return ()
        text = self._text()
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return ()
        self._held = bytearray()
        return list(self._news(document, text))

    def close(self) -> Iterable[Item]:
        """Read what a document that is cut off holds, and say what the entries showed."""
        text, self._held = self._text(), bytearray()
        said = list(self._news({}, text)) if text.strip() else []
        return [*said, *self._rows.learned()]

    def _text(self) -> str:
        return self._held.decode("utf-16" if self._is_wide else "utf-8-sig", "replace")

    def _news(self, document: Any, text: str) -> Iterator[Item]:
        entries = list(self._form.entries(document, text))
        known = zip(self._told, entries, strict=False)
        same = sum(1 for _ in takewhile(lambda pair: repr(pair[0]) == repr(pair[1][0]), known))
        # A resume writes its start again; entries that differ from then on are told as news.
        self._told = [entry for entry, _ in entries]
        is_whole = isinstance(document, dict) and bool(document)
        line = 0 if entries else 1  # a training may be over before it had anything to log
        if is_whole:
            yield from self._rows.config(self._form.facts(document), (entries or [({}, 1)])[0][1])
        for entry, line in entries[same:]:
            yield from self._form.read(entry, line, self._rows)
        if line and is_whole:
            yield from self._form.end(document, line, self._rows)


def entries_in(text: str, array: str | None) -> Iterator[tuple[Json, int]]:
    r"""Yield the objects of an array of a document, with their lines, as far as they are whole.

    Parameters
    ----------
    text
        The document, perhaps cut off.
    array
        Key of the array at the top of the document; None if the document is the array.

    Examples
    --------
    >>> list(entries_in('{"log": [\n{"a": 1},\n{"a": 2}, {"a"', "log"))
    [({'a': 1}, 2), ({'a': 2}, 3)]
    """
    key = "" if array is None else rf'"{re.escape(array)}"\s*:\s*'
    found = re.compile(key + r"\[").search(text)
    decoder = json.JSONDecoder()
    at, line, seen = (found.end() if found else len(text)), 1, 0
    while True:
        at = _blank_end(text, at)
        if not text.startswith("{", at):
            return
        try:
            entry, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        line, seen = line + text.count("\n", seen, at), at
        yield entry, line
        at = end


def _blank_end(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


class DocumentFormat(LogFormat):
    """A JSON document that is declared by its array of entries.

    Attributes
    ----------
    array : str or None
        Key of the array of entries; None if the document is that array.
    marks : tuple of bytes
        What stands near the start of such a document and of no other.
    naming : Naming
        What the keys of the entries are called.
    """

    array: ClassVar[str | None] = None
    marks: ClassVar[tuple[bytes, ...]]
    naming: ClassVar[Naming] = Naming()

    @property
    def closing(self) -> bytes | tuple[bytes, ...]:
        """What ends such a document."""
        return b"]" if self.array is None else b"}"

    def entries(self, document: Any, text: str) -> Iterable[tuple[Json, int]]:
        """Return the entries of a document with their lines.

        Parameters
        ----------
        document
            The document; empty if it is cut off.
        text
            The text of it, cut off or not.
        """
        return entries_in(text, self.array)

    def axis(self) -> Axis:
        """Return the axis of a log of this format, before its first entry."""
        return Axis()

    def facts(self, document: Json) -> dict[str, Any]:
        """Return what the document states beside its entries, as facts of a config record."""
        return {}

    @abstractmethod
    def read(self, entry: Json, line: int, rows: RowReader) -> Iterator[Item]:
        """Read one entry."""

    def end(self, document: Json, line: int, rows: RowReader) -> Iterable[Item]:
        """Return what the document states of the end of training, after its last entry."""
        return ()

    def claims(self, head: bytes) -> bool | None:
        """Tell by the marks; a first line that is an object of its own is no document."""
        if head.startswith(_WIDE):
            head = head.decode("utf-16", "ignore").encode()
        start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        opening = b"[" if self.array is None else b"{"
        if start and not start.startswith(opening):
            return False
        first, newline, rest = start.partition(b"\n")
        is_line = newline and self.array is not None and first.rstrip().endswith(b"}")
        # Many objects, one a line: the last one, a summary, may hold what marks a document.
        if is_line and rest.lstrip().startswith(b"{"):
            return any(mark in first for mark in self.marks)
        if any(mark in start for mark in self.marks):
            return True
        return False if is_line else None

    def confidence(self, lines: Sequence[str]) -> float:
        """Return 0: a document is no text of lines."""
        return 0.0

    def parser(self, file: str) -> DocumentParser:
        """Return a fresh parser for a log."""
        return DocumentParser(self, RowReader(file, self.axis(), self.naming))
