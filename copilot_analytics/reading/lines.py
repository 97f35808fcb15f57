"""Splits a stream of bytes into lines, whatever writers and chunking do to it."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copilot_analytics.records import Ints

LONGEST_LINE = 1 << 20

_NEWLINE, _RETURN = 10, 13
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, None),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

# Every alternative takes what it finds, finished or not, so the time is linear.
_CONTROL_SEQUENCE = re.compile(
    r"""(?x)
      (?:\x1b\[|\x9b) [0-?]* [\ -/]* [@-~]?                   # colours, cursor movements
    | \udc9b [0-9;]+ [A-Za-z]                                 # the same as one byte
    | (?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f]) [^\x07\x1b\x9c]* (?:\x07|\x1b\\|\x9c)?  # titles, links
    | \x1b [\ -/]* [0-~]?                                     # two characters
    | (?:\#033|\^\[)\[ [0-9;?]{0,20} [A-Za-z]                 # as syslog and `cat -v` write them
    | [\x00-\x08\x0e-\x1f\x7f]                                # backspaces and the like
    """
)
# Of the pairs of GB2312, those of rows 16 to 87 are Chinese characters.
_CHINESE = re.compile(rb"[\xb0-\xf7][\xa1-\xfe]")
_GB2312 = re.compile(rb"(?:[\0-\x7f]++|[\xa1-\xa9][\xa1-\xfe]|[\xb0-\xf7][\xa1-\xfe])*+")
_ANY_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\udc9b]")


class Lines(NamedTuple):
    """Complete lines, one after the other.

    Parameters
    ----------
    text
        The lines, each with a newline at its end and no other line end in it.
    ends
        Places of the newlines in `text`, shape ``(n,)``.
    numbers
        Line numbers as an editor counts them, shape ``(n,)``. Frames of a progress bar share the
        number of the line that they are overwritten in.
    """

    text: bytes
    ends: Ints
    numbers: Ints

    @property
    def starts(self) -> Ints:
        """Places where the lines start, shape ``(n,)``."""
        starts = np.empty_like(self.ends)
        if len(starts):
            starts[0] = 0
            starts[1:] = self.ends[:-1] + 1
        return starts

    @property
    def size(self) -> int:
        """How many lines there are."""
        return len(self.ends)

    def after(self, count: int) -> Lines:
        """Return the lines without the first `count`."""
        if count >= self.size:
            return NO_LINES
        start = int(self.starts[count])
        return Lines(self.text[start:], self.ends[count:] - start, self.numbers[count:])

    def before(self, count: int) -> Lines:
        """Return the first `count` lines."""
        end = int(self.ends[count - 1]) + 1 if count else 0
        return Lines(self.text[:end], self.ends[:count], self.numbers[:count])

    def cleaned(self) -> Iterator[tuple[int, str]]:
        """Yield number and characters of each line."""
        for number, raw in zip(self.numbers.tolist(), self.text.split(b"\n"), strict=False):
            yield number, clean(raw)


_NONE = np.empty(0, dtype=np.int64)
NO_LINES = Lines(b"", _NONE, _NONE)


def clean(raw: bytes) -> str:
    r"""Decode a line and take out what only a terminal understands.

    Examples
    --------
    >>> clean(b"\x1b[32mloss\x1b[0m: 1 \x1b]8;;http://a\x07link\x1b]8;;\x07 \xff")
    'loss: 1 link �'
    >>> clean(b"#033[K 1/50 ^[[1mloss^[[0m 0.5")
    ' 1/50 loss 0.5'
    """
    text = raw.decode("utf-8", "surrogateescape")
    if _ANY_CONTROL.search(text) or "#033[" in text or "^[[" in text:
        text = _CONTROL_SEQUENCE.sub("", text)
    if raw.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _in_utf8(lines: Lines) -> Lines:
    """Return lines with those in GBK as UTF-8; each is told by itself, so that no cut matters."""
    try:
        if lines.text.isascii() or lines.text.decode():
            return lines
    except UnicodeDecodeError:
        pass
    texts = [_from_gbk(raw) for raw in lines.text.split(b"\n")[:-1]]
    ends = np.cumsum(np.array([len(text) + 1 for text in texts], dtype=np.int64)) - 1
    return Lines(b"\n".join([*texts, b""]), ends, lines.numbers)


def _from_gbk(raw: bytes) -> bytes:
    """Return a line as UTF-8 if it is no UTF-8 and all that is not ASCII in it are pairs of GB2312.

    Those are the characters in use, and full stops and brackets of full width.
    """
    if not _CHINESE.search(raw):
        return raw
    try:
        raw.decode()
    except UnicodeDecodeError:
        return raw.decode("gb2312", "replace").encode() if _GB2312.fullmatch(raw) else raw
    return raw


class LineSplitter:
    r"""Cuts chunks of bytes into complete lines.

    Lines end at ``\n``, ``\r\n`` and ``\r``. A mark of the byte order is taken off, and UTF-16
    with one is decoded; so is a line of Chinese in GBK. NUL bytes are dropped. Where the chunks are
    cut never matters.

    Parameters
    ----------
    longest
        Lines with more bytes than this are left out and never held in memory.

    Attributes
    ----------
    too_long : int
        Lines left out so far.
    line : int
        Number of the line that comes next, from 1.

    Examples
    --------
    >>> splitter = LineSplitter()
    >>> list(splitter.feed(b"a\r\n10%\r20").cleaned())
    [(1, 'a'), (2, '10%')]
    >>> list(splitter.feed(b"%\nb").cleaned()), list(splitter.close().cleaned())
    ([(2, '20%')], [(3, 'b')])
    """

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self.too_long = 0
        self.line = 1
        self._longest = longest
        self._carry = bytearray()
        self._skipping = False
        self._after_return = False
        self._head: bytes | None = b""
        self._decoder: codecs.IncrementalDecoder | None = None

    def feed(self, chunk: bytes) -> Lines:
        """Take the next bytes; return the lines that they complete."""
        if self._head is not None:
            chunk = self._without_mark(self._head + chunk)
        return _in_utf8(self._split(self._decoded(chunk)))

    def close(self) -> Lines:
        """Return the last line if no line end follows it."""
        held, self._head = self._head or b"", None
        tail = _in_utf8(self._split(self._decoded(held, final=True)))
        if self._skipping:
            self._skipping = False
            self.too_long += 1
        if not self._carry:
            return tail
        text = tail.text + bytes(self._carry) + b"\n"
        self._carry.clear()
        ends = np.append(tail.ends, len(text) - 1)
        return _in_utf8(Lines(text, ends, np.append(tail.numbers, self.line)))

    def _without_mark(self, head: bytes) -> bytes:
        """Look for a mark of the byte order; hold the first bytes while they may become one."""
        self._head = None
        for mark, encoding in _BYTE_ORDER_MARKS:
            if head.startswith(mark):
                if encoding is not None:
                    self._decoder = codecs.getincrementaldecoder(encoding)("replace")
                return head[len(mark) :]
        if any(mark.startswith(head) for mark, _ in _BYTE_ORDER_MARKS):
            self._head = head
            return b""
        return head

    def _decoded(self, chunk: bytes, *, final: bool = False) -> bytes:
        if self._decoder is not None:
            chunk = self._decoder.decode(chunk, final).encode("utf-8", "replace")
        return chunk.replace(b"\0", b"") if b"\0" in chunk else chunk

    def _split(self, chunk: bytes) -> Lines:
        if self._after_return and chunk:
            self._after_return = False
            if chunk[0] == _NEWLINE:
                chunk = chunk[1:]
                self.line += 1
        has_return = b"\r" in chunk
        if has_return:
            self._after_return = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n")
        cut = max(chunk.rfind(b"\n"), chunk.rfind(b"\r") if has_return else -1) + 1
        if not cut:
            self._hold(chunk)
            return NO_LINES
        text = b"".join((self._carry, memoryview(chunk)[:cut])) if self._carry else chunk[:cut]
        self._carry.clear()
        first_is_cut, self._skipping = self._skipping, False
        self._hold(chunk[cut:])
        return self._kept(self._numbered(text, has_return=has_return), first_is_cut=first_is_cut)

    def _hold(self, rest: bytes) -> None:
        """Keep the start of a line, unless it is already too long."""
        if self._skipping or len(self._carry) + len(rest) > self._longest:
            self._skipping = True
            self._carry.clear()
        else:
            self._carry += rest

    def _numbered(self, text: bytes, *, has_return: bool) -> Lines:
        codes = np.frombuffer(text, dtype=np.uint8)
        if not has_return:
            ends = np.flatnonzero(codes == _NEWLINE)
            numbers = np.arange(self.line, self.line + len(ends), dtype=np.int64)
            self.line += len(ends)
            return Lines(text, ends, numbers)
        ends = np.flatnonzero((codes == _NEWLINE) | (codes == _RETURN))
        is_newline = (codes[ends] == _NEWLINE).astype(np.int64)
        numbers = self.line + np.cumsum(is_newline) - is_newline
        self.line += int(is_newline.sum())
        return Lines(text.replace(b"\r", b"\n"), ends, numbers)

    def _kept(self, lines: Lines, *, first_is_cut: bool) -> Lines:
        """Leave out the lines that are too long."""
        starts = lines.starts
        bad = lines.ends - starts > self._longest
        bad[0] |= first_is_cut
        if not bad.any():
            return lines
        self.too_long += int(bad.sum())
        good = np.flatnonzero(~bad)
        spans = zip(starts[good].tolist(), lines.ends[good].tolist(), strict=True)
        text = b"".join(lines.text[start : end + 1] for start, end in spans)
        sizes = lines.ends[good] + 1 - starts[good]
        return Lines(text, np.cumsum(sizes) - 1, lines.numbers[good])
