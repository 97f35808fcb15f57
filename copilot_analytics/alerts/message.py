"""Messages to people, and the record of what was decided about each event."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from copilot_analytics.findings import Severity

if TYPE_CHECKING:
    from copilot_analytics.events import Event

MessageKind: TypeAlias = Literal[
    "news", "resolved", "withdrawn", "digest", "attached", "summary", "farewell"
]
Verdict: TypeAlias = Literal["held", "told", "dropped"]
Turn: TypeAlias = Literal["opened", "resolved", "withdrawn", "unstable", "passed"]


def digest_of(*parts: object, length: int = 16) -> str:
    """Return a short stable fingerprint of some values.

    Examples
    --------
    >>> digest_of("a", 1) == digest_of("a", 1), digest_of("a", 1) == digest_of("a1")
    (True, False)
    """
    text = json.dumps([str(part) for part in parts], ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=length // 2).hexdigest()


def event_id(run_key: str, event: Event) -> str:
    """Return the name of an event, the same however often the log is read.

    Wall time has no part in it: a log without time stamps is told by the clock of whoever reads.

    Examples
    --------
    >>> from copilot_analytics.events import Event
    >>> one = Event("phase", "PLATEAU", 1200, 5.0, 88, "flat")
    >>> other = Event("phase", "PLATEAU", 1200, None, 88, "flat again")
    >>> event_id("run", one) == event_id("run", other)
    True
    """
    return digest_of(run_key, event.kind, event.key, event.step, event.line)


@dataclass(frozen=True, slots=True)
class Message:
    """One message, before a channel renders it.

    Parameters
    ----------
    id
        Stable name; the same decision about the same events has the same one.
    run_key, run_name
        Which run; the name is for people.
    kind
        ``news`` began, ``resolved`` is over, ``withdrawn`` was wrong, ``digest`` gathers what had
        to wait, ``attached`` begins the watch of a run, ``summary`` tells how the run ended, and
        ``farewell`` that it goes on unwatched.
    severity
        Compared with the floor of each channel.
    title
        One line.
    body
        Further lines, plain text.
    event_ids
        The events it tells of.
    figures
        Names of the figures that belong to it.
    quiet_until
        Until when it must make no sound, seconds since 1970; None if it may at once.

    Examples
    --------
    >>> message = Message("ab12", "run", "my_run", "news", Severity.WARNING, "Flat", ("why",))
    >>> print(message.text)
    Flat
    why
    >>> Message.from_json(message.to_json()) == message
    True
    """

    id: str
    run_key: str
    run_name: str
    kind: MessageKind
    severity: Severity
    title: str
    body: tuple[str, ...] = ()
    event_ids: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    quiet_until: float | None = None

    @property
    def silent(self) -> bool:
        """Whether it should arrive without a sound if it is sent at once."""
        return self.quiet_until is not None

    @property
    def text(self) -> str:
        """Title and body as plain text."""
        return "\n".join((self.title, *self.body))

    @property
    def short_id(self) -> str:
        """What a reader sees, to recognise a message that arrived twice."""
        return self.id[:6]

    def to_json(self) -> str:
        """Return the message as one JSON object."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps(fields | {"severity": int(self.severity)})

    @classmethod
    def from_json(cls, text: str) -> Message:
        """Read what `to_json` wrote."""
        fields: dict[str, Any] = json.loads(text)
        for name in ("body", "event_ids", "figures"):
            fields[name] = tuple(fields[name])
        fields.pop("silent", None)  # of an earlier copilot, which did not tell until when
        return cls(**fields | {"severity": Severity(fields["severity"])})


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about one event, and when it was first seen.

    Rows of the ledger; the policy rebuilds its state from them.

    Parameters
    ----------
    event_id, run_key, event
        Which event.
    seen_at, seen_tick
        When the policy met it: clock of the supervisor, and number of the step.
    verdict
        ``held`` until something changes, ``told``, or ``dropped``.
    reason
        Why, in a word.
    decided_at, decided_tick
        When the verdict fell; None while it is held.
    message_id
        The message that told it.
    """

    event_id: str
    run_key: str
    event: Event
    seen_at: float
    seen_tick: int
    verdict: Verdict = "held"
    reason: str = ""
    decided_at: float | None = None
    decided_tick: int | None = None
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Tiding:
    """One thing that a message has to say.

    Parameters
    ----------
    turn
        What became of it.
    event
        The event that is told; for ``resolved`` and ``withdrawn`` the one that ended it.
    about
        The event that was told before, None for ``opened``.
    lasted_s
        How long it lasted, None if it still does.
    times
        How many times it came and went.
    """

    turn: Turn
    event: Event
    about: Event | None = None
    lasted_s: float | None = None
    times: int = 1
