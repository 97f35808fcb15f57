"""Commands from a chat."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

NAMES = ("status", "plot", "eta", "why", "mute", "unmute", "help")
HELP = (
    "/status – how the run is doing\n"
    "/plot – loss and metric\n"
    "/eta – when it ends\n"
    "/why – the evidence for the phase\n"
    "/plot NAME, /status NAME … – of one of several runs, by a part of its name\n"
    "/mute 2h – only what is critical for two hours (at most a week)\n"
    "/unmute – all again"
)
_ABOUT_A_RUN = frozenset({"status", "plot", "eta", "why"})
_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "": 3600.0}
_LONGEST_MUTE_S = 7 * 86400.0
_DEFAULT_MUTE_S = 3600.0


@dataclass(frozen=True, slots=True)
class Command:
    """What someone in the chat asks for.

    Parameters
    ----------
    name
        One of `NAMES`; what is not understood is ``help``.
    duration_s
        For ``mute``: how long.
    problem
        What was not understood, empty if nothing.
    about
        For ``status``, ``plot``, ``eta`` and ``why``: a part of the name of a run; empty for all.
    """

    name: str
    duration_s: float | None = None
    problem: str = ""
    about: str = ""


def parse(text: str) -> Command | None:
    """Read a command; None for what is none.

    Examples
    --------
    >>> parse("/mute@my_bot 2h")
    Command(name='mute', duration_s=7200.0, problem='', about='')
    >>> parse("/plot lr_0.1").about
    'lr_0.1'
    >>> parse("/mute for ever").name, parse("hello")
    ('help', None)
    """
    found = re.match(r"/([A-Za-z_]{1,32})(?:@\w{1,64})?(?:\s+(.{0,200}))?\s*$", text.strip())
    if found is None:
        return Command("help", problem="not understood") if text.startswith("/") else None
    name, argument = found[1].lower(), (found[2] or "").strip()
    if name == "start":
        name = "help"
    if name not in NAMES:
        return Command("help", problem=f"there is no /{name}")
    if name in _ABOUT_A_RUN:
        return Command(name, about=argument)
    if name != "mute":
        return Command(name)
    if not argument:
        return Command("mute", _DEFAULT_MUTE_S)
    span = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)\s*(s|m|min|h|d|)", argument.lower())
    seconds = float(span[1]) * _UNITS[span[2]] if span else 0.0
    if not 0 < seconds <= _LONGEST_MUTE_S:
        return Command("help", problem="/mute needs a time of at most a week, e.g. /mute 2h")
    return Command("mute", seconds)


def read(
    update: dict[str, Any], *, chat: str | int, users: frozenset[int], since: float
) -> Command | None:
    """Return the command of an update, None if it holds none that counts.

    Only fresh messages that someone wrote in the configured chat count: edited and forwarded
    ones, those from other chats and those from before `since` are passed over.

    Parameters
    ----------
    update
        As ``getUpdates`` gives it.
    chat
        The configured chat.
    users
        Ids of the users who may command; empty means all in the chat.
    since
        Seconds since 1970.
    """
    message = update.get("message")
    if not isinstance(message, dict) or any(key.startswith("forward") for key in message):
        return None
    if "edit_date" in message or message.get("is_automatic_forward"):
        return None
    place, author = message.get("chat"), message.get("from")
    place = place if isinstance(place, dict) else {}
    author = author if isinstance(author, dict) else {}
    if str(place.get("id")) != str(chat) and f"@{place.get('username')}" != chat:
        return None
    if users and author.get("id") not in users:
        return None
    date, text = message.get("date"), message.get("text")
    if not isinstance(date, (int, float)) or date < int(since) or not isinstance(text, str):
        return None
    return parse(text)
