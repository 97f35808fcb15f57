r"""Takes console output out of the JSON that Kaggle keeps it in.

Kaggle stores what a notebook printed as ``[{"stream_name":"stdout","time":1.5,"data":"..."}``, one
chunk a line. What was printed is a log like any other; its lines keep the numbers of the file's
lines as far as both end together.
"""

from __future__ import annotations

import json

_OPENING = b'[{"stream_name":'
_BLANK = b" \t\r\n"
_LONGEST = 1 << 20


class Unwrapper:
    r"""Unwraps a log if its first bytes say that it is wrapped; passes any other on.

    Where the chunks are cut never matters.

    Examples
    --------
    >>> unwrapper = Unwrapper()
    >>> wrapped = b'[{"stream_name":"stdout","time":1.0,"data":"loss 1\\n"}\n,{"stream_'
    >>> unwrapper.feed(wrapped), unwrapper.feed(b'name":"stdout","time":2.0,"data":"10%"}\n]')
    (b'loss 1\n', b'10%')
    >>> Unwrapper().feed(b"[1, 2]")
    b'[1, 2]'
    """

    def __init__(self) -> None:
        self._is_wrapped: bool | None = None
        self._carry = b""
        self._owed = 0  # line ends of the file that the output has not had yet

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes of the file; return what they hold of the log."""
        if self._is_wrapped is False:
            return chunk
        self._carry += chunk
        if self._is_wrapped is None:
            head = self._carry.lstrip(_BLANK)[: len(_OPENING)]
            if len(head) < len(_OPENING) and _OPENING.startswith(head):
                return b""
            self._is_wrapped = head == _OPENING
            if not self._is_wrapped:
                return self.close()
        *lines, self._carry = self._carry.split(b"\n")
        if len(self._carry) > _LONGEST:
            self._carry = b""
        return b"".join(self._output(line) for line in lines)

    def close(self) -> bytes:
        """Return what is still held at the end of the file."""
        held, self._carry = self._carry, b""
        return self._output(held, is_ended=False) if self._is_wrapped and held else held

    def _output(self, line: bytes, *, is_ended: bool = True) -> bytes:
        """Return what one line of the file holds."""
        self._owed += is_ended
        try:
            chunk = json.loads(line.strip(_BLANK + b",[]") or b"{}")
            text = str(chunk.get("data", ""))
        except (ValueError, AttributeError):
            text = ""
        body = text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text
        # Several lines in a chunk share its number, as frames of a progress bar do.
        raw = body.replace("\r\n", "\r").replace("\n", "\r").encode("utf-8", "replace")
        if not text.endswith("\n"):
            return raw
        owed, self._owed = max(self._owed, 1), 0
        return raw + b"\n" * owed
