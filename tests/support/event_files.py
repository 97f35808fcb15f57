"""A tiny writer of TensorBoard event files, for logs of our own making."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from copilot_analytics.formats._event_frames import framed

if TYPE_CHECKING:
    from collections.abc import Iterable


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def field(number: int, content: bytes) -> bytes:
    """A field of bytes, a text or a message."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def whole(number: int, content: int) -> bytes:
    return varint(number << 3) + varint(content)


def simple(tag: str, number: float) -> bytes:
    return field(1, tag.encode()) + b"\x15" + struct.pack("<f", number)


def tensor(tag: str, kind: int, content: bytes, plugin: str = "scalars", *, size: int = 0) -> bytes:
    """A value as TF2 writes it; `content` are further fields of the tensor."""
    shape = field(2, field(2, whole(1, size)) if size else b"")
    metadata = field(1, field(1, plugin.encode())) + whole(4, 1)
    return field(1, tag.encode()) + field(8, whole(1, kind) + shape + content) + field(9, metadata)


def event(time: float, step: int | None, *values: bytes) -> bytes:
    head = b"\x09" + struct.pack("<d", time)
    at = b"" if step is None else whole(2, step)
    return framed(head + at + field(5, b"".join(field(1, value) for value in values)))


def version(time: float) -> bytes:
    return framed(b"\x09" + struct.pack("<d", time) + field(3, b"brain.Event:2"))


def scalars(rows: Iterable[tuple[int, str, float]], start: float = 1.7e9) -> bytes:
    """A file of PyTorch: steps, tags and numbers, a second apart."""
    events = [
        event(start + second, step, simple(tag, number))
        for second, (step, tag, number) in enumerate(rows, 1)
    ]
    return version(start) + b"".join(events)
