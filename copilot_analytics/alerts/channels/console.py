"""The terminal, or whatever stands behind standard output."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar, Self, TextIO

from copilot_analytics.alerts.channels._base import Channel, Fatal, Receipt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from copilot_analytics.alerts.message import Message


class ConsoleChannel(Channel):
    """Writes messages as plain lines.

    Parameters
    ----------
    stream
        Where to; None means standard output.

    Examples
    --------
    >>> from copilot_analytics.alerts.message import Message
    >>> from copilot_analytics.findings import Severity
    >>> _ = ConsoleChannel().send(Message("a", "k", "run", "news", Severity.INFO, "Hi", ("you",)))
    Hi
      you
    """

    name: ClassVar[str] = "console"
    can_be_silent: bool = True
    is_private: ClassVar[bool] = True

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    @classmethod
    def configure(cls, environment: Mapping[str, str], arguments: Mapping[str, Any]) -> Self | None:
        """Return the channel unless ``console`` is False; ``stream`` names another stream."""
        if arguments.get("console") is False:
            return None
        return cls(arguments.get("stream"))

    def send(self, message: Message, figures: Mapping[str, bytes] | None = None) -> Receipt:
        """Write the message; figures are left out."""
        stream = self._stream or sys.stdout
        if stream is None:
            msg = "there is no terminal: standard output was closed before the start"
            raise Fatal(msg)
        lines = [_harmless(line) for line in (message.title, *message.body)]
        text = "\n  ".join(lines) + "\n"
        encoding = getattr(stream, "encoding", None) or "utf-8"
        try:
            stream.write(text.encode(encoding, "replace").decode(encoding))
            stream.flush()
        except (OSError, ValueError) as error:
            msg = f"nothing can be written to the terminal any more ({type(error).__name__})"
            raise Fatal(msg) from None
        return Receipt()

    def prove(self) -> str:
        """Say that it needs no proof."""
        return "console: this terminal"


def _harmless(line: str) -> str:
    """Leave out what would steer the terminal."""
    return "".join(c if c.isprintable() or c == "\u200d" else " " for c in line)


CHANNEL = ConsoleChannel
