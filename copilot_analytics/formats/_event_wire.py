"""Scalars in the events of TensorBoard: the part of their protocol buffers that holds numbers.

::

    Event   { double wall_time = 1; int64 step = 2; Summary summary = 5; }
    Summary { repeated Value value = 1; }
    Value   { string tag = 1; SummaryMetadata metadata = 9;
              oneof { float simple_value = 2; TensorProto tensor = 8; } }

Events that differ only in time, step and number are laid out alike; each layout is parsed once,
and the numbers of all its events are taken from their places together.

References
----------
Protocol Buffers, "Encoding"; tensorboard/compat/proto, ``event.proto`` and ``summary.proto``.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from copilot_analytics.formats._event_keys import keys_of, looked_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copilot_analytics.formats._event_frames import Frames
    from copilot_analytics.records import Floats, Ints

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_WALL, _STEP = 0x09, 0x10  # how the first two fields of an event begin
_LONGEST_VARINT = 10
_SHORTEST = 16  # bytes of an event without a number
_FEWEST_EVENTS = 64  # below, reading them one by one is faster than arrays
_SCALAR_CLASS = 1
_LATEST_S = 4e9

_CONTENT = {1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 5: "<i2", 6: "i1", 9: "<i8", 10: "u1",
            17: "<u2", 19: "<f2", 22: "<u4", 23: "<u8"}  # fmt: skip
_BFLOAT16 = 14
_FLOATS, _DOUBLES, _HALVES = 5, 6, 13
_WHOLES = frozenset({7, 10, 11, 16, 17})

Message = dict[int, list[Any]]


class Scalars(NamedTuple):
    """Numbers of events in their order.

    Parameters
    ----------
    event
        Number of the event in its file, from 1; shape ``(n,)`` like the others.
    step
        Step as logged.
    time
        Seconds since 1970, NaN where the event has none.
    tag
        Index in `ScalarReader.tags`.
    value
        The number.
    """

    event: Ints
    step: Ints
    time: Floats
    tag: Ints
    value: Floats


class _Layout(NamedTuple):
    """Where the number of an event is, counted from the end, and of which tag it is."""

    tail: int
    dtype: str
    width: int


_PLAIN = _Layout(0, "<f4", 4)
_Alike: TypeAlias = "tuple[_Layout, Ints, Ints, Ints]"  # events, ends of their steps, tags


class ScalarReader:
    """Reads the scalars of events.

    Attributes
    ----------
    tags : list of str
        Tags of scalars, in the order in which they appeared.
    """

    def __init__(self) -> None:
        self.tags: list[str] = []
        self._index: dict[str, int] = {}
        self._plugins: dict[str, bool] = {}  # of tags: whether theirs is that of scalars
        self._layout = _PLAIN
        self._known: dict[_Layout, dict[bytes, int]] = {_PLAIN: {}}

    def read(self, frames: Frames, first: int) -> Scalars:
        """Return the scalars of some events, the first of which has a number."""
        rows: list[tuple[int, int, float, int, float]] = []
        alike: dict[_Layout, tuple[list[int], list[int], list[int]]] = {}
        matched, left = self._matched(frames)
        buffer, layout = frames.buffer, self._layout
        known, places = self._known[layout], alike.setdefault(layout, ([], [], []))
        tail, width = layout.tail, layout.width
        spans = zip(frames.start[left].tolist(), frames.length[left].tolist(), strict=True)
        for number, (start, length) in zip(left.tolist(), spans, strict=True):
            at = start + 10
            if length > _SHORTEST and buffer[start] == _WALL and buffer[start + 9] == _STEP:
                while buffer[at] > 127:
                    at += 1
                stop = start + length - tail
                key = buffer[at + 1 : stop - width]
                tag = known.get(key + buffer[stop : stop + tail] if tail else key)
                if tag is not None:
                    places[0].append(number)
                    places[1].append(at)
                    places[2].append(tag)
                    continue
            content = buffer[start : start + length]
            rows.extend((number, *row) for row in self._parse(content))
            if self._layout != layout:
                layout = self._layout
                known, places = self._known[layout], alike.setdefault(layout, ([], [], []))
                tail, width = layout.tail, layout.width
        for layout, found in alike.items():
            event, ends, of_tag = (np.array(column, dtype=np.int64) for column in found)
            matched.append((layout, event, ends, of_tag))
        return self._together(frames, first, rows, matched)

    def _matched(self, frames: Frames) -> tuple[list[_Alike], Ints]:
        """Return the events that are alike ones that were read before, and the places of others."""
        raw, starts, lengths = np.frombuffer(frames.buffer, np.uint8), frames.start, frames.length
        left = np.arange(len(starts))
        found: list[_Alike] = []
        if len(starts) < _FEWEST_EVENTS or not any(self._known.values()):
            return found, left
        fits = lengths > _SHORTEST
        fits[fits] = (raw[starts[fits]] == _WALL) & (raw[starts[fits] + 9] == _STEP)
        events = np.flatnonzero(fits)
        last = starts[events] + 10
        for _ in range(_LONGEST_VARINT):
            more = raw[last] > 127
            if not more.any():
                break
            last = last + more
        for layout, known in self._known.items():
            if not known:
                continue
            sizes = starts[events] + lengths[events] - last - 1 - layout.width
            tags = np.full(len(events), -1)
            by_size: dict[int, list[bytes]] = {}
            for key in known:
                by_size.setdefault(len(key), []).append(key)
            for size, keys in by_size.items():
                some = np.flatnonzero(sizes == size)
                if len(some):
                    stop = starts[events[some]] + lengths[events[some]] - layout.tail
                    texts = keys_of(raw, last[some] + 1, stop, size - layout.tail, layout.tail)
                    which = looked_up(texts, keys)
                    numbers = np.array([*(known[key] for key in keys), -1])
                    tags[some] = numbers[which]
            good = tags >= 0
            found.append((layout, events[good], last[good], tags[good]))
            events, last = events[~good], last[~good]
        is_left = np.ones(len(starts), dtype=np.bool_)
        for _, event, *_ in found:
            is_left[event] = False
        return found, left[is_left]

    def _together(
        self,
        frames: Frames,
        first: int,
        rows: list[tuple[int, int, float, int, float]],
        alike: list[_Alike],
    ) -> Scalars:
        """Return what was read one by one and what is alike, in the order of the file."""
        raw = np.frombuffer(frames.buffer, dtype=np.uint8)
        parts = [Scalars(*map(np.array, zip(*rows, strict=True)))] if rows else []
        for layout, event, ends, tag in alike:
            start = frames.start[event]
            at = start + frames.length[event] - layout.tail - layout.width
            time = _taken(raw, start + 1, "<f8")
            step = _varints(raw, start + 10, ends)
            parts.append(Scalars(event, step, time, tag, _taken(raw, at, layout.dtype)))
        order = np.argsort(np.concatenate([part.event for part in parts]), kind="stable")
        event, step, time, tag, value = (
            np.concatenate(column)[order] for column in zip(*parts, strict=True)
        )
        with np.errstate(invalid="ignore"):
            time = np.where((time > 0) & (time < _LATEST_S), time, np.nan)
        whole = event.astype(np.int64) + first
        return Scalars(whole, step.astype(np.int64), time, tag.astype(np.int64), value)

    def _parse(self, content: bytes) -> Iterator[tuple[int, float, int, float]]:
        """Yield step, time, tag and number of the scalars of any event, and learn its layout."""
        try:
            event = _message(content)
            values = [
                _message(value)
                for summary in event.get(5, ())
                for value in _message(summary).get(1, ())
            ]
            time = _real(event[1][-1], "<d") if 1 in event else np.nan
            step = _signed(event[2][-1]) if 2 in event else 0
            found = [(self._tag_of(value), _number_of(value)) for value in values]
        except (ValueError, IndexError, TypeError, struct.error):
            return  # another kind of message: no event of ours
        for tag, number in found:
            if tag is not None and number is not None:
                yield step, time, self._number(tag), number
        if len(found) == 1 and found[0][0] is not None and found[0][1] is not None:
            self._learn(content, values[0], self._number(found[0][0]), found[0][1])

    def _tag_of(self, value: Message) -> str | None:
        """Return the tag of a value, None if it is no scalar of a training.

        Only the first value of a tag need say which plugin shows it.
        """
        tag = bytes(value.get(1, [b""])[-1]).decode("utf-8", "replace")
        if 9 in value:
            metadata = _message(value[9][-1])
            plugin = b"".join(bytes(_message(one).get(1, [b""])[-1]) for one in metadata.get(1, ()))
            is_scalar = plugin in {b"", b"scalars"} and metadata.get(4, [1])[-1] <= _SCALAR_CLASS
            self._plugins[tag] = is_scalar
        return tag if tag and self._plugins.get(tag, True) else None

    def _number(self, tag: str) -> int:
        index = self._index.setdefault(tag, len(self.tags))
        if index == len(self.tags):
            self.tags.append(tag)
        return index

    def _learn(self, content: bytes, value: Message, tag: int, number: float) -> None:
        """Note where the number of an event is, if it stands in a place of its own."""
        if len(content) <= _SHORTEST or content[0] != _WALL or content[9] != _STEP:
            return
        at = 10
        while content[at] > 127:
            at += 1
        if 2 in value:
            raw, dtype = bytes(value[2][-1]), "<f4"
        else:
            tensor = _message(value[8][-1])
            dtype = _CONTENT.get(tensor.get(1, [0])[-1], "")
            raw = bytes(tensor[4][-1]) if 4 in tensor else b""
            if 4 not in tensor and _FLOATS in tensor:
                raw, dtype = bytes(tensor[_FLOATS][-1]), "<f4"
        place = content.rfind(raw) if raw else -1
        if dtype not in {"<f4", "<f8"} or place <= at or content.count(raw) != 1:
            return
        other = bytearray(content)  # with another number there, the event must say that one
        other[place : place + len(raw)] = np.array([number + 1.5], dtype=dtype).tobytes()
        again = [_number_of(one) for one in _values_of(bytes(other))]
        if again != [float(np.array([number + 1.5], dtype=dtype)[0])]:
            return
        tail = len(content) - place - len(raw)
        layout = _Layout(tail, dtype, len(raw))
        layout = next((one for one in self._known if one == layout), layout)
        self._layout = layout
        self._known.setdefault(layout, {})[
            content[at + 1 : place] + content[place + len(raw) :]
        ] = tag


def _values_of(content: bytes) -> list[Message]:
    event = _message(content)
    return [_message(v) for summary in event.get(5, ()) for v in _message(summary).get(1, ())]


def _number_of(value: Message) -> float | None:
    """Return the number of a value; None if it is an image, a histogram or the like."""
    if 2 in value:
        return _real(value[2][-1], "<f")
    if 8 not in value:
        return None
    tensor = _message(value[8][-1])
    kind = tensor.get(1, [0])[-1]
    for shape in tensor.get(2, ()):
        sizes = [_message(size).get(1, [0])[-1] for size in _message(shape).get(2, ())]
        if any(size != 1 for size in sizes):
            return None
    if 4 in tensor:
        return _from_content(bytes(tensor[4][-1]), kind)
    for field, entries in tensor.items():
        if field in {_FLOATS, _DOUBLES}:
            width, form = (4, "<f") if field == _FLOATS else (8, "<d")
            raw = b"".join(map(bytes, entries))
            return _real(raw, form) if len(raw) == width else None
        if field in _WHOLES or field == _HALVES:
            numbers = [one for entry in entries for one in _unpacked(entry)]
            if len(numbers) != 1:
                return None
            if field == _HALVES:
                return _from_content(struct.pack("<H", numbers[0]), kind)
            return float(numbers[0] if field in {16, 17} else _signed(numbers[0]))
    return 0.0 if kind in _CONTENT and 2 in tensor else None


def _from_content(raw: bytes, kind: int) -> float | None:
    if kind == _BFLOAT16 and len(raw) == 2:
        return _real(b"\0\0" + raw, "<f")
    dtype = _CONTENT.get(kind)
    if dtype is None or len(raw) != np.dtype(dtype).itemsize:
        return None
    return float(np.frombuffer(raw, dtype=dtype)[0])


def _message(content: bytes) -> Message:
    """Return the fields of a message by number, each with all that it holds.

    Raises
    ------
    ValueError
        If the bytes are no message.
    """
    fields: Message = {}
    at, size = 0, len(content)
    while at < size:
        key, at = _varint(content, at)
        kind = key & 7
        if kind == _VARINT:
            held: Any
            held, at = _varint(content, at)
        else:
            if kind == _BYTES:
                length, at = _varint(content, at)
            elif kind in {_EIGHT, _FOUR}:
                length = 8 if kind == _EIGHT else 4
            else:
                msg = f"no kind {kind} of field"
                raise ValueError(msg)
            held = content[at : at + length]
            at += length
        if at > size:
            msg = "a field is cut off"
            raise ValueError(msg)
        fields.setdefault(key >> 3, []).append(held)
    return fields


def _varint(content: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        if at >= len(content) or shift >= 7 * _LONGEST_VARINT:
            msg = "a whole number is cut off"
            raise ValueError(msg)
        byte = content[at]
        number |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return number, at
        shift += 7


def _unpacked(entry: int | bytes) -> Iterator[int]:
    """Yield the whole numbers of a repeated field, packed or not."""
    if isinstance(entry, int):
        yield entry
        return
    at = 0
    while at < len(entry):
        number, at = _varint(entry, at)
        yield number


def _signed(number: int) -> int:
    number &= (1 << 64) - 1
    return number - (1 << 64) if number >> 63 else number


def _real(raw: bytes, form: str) -> float:
    return float(struct.unpack(form, raw)[0])


def _taken(raw: Any, at: Ints, dtype: str) -> Floats:
    width = np.dtype(dtype).itemsize
    taken: Floats = raw[at[:, None] + np.arange(width)].view(dtype).ravel().astype(np.float64)
    return taken


def _varints(raw: Any, start: Ints, last: Ints) -> Ints:
    """Return the whole numbers whose first and last bytes are given."""
    width = last - start
    number = np.zeros(len(start), dtype=np.uint64)
    for place in range(min(int(width.max(initial=0)) + 1, _LONGEST_VARINT)):
        has = width >= place
        part = raw[start[has] + place].astype(np.uint64) & np.uint64(127)
        number[has] |= part << np.uint64(7 * place)
    return number.view(np.int64)
