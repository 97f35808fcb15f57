"""Tells whether a file is a training log by its first bytes, without reading all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.reading.byte_logs import ByteDetector
from copilot_analytics.reading.detect import Detector
from copilot_analytics.reading.lines import LineSplitter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from copilot_analytics.formats._base import LogFormat

MOST_BYTES = 8 << 20
# Of lines too long to be read, as a dump of settings or of a data set: to pass so many bytes over
# takes less than a tenth of a second.
_MOST_PASSED = 256 << 20


def recognise(
    chunks: Iterable[bytes], formats: Mapping[str, LogFormat], *, most_bytes: int = MOST_BYTES
) -> str | None:
    """Return the name of the format of a log; None if no format is likely.

    Parameters
    ----------
    chunks
        The log from its start.
    formats
        Formats to choose from, by name.
    most_bytes
        No more of it are taken; lines that are too long for any reader do not count.

    Raises
    ------
    LogError
        What reading the chunks raises.

    Examples
    --------
    >>> recognise([b"Dear diary,"], {}) is None
    True
    """
    start, splitter, detector = ByteDetector(formats), LineSplitter(), Detector(formats)
    left, left_in_all = most_bytes, _MOST_PASSED
    for chunk in chunks:
        left_in_all -= len(chunk)
        readable = start.see(chunk)
        if start.claimed is not None:
            return start.claimed.name
        lines = splitter.feed(readable)
        left -= len(lines.text)
        for _, line in lines.cleaned():
            if detector.see(line) or detector.at_limit:
                return detector.conclude().format
        if min(left, left_in_all) <= 0:
            return detector.conclude().format
    rest = start.see(b"", final=True)
    if start.claimed is not None:
        return start.claimed.name
    for lines in (splitter.feed(rest), splitter.close()):
        for _, line in lines.cleaned():
            detector.see(line)
    return detector.conclude().format
