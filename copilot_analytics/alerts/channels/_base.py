"""What every channel is: it takes a message and says what became of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from copilot_analytics.alerts.message import Message, digest_of
from copilot_analytics.errors import CopilotError

if TYPE_CHECKING:
    from collections.abc import Mapping


class ChannelError(CopilotError):
    """A message could not be sent. The text never holds a secret."""


class Transient(ChannelError):  # noqa: N818  # an outcome of sending, not only an error
    """It may work later; whether the message arrived may be unknown.

    Parameters
    ----------
    reason
        What went wrong.
    retry_after_s
        How long the other side asks to wait, None if it does not say.
    """

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Fatal(ChannelError):  # noqa: N818  # as above
    """The channel will not work until a person changes something; the text says what."""


class Rejected(ChannelError):  # noqa: N818  # as above
    """The message will never be taken, others may."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the other side said of a message that it took.

    Parameters
    ----------
    reference
        Its name for the message, empty if it gives none.
    notice
        What a person should know, e.g. that a chat has moved; empty if nothing.
    """

    reference: str = ""
    notice: str = ""


class Channel(ABC):
    """One way to reach a person.

    Attributes
    ----------
    name : str
        Its name on the command line.
    takes_figures : bool
        Whether it can show figures.
    can_be_silent : bool
        Whether it can deliver a message without a sound.
    is_private : bool
        Whether it ends with the process, as a terminal does.
    address : str
        Where it writes to, e.g. a chat or a URL, but no token; it is never shown or stored.
    answers : int
        How many requests of whatever sort the other side has answered as it should.
    """

    name: ClassVar[str]
    takes_figures: ClassVar[bool] = False
    can_be_silent: bool = False
    is_private: ClassVar[bool] = False
    address: str = ""
    answers: int = 0

    @property
    def ledger_name(self) -> str:
        """Its name in the ledger: messages for one address are not for another."""
        return f"{self.name}:{digest_of(self.address)}" if self.address else self.name

    @classmethod
    @abstractmethod
    def configure(cls, environment: Mapping[str, str], arguments: Mapping[str, Any]) -> Self | None:
        """Return the channel as the user set it up, None if it is not set up.

        Parameters
        ----------
        environment
            Environment variables.
        arguments
            Settings by name, e.g. ``{"chat": "123"}``; they outrank the environment.

        Raises
        ------
        UsageError
            If the settings cannot be right.
        """

    @abstractmethod
    def send(self, message: Message, figures: Mapping[str, bytes] | None = None) -> Receipt:
        """Send a message.

        Parameters
        ----------
        message
            What to send.
        figures
            PNG files by name.

        Raises
        ------
        Transient, Fatal, Rejected
            If it was not taken.
        """

    def prove(self) -> str:
        """Send a test message and return in one line where it went.

        Raises
        ------
        Transient, Fatal, Rejected
            If it was not taken.
        """
        self.send(_TEST)
        return f"{self.name}: a test message was taken"

    def close(self) -> None:  # noqa: B027  # most channels hold nothing open
        """Let go of what is open."""


def setting(
    environment: Mapping[str, str], arguments: Mapping[str, Any], name: str, variable: str
) -> str | None:
    """Return a setting from the arguments, else from the environment; None if it is nowhere.

    Examples
    --------
    >>> setting({"CHAT": " 7 "}, {}, "chat", "CHAT")
    '7'
    """
    found = arguments.get(name)
    if found is None or not str(found).strip():
        found = environment.get(variable, "")
    return str(found).strip() or None


def _test_message() -> Message:
    from copilot_analytics.findings import Severity

    return Message(
        "test00", "", "", "news", Severity.INFO, "✅ copilot reaches you here",
        ("This is a test. Alerts about your training runs will look like this.",),
    )  # fmt: skip


_TEST = _test_message()
