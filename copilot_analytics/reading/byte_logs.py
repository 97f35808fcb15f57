"""Logs that are no text of lines: which format claims the first bytes, and how it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.reading.gathering import broken_format

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from copilot_analytics.formats._base import ByteParser, LogFormat
    from copilot_analytics.records import Item

MOST_UNDECIDED = 1 << 16
"""Bytes after which a log that no format has claimed is one of lines."""


class ByteDetector:
    """Holds the first bytes of a log until it is clear whether they are lines.

    The answer depends on the bytes alone, however they are cut.

    Parameters
    ----------
    formats
        Formats to choose from, by name.

    Attributes
    ----------
    claimed : LogFormat or None
        The format that reads this log as bytes, once one has claimed it.
    """

    def __init__(self, formats: Mapping[str, LogFormat]) -> None:
        self.claimed: LogFormat | None = None
        self._hopeful: list[LogFormat] = list(formats.values())
        self._head = b""

    @property
    def decided(self) -> bool:
        """Whether it is clear how the log is read."""
        return self.claimed is not None or not self._hopeful

    def see(self, chunk: bytes, *, final: bool = False) -> bytes:
        """Take the next bytes; return those that may be read now, all held ones included."""
        if self.decided:
            return chunk
        self._head += chunk
        head = self._head[:MOST_UNDECIDED]
        still: list[LogFormat] = []
        fallback: LogFormat | None = None
        for form in self._hopeful:
            claims = form.claims(head)
            if claims and form.is_fallback:
                fallback = fallback or form
            elif claims:
                self.claimed = form
                break
            if claims is None or form is fallback:
                still.append(form)
        ended = final or len(self._head) >= MOST_UNDECIDED
        others = [form for form in still if not form.is_fallback]
        if self.claimed is None and (ended or not others):
            self.claimed = fallback
        self._hopeful = [] if ended else still
        if not self.decided:
            return b""
        head, self._head = self._head, b""
        return head


def claimed_by(head: bytes, formats: Mapping[str, LogFormat]) -> LogFormat | None:
    """Return the format that reads a log as bytes, by its first bytes; None if it is of lines."""
    detector = ByteDetector(formats)
    detector.see(head, final=True)
    return detector.claimed


class ByteReader:
    """Reads the bytes of a log of a known format.

    Attributes
    ----------
    skipped : int
        Always 0: what such a format leaves out is its own to count.
    """

    def __init__(self, parser: ByteParser, file: str) -> None:
        self.skipped = 0
        self._parser = parser
        self._file = file

    def feed(self, chunk: bytes) -> list[Item]:
        """Return what the next bytes complete."""
        try:
            return list(self._parser.feed(chunk))
        except Exception as error:
            raise broken_format(self._parser, self._file, 0, error) from error

    def close(self) -> Iterable[Item]:
        """Return what only the end of the log tells."""
        try:
            return list(self._parser.close())
        except Exception as error:
            raise broken_format(self._parser, self._file, 0, error) from error
