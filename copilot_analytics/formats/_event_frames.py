"""Frames of TFRecord files: a length, its check sum, the content, its check sum.

``uint64 length, uint32 masked CRC of it, content, uint32 masked CRC of that``, little-endian; the
CRC is CRC-32C (Castagnoli). It is linear over its bits: the check sum of some bytes is the XOR of
what each byte adds at its distance from the end. So all bytes of many records are looked up at
once, in a table by distance and byte.

References
----------
TensorFlow, "Reading and writing TFRecord files"; RFC 3720, appendix B.4.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from copilot_analytics.records import Ints

    Words = NDArray[np.uint32]

LENGTH = struct.Struct("<Q")
HEADER = 12
FOOTER = 4
MOST_BYTES = 1 << 30
"""Longest content of a record; a protocol buffer can hold twice that."""

_POLYNOMIAL = 0x82F63B78
_PART = 512  # bytes looked up together; longer contents are put together of such parts
_BATCH = 1 << 18
_MASK = 0xA282EAD8
_ONES = 0xFFFFFFFF


class Frames(NamedTuple):
    """Whole records in a buffer, their check sums being right.

    Parameters
    ----------
    buffer
        The bytes.
    start, length
        Where the content of each record is, shape ``(n,)``.
    """

    buffer: bytes
    start: Ints
    length: Ints


class FrameSplitter:
    """Cuts the bytes of a file into records.

    Attributes
    ----------
    damage : str
        Why nothing is read from some record on; empty while all is well.
    count : int
        Records so far.

    Examples
    --------
    >>> splitter = FrameSplitter()
    >>> whole = framed(b"abc") + framed(b"")
    >>> frames = splitter.feed(whole[:-1])
    >>> frames.buffer[frames.start[0] :][: frames.length[0]], splitter.rest, splitter.count
    (b'abc', 15, 1)
    """

    def __init__(self) -> None:
        self.damage = ""
        self.count = 0
        self._held = bytearray()

    @property
    def rest(self) -> int:
        """Bytes that are held because their record is not whole."""
        return len(self._held)

    def feed(self, chunk: bytes) -> Frames:
        """Take the next bytes; return the records that they complete."""
        if self.damage:
            return _frames(b"", [], [])
        self._held += chunk
        starts, lengths = self._walk()
        end = starts[-1] + lengths[-1] + FOOTER if starts else 0
        frames = _frames(bytes(self._held[:end]), starts, lengths)
        good = self._check(frames)
        header = bytes(self._held[end : end + HEADER])
        del self._held[:end]
        if good == len(starts) and len(header) == HEADER:
            self._check_header(header)
        if self.damage:
            self._held.clear()
        self.count += good
        return Frames(frames.buffer, frames.start[:good], frames.length[:good])

    def _walk(self) -> tuple[list[int], list[int]]:
        held = self._held
        starts: list[int] = []
        lengths: list[int] = []
        size, at, unpack = len(held), 0, LENGTH.unpack_from
        while at + HEADER <= size:
            length = unpack(held, at)[0]
            stop = at + HEADER + length + FOOTER
            if stop > size:
                break
            starts.append(at + HEADER)
            lengths.append(length)
            at = stop
        return starts, lengths

    def _check(self, frames: Frames) -> int:
        """Return how many records are good, up to the first that is not."""
        buffer = np.frombuffer(frames.buffer, dtype=np.uint8)
        heads = frames.start - HEADER
        width = np.full(len(heads), LENGTH.size)
        wrong = masked(crc32c(buffer, heads, width)) != _words(buffer, heads + LENGTH.size)
        if wrong.any():
            self._refuse("its length is damaged", int(wrong.argmax()))
        whole = int(wrong.argmax()) if wrong.any() else len(heads)
        start, length = frames.start[:whole], frames.length[:whole]
        wrong = masked(crc32c(buffer, start, length)) != _words(buffer, start + length)
        if wrong.any():
            self._refuse("its content is damaged", int(wrong.argmax()))
            return int(wrong.argmax())
        return whole

    def _check_header(self, header: bytes) -> None:
        """Look at a record that is not whole yet: no length is waited for that is none."""
        if not is_header(header):
            self._refuse("its length is damaged", 0)
        elif LENGTH.unpack_from(header)[0] > MOST_BYTES:
            self._refuse("it is said to be longer than 1 GiB", 0)

    def _refuse(self, why: str, place: int) -> None:
        number = self.count + place + 1
        self.damage = f"nothing was read from record {number} on: {why}"


def is_header(head: bytes) -> bool:
    """Tell whether bytes begin with the length of a record and its right check sum."""
    buffer = np.frombuffer(head[:HEADER], dtype=np.uint8)
    if len(buffer) < HEADER:
        return False
    origin = np.zeros(1, dtype=np.int64)
    check = masked(crc32c(buffer, origin, origin + LENGTH.size))
    return bool(check[0] == _words(buffer, origin + LENGTH.size)[0])


def framed(content: bytes) -> bytes:
    """Return the record that holds some content.

    Examples
    --------
    >>> len(framed(b"abc"))
    19
    """
    length = LENGTH.pack(len(content))
    sums = []
    for part in (length, content):
        buffer = np.frombuffer(part, dtype=np.uint8)
        whole = crc32c(buffer, np.zeros(1, dtype=np.int64), np.array([len(part)]))
        sums.append(masked(whole).astype("<u4").tobytes())
    return length + sums[0] + content + sums[1]


def masked(sums: Words) -> Words:
    """Return check sums as the files hold them."""
    return ((sums >> np.uint32(15)) | (sums << np.uint32(17))) + np.uint32(_MASK)


def crc32c(buffer: NDArray[np.uint8], start: Ints, length: Ints) -> Words:
    """Return the CRC-32C of many stretches of a buffer.

    Parameters
    ----------
    buffer
        The bytes.
    start, length
        The stretches, shape ``(n,)``.

    Examples
    --------
    >>> buffer = np.frombuffer(b"123456789", dtype=np.uint8)
    >>> [hex(one) for one in crc32c(buffer, np.array([0, 0]), np.array([9, 0]))]
    ['0xe3069283', '0x0']
    """
    sums = np.empty(len(start), dtype=np.uint32)
    is_long = length > _PART
    ends = np.cumsum(np.where(is_long, 0, length))
    low = 0
    while low < len(start):
        before = int(ends[low - 1]) if low else 0
        high = max(int(np.searchsorted(ends, before + _BATCH, side="right")), low + 1)
        some = slice(low, high)
        short = np.where(is_long[some], 0, length[some])
        sums[some] = _added(buffer, start[some], short) ^ _tables()[1][short]
        low = high
    for place in np.flatnonzero(is_long).tolist():
        sums[place] = _long(buffer, int(start[place]), int(length[place]))
    return sums ^ np.uint32(_ONES)


def _added(buffer: NDArray[np.uint8], start: Ints, length: Ints) -> Words:
    """Return what the bytes of short stretches add to their check sums."""
    sums = np.zeros(len(start), dtype=np.uint32)
    filled = length > 0
    start, length = start[filled], length[filled]
    if not len(start):
        return sums
    ends = np.cumsum(length)
    place = np.arange(int(ends[-1]))
    looked_up = buffer[place + np.repeat(start - ends + length, length)]
    distance = np.repeat(ends - 1, length) - place
    added = _tables()[0][(distance << 8) + looked_up]
    sums[filled] = np.bitwise_xor.reduceat(added, ends - length)
    return sums


def _long(buffer: NDArray[np.uint8], start: int, length: int) -> int:
    first = length % _PART or _PART
    starts = np.concatenate(([0], np.arange(first, length, _PART))) + start
    widths = np.full(len(starts), _PART)
    widths[0] = first
    shift = _tables()[2]
    parts = np.concatenate(
        [
            _added(buffer, starts[low : low + _PART], widths[low : low + _PART])
            for low in range(0, len(starts), _PART)
        ]
    ).tolist()
    register: int = parts[0] ^ int(_tables()[1][first])
    for part in parts[1:]:
        register = part ^ (
            shift[0][register & 255]
            ^ shift[1][register >> 8 & 255]
            ^ shift[2][register >> 16 & 255]
            ^ shift[3][register >> 24]
        )
    return register


@lru_cache(maxsize=1)
def _tables() -> tuple[Words, Words, list[list[int]]]:
    """Return what bytes add by distance, what the start adds by length, and a part's shift."""
    register = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        register = np.where(register & 1, (register >> 1) ^ np.uint32(_POLYNOMIAL), register >> 1)
    step = register
    by_distance = np.empty((_PART + 4, 256), dtype=np.uint32)
    for distance in range(_PART + 4):
        by_distance[distance] = register
        register = step[register & 255] ^ (register >> 8)
    begun = np.empty(_PART + 1, dtype=np.uint32)
    one = _ONES
    for length in range(_PART + 1):
        begun[length] = one
        one = int(step[one & 255]) ^ (one >> 8)
    shift = [by_distance[_PART - 1 - low].tolist() for low in range(4)]
    return by_distance.ravel(), begun, shift


def _words(buffer: NDArray[np.uint8], at: Ints) -> Words:
    words: Words = buffer[at[:, None] + np.arange(4)].view("<u4").ravel()
    return words


def _frames(buffer: bytes, starts: list[int], lengths: list[int]) -> Frames:
    return Frames(buffer, np.array(starts, dtype=np.int64), np.array(lengths, dtype=np.int64))
