"""Event files of TensorBoard, ``events.out.tfevents.*``: scalars by tag, step and time."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._base import ByteParser, LogFormat, Sample
from copilot_analytics.formats._event_frames import HEADER, FrameSplitter, is_header
from copilot_analytics.formats._event_rows import EventRows
from copilot_analytics.formats._event_wire import ScalarReader
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from copilot_analytics.records import Item

_WALL_TIME = b"\x09"  # an event begins with its time, a double
_NEXT = b"\x10\x1a\x22\x2a\x32\x3a\x42\x4a"  # and goes on with one of its other fields


class EventFileParser(ByteParser):
    """Reads one event file; TensorFlow is not needed."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._splitter = FrameSplitter()
        self._scalars = ScalarReader()
        self._rows = EventRows(file)

    def feed(self, chunk: bytes) -> Iterable[Item]:
        """Take the next bytes; rows are told once the next one begins."""
        if self._splitter.damage:
            return ()
        first = self._splitter.count + 1
        scalars = self._scalars.read(self._splitter.feed(chunk), first)
        items = list(self._rows.add(scalars, self._scalars.tags))
        if self._splitter.damage:
            items += [*self._rows.close(), *self._note(self._splitter.damage)]
        return items

    def close(self) -> Iterator[Item]:
        """Tell the last row, and whether a record is cut off behind it."""
        yield from self._rows.close()
        if self._splitter.rest:
            yield from self._note("the last record is cut off")

    def _note(self, note: str) -> Iterator[Record]:
        """Yield a note, unless nothing shows that this is an event file at all."""
        line = self._splitter.count
        if line:
            yield Record("config", facts={"note": note}, line=line, file=self._file)


class EventFile(LogFormat):
    """Scalars in either form, simple or tensor; what the tags name decides on evaluations.

    The number of an event in its file stands for the line.
    """

    name: ClassVar[str] = "tfevents"
    title: ClassVar[str] = "TensorBoard event file"
    url: ClassVar[str] = "https://www.tensorflow.org/tensorboard"
    smoothing: ClassVar[int | None] = 1

    def claims(self, head: bytes) -> bool | None:
        """Tell by the first record: its check sum, and an event in it."""
        if len(head) <= HEADER + 9:
            return None if head[5:8].strip(b"\0") == b"" else False
        if not is_header(head):
            return False
        return head[HEADER:].startswith(_WALL_TIME) and head[HEADER + 9] in _NEXT

    def confidence(self, lines: Sequence[str]) -> float:
        """Return 0: an event file is no text of lines."""
        return 0.0

    def parser(self, file: str) -> EventFileParser:
        """Return a fresh parser for an event file."""
        return EventFileParser(file)

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            b'\x18\x00\x00\x00\x00\x00\x00\x00\xa3\x7fK"\t\x00\x00\x00@\xfcT\xd9A\x1a\rb'
            b"rain.Event:2\xec\xed\x8f\x9d \x00\x00\x00\x00\x00\x00\x00"
            b")\xed\xa9P\t\x00\x00`@\xfcT\xd9A\x10\n*\x13\n\x11\n\ntra"
            b"in/loss\x15\x00\x00 @\x7faTO.\x00\x00\x00\x00\x00\x00\x00"
            b"\xc5\xcbW\xfa\t\x00\x00\x80@\xfcT\xd9A\x10\n*!\n\x1f\n\x02lrB"
            b'\n\x08\x01\x12\x00"\x04\x00\x00\x00>J\r\n\t\n\x07scalars'
            b" \x01V\x1f\xa6w \x00\x00\x00\x00\x00\x00\x00)\xed\xa9P\t\x00\x00\xc0@\xfc"
            b"T\xd9A\x10\x14*\x13\n\x11\n\ntrain/loss\x15\x00\x00"
            b"\xc0?\x93\xa6\x0ce9\x00\x00\x00\x00\x00\x00\x00\x8b\x077\xf1\t\x00\x00\x00A\xfc"
            b"T\xd9A\x10\x14*,\n\x1a\n\x04gridB\x04\x08\x07\x12\x00J\x0c\n"
            b"\x08\n\x06images \x01\n\x0e\n\x07val/acc\x15\x00"
            b"\x00@?\xe4\xe09d",
            (
                Record("config", facts={"time_is_utc": True}, line=2),
                Record("train", 10, None, 1700000001.5, {"loss": 2.5, "lr": 0.125}, line=2),
                Record("train", 20, None, 1700000003.0, {"loss": 1.5}, line=4),
                Record("eval", 20, None, 1700000003.0, {"val/acc": 0.75}, {"split": "val"}, 4),
            ),
        ),
    )


FORMAT = EventFile()
