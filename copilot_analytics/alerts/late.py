"""What is said of messages that had to wait."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from copilot_analytics.alerts.message import Message, digest_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot_analytics.alerts._claims import Entry

_LATE_S = 60.0  # by then the time left that it tells has changed
_TIME_LEFT = "⏱"  # begins the line that is past first


def gathered(messages: Sequence[Message]) -> Message:
    """Return one message that tells in short what several would have told.

    Examples
    --------
    >>> from copilot_analytics.findings import Severity
    >>> one = Message("a", "k", "run", "news", Severity.WARNING, "Flat", ("because",))
    >>> two = Message("b", "k", "run", "news", Severity.CRITICAL, "NaN", ("at 9", "💡 Go back"))
    >>> print(gathered([two, one]).text)
    📋 2 MESSAGES THAT HAD TO WAIT
    • NaN – at 9 💡 Go back
    • Flat – because
    """
    lines = []
    for message in messages:
        advised = [line for line in message.body[1:] if line.startswith("💡")]
        told = " ".join([*message.body[:1], *advised])
        lines.append(f"• {message.title}" + (f" – {told}" if told else ""))
    runs = {message.run_key for message in messages}
    quiet = [message.quiet_until for message in messages if message.quiet_until is not None]
    return Message(
        digest_of("gathered", *sorted(message.id for message in messages)),
        runs.pop() if len(runs) == 1 else "",
        messages[0].run_name,
        "digest",
        max(message.severity for message in messages),
        f"📋 {len(messages)} MESSAGES THAT HAD TO WAIT",
        tuple(lines),
        tuple(event for message in messages for event in message.event_ids),
        quiet_until=min(quiet) if len(quiet) == len(messages) else None,
    )


def dated(entry: Entry, now: float, *, is_held: bool) -> Message:
    """Return a claimed message, with its age and why if it comes late.

    Parameters
    ----------
    entry
        The message, and when it was decided.
    now
        Seconds since 1970.
    is_held
        Whether the channel has no silent way, and waits for the end of quiet hours.
    """
    from copilot_analytics.wording import duration

    age_s = now - entry.created
    if age_s < _LATE_S:
        return entry.message
    was_quiet = is_held and entry.message.silent
    why = "it waited until it was no longer quiet" if was_quiet else "it could not be sent before"
    late = f"⌛ this is from {duration(age_s)} ago; {why}"
    return replace(entry.message, body=(*entry.message.body, late))


def of_the_last_watch(entry: Entry, now: float) -> Message:
    """Return a farewell as what it is once the run is watched again: how things stood by then.

    Parameters
    ----------
    entry
        The farewell, and when it was decided.
    now
        Seconds since 1970.

    Examples
    --------
    >>> from copilot_analytics.alerts._claims import Entry
    >>> from copilot_analytics.findings import Severity
    >>> body = ("It is flat", "⏱ 9 s left", "💡 Stop now")
    >>> bye = Message("a", "k", "run", "farewell", Severity.WARNING, "👋 NO LONGER WATCHED", body)
    >>> print(of_the_last_watch(Entry(bye, "console", 100.0, 0), 136.0).text)
    ⌛ AT THE END OF THE LAST WATCH, 36 s ago   run
    It is flat
    💡 Stop now
    """
    from copilot_analytics.wording import duration

    message = entry.message
    ago = duration(max(now - entry.created, 0.0))
    title = f"⌛ AT THE END OF THE LAST WATCH, {ago} ago   {message.run_name}"
    body = tuple(line for line in message.body if not line.startswith(_TIME_LEFT))
    return replace(message, title=title, body=body)
